//! Deletes what manifests delete, where the caller asked for that: files, then directories that are empty.

use std::cmp::Reverse;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use rusty_attachments_core::{ErrorCode, PlannedDeletion, Result};
use tokio_util::sync::CancellationToken;

use super::directory::refuse_links;
use super::disk::{DiskContext, path_error};
use super::report::FileFailure;

/// Deletes, and gives what could not be to `failed`, whose `false` ends it.
pub(crate) fn apply(
    deletions: &[PlannedDeletion],
    cancel: &CancellationToken,
    mut failed: impl FnMut(FileFailure) -> bool,
) {
    let mut deletions: Vec<_> = deletions.iter().collect();
    // The deepest directories first: they are what keeps those above them from being empty.
    deletions.sort_by_key(|deletion| {
        (deletion.is_directory, Reverse(Path::new(&deletion.local_path).components().count()))
    });
    for deletion in deletions {
        if cancel.is_cancelled() {
            return;
        }
        let Err(error) = delete(deletion) else { continue };
        let path = deletion.local_path.clone();
        if !failed(FileFailure { local_path: path.clone(), path, job_id: None, error }) {
            return;
        }
    }
}

fn delete(deletion: &PlannedDeletion) -> Result<()> {
    let (path, root) = (Path::new(&deletion.local_path), Path::new(&deletion.local_root));
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(()) };
    let Some(parent) = path.parent().filter(|parent| parent.starts_with(root)) else {
        let message = format!("{} is not inside {}: it is not deleted.", path.display(), root.display());
        return Err(path_error(ErrorCode::PathOutsideRoot, message, path));
    };
    refuse_links(parent, root)?;
    let result = match (deletion.is_directory, metadata.is_dir()) {
        (true, true) => fs::remove_dir(path),
        (false, false) => fs::remove_file(path),
        // Something else has taken the name since.
        _ => Ok(()),
    };
    match result {
        Err(error) if matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::NotFound) => Ok(()),
        result => result.at("delete", path),
    }
}
