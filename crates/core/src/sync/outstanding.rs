//! What is not downloaded though the window moved on: per session action in a sidecar of our own, and towards the
//! reference as its failed jobs.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{CheckpointJob, Timestamp};
use crate::path::PathFormat;

/// The first retry comes with the next pass; later ones wait twice as long each time.
const FIRST_WAIT_SECONDS: f64 = 30.0;
const LONGEST_WAIT_SECONDS: f64 = 3_600.0;

/// The reference's file: how often each job's download failed. When a pass is finished, those jobs are not in the
/// checkpoint.
pub type FailedJobs = BTreeMap<String, u64>;

/// What a checkpoint has no place for. It may be lost: whoever lacks it asks for more, and loses no file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sidecar {
    /// Hashes of the checkpoints that it stands beside: the one that was there and the one that came with it,
    /// since two files cannot be replaced at once. Beside any other it is out of date.
    pub checkpoints: Vec<String>,
    /// Jobs with something outstanding.
    pub jobs: BTreeMap<String, OutstandingJob>,
    /// Local paths that were written since a manifest could not be read, each with the last-modified time of its
    /// own manifest in milliseconds since the epoch: the retry must not write older bytes over them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub written_since: BTreeMap<String, i64>,
}

/// A job that is not downloaded in one piece up to its saved indexes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutstandingJob {
    /// The job as the checkpoint would have it, where something of it failed and the checkpoint must not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<CheckpointJob>,
    /// By session, the indexes beyond the saved one that are downloaded.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub done_beyond: BTreeMap<String, BTreeSet<u64>>,
    /// By session, the lowest index that a pass knew of and left open when it was cut off.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub open_from: BTreeMap<String, u64>,
    /// What failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<FailedAction>,
}

/// A session action of which something could not be downloaded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailedAction {
    /// Its session.
    pub session_id: String,
    /// The session action.
    pub session_action_id: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When to try again.
    pub retry_at: Timestamp,
    /// Its manifests that are not whole.
    pub manifests: Vec<FailedManifest>,
}

/// A manifest of which something could not be downloaded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailedManifest {
    /// Its key below `Manifests/`.
    pub output_manifest_path: String,
    /// The asset root.
    pub root_path: String,
    /// The format of the root.
    pub root_path_format: PathFormat,
    /// The profile that the job was submitted with.
    #[serde(default)]
    pub storage_profile_id: Option<String>,
    /// When it was written, in milliseconds since the epoch; none where it could not be read.
    pub last_modified: Option<i64>,
    /// The local paths that are missing; none where the manifest itself could not be read.
    pub missing: Option<BTreeSet<String>>,
    /// What went wrong, for people.
    pub message: String,
}

impl FailedAction {
    /// Whether it is to be tried again. A time that lies too far ahead was written by a clock that went wrong.
    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.retry_at <= now || self.retry_at > now.later(LONGEST_WAIT_SECONDS)
    }

    /// When to try again what has now failed `attempts` times.
    pub(super) fn next_attempt(now: Timestamp, attempts: u32) -> Timestamp {
        match attempts {
            0 | 1 => now,
            _ => {
                let wait = FIRST_WAIT_SECONDS * 2_f64.powi(attempts.min(20) as i32 - 2);
                now.later(wait.min(LONGEST_WAIT_SECONDS))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_come_at_once_and_then_ever_later_up_to_an_hour() {
        let now = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
        let waits = |attempts| (FailedAction::next_attempt(now, attempts).0 - now.0) / 1_000_000;
        assert_eq!([1, 2, 3, 4, 8, 9, 1000].map(waits), [0, 30, 60, 120, 1_920, 3_600, 3_600]);
    }
}
