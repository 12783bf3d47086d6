//! What the file system refuses, as an error of ours that names the path.

use std::io::{self, ErrorKind};
use std::path::Path;

use rusty_attachments_core::{Error, ErrorCode, Result};

/// Names the step and the path in an error of the file system.
pub(crate) trait DiskContext<T> {
    /// `step` completes "cannot … {path}".
    fn at(self, step: &str, path: &Path) -> Result<T>;
}

impl<T> DiskContext<T> for io::Result<T> {
    fn at(self, step: &str, path: &Path) -> Result<T> {
        self.map_err(|cause| disk_error(step, path, cause))
    }
}

pub(crate) fn disk_error(step: &str, path: &Path, cause: io::Error) -> Error {
    let (code, advice) = match cause.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => (
            ErrorCode::DiskFull,
            "Free some space and run it again: what is there already is not fetched twice.",
        ),
        ErrorKind::PermissionDenied => (ErrorCode::Io, "Check who owns it and may write there."),
        ErrorKind::ReadOnlyFilesystem => (ErrorCode::Io, "It is mounted read-only."),
        ErrorKind::NotADirectory => (ErrorCode::Io, "A file stands where a directory must be: move it away."),
        ErrorKind::IsADirectory => {
            (ErrorCode::Io, "A directory stands where the file must be: move it away.")
        }
        _ => (ErrorCode::Io, "Check the destination."),
    };
    path_error(code, format!("Cannot {step} {} ({cause}). {advice}", path.display()), path).caused_by(cause)
}

pub(crate) fn path_error(code: ErrorCode, message: impl Into<String>, path: &Path) -> Error {
    Error::new(code, message).with("path", path.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_has_its_own_code() {
        let error = disk_error("write", Path::new("/a"), io::Error::from(ErrorKind::StorageFull));
        assert_eq!((error.code, &error.details["path"]), (ErrorCode::DiskFull, &"/a".into()));
        let error = disk_error("write", Path::new("/a"), io::Error::from(ErrorKind::PermissionDenied));
        assert_eq!(error.code, ErrorCode::Io);
    }
}
