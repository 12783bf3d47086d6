//! Brings files to the disk itself, so that a power loss takes back nothing that was called done.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusty_attachments_core::Result;
use tokio_util::sync::CancellationToken;

use super::cancelled;
use super::disk::DiskContext;
use super::file_system::{Flushed, flush_file_systems};
use crate::blocking::{blocking, spread};

/// From so many files on, their file systems are flushed as a whole. That takes along what others wrote, so a few
/// files are flushed by themselves.
const MANY: usize = 64;

/// Flushes these files, many by their file system and few by themselves, several at once, and then the directories above them, each once: a run may have made those
/// too. A run leaves this to the system, which is quicker and safe as long as the power lasts.
///
/// # Errors
/// `IO` naming the first path that could not be flushed, as one that is not there; `CANCELLED`.
pub async fn flush_files(paths: impl IntoIterator<Item = PathBuf>, cancel: &CancellationToken) -> Result<()> {
    let files: Arc<[PathBuf]> = paths.into_iter().collect();
    if files.len() >= MANY {
        let files = files.clone();
        if blocking(move || flush_file_systems(&files)).await?? == Flushed::Everything {
            return if cancel.is_cancelled() { Err(cancelled()) } else { Ok(()) };
        }
    }
    let above: BTreeSet<PathBuf> =
        files.iter().flat_map(|file| file.ancestors().skip(1)).map(Path::to_owned).collect();
    flush_all(files, cancel, flush_file).await?;
    flush_all(above.into_iter().collect(), cancel, flush_directory).await
}

async fn flush_all(
    paths: Arc<[PathBuf]>,
    cancel: &CancellationToken,
    flush: fn(&Path) -> io::Result<()>,
) -> Result<()> {
    let count = paths.len();
    let work = move |number: usize| flush(&paths[number]).at("flush", &paths[number]);
    for (_, flushed) in spread(count, cancel, work).await? {
        flushed?;
    }
    if cancel.is_cancelled() { Err(cancelled()) } else { Ok(()) }
}

fn flush_file(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_symlink() {
        // It is all in its directory.
        return Ok(());
    }
    // Windows flushes only what may be written.
    OpenOptions::new().read(true).write(cfg!(windows)).open(path)?.sync_all()
}

fn flush_directory(path: &Path) -> io::Result<()> {
    // Windows has no such thing.
    if cfg!(windows) || path.as_os_str().is_empty() {
        return Ok(());
    }
    match fs::File::open(path).and_then(|directory| directory.sync_all()) {
        // Who may not look into a directory has not made it, and some file systems cannot flush one.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::PermissionDenied | ErrorKind::InvalidInput | ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        flushed => flushed,
    }
}

#[cfg(test)]
mod tests {
    use rusty_attachments_core::ErrorCode;

    use super::*;

    #[tokio::test]
    async fn what_is_there_is_flushed_and_what_is_not_there_is_named() {
        let home = std::env::temp_dir().join(format!("rusty-attachments-durable-{}", std::process::id()));
        fs::create_dir_all(home.join("deep/er")).unwrap();
        let files = [home.join("a"), home.join("deep/er/b")];
        for file in &files {
            fs::write(file, "content").unwrap();
        }
        let cancel = CancellationToken::new();
        flush_files(files.clone(), &cancel).await.unwrap();
        let missing = home.join("deep/c");
        let error = flush_files([files[0].clone(), missing.clone()], &cancel).await.unwrap_err();
        assert_eq!(
            (error.code, &error.details["path"]),
            (ErrorCode::Io, &missing.to_string_lossy().into_owned().into())
        );
        let many: Vec<PathBuf> = (0..MANY).map(|number| home.join(number.to_string())).collect();
        for file in &many {
            fs::write(file, "content").unwrap();
        }
        flush_files(many.clone(), &cancel).await.unwrap();
        let with_missing = many.into_iter().chain([missing.clone()]);
        let error = flush_files(with_missing, &cancel).await.unwrap_err();
        assert_eq!(error.details["path"], missing.to_string_lossy().into_owned());
        cancel.cancel();
        assert_eq!(flush_files(files, &cancel).await.unwrap_err().code, ErrorCode::Cancelled);
        fs::remove_dir_all(home).unwrap();
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_link_needs_no_target_to_be_flushed() {
        let link =
            std::env::temp_dir().join(format!("rusty-attachments-durable-link-{}", std::process::id()));
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        flush_files([link.clone()], &CancellationToken::new()).await.unwrap();
        fs::remove_file(link).unwrap();
    }
}
