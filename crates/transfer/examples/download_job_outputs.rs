//! Downloads what one job wrote: `cargo run --example download_job_outputs -- options.json`.
//!
//! The file holds what `downloadJobOutputs` takes in JavaScript: `{"s3": {"bucket": …, "rootPrefix": …},
//! "farmId": …, "queueId": …, "jobId": …}` and, if the job's machine sees other paths than this one,
//! `jobStorageProfile` and `localStorageProfile`. Credentials are those of the environment (`AWS_ACCESS_KEY_ID` …).

use std::process::ExitCode;
use std::sync::Arc;

use rusty_attachments_transfer::{
    Concurrency, CredentialsSource, DownloadOrchestrator, JobOutputsOptions, RunControl, S3Settings,
    download_job_outputs,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Configuration {
    s3: S3Settings,
    #[serde(flatten)]
    options: JobOutputsOptions,
}

#[tokio::main(flavor = "multi_thread")]
async fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("name a JSON file with the options")?;
    let Configuration { s3, options } = serde_json::from_slice(&std::fs::read(path)?)?;
    let orchestrator = DownloadOrchestrator::new(s3, CredentialsSource::Environment, Concurrency::Auto)?;
    let control = RunControl {
        progress: Some(Arc::new(|now| eprint!("\r{} of {} files", now.files_done, now.files_total))),
        ..RunControl::default()
    };

    let result = download_job_outputs(&orchestrator, &options, &control).await?;

    eprintln!();
    for unmapped in &result.unmapped {
        eprintln!("no place for {}: {}", unmapped.absolute_source_path, unmapped.reason.message);
    }
    for failure in &result.failures {
        eprintln!("not written, {}: {}", failure.local_path, failure.error);
    }
    println!("{}", serde_json::to_string_pretty(&result.stats)?);
    Ok(if result.failure_count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
