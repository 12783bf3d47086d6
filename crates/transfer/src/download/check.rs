//! Decides, before any request, which files are there already, which are to be fetched and which cannot be.

use std::fs::{self, File, Metadata};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use rusty_attachments_core::{DownloadPlan, Error, ErrorCode, PlannedFile, Result};
use tokio_util::sync::CancellationToken;

use super::content::{has_parts, parts};
use super::directory::refuse_links;
use super::disk::path_error;
use super::file::{numbered, set_mtime};
use super::link;
use super::options::{ConflictResolution, DownloadOptions, Verify};
use crate::blocking::spread;
use crate::ended::cancelled;

/// What the reference's times lose on their way through a floating point number.
const TOLERANCE_NANOS: i128 = 1_000;

/// What is to be done about a file.
#[derive(Debug)]
pub(crate) enum Decision {
    /// It is there.
    Skip,
    /// It is there under this name, beside what has its own.
    SkipFor(Box<PathBuf>),
    Fetch,
    /// Boxed, since a plan may have millions of files and few that fail.
    Fail(Box<Error>),
}

/// Decides about every file of the plan; in the plan's order. Files after a cancellation are left out.
pub(crate) async fn decide_all(
    plan: &Arc<DownloadPlan>,
    options: &DownloadOptions,
    cancel: &CancellationToken,
) -> Result<Vec<(u32, Decision)>> {
    let count = plan.file_count();
    let (plan, options, stop) = (plan.clone(), options.clone(), cancel.clone());
    let decide = move |index: usize| {
        let file = plan.file(index);
        decide(&file, &options, &stop).unwrap_or_else(|error| Decision::Fail(Box::new(error)))
    };
    spread(count, cancel, decide).await
}

fn decide(file: &PlannedFile<'_>, options: &DownloadOptions, cancel: &CancellationToken) -> Result<Decision> {
    let target = Path::new(file.local_path);
    if let Some(hazard) = file.hazard {
        let hazard_code = serde_json::to_value(hazard.code).unwrap_or_default();
        return Err(path_error(ErrorCode::Io, hazard.message.clone(), target).with("hazard", hazard_code));
    }
    let Some(parts) = parts(file) else { return decide_link(file, options) };
    if parts.is_empty() {
        let message = format!("The manifest says nothing about the content of {}.", file.path);
        return Err(path_error(ErrorCode::InvalidManifest, message, target));
    }
    // A target that cannot be looked at is not there, or making it will tell why.
    let Some(found) = look(target) else { return Ok(Decision::Fetch) };
    if let Some(metadata) = found {
        if metadata.is_dir() {
            let message =
                format!("{} is a directory where the file must be: move it away.", target.display());
            return Err(path_error(ErrorCode::Io, message, target));
        }
        if is_unchanged(file, target, &metadata, options, cancel)? {
            return Ok(Decision::Skip);
        }
    }
    match options.conflict_resolution {
        ConflictResolution::Skip => return Ok(Decision::Skip),
        ConflictResolution::Overwrite => return Ok(Decision::Fetch),
        ConflictResolution::CreateCopy => {}
    }
    for candidate in (0..).map(|number| numbered(target, number)) {
        let Some(found) = look(&candidate) else { break };
        if let Some(metadata) = found
            && is_same(file, &candidate, &metadata, cancel)?
        {
            return Ok(Decision::SkipFor(Box::new(candidate)));
        }
    }
    Ok(Decision::Fetch)
}

/// What is to be done about a link.
fn decide_link(file: &PlannedFile<'_>, options: &DownloadOptions) -> Result<Decision> {
    let path = Path::new(file.local_path);
    let text = link::text(file)?;
    if fs::read_link(path).is_ok_and(|there| there == text) {
        return Ok(Decision::Skip);
    }
    let copies = (1..).map(|number| numbered(path, number));
    let copy = || {
        copies
            .take_while(|copy| fs::symlink_metadata(copy).is_ok())
            .find(|copy| fs::read_link(copy).is_ok_and(|there| there == text))
    };
    Ok(match options.conflict_resolution {
        ConflictResolution::Skip if fs::symlink_metadata(path).is_ok() => Decision::Skip,
        ConflictResolution::CreateCopy => {
            copy().map_or(Decision::Fetch, |copy| Decision::SkipFor(Box::new(copy)))
        }
        _ => Decision::Fetch,
    })
}

/// What a path leads to, which for a link to nowhere is nothing; `None` if the path itself is not there.
fn look(path: &Path) -> Option<Option<Metadata>> {
    let metadata = fs::symlink_metadata(path).ok()?;
    Some(if metadata.is_symlink() { fs::metadata(path).ok() } else { Some(metadata) })
}

fn is_unchanged(
    file: &PlannedFile<'_>,
    target: &Path,
    metadata: &Metadata,
    options: &DownloadOptions,
    cancel: &CancellationToken,
) -> Result<bool> {
    let same_time = file.mtime.is_some_and(|mtime| has_mtime(metadata, mtime));
    match options.verify {
        Verify::Size => Ok(file.size == Some(metadata.len()) && same_time),
        Verify::Hash => {
            let same = is_same(file, target, metadata, cancel)?;
            // A dry run changes nothing, and what is behind a link is somebody else's.
            let is_own = || {
                let (parent, root) = (target.parent().unwrap_or(target), Path::new(file.local_root));
                let is_plain = fs::symlink_metadata(target).is_ok_and(|metadata| metadata.is_file());
                is_plain && refuse_links(parent, root).is_ok()
            };
            if same && !same_time && !options.dry_run && is_own() {
                restore_mtime(file, target);
            }
            Ok(same)
        }
    }
}

/// Whether what is at `path` has the file's content.
pub(crate) fn is_same(
    file: &PlannedFile<'_>,
    path: &Path,
    metadata: &Metadata,
    cancel: &CancellationToken,
) -> Result<bool> {
    let fits = metadata.is_file() && file.size.is_none_or(|size| size == metadata.len());
    // What cannot be read is not known to be the same.
    let same = fits && parts(file).is_some_and(|parts| has_parts(path, &parts, cancel).unwrap_or(false));
    if cancel.is_cancelled() { Err(cancelled()) } else { Ok(same) }
}

/// The content is right: only a time is missing for the next run to see that without reading.
fn restore_mtime(file: &PlannedFile<'_>, target: &Path) {
    if let (Some(mtime), Ok(target)) = (file.mtime, File::options().write(true).open(target)) {
        let _ = set_mtime(&target, mtime);
    }
}

fn has_mtime(metadata: &Metadata, micros: i64) -> bool {
    let Ok(modified) = metadata.modified() else { return false };
    let nanos = match modified.duration_since(UNIX_EPOCH) {
        Ok(after) => after.as_nanos() as i128,
        Err(before) => -(before.duration().as_nanos() as i128),
    };
    (nanos - i128::from(micros) * 1_000).abs() <= TOLERANCE_NANOS
}
