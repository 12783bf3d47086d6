//! The one error type of the whole house: a stable code, words for a person, and the values that matter.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

/// What went wrong, as a name that callers may branch on. The names never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// An argument has the wrong type, shape or value.
    InvalidArgument,
    /// A document is not a manifest.
    InvalidManifest,
    /// A manifest has a version that this library does not know.
    UnsupportedManifestVersion,
    /// Manifests with different hash algorithms were to be merged.
    HashAlgorithmMismatch,
    /// Path mapping rules have different source path formats.
    InconsistentSourceFormats,
    /// No path mapping rule applies to a path.
    NoRuleMatched,
    /// A path leaves its asset root.
    PathOutsideRoot,
    /// A manifest's metadata names no asset root.
    MissingAssetRoot,
    /// There are no credentials, or they are not accepted.
    Credentials,
    /// The credentials are valid but lack a permission.
    AccessDenied,
    /// A bucket or object does not exist.
    NotFound,
    /// The service asked for a slower pace until the retries were used up.
    Throttled,
    /// A connection failed until the retries were used up.
    Network,
    /// No answer came in time.
    Timeout,
    /// Downloaded bytes do not have the manifest's hash.
    HashMismatch,
    /// Downloaded bytes do not have the manifest's size.
    SizeMismatch,
    /// The target disk has no space.
    DiskFull,
    /// The file system refused an operation.
    Io,
    /// The caller cancelled the run.
    Cancelled,
    /// A checkpoint cannot be used.
    Checkpoint,
    /// The native addon is needed and could not be loaded.
    NativeUnavailable,
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// A failure: its code, a message that says what failed, on what, and what to do next, and details as data.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// The stable code.
    pub code: ErrorCode,
    /// What failed, on what, and what to do next. Never holds a secret.
    pub message: String,
    /// The path, key, bucket, status, request id and the like, by their camelCase names.
    pub details: BTreeMap<&'static str, Value>,
    #[source]
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// The result of anything here that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error with a code and a message.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: BTreeMap::new(), source: None }
    }

    /// The same error with one more detail.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.details.insert(name, value.into());
        self
    }

    /// The same error with what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_reads_as_its_public_name() {
        assert_eq!(ErrorCode::UnsupportedManifestVersion.to_string(), "UNSUPPORTED_MANIFEST_VERSION");
    }

    #[test]
    fn an_error_shows_its_message_and_keeps_its_cause() {
        let cause = std::io::Error::other("disk on fire");
        let error = Error::new(ErrorCode::Io, "cannot write").with("path", "/a").caused_by(cause);
        assert_eq!(error.to_string(), "cannot write");
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "disk on fire");
        assert_eq!(error.details["path"], "/a");
    }
}
