//! What is not downloaded though the window moved on: per session action in a sidecar of our own, and towards the
//! reference as its failed jobs.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{CheckpointJob, Timestamp};
use crate::keys::output_manifest_key;
use crate::path::PathFormat;
use crate::plan::written_at;

/// The first retry comes with the next pass; later ones wait twice as long each time.
const FIRST_WAIT_SECONDS: f64 = 30.0;
const LONGEST_WAIT_SECONDS: f64 = 3_600.0;
/// The most sessions that are remembered of inactive jobs, some 70 bytes each; those inactive for the longest are
/// forgotten first.
const MOST_INACTIVE_SESSIONS: usize = 50_000;
/// So often a manifest that cannot be read is tried whatever it costs to remember: for a day, where passes are frequent.
const UNREAD_TRIES: u32 = 32;

/// The reference's file: how often each job's download failed. When a pass is finished, those jobs are not in the
/// checkpoint.
pub type FailedJobs = BTreeMap<String, u64>;

/// What a checkpoint has no place for. It may be lost: whoever lacks it asks for more, and loses no file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sidecar {
    /// Hashes of the checkpoints that it stands beside: the one that was there and the one that came with it,
    /// since two files cannot be replaced at once; between them those that came to nothing, as far as is known.
    /// Beside any other it is out of date.
    pub checkpoints: Vec<String>,
    /// Jobs with something outstanding.
    pub jobs: BTreeMap<String, OutstandingJob>,
    /// Jobs of which the checkpoint has the id alone, or nothing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inactive: BTreeMap<String, InactiveJob>,
    /// What was written a moment ago, and what was written since a manifest could not be read: whoever comes late, or
    /// again, must not write older bytes over it. The latter grows with every output of the queue, so there is an end
    /// to it (`FailedAction::give_up_unread`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub written_since: Vec<WrittenFiles>,
}

/// Local files that an output manifest wrote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WrittenFiles {
    /// Its key below `Manifests/`.
    pub output_manifest_path: String,
    /// When it was written, in milliseconds since the epoch.
    pub last_modified: Option<i64>,
    /// The files.
    pub local_paths: BTreeSet<String>,
}

impl Sidecar {
    /// Forgets the jobs that are inactive for the longest, where there are too many.
    pub(super) fn forget_inactive(&mut self) {
        let mut since: Vec<(Timestamp, String)> =
            self.inactive.iter().map(|(job_id, job)| (job.since, job_id.clone())).collect();
        since.sort_unstable();
        let mut sessions: usize = self.inactive.values().map(InactiveJob::sessions).sum();
        for (_, job_id) in since {
            if sessions <= MOST_INACTIVE_SESSIONS {
                break;
            }
            sessions -= self.inactive.remove(&job_id).map_or(0, |job| job.sessions());
        }
    }
}

impl InactiveJob {
    /// Of how many something is downloaded.
    pub(super) fn sessions(&self) -> usize {
        self.session_completed_indexes.len() + self.done_beyond.len()
    }
}

impl WrittenFiles {
    /// Whether another manifest is older, so that it must not write these files again.
    pub fn is_after(&self, output_manifest_path: &str, last_modified: Option<i64>) -> bool {
        is_after((&self.output_manifest_path, self.last_modified), (output_manifest_path, last_modified))
    }
}

/// Whether the first of two manifests is the later one, as where they are merged; each with its key below `Manifests/`
/// and its time in milliseconds.
pub(super) fn is_after(a: (&str, Option<i64>), b: (&str, Option<i64>)) -> bool {
    let [a, b] = [a, b].map(|(path, time)| (output_manifest_key("", path), time.unwrap_or(0)));
    written_at(a.1, Some(&a.0)) > written_at(b.1, Some(&b.0))
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

/// How far a job is downloaded that is no longer a candidate: where it is requeued, only what is new is wanted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InactiveJob {
    /// Since when it is none.
    pub since: Timestamp,
    /// As the checkpoint had them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub session_completed_indexes: BTreeMap<String, u64>,
    /// By session, the indexes beyond those that are downloaded.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub done_beyond: BTreeMap<String, BTreeSet<u64>>,
    /// By session, the lowest index that is not.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub open_from: BTreeMap<String, u64>,
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
    /// When to try again; none for never.
    pub retry_at: Option<Timestamp>,
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
        self.retry_at.is_some_and(|time| time <= now || time > now.later(LONGEST_WAIT_SECONDS))
    }

    /// Whether nobody knows which files it would write, so that all that is written since has to be remembered.
    pub(super) fn is_unread(&self) -> bool {
        self.retry_at.is_some() && self.manifests.iter().any(|manifest| manifest.missing.is_none())
    }

    /// Gives up what could not be read for so long, where too much would have to be remembered for its sake.
    pub(super) fn give_up_unread(&mut self) {
        if self.attempts >= UNREAD_TRIES && self.is_unread() {
            self.retry_at = None;
        }
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
    fn of_one_second_the_later_manifest_is_the_one_of_the_later_session_folder() {
        let path = |time, task| {
            format!("farm-1/queue-1/job-1/step-1/task-{task}/{time}_sessionaction-1-{task}/0123_output")
        };
        let (early, late) = (path("2026-01-01T00:00:00.100000Z", 9), path("2026-01-01T00:00:00.900000Z", 1));
        assert!(is_after((&late, Some(1_000)), (&early, Some(1_000))));
        assert!(!is_after((&early, Some(1_000)), (&late, Some(1_000))));
        assert!(is_after((&early, Some(2_000)), (&late, Some(1_000))));
        assert!(!is_after((&late, Some(1_000)), (&late, Some(1_000))), "none is later than itself");
    }

    #[test]
    fn retries_come_at_once_and_then_ever_later_up_to_an_hour() {
        let now = Timestamp::parse("2026-01-01T00:00:00Z").unwrap();
        let waits = |attempts| (FailedAction::next_attempt(now, attempts).0 - now.0) / 1_000_000;
        assert_eq!([1, 2, 3, 4, 8, 9, 1000].map(waits), [0, 30, 60, 120, 1_920, 3_600, 3_600]);
    }
}
