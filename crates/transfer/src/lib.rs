//! Signed S3 over HTTP and the download engine of rusty-attachments.
//!
//! [`download_job_outputs`] is the whole way: list the job's manifests, fetch them, map and plan with
//! `rusty-attachments-core`, and transfer. [`DownloadOrchestrator`] offers the single steps.

mod blocking;
mod client;
mod concurrency;
mod descriptors;
mod download;
mod ended;
mod job;
mod line;
mod listing;
mod manifests;
mod mappers;
mod orchestrator;
mod pace;
mod progress;
mod statistics;
mod sync;

pub use client::{
    Client, Credentials, CredentialsSource, ObjectReader, ProvideCredentials, ProvidedCredentials, S3Settings,
};
pub use concurrency::Concurrency;
pub use download::{
    ConflictResolution, DownloadOptions, DownloadReport, FileFailure, RunControl, SettledCallback,
    SettledFile, Verify,
};
pub use job::{
    DownloadResult, JobDownloadResult, JobInfo, JobOutputsOptions, MultiJobDownloadResult,
    MultipleJobsOptions, PathOptions, download_job_outputs, download_multiple_jobs,
};
pub use manifests::{
    DownloadedManifest, ManifestDownloadMetadata, ManifestSelection, discover_output_manifests,
    download_manifest,
};
pub use orchestrator::DownloadOrchestrator;
pub use progress::{Phase, ProgressCallback, TransferProgress};
pub use statistics::TransferStatistics;
pub use sync::{
    ManifestSource, SourceFailed, SourceLanded, SourcePlanned, SourcesCallback, SourcesEvent, SourcesOptions,
    download_sources,
};
// Part of `RunControl`.
pub use tokio_util::sync::CancellationToken;

/// The program in README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
