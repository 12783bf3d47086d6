//! What ends a run before its work is done.

use std::any::Any;

use rusty_attachments_core::{Error, ErrorCode};
use tokio::task::JoinError;

pub(crate) fn cancelled() -> Error {
    Error::new(ErrorCode::Cancelled, "The run was cancelled. Files that were whole by then are kept.")
}

/// Whether an error would meet every other file too.
pub(crate) fn concerns_all(error: &Error) -> bool {
    let no_bucket = error.details.get("serviceCode").is_some_and(|code| code == "NoSuchBucket");
    no_bucket
        || matches!(error.code, ErrorCode::Credentials | ErrorCode::InvalidArgument | ErrorCode::DiskFull)
}

/// A thread or task that ended without a result. A panic becomes an error: who waits for the run must hear of it.
pub(crate) fn lost(error: JoinError) -> Error {
    let Ok(panic) = error.try_into_panic() else {
        // The runtime is being shut down, and with it the run.
        return cancelled();
    };
    broken_down(&*panic)
}

/// The same where the panic was caught.
pub(crate) fn broken_down(panic: &(dyn Any + Send)) -> Error {
    let message = format!(
        "A part of the run broke down ({}). This is a mistake in rusty-attachments: please report it.",
        words(panic)
    );
    Error::new(ErrorCode::Io, message)
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("it does not say why")
}
