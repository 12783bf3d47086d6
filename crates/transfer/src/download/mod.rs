//! Carries out a plan: looks what is there, fetches the rest, each object once, and counts what became of it.

mod assembly;
mod check;
mod content;
mod deletion;
mod directory;
mod disk;
mod durable;
mod file;
mod file_system;
mod landing;
mod large;
mod layout;
mod link;
mod object;
mod options;
mod partial;
mod positioned;
mod queue;
mod space;
mod writer;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use rusty_attachments_core::{DownloadPlan, Error, ErrorCode, PlannedFile, Result};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use self::landing::{SettledCallback, SettledFile};
pub use self::options::{Concurrency, ConflictResolution, DownloadOptions, RunControl, Verify};

use self::check::{Decision, decide_all};
use self::directory::Directories;
use self::file::Placed;
use self::landing::{Landing, Unflushed};
use self::object::Outcome;
use crate::blocking::blocking;
use crate::client::Client;
use crate::pace::Pace;
use crate::progress::{Phase, Progress};
use crate::statistics::TransferStatistics;

/// How many small files are created and placed at the same time. More threads than this spin for the lock of
/// one directory and take the cores from those that receive; a disk across a network has some to wait for.
const PLACING: usize = 8;

/// A file that was not written or not deleted, and why.
#[derive(Debug, Clone)]
pub struct FileFailure {
    /// As in the manifest, `/` separates. Of what could not be deleted, which is no file of the plan, its local path; of
    /// a manifest that could not be read in a sync, its key below `Manifests/`.
    pub path: String,
    /// Where it was to go, or is still; empty for a manifest.
    pub local_path: String,
    /// The job that it is of.
    pub job_id: Option<String>,
    /// Why it is not there.
    pub error: Error,
}

/// What became of a plan.
#[derive(Debug, Clone, Default)]
pub struct DownloadReport {
    /// The numbers.
    pub stats: TransferStatistics,
    /// Every file that was not written, in the order of the plan, and behind them what was not deleted.
    pub failures: Vec<FileFailure>,
}

/// What all parts of a run share.
pub(crate) struct Run {
    client: Arc<Client>,
    plan: Arc<DownloadPlan>,
    root_prefix: String,
    options: DownloadOptions,
    cancel: CancellationToken,
    /// The caller's.
    stop: CancellationToken,
    /// What ended the run for all files.
    ended_by: OnceLock<ErrorCode>,
    directories: Directories,
    progress: Arc<Progress>,
    /// See [`PLACING`].
    placing: Semaphore,
}

impl Run {
    fn file(&self, index: u32) -> PlannedFile<'_> {
        self.plan.file(index as usize)
    }

    /// Does what creates and places small files.
    async fn placing<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let _permit = self.placing.acquire().await.map_err(|_| cancelled())?;
        blocking(work).await
    }

    /// Whether a file that failed so is kept as far as it came. Who cancels wants nothing to be left.
    fn is_to_be_continued(&self, error: &Error) -> bool {
        let code = if error.code == ErrorCode::Cancelled { self.ended_by.get() } else { Some(&error.code) };
        let is_for_now = |code: &ErrorCode| {
            use ErrorCode::{Credentials, Network, Throttled, Timeout};
            matches!(code, Network | Timeout | Throttled | Credentials)
        };
        code.is_some_and(is_for_now) && !self.stop.is_cancelled()
    }

    async fn unless_cancelled<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.cancel.run_until_cancelled(work).await.unwrap_or_else(|| Err(cancelled()))
    }
}

pub(crate) fn cancelled() -> Error {
    Error::new(ErrorCode::Cancelled, "The run was cancelled. Files that were whole by then are kept.")
}

/// Whether an error would meet every other file too.
pub(crate) fn concerns_all(error: &Error) -> bool {
    let no_bucket = error.details.get("serviceCode").is_some_and(|code| code == "NoSuchBucket");
    no_bucket
        || matches!(error.code, ErrorCode::Credentials | ErrorCode::InvalidArgument | ErrorCode::DiskFull)
}

/// Carries out `plan`.
///
/// # Errors
/// `CANCELLED`; what concerns every file alike, as `CREDENTIALS` and `DISK_FULL`; with `fail_fast`, whatever
/// concerns one.
pub(crate) async fn download(
    client: &Arc<Client>,
    plan: &Arc<DownloadPlan>,
    options: &DownloadOptions,
    concurrency: Concurrency,
    control: &RunControl,
    progress: &Arc<Progress>,
) -> Result<DownloadReport> {
    let cancel = &control.cancel;
    let began = Instant::now();
    let retries_before = client.retries();
    let run = Arc::new(Run {
        client: client.clone(),
        plan: plan.clone(),
        root_prefix: client.settings().root_prefix.clone(),
        options: options.clone(),
        // Apart from the caller's, so that a failure can stop this run alone.
        cancel: cancel.child_token(),
        stop: cancel.clone(),
        ended_by: OnceLock::new(),
        directories: Directories::default(),
        progress: progress.clone(),
        placing: Semaphore::new(PLACING),
    });
    let mut tally = Tally::new(&run, control.settled.clone().map(|tell| Landing::of(&run, tell)));
    let name = |file: u32| run.file(file).local_path.to_owned();
    let result = progress.during(carry_out(&run, &mut tally, concurrency), name).await;
    let landed = progress.during(tally.land(), name).await;
    progress.end();
    if cancel.is_cancelled() {
        return Err(cancelled());
    }
    result?;
    tally.verdict()?;
    landed?;
    let mut report = tally.report;
    report.failures.sort_by_key(|&(index, _)| index);
    report.stats.retries = client.retries() - retries_before;
    report.stats.took(began.elapsed());
    Ok(DownloadReport {
        stats: report.stats,
        failures: report.failures.into_iter().map(|(_, failure)| failure).collect(),
    })
}

/// What ends the run by a file's failure stays with `tally`.
async fn carry_out(run: &Arc<Run>, tally: &mut Tally<'_>, concurrency: Concurrency) -> Result<()> {
    let plan = &run.plan;
    let (files, bytes) = (plan.file_count() as u64, plan.total_size());
    run.progress.begin(Phase::Planning, files, bytes);
    let decisions = decide_all(plan, &run.options, &run.cancel).await?;
    run.progress.begin(Phase::Downloading, files, bytes);
    let wanted = tally.decide(decisions);
    if run.cancel.is_cancelled() || run.options.dry_run {
        return Ok(());
    }
    let wanted = {
        let run = run.clone();
        let checked = move || space::check(&run.plan, &wanted, &run.options, &run.cancel).map(|()| wanted);
        blocking(checked).await??
    };
    let (links, wanted): (Vec<u32>, Vec<u32>) =
        wanted.into_iter().partition(|&index| run.file(index).object.is_none());
    Pace::new(concurrency, run.client.width())
        .run(
            queue::jobs(run, wanted),
            |job| job.memory(run),
            || run.client.throttles(),
            |job| job.run(run.clone()),
            |outcomes| tally.record(outcomes),
        )
        .await?;
    if run.options.apply_deletions && !run.cancel.is_cancelled() {
        let run = run.clone();
        let delete = move || {
            let mut failures = Vec::new();
            deletion::apply(run.plan.deletions(), &run.directories, &run.cancel, |failure| {
                failures.push(failure);
                !run.options.fail_fast
            });
            failures
        };
        for failure in blocking(delete).await? {
            // Behind the files of the plan, of which it is none.
            tally.fail_as(plan.file_count() as u32, failure);
        }
    }
    // Links come last, so that nothing is ever written or deleted through them.
    if !links.is_empty() && !run.cancel.is_cancelled() {
        let run = run.clone();
        let make = move || {
            let make = |&index: &u32| (index, link::make(&run.file(index), &run.options, &run.directories));
            links.iter().take_while(|_| !run.cancel.is_cancelled()).map(make).collect::<Vec<Outcome>>()
        };
        tally.record(blocking(make).await?);
    }
    Ok(())
}

/// Counts what becomes of each file, and stops the run when that makes no sense any more.
struct Tally<'a> {
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
    fn new(run: &'a Run, landing: Option<Landing>) -> Self {
        let stats = TransferStatistics {
            files_total: run.plan.file_count() as u64,
            bytes_total: run.plan.total_size(),
            ..TransferStatistics::default()
        };
        Self { run, landing, report: Report { stats, ..Report::default() }, fatal: None }
    }

    /// The files that are to be fetched.
    fn decide(&mut self, decisions: Vec<(u32, Decision)>) -> Vec<u32> {
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
    fn record(&mut self, outcomes: Vec<Outcome>) -> bool {
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
    fn fail_as(&mut self, index: u32, failure: FileFailure) -> bool {
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
    async fn land(&mut self) -> Result<()> {
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

    fn verdict(&mut self) -> Result<()> {
        self.fatal.take().map_or(Ok(()), Err)
    }
}
