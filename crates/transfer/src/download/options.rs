//! What a caller may choose for a download, and how it watches and stops one.

use std::fmt;

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::report::SettledCallback;
use crate::concurrency::Concurrency;
use crate::progress::ProgressCallback;

/// What happens to a file that is already there with other content.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ConflictResolution {
    /// It stays, and nothing is fetched.
    Skip,
    /// It is replaced.
    Overwrite,
    /// It stays, and the new one is placed beside it as `name (1).ext`.
    #[default]
    CreateCopy,
}

/// How it is told that a file is already there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Verify {
    /// By size and modification time.
    #[default]
    Size,
    /// By reading it and comparing its hash.
    Hash,
}

/// How a plan is downloaded.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DownloadOptions {
    /// What happens to a file that is already there with other content.
    pub conflict_resolution: ConflictResolution,
    /// How it is told that a file is already there.
    pub verify: Verify,
    /// Whether the first failed file ends the run with its error.
    pub fail_fast: bool,
    /// Whether files and empty directories that a manifest deletes are deleted.
    pub apply_deletions: bool,
    /// How many requests are under way at once; otherwise as the orchestrator was told.
    pub concurrency: Option<Concurrency>,
    /// Whether nothing is to be written: only what is there already is found out.
    pub dry_run: bool,
}

/// The caller's hold on a run.
#[derive(Clone, Default)]
pub struct RunControl {
    /// Told of progress at most ten times a second, and at the end.
    pub progress: Option<ProgressCallback>,
    /// Ends the run with `CANCELLED` when it is cancelled.
    pub cancel: CancellationToken,
    /// Told of files as they come to be on the disk for good, flushed, or fail. A file with other content that stays by
    /// [`ConflictResolution::Skip`] is told as there: what is wanted is that it stays. Without it nothing is flushed
    /// but what is large.
    pub settled: Option<SettledCallback>,
}

impl fmt::Debug for RunControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunControl").field("cancel", &self.cancel).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_as_javascript_writes_them() {
        let options: DownloadOptions = serde_json::from_str(
            r#"{"conflictResolution":"overwrite","verify":"hash","failFast":true,"concurrency":4}"#,
        )
        .unwrap();
        assert_eq!(options.conflict_resolution, ConflictResolution::Overwrite);
        assert_eq!(options.verify, Verify::Hash);
        assert_eq!(options.concurrency, Some(Concurrency::Fixed(4)));
        assert!(options.fail_fast && !options.dry_run);
    }
}
