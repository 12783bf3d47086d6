//! Counts what becomes of each file, and stops the run when that makes no sense any more.

use std::path::PathBuf;

use rusty_attachments_core::{Error, Result};

use super::check::Decision;
use super::content;
use super::file::Placed;
use super::landing::{Landing, Unflushed};
use super::object::Outcome;
use super::report::{DownloadReport, FileFailure};
use super::run::Run;
use crate::ended::concerns_all;
use crate::statistics::TransferStatistics;

/// Counts what becomes of each file, and stops the run when that makes no sense any more.
pub(super) struct Tally<'a> {
    run: &'a Run,
    landing: Option<Landing>,
    report: Report,
    /// What ends the run for all files.
    fatal: Option<Error>,
}

#[derive(Default)]
struct Report {
    stats: TransferStatistics,
    failures: Vec<(u32, FileFailure)>,
}

impl<'a> Tally<'a> {
    pub(super) fn new(run: &'a Run, landing: Option<Landing>) -> Self {
        let stats = TransferStatistics {
            files_total: run.plan.file_count() as u64,
            bytes_total: run.plan.total_size(),
            ..TransferStatistics::default()
        };
        Self { run, landing, report: Report { stats, ..Report::default() }, fatal: None }
    }

    /// The files that are to be fetched.
    pub(super) fn decide(&mut self, decisions: Vec<(u32, Decision)>) -> Vec<u32> {
        let mut wanted = Vec::new();
        for (index, decision) in decisions {
            match decision {
                Decision::Fetch => wanted.push(index),
                Decision::Skip => self.find(index, None),
                Decision::SkipFor(other) => self.find(index, Some(*other)),
                Decision::Fail(error) => self.fail(index, *error),
            }
        }
        wanted
    }

    /// Whether more may begin.
    pub(super) fn record(&mut self, outcomes: Vec<Outcome>) -> bool {
        let mut proven = None;
        for (index, outcome) in outcomes {
            match outcome {
                Ok(placed) => {
                    self.place(index, placed);
                    proven = Some(index);
                }
                Err(error) => self.fail(index, error),
            }
        }
        self.take_back();
        let parts = proven.and_then(|index| content::parts(&self.run.file(index)));
        self.report.stats.objects_fetched += parts.map_or(0, |parts| parts.len() as u64);
        !self.run.cancel.is_cancelled()
    }

    /// Counts a file that was there before anything was fetched.
    fn find(&mut self, index: u32, beside: Option<PathBuf>) {
        self.run.progress.count_bytes(self.size(index) as i64);
        self.place(index, Placed { is_new: false, beside });
    }

    fn place(&mut self, index: u32, placed: Placed) {
        let size = self.size(index);
        let (files, bytes) = self.counts(placed.is_new);
        *files += 1;
        *bytes += size;
        self.run.progress.count_files(1);
        self.settle(index, Ok(placed));
    }

    /// Where a file that is there is counted, by whether it was written.
    fn counts(&mut self, is_new: bool) -> (&mut u64, &mut u64) {
        let stats = &mut self.report.stats;
        if is_new {
            (&mut stats.files_transferred, &mut stats.bytes_transferred)
        } else {
            (&mut stats.files_skipped, &mut stats.bytes_skipped)
        }
    }

    fn settle(&self, index: u32, outcome: Result<Placed, Box<Error>>) {
        if let Some(landing) = &self.landing {
            landing.settled(index, outcome);
        }
    }

    fn fail(&mut self, index: u32, error: Error) {
        self.run.progress.count_files(1);
        let told = Box::new(error.clone());
        if self.fail_as(index, self.failure(index, error)) {
            self.settle(index, Err(told));
        }
    }

    fn failure(&self, index: u32, error: Error) -> FileFailure {
        let file = self.run.file(index);
        FileFailure {
            path: file.path.to_owned(),
            local_path: file.local_path.to_owned(),
            job_id: file.job_id.map(str::to_owned),
            error,
        }
    }

    /// Counts a failure, unless it ends the run or comes after one that did.
    pub(super) fn fail_as(&mut self, index: u32, failure: FileFailure) -> bool {
        let error = &failure.error;
        if self.fatal.is_some() {
            // What is cut short by the first failure says nothing new.
            return false;
        }
        if self.run.options.fail_fast || concerns_all(error) {
            let _ = self.run.ended_by.set(error.code);
            self.run.cancel.cancel();
            self.fatal = Some(failure.error);
            return false;
        }
        self.report.stats.files_failed += 1;
        self.report.failures.push((index, failure));
        true
    }

    /// Takes those files for failed that have turned out since not to be on the disk for good.
    fn take_back(&mut self) {
        while let Some(Unflushed { index, is_new, error }) =
            self.landing.as_mut().and_then(Landing::unflushed)
        {
            let size = self.size(index);
            let (files, bytes) = self.counts(is_new);
            *files -= 1;
            *bytes -= size;
            self.fail_as(index, self.failure(index, error));
        }
    }

    /// Waits until all that is there is flushed and told.
    pub(super) async fn land(&mut self) -> Result<()> {
        let ended = match &mut self.landing {
            Some(landing) => landing.end().await,
            None => Ok(()),
        };
        self.take_back();
        ended
    }

    fn size(&self, index: u32) -> u64 {
        self.run.file(index).size.unwrap_or(0)
    }

    /// What became of the files, in the order of the plan.
    ///
    /// # Errors
    /// What ended the run for all of them.
    pub(super) fn report(self) -> Result<DownloadReport> {
        if let Some(error) = self.fatal {
            return Err(error);
        }
        let Report { stats, mut failures } = self.report;
        failures.sort_by_key(|&(index, _)| index);
        Ok(DownloadReport { stats, failures: failures.into_iter().map(|(_, failure)| failure).collect() })
    }
}
