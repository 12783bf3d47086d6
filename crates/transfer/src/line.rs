//! Work that waits in line for a few threads.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusty_attachments_core::Result;
use tokio::sync::oneshot;

use crate::ended::{broken_down, cancelled};

/// Threads that may wait for a disk, as few as keep up with the work: to wake one for each piece costs as much as a
/// small piece itself, and those that are not needed stand in each other's way.
pub(crate) struct Line {
    most: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Box<dyn FnOnce() + Send>>,
    threads: usize,
}

impl Line {
    /// A line for at most so many threads.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, state: Mutex::default() })
    }

    /// Does `work` when its turn comes, unless nobody waits for it any more.
    pub(crate) async fn run<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let (sender, receiver) = oneshot::channel();
        self.add(Box::new(move || {
            if !sender.is_closed() {
                let _ = sender.send(catch_unwind(AssertUnwindSafe(work)));
            }
        }));
        // A thread that ends without a word ends with the runtime.
        let done = receiver.await.map_err(|_| cancelled())?;
        done.map_err(|panic| broken_down(&*panic))
    }

    fn add(self: &Arc<Self>, work: Box<dyn FnOnce() + Send>) {
        let mut state = self.state();
        state.waiting.push_back(work);
        if state.threads < state.waiting.len().min(self.most) {
            state.threads += 1;
            let line = self.clone();
            tokio::task::spawn_blocking(move || while line.work_off() {});
        }
    }

    /// Does what is first in line; `false` if nothing is, and then the thread is not counted any more.
    fn work_off(&self) -> bool {
        let mut state = self.state();
        let Some(work) = state.waiting.pop_front() else {
            state.threads -= 1;
            return false;
        };
        drop(state);
        work();
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn all_is_done_by_no_more_threads_than_it_has() {
        for most in [1, 3] {
            let line = Line::new(most);
            let (busy, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let work = |number: usize| {
                let (busy, peak) = (busy.clone(), peak.clone());
                move || {
                    peak.fetch_max(busy.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(1));
                    busy.fetch_sub(1, Ordering::SeqCst);
                    number
                }
            };
            let mut tasks = tokio::task::JoinSet::new();
            for number in 0..100 {
                let (line, work) = (line.clone(), work(number));
                tasks.spawn(async move { line.run(work).await.unwrap() });
            }
            let mut done = tasks.join_all().await;
            done.sort_unstable();
            assert_eq!(done, (0..100).collect::<Vec<_>>());
            assert_eq!(peak.load(Ordering::SeqCst), most);
        }
    }

    #[tokio::test]
    async fn work_that_breaks_down_tells_why_and_the_next_is_done() {
        let line = Line::new(1);
        let error = line.run(|| assert_eq!(1, 2, "no luck")).await.unwrap_err();
        assert!(error.message.contains("no luck"), "{error}");
        assert_eq!(line.run(|| 3).await.unwrap(), 3);
    }

    #[tokio::test]
    async fn what_nobody_waits_for_is_not_begun() {
        let line = Line::new(1);
        let (hold, held) = std::sync::mpsc::channel::<()>();
        let first = tokio::spawn({
            let line = line.clone();
            async move { line.run(move || held.recv()).await }
        });
        while line.state().threads == 0 || !line.state().waiting.is_empty() {
            tokio::task::yield_now().await;
        }
        let begun = Arc::new(AtomicUsize::new(0));
        let count = begun.clone();
        let left = tokio::time::timeout(
            Duration::from_millis(20),
            line.run(move || count.fetch_add(1, Ordering::SeqCst)),
        );
        assert!(left.await.is_err());
        hold.send(()).unwrap();
        first.await.unwrap().unwrap().unwrap();
        line.run(|| ()).await.unwrap();
        assert_eq!(begun.load(Ordering::SeqCst), 0);
    }
}
