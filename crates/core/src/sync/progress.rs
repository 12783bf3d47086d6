//! What of a pass is on disk, and what the files become by it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::checkpoint::to_ascii_json;
use super::job::{Job, action_index};
use super::outstanding::is_after;
use super::source::SyncSource;
use super::{
    Category, Checkpoint, CheckpointJob, FailedAction, FailedManifest, InactiveJob, OutstandingJob, Sidecar,
    SyncPass, Timestamp, WrittenFiles,
};
use crate::hash::xxh128_hex;

/// From one failure more on, the reference tries a job no more.
const REFERENCE_TRIES: u64 = 4;

/// Where more files would be remembered for the sake of manifests that cannot be read, those that were tried long enough
/// are given up. The sidecar holds some 100 bytes of each file.
const MOST_REMEMBERED: usize = 100_000;

/// How far this machine's clock may be behind that of the bucket.
const MOST_BEHIND_SECONDS: f64 = 3_600.0;

/// How many files a source has in the plan.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    /// The source's index.
    pub source: usize,
    /// Files that are its own: those that a later source writes too are that one's.
    pub files: usize,
    /// When the manifest was written, in milliseconds since the epoch.
    pub last_modified: Option<i64>,
    /// Whether some of its files are not its own, since a later source may write them.
    #[serde(default)]
    pub is_overwritten: bool,
}

/// A file that is whole on disk, flushed.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Landed {
    /// Its source's index.
    pub source: usize,
    /// Where it is.
    pub local_path: String,
}

/// Something that could not be downloaded.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failed {
    /// Its source's index.
    pub source: usize,
    /// The file; none for the manifest itself.
    pub local_path: Option<String>,
    /// What went wrong, for people.
    pub message: String,
}

/// The texts of a queue's files, to be written in this order, and only when all that has landed is flushed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncFiles {
    /// The reference's failed jobs.
    pub failed_jobs: String,
    /// What the checkpoint has no place for.
    pub sidecar: String,
    /// The checkpoint.
    pub checkpoint: String,
}

/// The sources of a pass and how far each is.
#[derive(Debug, Default)]
pub(super) struct Progress {
    sources: Vec<Tracked>,
    /// Local paths that have landed, each with its source's index, where an older session action may want to write
    /// them later.
    landed: BTreeMap<String, usize>,
}

#[derive(Debug)]
struct Tracked {
    source: SyncSource,
    session_id: String,
    index: u64,
    /// Files that are neither landed nor failed; none until it is planned.
    open: Option<usize>,
    last_modified: Option<i64>,
    is_overwritten: bool,
    failure: Option<Failure>,
}

#[derive(Debug)]
struct Failure {
    message: String,
    /// None for the manifest itself.
    missing: Option<BTreeSet<String>>,
}

/// What became of a session action in this pass.
#[derive(Debug)]
enum Outcome {
    Open,
    Done,
    Failed(Vec<FailedManifest>),
}

impl Progress {
    pub(super) fn sources(&self) -> impl Iterator<Item = &SyncSource> {
        self.sources.iter().map(|tracked| &tracked.source)
    }

    /// Adds a source of the session action that is number `index` of a session.
    pub(super) fn add(&mut self, session_id: String, index: u64, source: SyncSource) {
        let tracked = Tracked {
            source,
            session_id,
            index,
            open: None,
            last_modified: None,
            is_overwritten: false,
            failure: None,
        };
        self.sources.push(tracked);
    }

    fn fail(&mut self, source: usize, local_path: Option<String>, message: String) {
        let Some(tracked) = self.sources.get_mut(source) else { return };
        match local_path {
            Some(path) => {
                tracked.open = tracked.open.map(|open| open.saturating_sub(1));
                let missing = Some(BTreeSet::new());
                let failure = tracked.failure.get_or_insert(Failure { message, missing });
                if let Some(missing) = &mut failure.missing {
                    missing.insert(path);
                }
            }
            None => {
                tracked.open = Some(0);
                tracked.failure = Some(Failure { message, missing: None });
            }
        }
    }

    /// Whether a source is outstanding of which another has written files: the next pass may know of it alone.
    fn may_write_again(&self) -> bool {
        self.sources
            .iter()
            .any(|tracked| tracked.is_overwritten && (tracked.open != Some(0) || tracked.failure.is_some()))
    }

    /// What has landed, by source.
    fn written(&self) -> impl Iterator<Item = WrittenFiles> {
        let mut paths: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
        for (path, source) in &self.landed {
            paths.entry(*source).or_default().insert(path.clone());
        }
        paths.into_iter().map(|(source, local_paths)| {
            let (path, last_modified) = self.sources[source].written();
            WrittenFiles { output_manifest_path: path.to_owned(), last_modified, local_paths }
        })
    }

    /// By job, session and index: what became of each session action.
    fn outcomes(&self, finished: bool) -> BTreeMap<&str, BTreeMap<(&str, u64), Outcome>> {
        let mut outcomes: BTreeMap<&str, BTreeMap<(&str, u64), Outcome>> = BTreeMap::new();
        for tracked in &self.sources {
            let of_job = outcomes.entry(&tracked.source.job_id).or_default();
            let outcome =
                of_job.entry((&tracked.session_id, tracked.index)).or_insert(Outcome::Failed(Vec::new()));
            let is_settled = tracked.open == Some(0);
            match outcome {
                _ if !is_settled && !finished => *outcome = Outcome::Open,
                Outcome::Failed(manifests) => manifests.extend(tracked.failed_manifest(is_settled)),
                Outcome::Open | Outcome::Done => {}
            }
        }
        for outcome in outcomes.values_mut().flat_map(BTreeMap::values_mut) {
            if matches!(outcome, Outcome::Failed(manifests) if manifests.is_empty()) {
                *outcome = Outcome::Done;
            }
        }
        outcomes
    }
}

impl Tracked {
    /// Its key below `Manifests/`, and when it was written.
    fn written(&self) -> (&str, Option<i64>) {
        (&self.source.output_manifest_path, self.last_modified)
    }

    /// What is to be tried again of it, if anything is.
    fn failed_manifest(&self, is_settled: bool) -> Option<FailedManifest> {
        let (message, missing) = match &self.failure {
            Some(failure) => (failure.message.clone(), failure.missing.clone()),
            None if is_settled => return None,
            None => ("The download ended before it was whole.".to_owned(), None),
        };
        Some(FailedManifest {
            output_manifest_path: self.source.output_manifest_path.clone(),
            root_path: self.source.root_path.clone(),
            root_path_format: self.source.root_path_format,
            storage_profile_id: self.source.storage_profile_id.clone(),
            last_modified: self.last_modified,
            // What is still open is not known by its path, but what was missing before is.
            missing: missing.filter(|_| is_settled).or_else(|| self.source.only.clone()),
            message,
        })
    }
}

impl SyncPass {
    /// Takes how many files each source has in the plan; one without any is whole.
    pub fn planned(&mut self, planned: &[Planned]) {
        for &Planned { source, files, last_modified, is_overwritten } in planned {
            if let Some(tracked) = self.progress.sources.get_mut(source) {
                tracked.open.get_or_insert(files);
                (tracked.last_modified, tracked.is_overwritten) = (last_modified, is_overwritten);
            }
        }
    }

    /// Takes files that are whole and flushed.
    pub fn landed(&mut self, landed: Vec<Landed>) {
        for Landed { source, local_path } in landed {
            let Some(tracked) = self.progress.sources.get_mut(source) else { continue };
            tracked.open = tracked.open.map(|open| open.saturating_sub(1));
            self.progress.landed.insert(local_path, source);
        }
    }

    /// Takes what could not be downloaded.
    pub fn failed(&mut self, failed: Vec<Failed>) {
        for Failed { source, local_path, message } in failed {
            self.progress.fail(source, local_path, message);
        }
    }

    /// The files as they are to be written now, before the next call: while the pass lasts, so that no whole session action is lost, or,
    /// where it is finished, with the window moved.
    ///
    /// The reference's rules decide which jobs are kept and how. Until the pass is finished a job keeps its old
    /// summary, or none, while its indexes advance: with the new one, the next pass would take it for unchanged.
    pub fn save(&mut self, finished: bool) -> SyncFiles {
        let outcomes = self.progress.outcomes(finished);
        let mut failed_jobs = self.failed_jobs.clone();
        let mut entries = Vec::new();
        let mut sidecar = Sidecar::default();
        for (job_id, job) in &self.jobs {
            let none = BTreeMap::new();
            let outcomes = outcomes.get(&**job_id).unwrap_or(&none);
            let mut outstanding = self.outstanding(job, outcomes);
            let has_failed = !outstanding.failed.is_empty();
            let mut entry = if finished { job.after() } else { job.during(job_id) };
            if job.candidate.is_none() && has_failed {
                // A stub would not tell what a retry needs.
                entry.clone_from(&job.before);
            }
            if let Some(entry) = &mut entry {
                job.advance(entry, &mut outstanding);
            }
            if finished && !has_failed && job.candidate.is_none() {
                let whole = entry.take();
                entry = whole.as_ref().and_then(CheckpointJob::let_go);
                let inactive = InactiveJob {
                    since: job.inactive_since.unwrap_or(self.now),
                    session_completed_indexes: whole.map(|w| w.session_completed_indexes).unwrap_or_default(),
                    done_beyond: std::mem::take(&mut outstanding.done_beyond),
                    open_from: std::mem::take(&mut outstanding.open_from),
                };
                if job.category != Some(Category::Deleted) && inactive.sessions() > 0 {
                    sidecar.inactive.insert(job_id.clone(), inactive);
                }
            }
            let is_new_failure = outcomes.values().any(|outcome| matches!(outcome, Outcome::Failed(_)));
            let failures = self.failed_jobs.get(job_id).copied().unwrap_or(0);
            if has_failed {
                let failures = match failures + u64::from(is_new_failure || failures == 0) {
                    // The reference gives a job up at 5, and with it what is new of it.
                    counted if counted > REFERENCE_TRIES => failures.max(REFERENCE_TRIES),
                    counted => counted,
                };
                failed_jobs.insert(job_id.clone(), failures);
                outstanding.entry = entry;
            } else {
                if finished {
                    failed_jobs.remove(job_id);
                }
                entries.extend(entry.filter(|entry| {
                    finished || job.before.is_some() || !entry.session_completed_indexes.is_empty()
                }));
            }
            if has_failed || !outstanding.done_beyond.is_empty() || !outstanding.open_from.is_empty() {
                sidecar.jobs.insert(job_id.clone(), outstanding);
            }
        }
        sidecar.forget_inactive();
        self.remember_written(&mut sidecar);

        let completed = self.checkpoint.downloads_completed_timestamp;
        let checkpoint = Checkpoint {
            downloads_completed_timestamp: if finished { self.window_end } else { completed },
            jobs: entries,
            ..self.checkpoint.clone()
        }
        .write();
        let hash = xxh128_hex(checkpoint.as_bytes());
        self.on_disk.retain(|known| *known != hash);
        self.on_disk.push(hash);
        sidecar.checkpoints.clone_from(&self.on_disk);
        SyncFiles { failed_jobs: to_ascii_json(&failed_jobs), sidecar: to_ascii_json(&sidecar), checkpoint }
    }

    /// Takes that the files of the last save are on disk. Until then those before it may be.
    pub fn saved(&mut self) {
        self.on_disk.drain(..self.on_disk.len().saturating_sub(1));
    }

    /// Of how many task runs something could not be downloaded so far, now or in an earlier pass.
    pub fn outstanding_task_runs(&self) -> usize {
        let outcomes = self.progress.outcomes(false);
        let none = BTreeMap::new();
        let failed = |(job_id, job): (&String, &Job)| {
            self.outstanding(job, outcomes.get(&**job_id).unwrap_or(&none)).failed.len()
        };
        self.jobs.iter().map(failed).sum()
    }

    /// Keeps of what was written what something older may yet want to write, among it what SearchJobs does not show yet.
    fn remember_written(&self, sidecar: &mut Sidecar) {
        let written = self.written_by_now();
        if written.iter().map(|files| files.local_paths.len()).sum::<usize>() > MOST_REMEMBERED {
            sidecar.jobs.values_mut().flat_map(|job| &mut job.failed).for_each(FailedAction::give_up_unread);
        }
        let failed = || sidecar.jobs.values().flat_map(|job| &job.failed);
        let is_open = sidecar.jobs.values().any(|job| !job.open_from.is_empty());
        let allowed = f64::from(self.checkpoint.eventual_consistency_max_seconds);
        // A clock that is far behind would have it grow without end.
        let recently = self.window_end.earlier(allowed)..=self.now.later(MOST_BEHIND_SECONDS);
        let is_recent = |files: &WrittenFiles| {
            files.last_modified.is_some_and(|time| recently.contains(&Timestamp(time.saturating_mul(1_000))))
        };
        let knew_before = !self.written_since.is_empty();
        if failed().any(FailedAction::is_unread)
            || (knew_before && is_open)
            || self.progress.may_write_again()
        {
            sidecar.written_since = written;
        } else {
            // Only files that are missing can come later otherwise, and they are known by their paths.
            let missing =
                failed().flat_map(|action| &action.manifests).filter_map(|left| left.missing.as_ref());
            let missing: HashSet<&String> = missing.flatten().collect();
            let mut written = written;
            for files in written.iter_mut().filter(|files| !is_recent(files)) {
                files.local_paths.retain(|path| missing.contains(path));
            }
            written.retain(|files| !files.local_paths.is_empty());
            sidecar.written_since = written;
        }
    }

    /// What was written since something older is outstanding.
    fn written_by_now(&self) -> Vec<WrittenFiles> {
        let mut written = self.written_since.clone();
        for files in &mut written {
            files.local_paths.retain(|path| !self.progress.landed.contains_key(path));
        }
        written.retain(|files| !files.local_paths.is_empty());
        written.extend(self.progress.written());
        written
    }

    /// What is outstanding of a job after what became of its session actions.
    fn outstanding(&self, job: &Job, outcomes: &BTreeMap<(&str, u64), Outcome>) -> OutstandingJob {
        let mut outstanding = OutstandingJob {
            entry: None,
            done_beyond: job.done_beyond.clone(),
            // What was open in a session that is listed now is among its session actions.
            open_from: job
                .open_from
                .iter()
                .filter(|(session_id, _)| !job.sessions.get(*session_id).is_some_and(|s| s.is_listed))
                .map(|(session_id, index)| (session_id.clone(), *index))
                .collect(),
            failed: Vec::with_capacity(job.waiting.len()),
        };
        for failed in &job.waiting {
            let mut failed = failed.clone();
            failed.manifests.retain_mut(|manifest| !self.is_overwritten(manifest));
            if failed.manifests.is_empty() {
                let index = action_index(&failed.session_action_id);
                outstanding.done_beyond.entry(failed.session_id).or_default().extend(index);
            } else {
                outstanding.failed.push(failed);
            }
        }
        for (&(session_id, index), outcome) in outcomes {
            let Some(action) = job.sessions.get(session_id).and_then(|s| s.actions.get(&index)) else {
                continue;
            };
            let mut fail = |attempts, retry_at, manifests: &Vec<FailedManifest>| {
                outstanding.failed.push(FailedAction {
                    session_id: session_id.to_owned(),
                    session_action_id: action.id.clone(),
                    attempts,
                    retry_at,
                    manifests: manifests.clone(),
                });
            };
            match outcome {
                // Its job must not come back to the checkpoint before it is whole.
                Outcome::Open if action.attempts > 0 => fail(action.attempts, Some(self.now), &action.left),
                Outcome::Open => {
                    let first = outstanding.open_from.entry(session_id.to_owned()).or_insert(index);
                    *first = index.min(*first);
                }
                Outcome::Done => {
                    outstanding.done_beyond.entry(session_id.to_owned()).or_default().insert(index);
                }
                Outcome::Failed(manifests) => {
                    let attempts = action.attempts + 1;
                    let retry_at = FailedAction::next_attempt(self.now, attempts);
                    fail(attempts, Some(retry_at), manifests);
                }
            }
        }
        outstanding
    }

    /// Takes off what newer session actions have written since; whether nothing is left.
    fn is_overwritten(&self, manifest: &mut FailedManifest) -> bool {
        let Some(missing) = &mut manifest.missing else { return false };
        let ours = (&*manifest.output_manifest_path, manifest.last_modified);
        let is_newer = |source: &usize| is_after(self.progress.sources[*source].written(), ours);
        missing.retain(|path| !self.progress.landed.get(path).is_some_and(is_newer));
        missing.is_empty()
    }
}

impl Job {
    /// The job as it is kept while the pass lasts.
    fn during(&self, job_id: &str) -> Option<CheckpointJob> {
        let is_gone = self.category == Some(Category::Deleted);
        self.before.clone().or_else(|| (!is_gone).then(|| CheckpointJob::stub(job_id)))
    }

    /// The job as it is kept when the pass is finished, but for the indexes.
    fn after(&self) -> Option<CheckpointJob> {
        let before = self.before.clone();
        let Some(candidate) = &self.candidate else {
            return before.filter(|_| self.category != Some(Category::Deleted));
        };
        let with = |names: &[&str]| {
            let value =
                |name: &&str| (name.to_string(), candidate.get(*name).cloned().unwrap_or(Value::Null));
            CheckpointJob::of(names.iter().map(value).collect::<Map<_, _>>())
        };
        Some(match self.category {
            Some(Category::AttachmentsFree) => with(&["jobId", "name", "attachments"]),
            Some(Category::MissingStorageProfile) => {
                with(&["jobId", "name", "attachments", "storageProfileId"])
            }
            _ => {
                let ended = self.sessions.values().filter_map(|session| session.ended_at).max();
                let mut entry = CheckpointJob::of(candidate.clone());
                if let Some(before) = before {
                    entry.session_ended_timestamp = before.session_ended_timestamp;
                    let is_stub = before.is_stub();
                    entry.session_completed_indexes = before.session_completed_indexes;
                    if is_stub {
                        // What is not listed now ended too long ago to be listed again.
                        let is_listed = |id: &String| self.sessions.get(id).is_some_and(|s| s.is_listed);
                        entry.session_completed_indexes.retain(|session_id, _| is_listed(session_id));
                    }
                    entry.other = before.other;
                }
                entry.session_ended_timestamp = entry.session_ended_timestamp.max(ended);
                entry
            }
        })
    }

    /// Moves the saved index of each session to the end of what is downloaded without a gap; what is beyond stays
    /// in the sidecar.
    fn advance(&self, entry: &mut CheckpointJob, outstanding: &mut OutstandingJob) {
        let mut first_gaps = outstanding.open_from.clone();
        for failed in &outstanding.failed {
            let Some(index) = action_index(&failed.session_action_id) else { continue };
            let gap = first_gaps.entry(failed.session_id.clone()).or_insert(index);
            *gap = index.min(*gap);
        }
        for (session_id, done) in &mut outstanding.done_beyond {
            let gap = first_gaps.get(session_id).copied().unwrap_or(u64::MAX);
            let saved = entry.session_completed_indexes.get(session_id).copied();
            let last = done.iter().copied().filter(|index| *index < gap).max();
            if let Some(last) = last.max(saved) {
                entry.session_completed_indexes.insert(session_id.clone(), last);
                done.retain(|index| *index > last);
            }
        }
        outstanding.done_beyond.retain(|_, done| !done.is_empty());
    }
}
