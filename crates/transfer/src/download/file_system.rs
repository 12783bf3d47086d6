//! Flushes a file system as a whole, where that is known to bring everything to the disk: for many small files it is
//! many times quicker than one after the other.

use std::io;
use std::path::{Path, PathBuf};

use rusty_attachments_core::Result;

/// Flushes the file systems that these files are on, with the directories above the files.
///
/// # Errors
/// `IO` naming a file that is not there, or one on a file system that could not be flushed.
#[cfg(target_os = "linux")]
pub(super) fn flush_file_systems(files: &[PathBuf]) -> Result<Flushed> {
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use super::disk::DiskContext;

    if !tells_errors() {
        return Ok(Flushed::Nothing);
    }
    let mut devices = BTreeMap::new();
    for file in files {
        devices.entry(fs::symlink_metadata(file).at("flush", file)?.dev()).or_insert(file);
    }
    let directories: Vec<_> = devices.values().map(|file| file.parent().unwrap_or(Path::new("/"))).collect();
    for directory in &directories {
        if !is_known(directory).at("flush", directory)? {
            return Ok(Flushed::Nothing);
        }
    }
    for directory in directories {
        let flush = || Ok(rustix::fs::syncfs(fs::File::open(directory)?)?);
        flush().at("flush", directory)?;
    }
    Ok(Flushed::Everything)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn flush_file_systems(_: &[PathBuf]) -> Result<Flushed> {
    Ok(Flushed::Nothing)
}

/// How far it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flushed {
    Everything,
    /// Not here, or not surely: the files have to be flushed one by one.
    Nothing,
}

/// Before Linux 5.8 a flush of a whole file system kept quiet about what it could not write.
#[cfg(target_os = "linux")]
fn tells_errors() -> bool {
    let release = rustix::system::uname();
    let mut numbers =
        release.release().to_str().unwrap_or("").split('.').map_while(|number| number.parse::<u32>().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (5, 8)
}

/// Whether it is a file system of this machine. Those of a network may answer before the other side has written.
#[cfg(target_os = "linux")]
fn is_known(directory: &Path) -> io::Result<bool> {
    const EXT: i64 = 0xEF53;
    const XFS: i64 = 0x5846_5342;
    const BTRFS: i64 = 0x9123_683E;
    const F2FS: i64 = 0xF2F5_2010;
    const TMPFS: i64 = 0x0102_1994;
    Ok([EXT, XFS, BTRFS, F2FS, TMPFS].contains(&rustix::fs::statfs(directory)?.f_type))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_missing_file_is_named_before_anything_is_flushed() {
        let missing = std::env::temp_dir().join("rusty-attachments-not-there");
        if tells_errors() {
            let error = flush_file_systems(std::slice::from_ref(&missing)).unwrap_err();
            assert_eq!(error.details["path"], missing.to_string_lossy().into_owned());
        }
    }

    #[test]
    fn a_file_system_that_nobody_knows_is_not_trusted() {
        assert!(!is_known(Path::new("/proc")).unwrap());
        assert_eq!(flush_file_systems(&["/proc/self/status".into()]).unwrap(), Flushed::Nothing);
    }
}
