//! One pass: what to ask next, given what was answered so far, until every new session action is known.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::answer::parsed;
use super::category::{Category, categorize, known_details, succeeded};
use super::checkpoint::text;
use super::job::{Action, ActionSummary, Job};
use super::progress::Progress;
use super::search::{Page, Search};
use super::source::SyncSource;
use super::{Checkpoint, CheckpointJob, FailedJobs, Sidecar, Timestamp, WrittenFiles};
use crate::error::{Error, ErrorCode, Result};
use crate::hash::xxh128_hex;
use crate::storage_profile::StorageProfileWithId;

/// The most that a page of sessions or session actions can hold.
const PAGE: u32 = 100;
/// From so many task runs of one step on, its manifests are listed at once and not task by task.
const MANY_TASK_RUNS: usize = 8;

/// What a pass starts from.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncSettings {
    /// This host's storage profile; none to ignore profiles.
    pub local_storage_profile_id: Option<String>,
    /// Microseconds since the epoch.
    pub now: i64,
    /// How far to look back where there is no checkpoint, in minutes.
    pub bootstrap_lookback_minutes: f64,
    /// The text of the checkpoint, where there is one.
    pub checkpoint: Option<String>,
    /// The text of the failed jobs, where there is one.
    pub failed_jobs: Option<String>,
    /// The text of the sidecar, where there is one.
    pub sidecar: Option<String>,
}

/// Something to ask the service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SyncRequest {
    /// Comes back with the answer.
    pub id: u32,
    /// The operation of the Deadline Cloud API; or `ListOutputManifests`, the keys of a scope's output manifests
    /// in S3 as a JSON array.
    pub operation: &'static str,
    /// Its input without farm and queue; `dateTime`s in milliseconds since the epoch.
    pub input: Value,
}

/// What a pass has found.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncReport {
    /// From when on outputs are looked for.
    pub window_start: Timestamp,
    /// Up to when all outputs are known once the pass is finished.
    pub window_end: Timestamp,
    /// How many jobs there are of each category.
    pub counts: BTreeMap<Category, usize>,
    /// Jobs that are not as the last pass left them, or of which something is tried again.
    pub jobs: Vec<JobReport>,
}

/// What a pass has found of one job.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobReport {
    /// The job.
    pub job_id: String,
    /// Its name, where it is known.
    pub name: Option<String>,
    /// What it has become.
    pub category: Category,
    /// The profile that it was submitted with.
    pub storage_profile_id: Option<String>,
    /// Task runs with new outputs.
    pub task_runs: usize,
    /// Task runs that succeeded and wrote nothing.
    pub task_runs_without_output: usize,
    /// Output manifests that belong to none of the job's asset roots, so that nobody knows where their files belong.
    pub manifests_without_root: Vec<String>,
    /// Task runs that failed before and are tried again.
    pub retried_task_runs: usize,
    /// Tasks with a run that failed on the farm and none that succeeded, as far as this pass has looked.
    pub failed_tasks: BTreeSet<String>,
}

/// One pass over a queue.
#[derive(Debug)]
pub struct SyncPass {
    pub(super) local_storage_profile_id: Option<String>,
    pub(super) now: Timestamp,
    pub(super) window_end: Timestamp,
    pub(super) checkpoint: Checkpoint,
    /// Hashes of the checkpoints that may be on disk: the last that is known to be, and those saved since.
    pub(super) on_disk: Vec<String>,
    pub(super) failed_jobs: FailedJobs,
    pub(super) jobs: BTreeMap<String, Job>,
    pub(super) written_since: Vec<WrittenFiles>,
    pub(super) progress: Progress,
    profiles: BTreeMap<String, Value>,
    stage: Stage,
    ready: Vec<SyncRequest>,
    open: HashMap<u32, Question>,
    next_id: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    ActiveJobs,
    EndedJobs,
    Jobs,
    Sessions,
    Manifests,
    Ready,
}

#[derive(Debug, Clone)]
enum Question {
    Search(Search),
    Job(String),
    Sessions(String),
    Actions { job_id: String, session_id: String },
    Manifests { job_id: String, step_id: String, task_id: Option<String> },
    Profile(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SessionsPage {
    #[serde(default)]
    sessions: Vec<SessionSummary>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SessionSummary {
    session_id: String,
    ended_at: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ActionsPage {
    #[serde(default)]
    session_actions: Vec<ActionSummary>,
    next_token: Option<String>,
}

impl SyncPass {
    /// Begins where the files of the last pass say. A sidecar that is lost or out of date costs requests, not files.
    ///
    /// # Errors
    /// `CHECKPOINT` as [`Checkpoint::read`].
    pub fn begin(settings: SyncSettings) -> Result<Self> {
        let SyncSettings { local_storage_profile_id, now, bootstrap_lookback_minutes, .. } = settings;
        let now = Timestamp(now);
        let checkpoint = match &settings.checkpoint {
            Some(text) => Checkpoint::read(text, local_storage_profile_id.as_deref())?,
            None => {
                let from = now.earlier(bootstrap_lookback_minutes * 60.0).max(Timestamp(0));
                Checkpoint::bootstrap(local_storage_profile_id.clone(), from)
            }
        };
        let on_disk = settings.checkpoint.map(|text| xxh128_hex(text.as_bytes()));
        let failed_jobs = match settings.failed_jobs.as_deref() {
            Some(text) => serde_json::from_str(text).map_err(|cause| {
                let advice = "Restore it, or move it away: the jobs that it names are then no longer tried.";
                let message = format!("The failed jobs cannot be read: {cause}. {advice}");
                Error::new(ErrorCode::Checkpoint, message).caused_by(cause)
            })?,
            None => FailedJobs::new(),
        };
        let sidecar = settings.sidecar.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let sidecar: Sidecar = sidecar.unwrap_or_default();
        let is_current = on_disk.as_ref().is_some_and(|hash| sidecar.checkpoints.contains(hash));
        let sidecar = if is_current { sidecar } else { Sidecar::default() };

        let allowed = f64::from(checkpoint.eventual_consistency_max_seconds);
        let mut pass = Self {
            window_end: checkpoint.downloads_started_timestamp.max(now.earlier(allowed)),
            failed_jobs,
            jobs: BTreeMap::new(),
            written_since: sidecar.written_since,
            progress: Progress::default(),
            profiles: BTreeMap::new(),
            stage: Stage::ActiveJobs,
            ready: Vec::new(),
            open: HashMap::new(),
            next_id: 0,
            local_storage_profile_id,
            now,
            on_disk: Vec::from_iter(on_disk),
            checkpoint,
        };
        for entry in std::mem::take(&mut pass.checkpoint.jobs) {
            let job_id = entry.job_id().to_owned();
            pass.jobs.entry(job_id).or_default().before = Some(entry);
        }
        for (job_id, inactive) in sidecar.inactive {
            let stub = CheckpointJob::stub(&job_id);
            let job = pass.jobs.entry(job_id).or_default();
            let before = job.before.get_or_insert(stub);
            for (session_id, index) in inactive.session_completed_indexes {
                let saved = before.session_completed_indexes.entry(session_id).or_insert(index);
                *saved = index.max(*saved);
            }
            job.done_beyond = inactive.done_beyond;
            job.open_from = inactive.open_from;
            job.inactive_since = Some(inactive.since);
        }
        for (job_id, outstanding) in sidecar.jobs {
            let job = pass.jobs.entry(job_id).or_default();
            job.before = outstanding.entry.or(job.before.take());
            job.done_beyond = outstanding.done_beyond;
            job.open_from = outstanding.open_from;
            for failed in outstanding.failed {
                if failed.is_due(now) { job.try_again(failed) } else { job.wait(failed) }
            }
        }
        let is_active = |entry: &&CheckpointJob| !entry.job.contains_key("endedAt");
        let known = pass.jobs.values().filter_map(|job| job.before.as_ref()).filter(is_active);
        let created = known.filter_map(|entry| Timestamp::parse(text(&entry.job, "createdAt")?)).collect();
        for search in Search::active(created) {
            pass.ask(Question::Search(search), None);
        }
        Ok(pass)
    }

    /// What can be asked now, each question once.
    pub fn requests(&mut self) -> Vec<SyncRequest> {
        std::mem::take(&mut self.ready)
    }

    /// Whether all questions are answered, so that [`sources`](Self::sources) are complete.
    pub fn is_ready(&self) -> bool {
        self.stage == Stage::Ready
    }

    /// Takes an answer: the JSON text of the service, or of the keys.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` where nothing was asked by that id; `NETWORK` where the text is not what the operation answers,
    /// as that of a proxy.
    pub fn answer(&mut self, id: u32, body: &str) -> Result<()> {
        match self.take_question(id)? {
            Question::Search(search) => {
                let page: Page = parsed(body, "SearchJobs")?;
                if let Some(next) = search.next(&page) {
                    self.ask(Question::Search(next), None);
                }
                for job in page.jobs.into_iter().filter(|job| succeeded(job) > 0) {
                    self.add_candidate(job);
                }
            }
            Question::Job(job_id) => {
                let details: Map<String, Value> = parsed(body, "GetJob")?;
                let candidate = self.jobs.entry(job_id).or_default().candidate.get_or_insert_with(|| {
                    let mut whole = details.clone();
                    write_times_as_python(&mut whole);
                    whole
                });
                for name in ["attachments", "storageProfileId"] {
                    candidate.insert(name.to_owned(), details.get(name).cloned().unwrap_or(Value::Null));
                }
            }
            Question::Sessions(job_id) => {
                let page: SessionsPage = parsed(body, "ListSessions")?;
                let threshold = self.sessions_ended_since(&job_id);
                if self.is_deleted(&job_id) {
                    return self.go_on();
                }
                for SessionSummary { session_id, ended_at } in page.sessions {
                    if ended_at.is_none_or(|ended| ended >= threshold) {
                        let job = self.jobs.entry(job_id.clone()).or_default();
                        let session = job.sessions.entry(session_id.clone()).or_default();
                        (session.ended_at, session.is_listed) = (ended_at, true);
                        self.ask(Question::Actions { job_id: job_id.clone(), session_id }, None);
                    }
                }
                if page.next_token.is_some() {
                    self.ask(Question::Sessions(job_id), page.next_token);
                }
            }
            Question::Actions { job_id, session_id } => {
                let page: ActionsPage = parsed(body, "ListSessionActions")?;
                if self.is_deleted(&job_id) {
                    return self.go_on();
                }
                let job = self.jobs.entry(job_id.clone()).or_default();
                for action in page.session_actions {
                    job.add_action(&session_id, action);
                }
                if page.next_token.is_some() {
                    self.ask(Question::Actions { job_id, session_id }, page.next_token);
                }
            }
            Question::Manifests { job_id, step_id, task_id } => {
                let keys: Vec<String> = parsed(body, "ListOutputManifests")?;
                let job = self.jobs.entry(job_id.clone()).or_default();
                job.match_manifests(&keys);
                // A chunked step's manifests are the step's own.
                if task_id.is_some()
                    && job.lacks_manifests(&step_id, task_id.as_deref())
                    && job.listed_steps.insert(step_id.clone())
                {
                    self.ask_for_manifests(job_id, step_id, None);
                }
            }
            Question::Profile(id) => {
                let profile: Value = parsed(body, "GetStorageProfileForQueue")?;
                parsed::<StorageProfileWithId>(body, "GetStorageProfileForQueue")?;
                self.profiles.insert(id, profile);
            }
        }
        self.go_on()
    }

    /// Takes the answer that what was asked for does not exist.
    ///
    /// # Errors
    /// `NOT_FOUND` for this host's storage profile or the queue; `INVALID_ARGUMENT` where nothing was asked.
    pub fn not_found(&mut self, id: u32) -> Result<()> {
        match self.take_question(id)? {
            Question::Search(_) => {
                let message = "The queue does not exist, or not in this farm; check farmId and queueId.";
                return Err(Error::new(ErrorCode::NotFound, message));
            }
            Question::Profile(id) if self.local_storage_profile_id.as_deref() == Some(&*id) => {
                let message = format!("The storage profile {id} does not exist, or not for this queue.");
                return Err(Error::new(ErrorCode::NotFound, message).with("storageProfileId", id));
            }
            // The download says so of each source that needs it.
            Question::Profile(_) | Question::Manifests { .. } => {}
            Question::Job(job_id) | Question::Sessions(job_id) | Question::Actions { job_id, .. } => {
                let job = self.jobs.entry(job_id).or_default();
                job.category = Some(Category::Deleted);
                job.last_name = job.detail("name");
                job.candidate = None;
                for session in job.sessions.values_mut() {
                    session.actions.retain(|_, action| action.attempts > 0);
                }
            }
        }
        self.go_on()
    }

    /// The output manifests to download, complete once the pass is ready. Their order is that of the indexes which
    /// [`planned`](Self::planned), [`landed`](Self::landed) and [`failed`](Self::failed) take.
    pub fn sources(&self) -> Vec<SyncSource> {
        self.progress.sources().cloned().collect()
    }

    /// What earlier passes have written while something older was outstanding: of a source, files that a later manifest
    /// wrote are not wanted again.
    pub fn written_since(&self) -> &[WrittenFiles] {
        &self.written_since
    }

    /// The storage profiles that the sources are mapped with, this host's among them.
    pub fn storage_profiles(&self) -> Vec<&Value> {
        self.profiles.values().collect()
    }

    /// What was found.
    pub fn report(&self) -> SyncReport {
        let mut counts = BTreeMap::new();
        let mut jobs = Vec::new();
        for (job_id, job) in &self.jobs {
            let Some(category) = job.category else { continue };
            *counts.entry(category).or_insert(0) += 1;
            let retried = job.actions().filter(|action| action.attempts > 0).count();
            if category == Category::Unchanged && retried == 0 {
                continue;
            }
            // What is kept of a job only to know it again is no news.
            let is_known = job.before.as_ref().is_some_and(|before| match category {
                Category::Inactive => before.is_stub(),
                Category::AttachmentsFree | Category::MissingStorageProfile => !before.is_stub(),
                _ => false,
            });
            if is_known && retried == 0 {
                continue;
            }
            let written = job.actions().filter(|action| action.has_output()).count();
            let is_empty = |action: &&Action| !action.has_output() && action.without_root.is_empty();
            jobs.push(JobReport {
                job_id: job_id.clone(),
                name: job.detail("name").or_else(|| job.last_name.clone()),
                category,
                storage_profile_id: job.detail("storageProfileId"),
                task_runs: written.saturating_sub(retried),
                task_runs_without_output: job.actions().filter(is_empty).count(),
                manifests_without_root: job.actions().flat_map(|a| &a.without_root).cloned().collect(),
                retried_task_runs: retried,
                failed_tasks: job.failed_tasks.difference(&job.succeeded_tasks).cloned().collect(),
            });
        }
        SyncReport {
            window_start: self.checkpoint.downloads_completed_timestamp,
            window_end: self.window_end,
            counts,
            jobs,
        }
    }

    fn uses_profiles(&self) -> bool {
        self.local_storage_profile_id.is_some()
    }

    /// Answers may still come after one that said so.
    fn is_deleted(&self, job_id: &str) -> bool {
        self.jobs.get(job_id).is_some_and(|job| job.category == Some(Category::Deleted))
    }

    fn take_question(&mut self, id: u32) -> Result<Question> {
        self.open.remove(&id).ok_or_else(|| {
            Error::new(ErrorCode::InvalidArgument, format!("nothing was asked as number {id}"))
                .with("argument", "id")
        })
    }

    fn ask(&mut self, question: Question, next_token: Option<String>) {
        let (operation, mut input) = match &question {
            Question::Search(search) => ("SearchJobs", search.input()),
            Question::Job(job_id) => ("GetJob", json!({ "jobId": job_id })),
            Question::Sessions(job_id) => ("ListSessions", json!({ "jobId": job_id, "maxResults": PAGE })),
            Question::Actions { job_id, session_id } => (
                "ListSessionActions",
                json!({ "jobId": job_id, "sessionId": session_id, "maxResults": PAGE }),
            ),
            Question::Manifests { job_id, step_id, task_id } => {
                ("ListOutputManifests", json!({ "jobId": job_id, "stepId": step_id, "taskId": task_id }))
            }
            Question::Profile(id) => ("GetStorageProfileForQueue", json!({ "storageProfileId": id })),
        };
        if let Some(token) = next_token {
            input["nextToken"] = token.into();
        }
        let id = self.next_id;
        self.next_id += 1;
        self.open.insert(id, question);
        self.ready.push(SyncRequest { id, operation, input });
    }

    fn ask_for_manifests(&mut self, job_id: String, step_id: String, task_id: Option<String>) {
        self.ask(Question::Manifests { job_id, step_id, task_id }, None);
    }

    fn add_candidate(&mut self, mut candidate: Map<String, Value>) {
        let Some(job_id) = text(&candidate, "jobId").map(str::to_owned) else { return };
        write_times_as_python(&mut candidate);
        let job = self.jobs.entry(job_id).or_default();
        for (name, value) in job.before.as_ref().and_then(known_details).into_iter().flatten() {
            candidate.insert(name.to_owned(), value);
        }
        job.candidate = Some(candidate);
    }

    /// Begins the next stage where everything that was asked is answered.
    fn go_on(&mut self) -> Result<()> {
        while self.open.is_empty() && self.stage != Stage::Ready {
            self.stage = match self.stage {
                Stage::ActiveJobs => {
                    // Not before: a job that ended between the two answers would be in neither.
                    let since = self.checkpoint.downloads_completed_timestamp.min(self.window_end);
                    self.ask(Question::Search(Search::ended(since)), None);
                    Stage::EndedJobs
                }
                Stage::EndedJobs => {
                    self.ask_for_jobs();
                    Stage::Jobs
                }
                Stage::Jobs => {
                    self.ask_for_sessions();
                    Stage::Sessions
                }
                Stage::Sessions => {
                    self.ask_for_missing_manifests();
                    self.ask_for_profiles();
                    Stage::Manifests
                }
                Stage::Manifests => {
                    self.find_sources()?;
                    Stage::Ready
                }
                Stage::Ready => Stage::Ready,
            };
        }
        Ok(())
    }

    /// New candidates, and those whose download failed where nothing else is known of them.
    fn ask_for_jobs(&mut self) {
        for job_id in self.failed_jobs.keys() {
            self.jobs.entry(job_id.clone()).or_default();
        }
        let is_known = |id: &String, job: &Job| match (&job.candidate, &job.before) {
            (Some(candidate), _) => candidate.contains_key("attachments"),
            // A pass that was cut off leaves a stub of a failed job.
            (None, Some(before)) => {
                before.job.contains_key("attachments") || !self.failed_jobs.contains_key(id)
            }
            (None, None) => false,
        };
        let unknown: Vec<String> =
            self.jobs.iter().filter(|(id, job)| !is_known(id, job)).map(|(id, _)| id.clone()).collect();
        for job_id in unknown {
            self.ask(Question::Job(job_id), None);
        }
    }

    fn ask_for_sessions(&mut self) {
        let (uses_profiles, window_end) = (self.uses_profiles(), self.window_end);
        let mut with_news = Vec::new();
        for (job_id, job) in &mut self.jobs {
            let category = *job.category.get_or_insert_with(|| match &job.candidate {
                Some(candidate) => categorize(job.before.as_ref(), candidate, uses_profiles, window_end),
                None => Category::Inactive,
            });
            if category.has_news() {
                with_news.push(job_id.clone());
            }
        }
        for job_id in with_news {
            self.ask(Question::Sessions(job_id), None);
        }
    }

    /// Sessions that ended earlier hold nothing new.
    fn sessions_ended_since(&self, job_id: &str) -> Timestamp {
        let Some(job) = self.jobs.get(job_id) else { return Timestamp::default() };
        let saved = job.before.as_ref().and_then(|before| before.session_ended_timestamp);
        let since = saved.unwrap_or(self.checkpoint.downloads_started_timestamp);
        let is_new = job.category == Some(Category::Added) && saved.is_none();
        let allowed = f64::from(self.checkpoint.eventual_consistency_max_seconds);
        if is_new { since } else { since.earlier(allowed) }
    }

    fn ask_for_missing_manifests(&mut self) {
        let mut scopes = Vec::new();
        for (job_id, job) in &self.jobs {
            let mut tasks_of: BTreeMap<&str, BTreeSet<Option<&str>>> = BTreeMap::new();
            for action in job.actions().filter(|action| action.manifests.is_none() && action.left.is_empty())
            {
                tasks_of.entry(&action.step_id).or_default().insert(action.task_id.as_deref());
            }
            for (step_id, tasks) in tasks_of {
                let whole_step = tasks.contains(&None) || tasks.len() > MANY_TASK_RUNS;
                let tasks = if whole_step { BTreeSet::from([None]) } else { tasks };
                for task_id in tasks {
                    scopes.push((job_id.clone(), step_id.to_owned(), task_id.map(str::to_owned)));
                }
            }
        }
        for (job_id, step_id, task_id) in scopes {
            self.ask_for_manifests(job_id, step_id, task_id);
        }
    }

    fn ask_for_profiles(&mut self) {
        let Some(local) = self.local_storage_profile_id.clone() else { return };
        let has_output = |action: &Action| action.manifests.is_none() || action.has_output();
        let with_output = self.jobs.values().filter(|job| job.actions().any(has_output));
        let mut ids: BTreeSet<String> =
            with_output.filter_map(|job| job.detail("storageProfileId")).collect();
        let left = self.jobs.values().flat_map(|job| job.actions().flat_map(|action| &action.left));
        ids.extend(left.filter_map(|left| left.storage_profile_id.clone()));
        if !ids.is_empty() {
            ids.insert(local);
        }
        for id in ids {
            self.ask(Question::Profile(id), None);
        }
    }

    fn find_sources(&mut self) -> Result<()> {
        for (job_id, job) in &mut self.jobs {
            if job.actions().next().is_none() {
                continue;
            }
            let storage_profile_id = job.detail("storageProfileId");
            let roots = job.roots()?;
            job.set_aside_beyond(roots.len());
            for (session_id, session) in &job.sessions {
                for (index, action) in &session.actions {
                    let source = |path: &str, root_path: &str, root_path_format| SyncSource {
                        output_manifest_path: path.to_owned(),
                        job_id: job_id.clone(),
                        session_action_id: action.id.clone(),
                        root_path: root_path.to_owned(),
                        root_path_format,
                        storage_profile_id: storage_profile_id.clone(),
                        only: None,
                    };
                    let again = action.left.iter().map(|left| SyncSource {
                        only: left.missing.clone(),
                        storage_profile_id: left.storage_profile_id.clone(),
                        ..source(&left.output_manifest_path, &left.root_path, left.root_path_format)
                    });
                    let manifests = action.manifests.iter().flatten().zip(&roots);
                    let new = manifests.filter_map(|(path, root)| {
                        Some(source(path.as_deref()?, &root.root_path, root.root_path_format))
                    });
                    for source in again.chain(new) {
                        self.progress.add(session_id.clone(), *index, source);
                    }
                }
            }
        }
        Ok(())
    }
}

/// The times of a job as the reference writes them, which compares them as texts.
fn write_times_as_python(job: &mut Map<String, Value>) {
    for name in ["createdAt", "startedAt", "endedAt", "updatedAt"] {
        if let Some(value) = job.get_mut(name)
            && let Some(time) = value.as_str().and_then(Timestamp::parse)
        {
            *value = time.to_string().into();
        }
    }
}
