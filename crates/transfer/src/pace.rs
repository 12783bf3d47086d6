//! Runs many jobs at once: as many as measurably help, within a bound of memory and of open files.

use std::future::Future;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rusty_attachments_core::Result;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::concurrency::Concurrency;
use crate::descriptors::jobs_allowed;
use crate::ended::lost;

/// What the bodies of all jobs under way may hold together. Connections and the allocator take up to twice as much more.
pub(crate) const MEMORY: u64 = 20 * 1024 * 1024;
const START: usize = 32;
const MOST: usize = 512;
/// A request costs about as much as moving so many bytes: it makes small and large jobs comparable.
const REQUEST: u64 = 64 * 1024;
/// A wider window must bring so much more, or it is not worth its connections.
const WORTHWHILE: f64 = 1.1;
/// A measurement that is shorter says nothing.
const SHORTEST_ROUND: Duration = Duration::from_millis(25);
const LONGEST_ROUND: Duration = Duration::from_secs(1);
/// Rounds at one width before it is tried again whether more helps.
const PATIENCE: u32 = 16;

/// What all runs of the process have for their jobs together: each job has a connection and a file open.
static JOBS: LazyLock<Option<Semaphore>> = LazyLock::new(|| jobs_allowed().map(Semaphore::new));
/// How many runs there are at the moment.
static RUNS: AtomicUsize = AtomicUsize::new(0);

/// One of the runs that share the process's descriptors.
struct Share {
    /// What one run may have alone.
    all: Option<usize>,
}

impl Share {
    fn new() -> Self {
        RUNS.fetch_add(1, Ordering::Relaxed);
        Self { all: jobs_allowed() }
    }

    /// How many jobs a run may have: connections outlast their jobs, so no run may take all of them in turn.
    fn most(&self) -> usize {
        let runs = RUNS.load(Ordering::Relaxed).max(1);
        self.all.map_or(MOST, |jobs| (jobs / runs).clamp(1, MOST))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        RUNS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The width that was found to help last: whoever comes next begins there.
#[derive(Debug)]
pub(crate) struct Width(AtomicUsize);

impl Default for Width {
    fn default() -> Self {
        Self(AtomicUsize::new(START))
    }
}

/// What a finished job gives back.
pub(crate) struct Finished<T> {
    /// Bytes that it received.
    pub bytes: u64,
    pub value: T,
}

/// Finds how many jobs to run at once by climbing as long as the throughput climbs too.
pub(crate) struct Pace<'a> {
    found: &'a Width,
    limit: usize,
    most: usize,
    fixed: bool,
    round: Round,
    best: f64,
    /// The width to go back to if the last step brought nothing.
    before_step: Option<usize>,
    /// Rounds since the last step back; `None` while climbing.
    resting: Option<u32>,
    throttles_seen: u64,
}

struct Round {
    began: Instant,
    finished: usize,
    work: u64,
    /// Whether the limit was what held jobs back.
    full: bool,
}

impl Round {
    fn new() -> Self {
        Self { began: Instant::now(), finished: 0, work: 0, full: false }
    }
}

impl<'a> Pace<'a> {
    pub(crate) fn new(concurrency: Concurrency, found: &'a Width) -> Self {
        let most = jobs_allowed().map_or(MOST, |jobs| MOST.min(jobs));
        let (limit, fixed) = match concurrency {
            Concurrency::Auto => (found.0.load(Ordering::Relaxed).min(most), false),
            Concurrency::Fixed(number) => (number.clamp(1, most), true),
        };
        Self {
            found,
            limit,
            most,
            fixed,
            round: Round::new(),
            best: 0.0,
            before_step: None,
            resting: None,
            throttles_seen: 0,
        }
    }

    /// Runs every job, and hands what each gives to `done`, whose `false` lets no more begin.
    ///
    /// `memory` tells how many bytes a job may hold; `throttles`, how often the service has asked so far for a
    /// slower pace.
    ///
    /// # Errors
    /// A job that broke down ends the run: nobody knows what became of its files.
    pub(crate) async fn run<J, T, F>(
        mut self,
        jobs: impl IntoIterator<Item = J>,
        memory: impl Fn(&J) -> u64,
        throttles: impl Fn() -> u64,
        start: impl Fn(J) -> F,
        mut done: impl FnMut(T) -> bool,
    ) -> Result<()>
    where
        T: Send + 'static,
        F: Future<Output = Finished<T>> + Send + 'static,
    {
        let mut jobs = jobs.into_iter().peekable();
        let mut running = JoinSet::new();
        let (mut held, mut going_on) = (0, true);
        let share = Share::new();
        self.throttles_seen = throttles();
        loop {
            let limit = self.limit.min(share.most());
            while going_on && running.len() < limit {
                let Some(need) = jobs.peek().map(&memory) else { break };
                if held + need > MEMORY && !running.is_empty() {
                    break;
                }
                let Some(job) = jobs.next() else { break };
                held += need;
                // A job is large, and would be copied each time that its task is.
                let job = Box::pin(start(job));
                running.spawn(async move {
                    // Nobody closes it: an error is never met.
                    let _permit = match &*JOBS {
                        Some(jobs) => jobs.acquire().await.ok(),
                        None => None,
                    };
                    (need, job.await)
                });
            }
            self.round.full |= running.len() >= limit;
            match running.join_next().await {
                Some(Ok((need, finished))) => {
                    held -= need;
                    self.learn(finished.bytes, throttles());
                    going_on &= done(finished.value);
                }
                Some(Err(error)) => return Err(lost(error)),
                None => return Ok(()),
            }
        }
    }

    fn learn(&mut self, bytes: u64, throttles: u64) {
        self.round.finished += 1;
        self.round.work += bytes + REQUEST;
        if !self.fixed {
            self.adapt(throttles);
            // A step that is not measured yet is nothing that was found.
            self.found.0.store(self.before_step.unwrap_or(self.limit), Ordering::Relaxed);
        }
    }

    fn adapt(&mut self, throttles: u64) {
        let time = self.round.began.elapsed();
        if throttles > self.throttles_seen {
            self.throttles_seen = throttles;
            if time >= SHORTEST_ROUND {
                self.limit = (self.limit * 7 / 10).max(1);
                self.rest();
            }
            return;
        }
        let long_enough = self.round.finished >= self.limit && time >= SHORTEST_ROUND;
        if !long_enough && time < LONGEST_ROUND {
            return;
        }
        let round = std::mem::replace(&mut self.round, Round::new());
        if round.full {
            self.step(round.work as f64 / time.as_secs_f64());
        }
    }

    fn step(&mut self, rate: f64) {
        match (self.before_step.take(), self.resting) {
            (Some(before), _) if rate < self.best * WORTHWHILE => {
                self.limit = before;
                self.rest();
            }
            (None, Some(rounds)) if rounds < PATIENCE => self.resting = Some(rounds + 1),
            _ => {
                self.best = rate;
                self.resting = None;
                let wider = (self.limit * 2).min(self.most);
                self.before_step = (wider > self.limit).then_some(self.limit);
                self.limit = wider;
            }
        }
    }

    fn rest(&mut self) {
        self.before_step = None;
        self.resting = Some(0);
        self.round = Round::new();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn auto(found: &Width) -> Pace<'_> {
        Pace::new(Concurrency::Auto, found)
    }

    async fn run_fixed<J, T, F>(
        number: usize,
        jobs: impl IntoIterator<Item = J>,
        memory: impl Fn(&J) -> u64,
        start: impl Fn(J) -> F,
        done: impl FnMut(T) -> bool,
    ) -> Result<()>
    where
        T: Send + 'static,
        F: Future<Output = Finished<T>> + Send + 'static,
    {
        Pace::new(Concurrency::Fixed(number), &Width::default()).run(jobs, memory, || 0, start, done).await
    }

    #[test]
    fn a_wider_window_is_kept_only_where_it_brings_more() {
        let found = Width::default();
        let mut pace = auto(&found);
        pace.step(100.0);
        pace.step(200.0);
        assert_eq!(pace.limit, START * 4);
        pace.step(201.0);
        assert_eq!(pace.limit, START * 2);
        pace.step(200.0);
        assert_eq!(pace.limit, START * 2);
    }

    #[test]
    fn after_a_while_it_is_tried_again_whether_more_helps() {
        let found = Width::default();
        let mut pace = auto(&found);
        pace.step(100.0);
        pace.step(100.0);
        assert_eq!(pace.limit, START);
        for _ in 0..=PATIENCE {
            pace.step(100.0);
        }
        assert_eq!(pace.limit, START * 2);
    }

    #[test]
    fn a_throttled_round_narrows_the_window_once() {
        let found = Width::default();
        let mut pace = auto(&found);
        pace.round.began -= SHORTEST_ROUND;
        pace.learn(1, 1);
        pace.learn(1, 2);
        assert_eq!(pace.limit, START * 7 / 10);
    }

    #[test]
    fn the_next_begins_with_the_width_that_was_found() {
        let found = Width::default();
        let mut pace = auto(&found);
        let mut learn_at = |rate| {
            pace.round = Round { finished: pace.limit, work: rate, full: true, ..Round::new() };
            pace.round.began -= LONGEST_ROUND;
            pace.learn(0, 0);
        };
        learn_at(1_000_000);
        assert_eq!(auto(&found).limit, START, "the step is not measured yet");
        learn_at(2_000_000);
        learn_at(4_000_000);
        assert_eq!(auto(&found).limit, START * 4);
        learn_at(4_000_000);
        assert_eq!(auto(&found).limit, START * 4);
    }

    /// Jobs that tell how many of them were running at once at most.
    #[derive(Clone, Default)]
    struct Counted {
        running: Arc<AtomicUsize>,
        most: Arc<AtomicUsize>,
    }

    impl Counted {
        async fn job(self) -> Finished<()> {
            self.most.fetch_max(self.running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            self.running.fetch_sub(1, Ordering::SeqCst);
            Finished { bytes: 0, value: () }
        }

        fn most(&self) -> usize {
            self.most.load(Ordering::SeqCst)
        }
    }

    #[tokio::test]
    async fn no_more_run_at_once_than_the_number_given() {
        let (counted, done) = (Counted::default(), Cell::new(0));
        let count = |()| {
            done.set(done.get() + 1);
            true
        };
        run_fixed(3, 0..20, |_| 1, |_| counted.clone().job(), count).await.unwrap();
        assert_eq!((done.get(), counted.most()), (20, 3));
    }

    #[tokio::test]
    async fn memory_holds_jobs_back_but_never_all() {
        for (needs, at_once) in
            [([MEMORY * 2, MEMORY * 3], 1), ([MEMORY / 2, MEMORY / 2 + 1], 1), ([1, 1], 2)]
        {
            let (counted, done) = (Counted::default(), Cell::new(0));
            let count = |()| {
                done.set(done.get() + 1);
                true
            };
            run_fixed(8, needs, |&need| need, |_| counted.clone().job(), count).await.unwrap();
            assert_eq!((done.get(), counted.most()), (2, at_once), "{needs:?}");
        }
    }

    #[tokio::test]
    async fn a_refusal_lets_no_more_begin() {
        let seen = Cell::new(0);
        let job = |_| async { Finished { bytes: 0, value: () } };
        let fewer_than_five = |()| {
            seen.set(seen.get() + 1);
            seen.get() < 5
        };
        run_fixed(1, 0.., |_| 1, job, fewer_than_five).await.unwrap();
        assert_eq!(seen.get(), 5);
    }

    #[tokio::test]
    async fn a_job_that_breaks_down_is_an_error() {
        let job = |number| async move {
            assert_ne!(number, 7, "a bad job");
            Finished { bytes: 0, value: () }
        };
        let run = run_fixed(2, 0..20, |_| 1, job, |()| true);
        assert!(run.await.unwrap_err().message.contains("a bad job"));
    }
}
