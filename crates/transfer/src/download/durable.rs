//! Brings files to the disk itself, so that a power loss takes back nothing that was called done.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusty_attachments_core::Result;
use tokio_util::sync::CancellationToken;

use super::disk::DiskContext;
use super::file_system::flush_file_systems;
use super::flush::{Extent, Flush, Flushing};
use crate::blocking::{blocking, spread};
use crate::ended::cancelled;

/// From so many files on, their file systems are flushed as a whole. That takes along what others wrote, so a few
/// files are flushed by themselves.
const MANY: usize = 64;

/// Flushes these files, many by their file system and few by themselves, several at once, and then the directories
/// above them, each once: a run may have made those too. What it says of each file stands in their order. Of a directory that cannot be flushed, no file is sure.
///
/// Nothing may be flushed a second time to learn more: the system tells of a lost write once and then says yes.
///
/// # Errors
/// `CANCELLED`, or a thread that broke down; then nothing is known of any file.
pub(super) async fn flush_files(
    files: Vec<Flushing>,
    cancel: &CancellationToken,
    sync: &Flush,
) -> Result<Vec<Result<()>>> {
    let files: Arc<[Flushing]> = files.into();
    if files.len() >= MANY {
        let (all, how) = (files.clone(), sync.clone());
        if let Some(flushed) = blocking(move || flush_file_systems(&all, &how)).await? {
            return if cancel.is_cancelled() { Err(cancelled()) } else { Ok(flushed) };
        }
    }
    let (each, how) = (files.clone(), sync.clone());
    let flush = move |number: usize| flush_file(&each[number], &how).at("flush", &each[number].path);
    let mut flushed = flush_all(files.len(), cancel, flush).await?;

    let whole = files.iter().zip(&flushed).filter(|(_, flushed)| flushed.is_ok());
    let above: BTreeSet<&Path> = whole.flat_map(|(file, _)| file.path.ancestors().skip(1)).collect();
    let above: Arc<[PathBuf]> = above.into_iter().map(Path::to_owned).collect();
    let (each, how) = (above.clone(), sync.clone());
    let flush = move |number: usize| flush_directory(&each[number], &how).at("flush", &each[number]);
    for (directory, result) in above.iter().zip(flush_all(above.len(), cancel, flush).await?) {
        let Err(error) = result else { continue };
        let below = files.iter().zip(&mut flushed).filter(|(file, _)| file.path.starts_with(directory));
        below.for_each(|(_, flushed)| *flushed = Err(error.clone()));
    }
    Ok(flushed)
}

async fn flush_all(
    count: usize,
    cancel: &CancellationToken,
    flush: impl Fn(usize) -> Result<()> + Send + Sync + 'static,
) -> Result<Vec<Result<()>>> {
    let flushed = spread(count, cancel, flush).await?;
    // After a cancellation some are missing.
    if cancel.is_cancelled() {
        return Err(cancelled());
    }
    Ok(flushed.into_iter().map(|(_, flushed)| flushed).collect())
}

fn flush_file(flushing: &Flushing, sync: &Flush) -> io::Result<()> {
    let path = &flushing.path;
    if fs::symlink_metadata(path)?.is_symlink() {
        // It is all in its directory.
        return Ok(());
    }
    // Windows flushes only what may be written.
    let file = match OpenOptions::new().read(true).write(cfg!(windows)).open(path) {
        // It is somebody else's, who wrote it before: it is taken as it was found.
        Err(error) if error.kind() == ErrorKind::PermissionDenied && !flushing.is_new => return Ok(()),
        file => file?,
    };
    sync(&file, path, Extent::Alone).inspect_err(|_| flushing.take_away())
}

fn flush_directory(path: &Path, sync: &Flush) -> io::Result<()> {
    // Windows has no such thing.
    if cfg!(windows) || path.as_os_str().is_empty() {
        return Ok(());
    }
    match File::open(path).and_then(|directory| sync(&directory, path, Extent::Alone)) {
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

    use super::super::flush::sync;
    use super::*;

    fn home(name: &str) -> PathBuf {
        let home =
            std::env::temp_dir().join(format!("rusty-attachments-durable-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&home);
        fs::create_dir_all(&home).unwrap();
        home
    }

    /// Files with some content, new or not.
    fn written(home: &Path, names: &[&str], is_new: bool) -> Vec<Flushing> {
        let write = |name: &&str| {
            let path = home.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "content").unwrap();
            Flushing { path, is_new }
        };
        names.iter().map(write).collect()
    }

    /// A disk that says no to what has this name.
    fn bad(name: &'static str) -> Flush {
        Arc::new(move |_, path, _| if path.ends_with(name) { Err(io::Error::other("no")) } else { Ok(()) })
    }

    fn good() -> Flush {
        Arc::new(sync)
    }

    #[tokio::test]
    async fn what_is_there_is_flushed_and_what_is_not_there_is_named() {
        let home = home("there");
        let mut files = written(&home, &["a", "deep/er/b"], true);
        let cancel = CancellationToken::new();
        let flushed = flush_files(files.clone(), &cancel, &good()).await.unwrap();
        assert!(flushed.len() == 2 && flushed.iter().all(Result::is_ok));
        let missing = home.join("deep/c");
        files.insert(1, Flushing { path: missing.clone(), is_new: true });
        let flushed = flush_files(files.clone(), &cancel, &good()).await.unwrap();
        let error = flushed[1].as_ref().unwrap_err();
        assert_eq!(
            (error.code, &error.details["path"]),
            (ErrorCode::Io, &missing.to_string_lossy().into_owned().into())
        );
        assert!(flushed[0].is_ok() && flushed[2].is_ok());
        cancel.cancel();
        assert_eq!(flush_files(files, &cancel, &good()).await.unwrap_err().code, ErrorCode::Cancelled);
        fs::remove_dir_all(home).unwrap();
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn of_a_directory_that_cannot_be_flushed_all_files_below_have_failed() {
        let home = home("directory");
        let files = written(&home, &["a", "bad/b", "bad/deep/c", "bad-not/d"], true);
        let flushed = flush_files(files, &CancellationToken::new(), &bad("bad")).await.unwrap();
        assert_eq!(flushed.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, false, true]);
        fs::remove_dir_all(home).unwrap();
    }

    #[tokio::test]
    async fn of_many_files_the_missing_one_is_named_and_the_others_are_flushed() {
        let home = home("many");
        let names: Vec<String> = (0..2 * MANY).map(|number| number.to_string()).collect();
        let mut files = written(&home, &names.iter().map(String::as_str).collect::<Vec<_>>(), true);
        files.insert(7, Flushing { path: home.join("missing"), is_new: true });
        let flushed = flush_files(files, &CancellationToken::new(), &good()).await.unwrap();
        assert!(flushed.iter().enumerate().all(|(number, flushed)| flushed.is_err() == (number == 7)));
        assert!(flushed[7].as_ref().unwrap_err().message.contains("missing"));
        fs::remove_dir_all(home).unwrap();
    }

    #[tokio::test]
    async fn of_a_file_system_that_cannot_be_flushed_all_new_files_have_failed_and_none_is_left() {
        let home = home("file-system");
        let names: Vec<String> = (0..MANY).map(|number| number.to_string()).collect();
        let files = written(&home, &names.iter().map(String::as_str).collect::<Vec<_>>(), true);
        let bad: Flush = Arc::new(|_, _, _| Err(io::Error::other("no")));
        let flushed = flush_files(files, &CancellationToken::new(), &bad).await.unwrap();
        assert!(flushed.iter().all(Result::is_err));
        assert_eq!(fs::read_dir(&home).unwrap().count(), 0);
        fs::remove_dir_all(home).unwrap();
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn where_a_file_system_cannot_be_flushed_as_a_whole_each_file_is() {
        let home = home("one-by-one");
        let names: Vec<String> = (0..MANY).map(|number| number.to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let alone: Flush = Arc::new(|_, path, extent| match extent {
            Extent::FileSystem => Err(ErrorKind::Unsupported.into()),
            Extent::Alone if path.ends_with("3") => Err(io::Error::other("lost")),
            Extent::Alone => Ok(()),
        });
        let files = written(&home, &names, true);
        let flushed = flush_files(files, &CancellationToken::new(), &alone).await.unwrap();
        let lost = flushed.iter().enumerate().filter(|(_, flushed)| flushed.is_err());
        assert_eq!(lost.map(|(number, _)| number).collect::<Vec<_>>(), [3]);
        assert!(!home.join("3").exists());
        fs::remove_dir_all(home).unwrap();
    }

    #[tokio::test]
    async fn what_was_written_and_could_not_be_flushed_is_not_there_for_the_next_run() {
        let home = home("lost");
        let cancel = CancellationToken::new();
        for is_new in [true, false] {
            let files = written(&home, &["a", "lost"], is_new);
            let flushed = flush_files(files, &cancel, &bad("lost")).await.unwrap();
            assert!(flushed[0].is_ok() && flushed[1].is_err());
            assert!(home.join("a").exists());
            assert_eq!(home.join("lost").exists(), !is_new, "what was only found is not ours to remove");
        }
        fs::remove_dir_all(home).unwrap();
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn what_was_only_found_and_may_not_be_opened_is_taken_as_it_is() {
        use std::os::unix::fs::PermissionsExt;

        let home = home("closed");
        let closed = written(&home, &["a"], false);
        fs::set_permissions(&closed[0].path, fs::Permissions::from_mode(0o000)).unwrap();
        if File::open(&closed[0].path).is_ok() {
            eprintln!("nothing is closed to root");
        } else {
            let flush =
                |files| async { flush_files(files, &CancellationToken::new(), &good()).await.unwrap() };
            assert!(flush(closed.clone()).await[0].is_ok());
            let ours = vec![Flushing { is_new: true, ..closed[0].clone() }];
            assert!(flush(ours).await[0].is_err());
        }
        fs::remove_dir_all(home).unwrap();
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_link_needs_no_target_to_be_flushed() {
        let home = home("link");
        let path = home.join("link");
        std::os::unix::fs::symlink("nowhere", &path).unwrap();
        let files = vec![Flushing { path, is_new: true }];
        let flushed = flush_files(files, &CancellationToken::new(), &good()).await.unwrap();
        assert!(flushed[0].is_ok());
        fs::remove_dir_all(home).unwrap();
    }
}
