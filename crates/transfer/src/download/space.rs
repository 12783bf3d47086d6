//! Finds out before the first byte whether the disks have room for all that is to come.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use rusty_attachments_core::{DownloadPlan, ErrorCode, Result};
use tokio_util::sync::CancellationToken;

use super::disk::path_error;
use super::layout::LARGE;
use super::options::{ConflictResolution, DownloadOptions};
use super::partial;
use crate::ended::cancelled;

/// What a disk needs.
#[derive(Default)]
struct Need {
    /// What it holds more in the end than now; less, where files are replaced by shorter ones.
    growth: i128,
    /// The most that one file takes while the one that it replaces is still there.
    beside: i128,
}

impl Need {
    /// One file that takes `missing` bytes, and gives `freed` when it takes the place of another.
    fn add(&mut self, missing: u64, freed: u64) {
        self.growth += i128::from(missing) - i128::from(freed);
        self.beside = self.beside.max(i128::from(missing.min(freed)));
    }

    /// Bytes that it needs with one file after another. Several at once may need more, and who frees some meanwhile
    /// makes do with less: that shows.
    fn bytes(&self) -> u64 {
        u64::try_from(self.growth.max(0) + self.beside).unwrap_or(u64::MAX)
    }
}

/// Refuses what would fill a disk. A disk that does not tell its room is trusted.
pub(crate) fn check(
    plan: &DownloadPlan,
    files: &[u32],
    options: &DownloadOptions,
    cancel: &CancellationToken,
) -> Result<()> {
    // Looking at every file that is replaced costs more than all the rest: only a disk that may lack room is worth it.
    let Some(_) = lacking(plan, files, |_| 0, cancel)? else { return Ok(()) };
    let replaces = options.conflict_resolution == ConflictResolution::Overwrite;
    let freed = |path: &Path| if replaces { freed_by_replacing(path) } else { 0 };
    let Some((path, need, available)) = lacking(plan, files, freed, cancel)? else { return Ok(()) };
    let message = format!(
        "The disk of {} has {available} bytes left, but {need} are needed. Free some space; nothing was written.",
        path.display()
    );
    Err(path_error(ErrorCode::DiskFull, message, &path)
        .with("neededBytes", need)
        .with("availableBytes", available))
}

/// A disk that has less room than the files need, which free what `freed` says: where it is, what it needs and has.
fn lacking(
    plan: &DownloadPlan,
    files: &[u32],
    freed: impl Fn(&Path) -> u64,
    cancel: &CancellationToken,
) -> Result<Option<(PathBuf, u64, u64)>> {
    let mut by_root: HashMap<&str, Need> = HashMap::new();
    for file in files.iter().map(|&index| plan.file(index as usize)) {
        if cancel.is_cancelled() {
            return Err(cancelled());
        }
        let size = file.size.unwrap_or(0);
        let held = if size > LARGE { partial::held(&file) } else { 0 };
        let freed = freed(Path::new(file.local_path));
        by_root.entry(file.local_root).or_default().add(size.saturating_sub(held), freed);
    }
    let mut by_disk: HashMap<u64, (PathBuf, Need)> = HashMap::new();
    for (number, (root, need)) in by_root.into_iter().enumerate() {
        let Some(existing) = Path::new(root).ancestors().find(|path| path.is_dir()) else { continue };
        let disk = disk_of(existing).unwrap_or(u64::MAX - number as u64);
        let (_, all) = by_disk.entry(disk).or_insert_with(|| (existing.to_owned(), Need::default()));
        all.growth += need.growth;
        all.beside = all.beside.max(need.beside);
    }
    Ok(by_disk.into_values().find_map(|(path, need)| {
        let (need, available) = (need.bytes(), fs4::available_space(&path).ok()?);
        // Some file systems have no room to speak of, not even in all.
        let tells = need > available && fs4::total_space(&path).is_ok_and(|total| total > 0);
        tells.then_some((path, need, available))
    }))
}

/// What the disk gets back for a file, if there is one and this is its only name.
fn freed_by_replacing(path: &Path) -> u64 {
    let Ok(metadata) = fs::symlink_metadata(path) else { return 0 };
    #[cfg(unix)]
    if std::os::unix::fs::MetadataExt::nlink(&metadata) > 1 {
        return 0;
    }
    partial::on_disk(&metadata)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn need(files: &[(u64, u64)]) -> u64 {
        let mut need = Need::default();
        files.iter().for_each(|&(missing, freed)| need.add(missing, freed));
        need.bytes()
    }

    #[test]
    fn what_is_replaced_makes_room_but_only_once_the_new_file_is_whole() {
        assert_eq!(need(&[(10, 0), (5, 0)]), 15);
        assert_eq!(need(&[(10, 10)]), 10, "the old file goes when the new one is there");
        assert_eq!(need(&[(10, 10); 100]), 10, "one after another");
        assert_eq!(need(&[(10, 50)]), 10);
        assert_eq!(need(&[(50, 10), (10, 10)]), 50);
        assert_eq!(need(&[(10, 50), (30, 0)]), 10, "what one gives back the other takes");
    }
}
