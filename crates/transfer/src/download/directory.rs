//! Makes the directories of targets, once each, and lets no link lead a path out of its root.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rusty_attachments_core::{Error, ErrorCode, Result};

use super::disk::{DiskContext, disk_error, path_error};
use super::file::sweep;

/// Whether a directory may be written to, once somebody has looked.
type Known = Arc<OnceLock<Result<()>>>;

/// What is known of a run's directories. Shared by all its threads.
#[derive(Default)]
pub(crate) struct Directories {
    /// By root and directory: a link below one root may be another root.
    known: Mutex<HashMap<PathBuf, HashMap<PathBuf, Known>>>,
    /// Where the roots really are: a root may itself be a link.
    roots: Mutex<HashMap<PathBuf, PathBuf>>,
}

impl Directories {
    /// Makes `directory` and what is missing above it, so that a file may be written there.
    pub(crate) fn prepare(&self, directory: &Path, root: &Path) -> Result<()> {
        if let Some(known) = self.entry(directory, root).get() {
            return known.clone();
        }
        let Ok(below) = directory.strip_prefix(root) else {
            let message = format!(
                "{} is not inside {}: nothing is written there.",
                directory.display(),
                root.display()
            );
            return Err(path_error(ErrorCode::PathOutsideRoot, message, directory));
        };
        // From the root down and not by recursion: a manifest may nest directories by the thousand.
        let mut way: Vec<&Path> = directory.ancestors().take(below.components().count() + 1).collect();
        way.reverse();
        way.into_iter().try_for_each(|path| self.entry(path, root).get_or_init(|| make(path, root)).clone())
    }

    /// What is known of a directory, if anybody has looked yet.
    fn entry(&self, directory: &Path, root: &Path) -> Known {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // Looked for first, since who puts in has to copy the path.
        if let Some(entry) = known.get(root).and_then(|below| below.get(directory)) {
            return entry.clone();
        }
        known.entry(root.to_owned()).or_default().entry(directory.to_owned()).or_default().clone()
    }

    /// Whether what is at `path`, all links followed, is inside `root`.
    pub(crate) fn is_inside(&self, path: &Path, root: &Path) -> Result<bool> {
        let real = fs::canonicalize(path).at("follow the link", path)?;
        Ok(real.starts_with(self.real_root(root)?))
    }

    fn real_root(&self, root: &Path) -> Result<PathBuf> {
        let mut roots = self.roots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(real) = roots.get(root) {
            return Ok(real.clone());
        }
        let real = fs::canonicalize(root).at("find the directory", root)?;
        roots.insert(root.into(), real.clone());
        Ok(real)
    }
}

/// Refuses a directory below `root` that is reached through a link. The root itself may be one.
pub(crate) fn refuse_links(directory: &Path, root: &Path) -> Result<()> {
    let mut below_root = directory.ancestors().take_while(|path| *path != root);
    let is_link = |path: &&Path| fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink());
    below_root.find(is_link).map_or(Ok(()), |link| Err(through_link(link)))
}

/// Makes one directory, whose parent is there unless it is the root.
fn make(directory: &Path, root: &Path) -> Result<()> {
    if directory == root {
        fs::create_dir_all(root).at("make the directory", root)?;
        sweep(root);
        return Ok(());
    }
    match fs::create_dir(directory) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(disk_error("make the directory", directory, error)),
    }
    let kind = fs::symlink_metadata(directory).at("look at", directory)?.file_type();
    if kind.is_symlink() {
        return Err(through_link(directory));
    }
    if !kind.is_dir() {
        return Err(disk_error("make the directory", directory, ErrorKind::NotADirectory.into()));
    }
    sweep(directory);
    Ok(())
}

/// Nobody can tell the links that a manifest made from those that a person made, so none is gone through.
fn through_link(link: &Path) -> Error {
    let message = format!(
        "{} is a link: nothing is written or deleted through links below the destination. Put a directory in its \
         place, or choose another destination.",
        link.display()
    );
    path_error(ErrorCode::PathOutsideRoot, message, link)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_a_root_of_its_own_and_no_way_below_another_in_whichever_order() {
        let home = std::env::temp_dir().join(format!("rusty-attachments-roots-{}", std::process::id()));
        let _ = fs::remove_dir_all(&home);
        let (outer, elsewhere) = (home.join("data"), home.join("elsewhere"));
        let inner = outer.join("tex");
        fs::create_dir_all(&outer).unwrap();
        fs::create_dir_all(&elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &inner).unwrap();
        let may = |directories: &Directories, root: &Path| directories.prepare(&inner, root).is_ok();
        let (first, second) = (Directories::default(), Directories::default());
        assert_eq!((may(&first, &inner), may(&first, &outer)), (true, false));
        assert_eq!((may(&second, &outer), may(&second, &inner)), (false, true));
        fs::remove_dir_all(home).unwrap();
    }
}
