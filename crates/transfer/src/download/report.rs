//! What a caller hears of a run's files.

use std::sync::Arc;

use rusty_attachments_core::Error;

use crate::statistics::TransferStatistics;

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

/// What became of a file for good.
#[derive(Debug, Clone)]
pub struct SettledFile {
    /// Its index in the plan.
    pub index: usize,
    /// Whether this run wrote it; otherwise it was there, or is not.
    pub is_new: bool,
    /// Why it is not there; none where it is there and flushed, or was left as it was found.
    pub error: Option<Error>,
}

/// Takes what became of files, from whichever thread.
pub type SettledCallback = Arc<dyn Fn(Vec<SettledFile>) + Send + Sync>;
