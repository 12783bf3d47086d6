//! What a job has become since the checkpoint.

use serde::Serialize;
use serde_json::{Map, Value};

use super::checkpoint::text;
use super::{CheckpointJob, Timestamp};

/// What a pass does with a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Category {
    /// New, or requeued: its sessions are asked for.
    Added,
    /// Other tasks have succeeded, or it ended at another time: its sessions are asked for.
    Updated,
    /// All tasks have succeeded and it ended before the window's new end: its sessions are asked for.
    Completed,
    /// As it was.
    Unchanged,
    /// In the checkpoint, and nothing new can come from it unless it is requeued.
    Inactive,
    /// It has no job attachments.
    AttachmentsFree,
    /// It has no storage profile, and profiles are used: nobody knows where its files belong.
    MissingStorageProfile,
    /// It is no more.
    Deleted,
}

impl Category {
    /// Whether new outputs may be found in its sessions.
    pub fn has_news(self) -> bool {
        matches!(self, Self::Added | Self::Updated | Self::Completed)
    }
}

/// A candidate's `attachments` and `storageProfileId`, which SearchJobs does not answer and which never change, as
/// the checkpoint has them; `None` where GetJob has to be asked.
pub(super) fn known_details(known: &CheckpointJob) -> Option<[(&'static str, Value); 2]> {
    let detail = |name: &'static str| Some((name, known.job.get(name)?.clone()));
    let attachments = detail("attachments")?;
    // A job without attachments is kept without the profile.
    let profile =
        detail("storageProfileId").or(attachments.1.is_null().then_some(("storageProfileId", Value::Null)));
    Some([attachments, profile?])
}

/// Says what a candidate is, whose `attachments` and `storageProfileId` are filled in.
pub(super) fn categorize(
    known: Option<&CheckpointJob>,
    candidate: &Map<String, Value>,
    uses_profiles: bool,
    completed_before: Timestamp,
) -> Category {
    if is_absent(candidate, "attachments") {
        return Category::AttachmentsFree;
    }
    if uses_profiles && is_absent(candidate, "storageProfileId") {
        return Category::MissingStorageProfile;
    }
    let known = known.filter(|known| known.job.contains_key("attachments"));
    let is_same = |known: &CheckpointJob| {
        succeeded(&known.job) == succeeded(candidate) && ended_at(&known.job) == ended_at(candidate)
    };
    if known.is_some_and(is_same) {
        return Category::Unchanged;
    }
    let is_whole = succeeded(candidate) == total(candidate);
    if is_whole && ended_at(candidate).is_some_and(|ended| ended < completed_before) {
        return Category::Completed;
    }
    if known.is_some() { Category::Updated } else { Category::Added }
}

fn is_absent(job: &Map<String, Value>, name: &str) -> bool {
    job.get(name).is_none_or(Value::is_null)
}

/// How many tasks have succeeded.
pub(super) fn succeeded(job: &Map<String, Value>) -> u64 {
    counts(job).and_then(|counts| counts.get("SUCCEEDED")?.as_u64()).unwrap_or(0)
}

fn total(job: &Map<String, Value>) -> u64 {
    counts(job).map(|counts| counts.values().filter_map(Value::as_u64).sum()).unwrap_or(0)
}

fn counts(job: &Map<String, Value>) -> Option<&Map<String, Value>> {
    job.get("taskRunStatusCounts")?.as_object()
}

fn ended_at(job: &Map<String, Value>) -> Option<Timestamp> {
    text(job, "endedAt").and_then(Timestamp::parse)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const END: &str = "2026-11-22T10:00:00+00:00";

    fn job(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn summary(succeeded: u64, running: u64, ended_at: Option<&str>) -> Map<String, Value> {
        let mut summary = job(json!({
            "jobId": "job-1",
            "attachments": { "manifests": [] },
            "storageProfileId": "sp-1",
            "taskRunStatusCounts": { "SUCCEEDED": succeeded, "RUNNING": running },
        }));
        summary.extend(ended_at.map(|time| ("endedAt".to_owned(), time.into())));
        summary
    }

    fn category(known: Option<Map<String, Value>>, candidate: &Map<String, Value>) -> Category {
        let known = known.map(CheckpointJob::of);
        categorize(known.as_ref(), candidate, true, Timestamp::parse("2026-11-22T11:00:00Z").unwrap())
    }

    #[test]
    fn a_job_is_unchanged_while_neither_its_count_nor_its_end_changes() {
        let running = summary(3, 1, None);
        assert_eq!(category(Some(running.clone()), &running), Category::Unchanged);
        assert_eq!(category(Some(summary(2, 2, None)), &running), Category::Updated);
        let ended = summary(3, 1, Some(END));
        assert_eq!(category(Some(running), &ended), Category::Updated);
    }

    #[test]
    fn one_moment_written_in_two_ways_is_no_change() {
        let ended = summary(3, 0, Some(END));
        assert_eq!(
            category(Some(summary(3, 0, Some("2026-11-22T10:00:00.000Z"))), &ended),
            Category::Unchanged
        );
    }

    #[test]
    fn a_job_is_completed_when_all_succeeded_before_the_windows_end() {
        assert_eq!(category(None, &summary(3, 0, Some(END))), Category::Completed);
        assert_eq!(category(None, &summary(3, 1, Some(END))), Category::Added);
        assert_eq!(category(None, &summary(3, 0, Some("2026-11-22T11:00:00Z"))), Category::Added);
    }

    #[test]
    fn a_requeued_job_is_added_again() {
        let stub = job(json!({ "jobId": "job-1" }));
        assert_eq!(category(Some(stub), &summary(3, 1, None)), Category::Added);
    }

    #[test]
    fn jobs_without_attachments_or_profile_are_said_to_be_so() {
        let mut candidate = summary(3, 1, None);
        candidate.insert("storageProfileId".into(), Value::Null);
        assert_eq!(category(None, &candidate), Category::MissingStorageProfile);
        let ignoring = categorize(None, &candidate, false, Timestamp(0));
        assert_eq!(ignoring, Category::Added);
        candidate.insert("attachments".into(), Value::Null);
        assert_eq!(category(None, &candidate), Category::AttachmentsFree);
    }

    #[test]
    fn a_jobs_details_are_asked_for_once() {
        let kept = known_details(&CheckpointJob::of(summary(1, 1, None))).unwrap();
        assert_eq!(kept[1].1, "sp-1");
        assert_eq!(known_details(&CheckpointJob::stub("job-1")), None);
        let free = job(json!({ "jobId": "job-1", "name": "n", "attachments": null }));
        assert!(known_details(&CheckpointJob::of(free)).is_some());
    }
}
