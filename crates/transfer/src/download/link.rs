//! Symbolic links of manifests: made last, and only to what is inside their root.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use rusty_attachments_core::{Content, ErrorCode, PlannedFile, Result};

use super::directory::Directories;
use super::disk::{DiskContext, path_error};
use super::file::{Placed, numbered, remove, temporary_name};
use super::options::{ConflictResolution, DownloadOptions};

/// Makes the link.
pub(crate) fn make(
    file: &PlannedFile<'_>,
    options: &DownloadOptions,
    directories: &Directories,
) -> Result<Placed> {
    let (link, root) = (Path::new(file.local_path), Path::new(file.local_root));
    let text = text(file)?;
    directories.prepare(link.parent().unwrap_or(root), root)?;
    let temporary = link.with_file_name(temporary_name(link));
    let target = link.parent().unwrap_or(root).join(&text);
    symlink(&text, &target, &temporary).at("make the link", link)?;
    let result = stays_inside(&temporary, &target, root, directories).and_then(|stays_inside| {
        if !stays_inside {
            let message = format!(
                "The link {} to {} would lead out of {}, since there is a link on the way: it is not made. Remove \
                 that link, or choose another destination.",
                link.display(),
                target.display(),
                root.display()
            );
            return Err(path_error(ErrorCode::PathOutsideRoot, message, link));
        }
        let mut place = link.to_owned();
        let placed = match options.conflict_resolution {
            ConflictResolution::Overwrite => fs::rename(&temporary, link),
            // What has come since the decision stays as well.
            ConflictResolution::CreateCopy => {
                place = first_free(link);
                name_link(&temporary, &place)
            }
            ConflictResolution::Skip => name_link(&temporary, link),
        };
        placed.at("make the link", link).map(|()| Placed::new(true, place, link))
    });
    if result.is_err() {
        let _ = remove(&temporary);
    }
    result
}

/// The first free name of `target` and its numbered copies: a link has no content to compare.
fn first_free(target: &Path) -> PathBuf {
    let mut names = (0..).map(|number| numbered(target, number));
    names.find(|name| fs::symlink_metadata(name).is_err()).unwrap_or_else(|| target.to_owned())
}

/// Whether a link stays inside the root, although there may be other links on the way: those that exist are followed.
fn stays_inside(link: &Path, target: &Path, root: &Path, directories: &Directories) -> Result<bool> {
    if target.exists() {
        return directories.is_inside(link, root);
    }
    let existing = target.ancestors().skip(1).find(|path| path.exists()).unwrap_or(root);
    if existing.starts_with(root) { directories.is_inside(existing, root) } else { Ok(true) }
}

/// What the link says: the way from its directory, so that the tree may be moved.
pub(super) fn text(file: &PlannedFile<'_>) -> Result<PathBuf> {
    let (link, root) = (Path::new(file.local_path), Path::new(file.local_root));
    let Content::Symlink { target } = &file.content else {
        return Err(path_error(ErrorCode::InvalidManifest, format!("{} is no link.", file.path), link));
    };
    let target = Path::new(target);
    let climbs = target.components().any(|part| part == Component::ParentDir);
    if climbs || !target.starts_with(root) {
        let message = format!(
            "The link {} leads to {}, which is not inside {}: it is not made.",
            link.display(),
            target.display(),
            root.display()
        );
        return Err(path_error(ErrorCode::PathOutsideRoot, message, link));
    }
    Ok(relative(link.parent().unwrap_or(root), target))
}

fn relative(from: &Path, to: &Path) -> PathBuf {
    let shared = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    let way: PathBuf = up.chain(to.components().skip(shared)).collect();
    if way.as_os_str().is_empty() { PathBuf::from(".") } else { way }
}

#[cfg(unix)]
fn symlink(text: &Path, _: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(text, link)
}

/// Gives the link its name, unless that is taken.
#[cfg(unix)]
fn name_link(from: &Path, to: &Path) -> io::Result<()> {
    super::file::rename_new(from, to)
}

/// The same where a link to a directory can neither have a second name nor replace a file.
#[cfg(windows)]
fn name_link(from: &Path, to: &Path) -> io::Result<()> {
    if fs::symlink_metadata(to).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    fs::rename(from, to)
}

#[cfg(windows)]
fn symlink(text: &Path, target: &Path, link: &Path) -> io::Result<()> {
    if target.is_dir() {
        std::os::windows::fs::symlink_dir(text, link)
    } else {
        std::os::windows::fs::symlink_file(text, link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_tells_the_way_from_its_own_directory() {
        let way = |from: &str, to: &str| relative(Path::new(from), Path::new(to));
        assert_eq!(way("/r/a/b", "/r/a/c/d"), Path::new("../c/d"));
        assert_eq!(way("/r", "/r/a"), Path::new("a"));
        assert_eq!(way("/r/a", "/r/a"), Path::new("."));
    }
}
