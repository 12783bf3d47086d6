//! Renders many frames on all processors.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use bytes::Bytes;

/// The files that `draw` makes of `numbers`, by number.
pub(super) fn render(numbers: &[u32], draw: impl Fn(u32) -> Vec<u8> + Sync) -> BTreeMap<u32, Bytes> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(BTreeMap::new());
    let work = || {
        while let Some(&number) = numbers.get(next.fetch_add(1, Ordering::Relaxed)) {
            let file = Bytes::from(draw(number));
            done.lock().unwrap_or_else(PoisonError::into_inner).insert(number, file);
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}
