//! Downloads what several jobs of a queue wrote, though they were submitted with different storage profiles:
//! `cargo run --example download_multiple_jobs -- options.json`.
//!
//! The file holds `{"s3": …, "farmId": …, "queueId": …, "localStorageProfile": …, "storageProfiles": [ … ],
//! "jobs": [{"jobId": …, "storageProfileId": …}, … ]}`. Credentials are those of the environment.

use std::process::ExitCode;

use rusty_attachments_transfer::{
    Concurrency, CredentialsSource, DownloadOrchestrator, MultipleJobsOptions, RunControl, S3Settings,
    download_multiple_jobs,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Configuration {
    s3: S3Settings,
    #[serde(flatten)]
    options: MultipleJobsOptions,
}

#[tokio::main(flavor = "multi_thread")]
async fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("name a JSON file with the options")?;
    let Configuration { s3, options } = serde_json::from_slice(&std::fs::read(path)?)?;
    let orchestrator = DownloadOrchestrator::new(s3, CredentialsSource::Environment, Concurrency::Auto)?;

    let jobs = download_multiple_jobs(&orchestrator, &options, &RunControl::default()).await?;

    for job in &jobs.jobs {
        let (files, failed, homeless) = (job.files_total, job.failure_count, job.unmapped_count);
        eprintln!("{}: {files} files, {failed} failed, {homeless} without a place here", job.job_id);
    }
    for failure in &jobs.result.failures {
        eprintln!("not written, {}: {}", failure.local_path, failure.error);
    }
    println!("{}", serde_json::to_string_pretty(&jobs.result.stats)?);
    Ok(if jobs.result.failure_count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
