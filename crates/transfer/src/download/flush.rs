//! What is to be flushed, and the system's call for it.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A file that is to be flushed.
#[derive(Debug, Clone)]
pub(super) struct Flushing {
    pub path: PathBuf,
    /// Whether this run wrote it.
    pub is_new: bool,
}

impl Flushing {
    /// What this run wrote and could not be flushed has the right size and time and perhaps nothing in it: the next run
    /// must not find it there.
    pub(super) fn take_away(&self) {
        if self.is_new {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Brings what was written to an open file or directory to the disk; the path says which.
pub(super) type Flush = Arc<dyn Fn(&File, &Path, Extent) -> io::Result<()> + Send + Sync>;

/// What is flushed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    Alone,
    /// With all that is on the same file system.
    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "elsewhere files are flushed one by one")
    )]
    FileSystem,
}

/// The system's way to do that.
pub(super) fn sync(file: &File, _: &Path, extent: Extent) -> io::Result<()> {
    match extent {
        Extent::Alone => file.sync_all(),
        Extent::FileSystem => {
            static FAILED: AtomicBool = AtomicBool::new(false);
            until_failed(&FAILED, || sync_file_system(file))
        }
    }
}

/// Flushes a file system as a whole as long as that has never failed. A file system tells of a lost write once, and
/// what it lost may be of files that are flushed later: those have to be asked one by one.
///
/// # Errors
/// `Unsupported` from the second failure on.
fn until_failed(failed: &AtomicBool, flush: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    if failed.load(Ordering::Acquire) {
        return Err(ErrorKind::Unsupported.into());
    }
    flush().inspect_err(|_| failed.store(true, Ordering::Release))
}

/// Flushes the file system that an open file or directory is on.
#[cfg(target_os = "linux")]
pub(super) fn sync_file_system(file: &File) -> io::Result<()> {
    Ok(rustix::fs::syncfs(file)?)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn sync_file_system(_: &File) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_that_has_lost_a_write_is_not_flushed_as_a_whole_again() {
        let failed = AtomicBool::new(false);
        let lost = || Err(io::Error::other("lost"));
        assert!(until_failed(&failed, || Ok(())).is_ok());
        assert_eq!(until_failed(&failed, lost).unwrap_err().kind(), ErrorKind::Other);
        assert_eq!(until_failed(&failed, || Ok(())).unwrap_err().kind(), ErrorKind::Unsupported);
    }
}
