//! Takes what waits for a disk, or computes for long, off the threads that must not.

use rusty_attachments_core::Result;

use crate::download::cancelled;

/// Does `work` on a thread that may wait. Once begun it runs to its end, even if nobody waits for it.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => Ok(result),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is being shut down, and with it the run.
            Err(_) => Err(cancelled()),
        },
    }
}
