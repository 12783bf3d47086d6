//! Paths as their parts, the way Python's `pathlib` (3.11) takes them apart: the shape that path
//! mapping rules are matched and destinations are extended in.

use super::PathFormat;

/// A path as drive, root and the parts after them. `.` and empty parts are gone, `..` stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct PurePath {
    drive: String,
    root: String,
    names: Vec<String>,
}

impl PurePath {
    pub(crate) fn parse(path: &str, format: PathFormat) -> Self {
        let unified = match format {
            PathFormat::Windows => path.replace('/', "\\"),
            PathFormat::Posix => path.to_owned(),
        };
        let (drive, root, rest) = match format {
            PathFormat::Windows => split_windows_root(&unified),
            PathFormat::Posix => split_posix_root(&unified),
        };
        let names = rest.split(format.separator()).filter(|part| !matches!(*part, "" | "."));
        Self { drive, root, names: names.map(str::to_owned).collect() }
    }

    /// The anchor, where there is one, and then each name.
    pub(crate) fn parts(&self) -> Vec<String> {
        let anchor = format!("{}{}", self.drive, self.root);
        (!anchor.is_empty()).then_some(anchor).into_iter().chain(self.names.iter().cloned()).collect()
    }

    /// This path extended by `parts`, each of which may replace the drive or the root as `pathlib` lets it.
    pub(crate) fn join(mut self, parts: &[String], format: PathFormat) -> Self {
        // `pathlib` reads all the parts as one path first; a drive found in an earlier part serves a later root.
        let mut other = Self::default();
        for part in parts {
            other.push(Self::parse(part, format), false);
        }
        self.push(other, true);
        self
    }

    fn push(&mut self, other: Self, same_drive_continues: bool) {
        if !other.root.is_empty() {
            if !other.drive.is_empty() {
                self.drive = other.drive;
            }
            self.root = other.root;
            self.names = other.names;
        } else if !other.drive.is_empty() {
            let same = same_drive_continues && other.drive.to_lowercase() == self.drive.to_lowercase();
            if same {
                self.names.extend(other.names);
            } else {
                *self = other;
            }
        } else {
            self.names.extend(other.names);
        }
    }

    pub(crate) fn to_text(&self, format: PathFormat) -> String {
        let mut text = format!("{}{}", self.drive, self.root);
        for (i, name) in self.names.iter().enumerate() {
            if i > 0 {
                text.push(format.separator());
            }
            text.push_str(name);
        }
        if text.is_empty() {
            text.push('.');
        }
        text
    }
}

fn split_posix_root(path: &str) -> (String, String, String) {
    let rest = path.trim_start_matches('/');
    let root = match path.len() - rest.len() {
        0 => "",
        2 => "//",
        _ => "/",
    };
    (String::new(), root.to_owned(), rest.to_owned())
}

fn split_windows_root(path: &str) -> (String, String, String) {
    // Behind `\\?\` a drive or, with `UNC\`, a share follows; the prefix stays part of the drive.
    let (prefix, path) = match path.strip_prefix("\\\\?\\") {
        Some(rest) => match rest.strip_prefix("UNC\\") {
            Some(share) => ("\\\\?\\UNC", format!("\\\\{share}")),
            None => ("\\\\?\\", rest.to_owned()),
        },
        None => ("", path.to_owned()),
    };
    if let Some((share, rest)) = split_share(&path) {
        let share = if prefix.is_empty() { share } else { &share[1..] };
        return (format!("{prefix}{share}"), "\\".to_owned(), rest.to_owned());
    }
    let mut chars = path.chars();
    let has_drive = chars.next().is_some_and(|c| c.is_ascii_alphabetic()) && chars.next() == Some(':');
    let (drive, rest) = path.split_at(if has_drive { 2 } else { 0 });
    let names = rest.trim_start_matches('\\');
    let root = if names.len() < rest.len() { "\\" } else { "" };
    (format!("{prefix}{drive}"), root.to_owned(), names.to_owned())
}

/// `\\server\share` and what follows, where both have a name.
fn split_share(path: &str) -> Option<(&str, &str)> {
    let server = path.strip_prefix("\\\\").filter(|rest| !rest.starts_with('\\'))?;
    let server_end = 2 + server.find('\\')?;
    let share = &path[server_end + 1..];
    if share.starts_with('\\') {
        return None;
    }
    match share.find('\\') {
        Some(end) => Some((&path[..server_end + 1 + end], &share[end + 1..])),
        None => Some((path, "")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(path: &str) -> Vec<String> {
        PurePath::parse(path, PathFormat::Windows).parts()
    }

    #[test]
    fn a_share_is_one_part_with_its_root() {
        assert_eq!(parts("//server/share/a/b"), ["\\\\server\\share\\", "a", "b"]);
        assert_eq!(parts("\\\\?\\UNC\\server\\share\\a"), ["\\\\?\\UNC\\server\\share\\", "a"]);
        assert_eq!(parts("\\\\?\\C:\\a"), ["\\\\?\\C:\\", "a"]);
    }

    #[test]
    fn a_drive_without_a_root_is_another_anchor_than_one_with() {
        assert_eq!(parts("C:a"), ["C:", "a"]);
        assert_eq!(parts("C:\\a"), ["C:\\", "a"]);
    }

    #[test]
    fn dots_and_empty_parts_go_and_parents_stay() {
        assert_eq!(parts("a\\.\\\\b/../c"), ["a", "b", "..", "c"]);
    }

    #[test]
    fn a_joined_root_keeps_the_drive() {
        let joined = PurePath::parse("D:\\out", PathFormat::Windows);
        assert_eq!(joined.join(&["\\x".into()], PathFormat::Windows).to_text(PathFormat::Windows), "D:\\x");
    }
}
