//! Windows and POSIX paths as text, on any host: splitting, joining and normalising as Python's
//! `ntpath`, `posixpath` and `pathlib` do, since those decide what the reference computes.

pub(crate) mod pure;
mod windows;

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which rules a path follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PathFormat {
    /// Drives, UNC shares, `\` and `/` as separators, names without regard to case.
    Windows,
    /// `/` as the only separator, names with regard to case.
    Posix,
}

impl PathFormat {
    /// The separator that this format writes.
    pub fn separator(self) -> char {
        match self {
            Self::Windows => '\\',
            Self::Posix => '/',
        }
    }

    /// Splits at every separator; empty parts are kept.
    pub(crate) fn split(self, path: &str) -> impl Iterator<Item = &str> {
        // Separators are ASCII, so bytes will do, which is what makes a million paths quick.
        let is_separator = move |b: u8| b == b'/' || (b == b'\\' && self == Self::Windows);
        let mut rest = Some(path);
        std::iter::from_fn(move || {
            let path = rest?;
            match path.bytes().position(is_separator) {
                Some(at) => {
                    rest = Some(&path[at + 1..]);
                    Some(&path[..at])
                }
                None => rest.take(),
            }
        })
    }

    /// The format that an absolute root is written in: a drive or a UNC share means Windows.
    pub fn of_root(root: &str) -> Self {
        let bytes = root.as_bytes();
        let drive = bytes.len() >= 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':';
        if drive || root.starts_with("\\\\") { Self::Windows } else { Self::Posix }
    }
}

impl fmt::Display for PathFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Windows => "Windows",
            Self::Posix => "POSIX",
        })
    }
}

/// Joins `path` to `root` and normalises the result, as `normpath(join(root, path))` does.
///
/// An absolute `path` replaces `root`; `..` may climb out of it. Whoever needs a path to stay inside
/// uses [`resolve_manifest_paths`](crate::resolve_manifest_paths).
pub fn join_path(root: &str, path: &str, format: PathFormat) -> String {
    match format {
        PathFormat::Windows => windows::normalize(&windows::join(root, path)),
        PathFormat::Posix => normalize_posix(&join_posix(root, path)),
    }
}

/// Normalises a path: separators collapse, `.` goes, `..` takes its parent along.
pub(crate) fn normalize(path: &str, format: PathFormat) -> String {
    match format {
        PathFormat::Windows => windows::normalize(path),
        PathFormat::Posix => normalize_posix(path),
    }
}

/// Whether a path names one place whatever the working directory is.
pub(crate) fn is_absolute(path: &str, format: PathFormat) -> bool {
    match format {
        PathFormat::Windows => {
            let (drive, rest) = windows::split_drive(path);
            !drive.is_empty() && (rest.starts_with(['\\', '/']) || drive.starts_with(['\\', '/']))
        }
        PathFormat::Posix => path.starts_with('/'),
    }
}

/// Whether a path starts at a root or a drive, and so would replace what it is joined to.
pub(crate) fn is_anchored(path: &str, format: PathFormat) -> bool {
    match format {
        PathFormat::Windows => {
            let (drive, rest) = windows::split_drive(path);
            !drive.is_empty() || rest.starts_with(['\\', '/'])
        }
        PathFormat::Posix => path.starts_with('/'),
    }
}

pub(crate) fn join_posix(root: &str, path: &str) -> String {
    if path.starts_with('/') || root.is_empty() {
        path.to_owned()
    } else if root.ends_with('/') {
        format!("{root}{path}")
    } else {
        format!("{root}/{path}")
    }
}

fn normalize_posix(path: &str) -> String {
    // POSIX leaves the meaning of exactly two leading slashes open, so they are kept.
    let anchor = match path.len() - path.trim_start_matches('/').len() {
        0 => "",
        2 => "//",
        _ => "/",
    };
    assemble(anchor, path, '/')
}

/// `anchor` followed by the parts of `rest` without empty ones, `.`, and what `..` takes back.
fn assemble(anchor: &str, rest: &str, separator: char) -> String {
    let rooted = anchor.ends_with(separator);
    let mut parts: Vec<&str> = Vec::new();
    for part in rest.split(separator) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted && parts.is_empty() => {}
            _ => parts.push(part),
        }
    }
    let mut out = String::with_capacity(anchor.len() + rest.len());
    out.push_str(anchor);
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            out.push(separator);
        }
        out.push_str(part);
    }
    if out.is_empty() {
        out.push('.');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drive_or_a_share_tells_a_windows_root() {
        for root in ["C:\\a", "z:/a", "\\\\server\\share"] {
            assert_eq!(PathFormat::of_root(root), PathFormat::Windows, "{root}");
        }
        for root in ["/mnt/a", "//server/share", "a", "é:"] {
            assert_eq!(PathFormat::of_root(root), PathFormat::Posix, "{root}");
        }
    }

    #[test]
    fn two_leading_slashes_stay_and_three_become_one() {
        assert_eq!(join_path("//a", "b", PathFormat::Posix), "//a/b");
        assert_eq!(join_path("///a", "b", PathFormat::Posix), "/a/b");
    }

    #[test]
    fn parents_stop_at_a_root() {
        assert_eq!(join_path("/a", "../../b", PathFormat::Posix), "/b");
        assert_eq!(join_path("C:\\a", "..\\../b", PathFormat::Windows), "C:\\b");
        assert_eq!(join_path("a", "../../b", PathFormat::Posix), "../b");
    }

    #[test]
    fn only_a_drive_with_a_root_is_absolute_on_windows() {
        for path in ["C:\\a", "C:/", "\\\\server\\share\\x", "\\\\server\\share"] {
            assert!(is_absolute(path, PathFormat::Windows), "{path}");
        }
        for path in ["C:a", "\\a", "a", ""] {
            assert!(!is_absolute(path, PathFormat::Windows), "{path}");
        }
    }
}
