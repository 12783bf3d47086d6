//! How many files and connections the process may have open, and what of that large files take while they wait.

use std::sync::LazyLock;

use tokio::sync::{Semaphore, SemaphorePermit};

/// Left to the rest of the process.
const OTHERS: usize = 64;
/// More large files than this never wait for their turn at once.
const MOST_WAITING: usize = 64;

/// Large files of all runs that are open although nothing is being fetched for them.
static WAITING: LazyLock<Option<Semaphore>> = LazyLock::new(|| Some(Semaphore::new(waiting(ours()?))));

/// Descriptors that the process may have; `None` where nothing bounds them.
#[cfg(unix)]
pub(crate) fn open_files_allowed() -> Option<usize> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current?;
    Some(usize::try_from(limit).unwrap_or(usize::MAX))
}

#[cfg(not(unix))]
pub(crate) fn open_files_allowed() -> Option<usize> {
    None
}

/// Jobs that there are descriptors for, each with a connection and a file.
pub(crate) fn jobs_allowed() -> Option<usize> {
    let ours = ours()?;
    Some(((ours - waiting(ours)) / 2).clamp(1, Semaphore::MAX_PERMITS))
}

/// Leave to keep a file open from one job to the next, until it is given back; `None` if too many are open so.
pub(crate) fn keep_open() -> Option<Option<SemaphorePermit<'static>>> {
    match &*WAITING {
        Some(waiting) => waiting.try_acquire().ok().map(Some),
        None => Some(None),
    }
}

fn ours() -> Option<usize> {
    Some(open_files_allowed()?.saturating_sub(OTHERS))
}

fn waiting(ours: usize) -> usize {
    (ours / 8).min(MOST_WAITING)
}
