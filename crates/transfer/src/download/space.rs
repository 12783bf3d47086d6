//! Finds out before the first byte whether the disks have room for all that is to come.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use rusty_attachments_core::{DownloadPlan, ErrorCode, Result};

use super::disk::path_error;
use super::layout::LARGE;
use super::{ConflictResolution, DownloadOptions, partial};

/// Refuses what would fill a disk. A disk that does not tell its room is trusted.
pub(crate) fn check(plan: &DownloadPlan, files: &[u32], options: &DownloadOptions) -> Result<()> {
    let replaces = options.conflict_resolution == ConflictResolution::Overwrite;
    let mut by_root: HashMap<&str, u64> = HashMap::new();
    for file in files.iter().map(|&index| plan.file(index as usize)) {
        let replaced = || fs::symlink_metadata(file.local_path).map_or(0, |metadata| metadata.len());
        let size = file.size.unwrap_or(0);
        let need = if replaces { size.saturating_sub(replaced()) } else { size };
        let need = if size > LARGE { need.saturating_sub(partial::held(&file)) } else { need };
        *by_root.entry(file.local_root).or_default() += need;
    }
    let mut by_disk: HashMap<u64, (PathBuf, u64)> = HashMap::new();
    for (number, (root, need)) in by_root.into_iter().enumerate() {
        let Some(existing) = Path::new(root).ancestors().find(|path| path.is_dir()) else { continue };
        let disk = disk_of(existing).unwrap_or(u64::MAX - number as u64);
        by_disk.entry(disk).or_insert_with(|| (existing.to_owned(), 0)).1 += need;
    }
    for (path, need) in by_disk.into_values() {
        let Ok(available) = fs4::available_space(&path) else { continue };
        if need > available {
            let message = format!(
                "The disk of {} has {available} bytes left, but {need} are needed. Free some space; nothing was written.",
                path.display()
            );
            return Err(path_error(ErrorCode::DiskFull, message, &path)
                .with("neededBytes", need)
                .with("availableBytes", available));
        }
    }
    Ok(())
}

#[cfg(unix)]
fn disk_of(path: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    Some(fs::metadata(path).ok()?.dev())
}

#[cfg(not(unix))]
fn disk_of(path: &Path) -> Option<u64> {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    path.components().next()?.hash(&mut hasher);
    Some(hasher.finish())
}
