//! Downloads what only some session actions of a job wrote, step by step with the single primitives:
//! `cargo run --example download_session_actions -- options.json sessionaction-… sessionaction-…`.
//!
//! The file holds `{"s3": …, "farmId": …, "queueId": …, "jobId": …, "rootOverrides": {assetRoot: directory}}`.
//! Credentials are those of the environment.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusty_attachments_core::keys::{
    ManifestLocation, OutputManifestScope, filter_manifests_by_session_actions,
};
use rusty_attachments_core::{
    MatchPathsBy, PathFormat, PlanOptions, PlanSource, RootMapper, RootMapperOptions, plan_download,
};
use rusty_attachments_transfer::{
    Concurrency, CredentialsSource, DownloadOptions, DownloadOrchestrator, RunControl, S3Settings,
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Configuration {
    s3: S3Settings,
    farm_id: String,
    queue_id: String,
    job_id: String,
    root_overrides: BTreeMap<String, String>,
}

#[tokio::main(flavor = "multi_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("name a JSON file with the options, then session action ids")?;
    let session_action_ids: Vec<String> = arguments.collect();
    let configuration: Configuration = serde_json::from_slice(&std::fs::read(path)?)?;
    let Configuration { s3, farm_id, queue_id, job_id, root_overrides } = configuration;
    let location = ManifestLocation { root_prefix: s3.root_prefix.clone(), farm_id, queue_id };
    let scope = OutputManifestScope { job_id, step_id: None, task_id: None };
    let orchestrator = DownloadOrchestrator::new(s3, CredentialsSource::Environment, Concurrency::Auto)?;
    let local_format = if cfg!(windows) { PathFormat::Windows } else { PathFormat::Posix };
    let mapper = RootMapper::new(RootMapperOptions {
        job_storage_profile: None,
        local_storage_profile: None,
        source_path_format: None,
        root_overrides,
        destination_path_format: local_format,
    })?;

    // All keys, not only the latest of each task: an earlier run of a task may be among those wanted.
    let keys = orchestrator.discover_output_manifest_keys(&location, &scope, false).await?;
    let mut sources = Vec::new();
    for index in filter_manifests_by_session_actions(&keys, &session_action_ids) {
        let found = orchestrator.download_manifest(&keys[index]).await?;
        let (source_path_format, applier) = mapper.for_root(&found.metadata.asset_root)?;
        sources.push(PlanSource {
            manifest: found.manifest,
            root_path: found.metadata.asset_root,
            source_path_format,
            applier,
            last_modified: found.metadata.last_modified.unwrap_or(0),
            key: Some(found.key),
            job_id: Some(scope.job_id.clone()),
        });
    }
    let plan = plan_download(
        sources,
        &PlanOptions {
            destination_path_format: local_format,
            case_insensitive: None,
            include: Vec::new(),
            match_paths_by: MatchPathsBy::Local,
        },
    )?;
    let options = DownloadOptions::default();
    let report = orchestrator.download(&Arc::new(plan), &options, &RunControl::default()).await?;

    for failure in &report.failures {
        eprintln!("not written, {}: {}", failure.local_path, failure.error);
    }
    println!("{}", serde_json::to_string_pretty(&report.stats)?);
    Ok(())
}
