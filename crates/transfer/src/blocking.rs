//! Takes what waits for a disk, or computes for long, off the threads that must not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rusty_attachments_core::Result;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::ended::lost;

/// The most numbers that one thread takes at a time.
const BATCH: usize = 256;
/// On a network's disk each look waits; on a local one more threads than cores bring nothing.
const THREADS: usize = 8;

/// Does `work` on a thread that may wait. Once begun it runs to its end, even if nobody waits for it.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(lost)
}

/// Does `work` for every number below `count` on several threads that may wait. What it gives is in order, each with
/// its number; what would begin after a cancellation is left out.
pub(crate) async fn spread<T: Send + 'static>(
    count: usize,
    cancel: &CancellationToken,
    work: impl Fn(usize) -> T + Send + Sync + 'static,
) -> Result<Vec<(u32, T)>> {
    let batch = count.div_ceil(THREADS).clamp(1, BATCH);
    let (work, next) = (Arc::new(work), Arc::new(AtomicUsize::new(0)));
    let mut threads = JoinSet::new();
    for _ in 0..THREADS.min(count.div_ceil(batch)) {
        let (work, next, cancel) = (work.clone(), next.clone(), cancel.clone());
        threads.spawn_blocking(move || {
            let mut done = Vec::new();
            loop {
                let start = next.fetch_add(batch, Ordering::Relaxed);
                if start >= count {
                    return done;
                }
                for number in start..count.min(start + batch) {
                    if cancel.is_cancelled() {
                        return done;
                    }
                    done.push((number as u32, work(number)));
                }
            }
        });
    }
    let mut done = Vec::with_capacity(count);
    while let Some(joined) = threads.join_next().await {
        match joined {
            Ok(some) => done.extend(some),
            // It takes what it had done along: nobody must think that the rest is all there was.
            Err(error) => {
                next.store(count, Ordering::Relaxed);
                return Err(lost(error));
            }
        }
    }
    done.sort_unstable_by_key(|&(number, _)| number);
    Ok(done)
}

#[cfg(test)]
mod tests {
    use rusty_attachments_core::ErrorCode;

    use super::*;

    #[tokio::test]
    async fn everything_is_done_once_and_in_order() {
        for count in [0, 1, 7, 8, 9, 5_000] {
            let done = spread(count, &CancellationToken::new(), |number| number * 2).await.unwrap();
            let expected: Vec<_> = (0..count).map(|number| (number as u32, number * 2)).collect();
            assert_eq!(done, expected);
        }
    }

    #[tokio::test]
    async fn a_thread_that_is_lost_is_an_error_that_tells_why() {
        let work = |number| assert_ne!(number, 700, "a bad number");
        let error = spread(1_000, &CancellationToken::new(), work).await.unwrap_err();
        assert!(error.code == ErrorCode::Io && error.message.contains("a bad number"), "{error}");
        let error = blocking(|| panic!("no {}", "luck")).await.unwrap_err();
        assert!(error.message.contains("no luck"), "{error}");
    }

    #[tokio::test]
    async fn nothing_begins_after_a_cancellation() {
        let cancel = CancellationToken::new();
        cancel.cancel();
        assert_eq!(spread(1_000, &cancel, |number| number).await.unwrap(), []);
    }
}
