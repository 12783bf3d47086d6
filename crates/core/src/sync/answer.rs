//! Reads what the service answers.

use serde::de::DeserializeOwned;

use crate::error::{Error, ErrorCode, Result};

pub(super) fn parsed<T: DeserializeOwned>(body: &str, operation: &str) -> Result<T> {
    serde_json::from_str(body).map_err(|cause| unexpected(operation, cause))
}

pub(super) fn unexpected(operation: &str, cause: serde_json::Error) -> Error {
    Error::new(
        ErrorCode::Network,
        format!("{operation} answered what cannot be read: {cause}. Does a proxy answer in its place?"),
    )
    .with("operation", operation)
    .caused_by(cause)
}
