//! What all parts of a run share.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rusty_attachments_core::{DownloadPlan, Error, ErrorCode, PlannedFile, Result};
use tokio_util::sync::CancellationToken;

use super::directory::Directories;
use super::file::take_back;
use super::options::DownloadOptions;
use crate::blocking::blocking;
use crate::client::Client;
use crate::ended::cancelled;
use crate::line::Line;
use crate::progress::Progress;

/// How many small files are created and placed at the same time at most. More threads than this spin for the lock of
/// one directory and take the cores from those that receive; a disk across a network has some to wait for.
const PLACING: usize = 8;

/// What all parts of a run share.
pub(super) struct Run {
    pub(super) client: Arc<Client>,
    pub(super) plan: Arc<DownloadPlan>,
    pub(super) root_prefix: String,
    pub(super) options: DownloadOptions,
    pub(super) cancel: CancellationToken,
    /// The caller's.
    pub(super) stop: CancellationToken,
    /// What ended the run for all files.
    pub(super) ended_by: OnceLock<ErrorCode>,
    pub(super) directories: Directories,
    pub(super) progress: Arc<Progress>,
    /// For what creates and places small files.
    pub(super) placing: Arc<Line>,
    /// Parts of large files that were left for a later run.
    pub(super) left: Mutex<Vec<PathBuf>>,
}

impl Run {
    /// `stop` is the caller's.
    pub(super) fn new(
        client: Arc<Client>,
        plan: Arc<DownloadPlan>,
        options: DownloadOptions,
        stop: &CancellationToken,
        progress: Arc<Progress>,
    ) -> Self {
        Self {
            root_prefix: client.settings().root_prefix.clone(),
            client,
            plan,
            options,
            // Apart from the caller's, so that a failure can stop this run alone.
            cancel: stop.child_token(),
            stop: stop.clone(),
            ended_by: OnceLock::new(),
            directories: Directories::default(),
            progress,
            placing: Line::new(PLACING),
            left: Mutex::default(),
        }
    }

    pub(super) fn file(&self, index: u32) -> PlannedFile<'_> {
        self.plan.file(index as usize)
    }

    /// Whether a file that failed so is kept as far as it came. Who cancels wants nothing to be left.
    pub(super) fn is_to_be_continued(&self, error: &Error) -> bool {
        let code = if error.code == ErrorCode::Cancelled { self.ended_by.get() } else { Some(&error.code) };
        let is_for_now = |code: &ErrorCode| {
            use ErrorCode::{Credentials, Network, Throttled, Timeout};
            matches!(code, Network | Timeout | Throttled | Credentials)
        };
        code.is_some_and(is_for_now) && !self.stop.is_cancelled()
    }

    /// Who cancels wants nothing to be left, of what failed before neither.
    pub(super) async fn take_back_what_was_left(&self) {
        let left = std::mem::take(&mut *self.left.lock().unwrap_or_else(PoisonError::into_inner));
        let _ = blocking(move || left.iter().for_each(|path| take_back(path))).await;
    }

    pub(super) async fn unless_cancelled<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.cancel.run_until_cancelled(work).await.unwrap_or_else(|| Err(cancelled()))
    }
}
