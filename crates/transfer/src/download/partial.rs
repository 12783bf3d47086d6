//! The temporary file of a large file, which a later run finds again and continues.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::sync::OnceLock;

use rusty_attachments_core::{PlannedFile, Result};
use xxhash_rust::xxh3::Xxh3;

use super::content::{Part, parts};
use super::disk::DiskContext;
use super::file::{TempFile, lasting_name, writing};
use super::layout::{Layout, RANGE};
use super::positioned::read_at;

/// Opens what an earlier run left, or begins anew; tells which ranges are there. Behind the content stands one
/// byte for each range, 1 if it is whole. `None` where another run has the file, or it may not be one of ours.
pub(crate) fn open(file: &PlannedFile<'_>, layout: &Layout) -> Result<Option<(TempFile, Vec<bool>)>> {
    let target = Path::new(file.local_path);
    let path = target.with_file_name(lasting_name(target, identity(file, &layout.parts)));
    let mut options = writing(file.runnable);
    let Ok(opened) = without_following(options.create(true)).open(&path) else { return Ok(None) };
    // The lock lasts as long as the file is open.
    match opened.try_lock() {
        Ok(()) if is_ours(&opened, &path) => {}
        Ok(()) | Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(_)) => {
            // A file system without locks has no such files, since nobody could tell who writes to one.
            if is_ours(&opened, &path) {
                let _ = fs::remove_file(&path);
            }
            return Ok(None);
        }
    }
    // It may be another name of a file that somebody has: where that was not found out, its length tells.
    let length = opened.metadata().map_or(0, |metadata| metadata.len());
    if length != 0 && length != length_of(layout) {
        return Ok(None);
    }
    let temp = TempFile::of(path, opened);
    let whole = prepare(temp.file(), layout).at("write", target)?;
    Ok(Some((temp, whole)))
}

/// Bytes on disk that a run would not need again.
pub(crate) fn held(file: &PlannedFile<'_>) -> u64 {
    let target = Path::new(file.local_path);
    let Some(parts) = parts(file) else { return 0 };
    let path = target.with_file_name(lasting_name(target, identity(file, &parts)));
    fs::symlink_metadata(path).map_or(0, |metadata| on_disk(&metadata))
}

/// What must be equal for one run to continue another's file.
fn identity(file: &PlannedFile<'_>, parts: &[Part]) -> u128 {
    let mut hasher = Xxh3::new();
    let name = Path::new(file.local_path).file_name().unwrap_or_default();
    hasher.update(name.as_encoded_bytes());
    hasher.update(&[0, u8::from(file.runnable)]);
    hasher.update(&RANGE.to_le_bytes());
    hasher.update(host());
    for part in parts {
        hasher.update(part.hash.as_bytes());
        hasher.update(&part.size.to_le_bytes());
    }
    hasher.digest128()
}

/// Names this machine. A lock on a shared disk may hold between the processes of one machine alone, so machines do
/// not share such files.
fn host() -> &'static [u8] {
    static HOST: OnceLock<Vec<u8>> = OnceLock::new();
    HOST.get_or_init(|| {
        #[cfg(unix)]
        let name = rustix::system::uname().nodename().to_bytes().to_vec();
        #[cfg(not(unix))]
        let name = std::env::var("COMPUTERNAME").unwrap_or_default().into_bytes();
        let id = fs::read("/etc/machine-id").unwrap_or_default();
        [name, vec![0], id].concat()
    })
}

/// The content and a byte for each range.
fn length_of(layout: &Layout) -> u64 {
    layout.size + layout.ranges.len() as u64
}

fn prepare(file: &File, layout: &Layout) -> io::Result<Vec<bool>> {
    let count = layout.ranges.len();
    let length = length_of(layout);
    let mut whole = vec![0; count];
    if file.metadata()?.len() == length {
        read_at(file, &mut whole, layout.size)?;
    } else {
        file.set_len(length)?;
    }
    reserve(file, length)?;
    Ok(whole.into_iter().map(|byte| byte == 1).collect())
}

/// Takes the room on the disk now rather than to find it missing later, where the file system can.
#[cfg(target_os = "linux")]
fn reserve(file: &File, length: u64) -> io::Result<()> {
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, length) {
        Err(error @ (rustix::io::Errno::NOSPC | rustix::io::Errno::DQUOT)) => Err(error.into()),
        _ => Ok(()),
    }
}

#[cfg(not(target_os = "linux"))]
fn reserve(_: &File, _: u64) -> io::Result<()> {
    Ok(())
}

/// The name can be foretold: a link that waits there must not lead what is written elsewhere.
#[cfg(unix)]
fn without_following(options: &mut fs::OpenOptions) -> &fs::OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    options.custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
}

#[cfg(windows)]
fn without_following(options: &mut fs::OpenOptions) -> &fs::OpenOptions {
    use std::os::windows::fs::OpenOptionsExt;
    const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;
    options.custom_flags(FILE_FLAG_OPEN_REPARSE_POINT)
}

/// Whether the locked file is a plain one and still has its name: another run may just have placed it.
#[cfg(unix)]
fn is_ours(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(opened), Ok(named)) = (file.metadata(), fs::symlink_metadata(path)) else { return false };
    opened.is_file() && opened.nlink() == 1 && (opened.dev(), opened.ino()) == (named.dev(), named.ino())
}

#[cfg(windows)]
fn is_ours(file: &File, path: &Path) -> bool {
    let plain = |metadata: io::Result<fs::Metadata>| metadata.is_ok_and(|metadata| metadata.is_file());
    plain(file.metadata()) && plain(fs::symlink_metadata(path))
}

#[cfg(unix)]
pub(crate) fn on_disk(metadata: &fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    metadata.blocks() * 512
}

#[cfg(windows)]
pub(crate) fn on_disk(metadata: &fs::Metadata) -> u64 {
    metadata.len()
}
