//! What a download did, in numbers.

use std::time::Duration;

use serde::Serialize;

/// What a download did. A file is transferred, skipped or failed; in a dry run it may be none of these. What could not
/// be deleted failed too, though it is no file of the plan.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TransferStatistics {
    /// Files of the plan.
    pub files_total: u64,
    /// Files that were written.
    pub files_transferred: u64,
    /// Files that were there already.
    pub files_skipped: u64,
    /// Files that could not be written, or not be deleted.
    pub files_failed: u64,
    /// Bytes of all files of the plan.
    pub bytes_total: u64,
    /// Bytes of the files that were written, copies of one object counted each.
    pub bytes_transferred: u64,
    /// Bytes of the files that were there already.
    pub bytes_skipped: u64,
    /// Objects whose content was fetched whole and proven.
    pub objects_fetched: u64,
    /// Requests that were sent again; where several runs of one orchestrator overlap, those of all of them.
    pub retries: u64,
    /// Seconds from the beginning of the run to its end.
    pub elapsed_seconds: f64,
}

impl TransferStatistics {
    /// Adds what another run did; the times add up too.
    pub fn merge(&mut self, other: &Self) {
        self.files_total += other.files_total;
        self.files_transferred += other.files_transferred;
        self.files_skipped += other.files_skipped;
        self.files_failed += other.files_failed;
        self.bytes_total += other.bytes_total;
        self.bytes_transferred += other.bytes_transferred;
        self.bytes_skipped += other.bytes_skipped;
        self.objects_fetched += other.objects_fetched;
        self.retries += other.retries;
        self.elapsed_seconds += other.elapsed_seconds;
    }

    pub(crate) fn took(&mut self, time: Duration) {
        self.elapsed_seconds = time.as_secs_f64();
    }
}
