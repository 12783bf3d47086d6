//! Tells a caller how far a run is, seldom enough to cost nothing.

use std::future::Future;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

/// The shortest time between two reports.
const INTERVAL: Duration = Duration::from_millis(100);
/// How many of the files under way are named.
const NAMED: usize = 8;
/// How much a new measurement of the rate weighs against the older ones.
const WEIGHT: f64 = 0.2;

/// What a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Manifests are listed and fetched; they are the files that are counted.
    Discovering,
    /// Paths are mapped, and what is there already is found out.
    Planning,
    /// Files are fetched.
    Downloading,
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TransferProgress {
    /// What the run is doing.
    pub phase: Phase,
    /// Files that are transferred, skipped or failed.
    pub files_done: u64,
    /// Files of this phase.
    pub files_total: u64,
    /// Bytes that are on disk or on their way there.
    pub bytes_done: u64,
    /// Bytes of this phase.
    pub bytes_total: u64,
    /// Bytes received a second, of late.
    pub bytes_per_second: f64,
    /// Seconds that the rest takes at this rate; `None` while there is no rate.
    pub seconds_left: Option<f64>,
    /// Local paths of some of the files under way.
    pub current: Vec<String>,
}

/// Called with each report, from the run's own thread: it must not block.
pub type ProgressCallback = Arc<dyn Fn(TransferProgress) + Send + Sync>;

/// The counters of one run.
pub(crate) struct Progress {
    callback: Option<ProgressCallback>,
    files_done: AtomicU64,
    /// Signed, for a body that is read again takes back what it had counted.
    bytes_done: AtomicI64,
    bytes_received: AtomicU64,
    current: Mutex<Vec<u32>>,
    reporter: Mutex<Reporter>,
}

struct Reporter {
    phase: Phase,
    files_total: u64,
    bytes_total: u64,
    last: Option<Instant>,
    received_at_last: u64,
    rate: f64,
}

impl Progress {
    pub(crate) fn new(callback: Option<ProgressCallback>) -> Self {
        Self {
            callback,
            files_done: AtomicU64::new(0),
            bytes_done: AtomicI64::new(0),
            bytes_received: AtomicU64::new(0),
            current: Mutex::new(Vec::new()),
            reporter: Mutex::new(Reporter {
                phase: Phase::Discovering,
                files_total: 0,
                bytes_total: 0,
                last: None,
                received_at_last: 0,
                rate: 0.0,
            }),
        }
    }

    pub(crate) fn begin(&self, phase: Phase, files_total: u64, bytes_total: u64) {
        let mut reporter = self.reporter.lock().unwrap_or_else(PoisonError::into_inner);
        (reporter.phase, reporter.files_total, reporter.bytes_total) = (phase, files_total, bytes_total);
        self.files_done.store(0, Ordering::Relaxed);
        self.bytes_done.store(0, Ordering::Relaxed);
    }

    /// Bytes came in; they count as done until they are taken back.
    pub(crate) fn received(&self, bytes: u64) {
        self.bytes_received.fetch_add(bytes, Ordering::Relaxed);
        self.count_bytes(bytes as i64);
    }

    pub(crate) fn count_bytes(&self, bytes: i64) {
        self.bytes_done.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn count_files(&self, files: u64) {
        self.files_done.fetch_add(files, Ordering::Relaxed);
    }

    pub(crate) fn start(&self, file: u32) {
        if self.callback.is_some() {
            self.current.lock().unwrap_or_else(PoisonError::into_inner).push(file);
        }
    }

    pub(crate) fn finish(&self, file: u32) {
        if self.callback.is_some() {
            let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(place) = current.iter().position(|&other| other == file) {
                current.remove(place);
            }
        }
    }

    /// Does `work`, with reports as long as it lasts. `name` tells the local path of a file by its number.
    pub(crate) async fn during<T>(&self, work: impl Future<Output = T>, name: impl Fn(u32) -> String) -> T {
        if self.callback.is_none() {
            return work.await;
        }
        let mut work = std::pin::pin!(work);
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                result = &mut work => return result,
                _ = ticks.tick() => self.report(&name, false),
            }
        }
    }

    /// The last report of a run that has come to its files: it comes however soon after the one before.
    pub(crate) fn end(&self) {
        self.report(|_| String::new(), true);
    }

    fn report(&self, name: impl Fn(u32) -> String, last_one: bool) {
        let Some(callback) = &self.callback else { return };
        let progress = {
            let mut reporter = self.reporter.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let since = reporter.last.map(|last| now.duration_since(last));
            if !last_one && since.is_some_and(|since| since < INTERVAL) {
                return;
            }
            let received = self.bytes_received.load(Ordering::Relaxed);
            if let Some(seconds) = since.map(|since| since.as_secs_f64()).filter(|&seconds| seconds > 0.0) {
                let rate = (received - reporter.received_at_last) as f64 / seconds;
                let first = reporter.rate == 0.0;
                reporter.rate = if first { rate } else { reporter.rate * (1.0 - WEIGHT) + rate * WEIGHT };
            }
            (reporter.last, reporter.received_at_last) = (Some(now), received);
            let bytes_done = self.bytes_done.load(Ordering::Relaxed).max(0) as u64;
            let left = reporter.bytes_total.saturating_sub(bytes_done) as f64;
            let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
            TransferProgress {
                phase: reporter.phase,
                files_done: self.files_done.load(Ordering::Relaxed),
                files_total: reporter.files_total,
                bytes_done: bytes_done.min(reporter.bytes_total),
                bytes_total: reporter.bytes_total,
                bytes_per_second: reporter.rate,
                seconds_left: (reporter.rate > 0.0).then(|| left / reporter.rate),
                current: current.iter().take(NAMED).map(|&file| name(file)).collect(),
            }
        };
        callback(progress);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_late_and_tells_the_time_left() {
        let reports = Arc::new(Mutex::new(Vec::new()));
        let sink = reports.clone();
        let progress = Progress::new(Some(Arc::new(move |report| sink.lock().unwrap().push(report))));
        progress.begin(Phase::Downloading, 1, 10_000);
        let after_a_second_of = |bytes| {
            let last = Instant::now().checked_sub(Duration::from_secs(1));
            progress.reporter.lock().unwrap().last = last;
            progress.received(bytes);
            progress.end();
            let report: TransferProgress = reports.lock().unwrap().pop().unwrap();
            (report.bytes_per_second, report.seconds_left)
        };
        let is = |found: f64, expected: f64| (found / expected - 1.0).abs() < 0.05;
        assert_eq!(after_a_second_of(0), (0.0, None));
        let (rate, left) = after_a_second_of(1_000);
        assert!(is(rate, 1_000.0) && is(left.unwrap(), 9.0), "{rate} {left:?}");
        let (rate, left) = after_a_second_of(2_000);
        assert!(is(rate, 1_200.0) && is(left.unwrap(), 7_000.0 / 1_200.0), "{rate} {left:?}");
        let (rate, left) = after_a_second_of(0);
        assert!(is(rate, 960.0) && is(left.unwrap(), 7_000.0 / 960.0), "{rate} {left:?}");
        let (_, left) = after_a_second_of(7_000);
        assert_eq!(left, Some(0.0));
    }

    #[tokio::test]
    async fn reports_come_at_most_ten_times_a_second_and_once_at_the_end() {
        let reports = Arc::new(Mutex::new(Vec::new()));
        let sink = reports.clone();
        let progress = Progress::new(Some(Arc::new(move |report| sink.lock().unwrap().push(report))));
        progress.begin(Phase::Downloading, 2, 10);
        progress.start(7);
        progress.received(4);
        let began = Instant::now();
        let busy = async {
            for _ in 0..25 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        progress.during(busy, |file| format!("file {file}")).await;
        let most = began.elapsed().as_millis() / INTERVAL.as_millis() + 1;
        progress.finish(7);
        progress.count_files(2);
        progress.count_bytes(6);
        progress.end();
        let reports = reports.lock().unwrap();
        let (last, early) = reports.split_last().unwrap();
        assert_eq!((last.files_done, last.bytes_done, last.current.len()), (2, 10, 0));
        assert_eq!(early[0].current, ["file 7"]);
        assert!(early.len() as u128 <= most, "{reports:?}");
    }
}
