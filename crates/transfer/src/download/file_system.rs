//! Flushes a file system as a whole, where that is known to bring everything to the disk: for many small files it is
//! many times quicker than one after the other.

#[cfg(target_os = "linux")]
use std::{
    fs::File,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use rusty_attachments_core::Result;

use super::flush::{Flush, Flushing};

/// Flushes the file systems that these files are on, with the directories above the files. None where that is not
/// possible, or not surely: then the files have to be flushed one by one.
///
/// Of a file system that could not be flushed, nobody knows which files are whole.
#[cfg(target_os = "linux")]
pub(super) fn flush_file_systems(files: &[Flushing], sync: &Flush) -> Option<Vec<Result<()>>> {
    use std::collections::BTreeMap;
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use super::disk::DiskContext;
    use super::flush::Extent;

    if !tells_errors() {
        return None;
    }
    let device = |file: &Flushing| Ok(fs::symlink_metadata(&file.path).at("flush", &file.path)?.dev());
    let devices: Vec<Result<u64>> = files.iter().map(device).collect();
    let mut directories = BTreeMap::new();
    for (file, device) in files.iter().zip(&devices) {
        if let Ok(device) = device {
            directories.entry(*device).or_insert(file.path.parent().unwrap_or(Path::new("/")));
        }
    }
    let open = |(device, directory): (u64, &'_ Path)| {
        let is_known = is_known(directory).unwrap_or(false);
        Some((device, directory.to_owned(), is_known.then(|| File::open(directory).ok())??))
    };
    let opened: Option<Vec<_>> = directories.into_iter().map(open).collect();
    let flush = |(device, directory, opened): (u64, PathBuf, File)| {
        let flushed = sync(&opened, &directory, Extent::FileSystem);
        let is_possible = !flushed.as_ref().is_err_and(|error| error.kind() == ErrorKind::Unsupported);
        is_possible.then(|| (device, flushed.at("flush", &directory)))
    };
    let flushed: BTreeMap<u64, Result<()>> = opened?.into_iter().map(flush).collect::<Option<_>>()?;
    let result = |(file, device): (&Flushing, Result<u64>)| {
        let result = flushed[&device?].clone();
        if result.is_err() {
            file.take_away();
        }
        result
    };
    Some(files.iter().zip(devices).map(result).collect())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn flush_file_systems(_: &[Flushing], _: &Flush) -> Option<Vec<Result<()>>> {
    None
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
    use std::sync::Arc;

    use super::super::flush::sync;
    use super::*;

    #[test]
    fn a_file_system_that_nobody_knows_is_not_trusted() {
        assert!(!is_known(Path::new("/proc")).unwrap());
        let file = Flushing { path: "/proc/self/status".into(), is_new: false };
        assert!(flush_file_systems(&[file], &(Arc::new(sync) as Flush)).is_none());
    }
}
