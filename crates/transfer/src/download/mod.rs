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
mod flush;
mod landing;
mod large;
mod layout;
mod link;
mod object;
mod options;
mod partial;
mod positioned;
mod queue;
mod report;
mod run;
mod space;
mod tally;
mod writer;

use std::sync::Arc;
use std::time::Instant;

use rusty_attachments_core::{DownloadPlan, Result};

pub use self::options::{ConflictResolution, DownloadOptions, RunControl, Verify};
pub use self::report::{DownloadReport, FileFailure, SettledCallback, SettledFile};

use self::check::decide_all;
use self::landing::Landing;
use self::object::Outcome;
use self::run::Run;
use self::tally::Tally;
use crate::blocking::blocking;
use crate::client::Client;
use crate::concurrency::Concurrency;
use crate::ended::cancelled;
use crate::pace::Pace;
use crate::progress::{Phase, Progress};

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
    let run = Arc::new(Run::new(client.clone(), plan.clone(), options.clone(), cancel, progress.clone()));
    let mut tally = Tally::new(&run, control.settled.clone().map(|tell| Landing::of(&run, tell)));
    let name = |file: u32| run.file(file).local_path.to_owned();
    let result = progress.during(carry_out(&run, &mut tally, concurrency), name).await;
    let landed = progress.during(tally.land(), name).await;
    progress.end();
    if cancel.is_cancelled() {
        run.take_back_what_was_left().await;
        return Err(cancelled());
    }
    result?;
    let mut report = tally.report()?;
    landed?;
    report.stats.retries = client.retries() - retries_before;
    report.stats.took(began.elapsed());
    Ok(report)
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
            deletion::apply(run.plan.deletions(), &run.cancel, |failure| {
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
