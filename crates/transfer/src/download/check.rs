//! Decides, before any request, which files are there already, which are to be fetched and which cannot be.

use std::fs::{self, File, Metadata};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::UNIX_EPOCH;

use rusty_attachments_core::{DownloadPlan, Error, ErrorCode, PlannedFile};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::content::{has_parts, parts};
use super::disk::path_error;
use super::file::{numbered, set_mtime};
use super::{ConflictResolution, DownloadOptions, Verify};

/// Files that one thread looks at before it takes more.
const BATCH: usize = 256;
/// On a network's disk each look waits; on a local one more threads than cores bring nothing.
const THREADS: usize = 8;
/// What the reference's times lose on their way through a floating point number.
const TOLERANCE_NANOS: i128 = 1_000;

/// What is to be done about a file.
#[derive(Debug)]
pub(crate) enum Decision {
    /// It is there.
    Skip,
    Fetch,
    Fail(Error),
}

/// Decides about every file of the plan; in the plan's order. Files after a cancellation are left out.
pub(crate) async fn decide_all(
    plan: &Arc<DownloadPlan>,
    options: &DownloadOptions,
    cancel: &CancellationToken,
) -> Vec<(u32, Decision)> {
    let count = plan.file_count();
    let next = Arc::new(AtomicUsize::new(0));
    let mut threads = JoinSet::new();
    for _ in 0..THREADS.min(count.div_ceil(BATCH)) {
        let (plan, next, cancel) = (plan.clone(), next.clone(), cancel.clone());
        let options = options.clone();
        threads.spawn_blocking(move || {
            let mut decided = Vec::new();
            loop {
                let start = next.fetch_add(BATCH, Ordering::Relaxed);
                if start >= count {
                    return decided;
                }
                for index in start..count.min(start + BATCH) {
                    if cancel.is_cancelled() {
                        return decided;
                    }
                    decided.push((index as u32, decide(&plan.file(index), &options)));
                }
            }
        });
    }
    let mut decided = Vec::with_capacity(count);
    while let Some(joined) = threads.join_next().await {
        match joined {
            Ok(some) => decided.extend(some),
            // A thread that is lost takes its files along: nobody must think that they were decided.
            Err(lost) => match lost.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => return decided,
            },
        }
    }
    decided.sort_unstable_by_key(|&(index, _)| index);
    decided
}

fn decide(file: &PlannedFile<'_>, options: &DownloadOptions) -> Decision {
    let target = Path::new(file.local_path);
    if let Some(hazard) = file.hazard {
        let hazard_code = serde_json::to_value(hazard.code).unwrap_or_default();
        return Decision::Fail(
            path_error(ErrorCode::Io, hazard.message.clone(), target).with("hazard", hazard_code),
        );
    }
    let Some(parts) = parts(file) else { return super::link::decide(file, options) };
    if parts.is_empty() {
        let message = format!("The manifest says nothing about the content of {}.", file.path);
        return Decision::Fail(path_error(ErrorCode::InvalidManifest, message, target));
    }
    // A target that cannot be looked at is not there, or making it will tell why.
    let Ok(metadata) = fs::metadata(target) else {
        let dangling = fs::symlink_metadata(target).is_ok();
        return if dangling && options.conflict_resolution == ConflictResolution::Skip {
            Decision::Skip
        } else {
            Decision::Fetch
        };
    };
    if metadata.is_dir() {
        let message = format!("{} is a directory where the file must be: move it away.", target.display());
        return Decision::Fail(path_error(ErrorCode::Io, message, target));
    }
    if is_unchanged(file, target, &metadata, options) {
        return Decision::Skip;
    }
    match options.conflict_resolution {
        ConflictResolution::Skip => Decision::Skip,
        ConflictResolution::Overwrite => Decision::Fetch,
        ConflictResolution::CreateCopy => {
            let mut copies = (0..).map(|number| numbered(target, number));
            let is_copied = copies
                .by_ref()
                .map_while(|candidate| Some((fs::metadata(&candidate).ok()?, candidate)))
                .any(|(metadata, candidate)| is_same(file, &candidate, &metadata));
            if is_copied { Decision::Skip } else { Decision::Fetch }
        }
    }
}

fn is_unchanged(
    file: &PlannedFile<'_>,
    target: &Path,
    metadata: &Metadata,
    options: &DownloadOptions,
) -> bool {
    let same_time = file.mtime.is_some_and(|mtime| has_mtime(metadata, mtime));
    match options.verify {
        Verify::Size => file.size == Some(metadata.len()) && same_time,
        Verify::Hash => {
            let same = is_same(file, target, metadata);
            // A dry run changes nothing, and what is behind a link is somebody else's.
            let is_plain = fs::symlink_metadata(target).is_ok_and(|metadata| metadata.is_file());
            if same && !same_time && is_plain && !options.dry_run {
                restore_mtime(file, target);
            }
            same
        }
    }
}

/// Whether what is at `path` has the file's content.
pub(crate) fn is_same(file: &PlannedFile<'_>, path: &Path, metadata: &Metadata) -> bool {
    let fits = metadata.is_file() && file.size.is_none_or(|size| size == metadata.len());
    // What cannot be read is not known to be the same.
    fits && parts(file).is_some_and(|parts| has_parts(path, &parts).unwrap_or(false))
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

/// The first free name of `target` and its numbered copies, for links, which have no content to compare.
pub(crate) fn first_free(target: &Path) -> PathBuf {
    let mut names = (0..).map(|number| numbered(target, number));
    names.find(|name| fs::symlink_metadata(name).is_err()).unwrap_or_else(|| target.to_owned())
}
