//! Lets events happen: to the queue's jobs, and to the objects that their tasks leave in S3.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::event::*;
use super::job::{Action, Definition, Job, OutputManifest, RunStatus, Session, Step, Task};
use super::time::{Micros, micros, now};
use crate::access::Guard;
use crate::outputs::{
    AssetRoot, OutputFile, QueueLocation, SessionAction, content_hash, content_key, encode_manifest, id,
    numbered_id, write_outputs,
};
use crate::show::StorageProfile;
use crate::store::Store;
use crate::work::noise;

/// How long the actions of a history take.
const ACTION: Micros = 1_000_000;

/// The queue: everything that has happened so far.
pub(super) struct Queue {
    pub(super) location: QueueLocation,
    pub(super) settings: Settings,
    pub(super) created: Micros,
    /// By id, as the jobs.
    pub(super) storage_profiles: BTreeMap<String, StorageProfile>,
    pub(super) jobs: BTreeMap<String, Job>,
    store: Arc<Store>,
    guard: Guard,
}

pub(super) struct Settings {
    pub(super) view_lag: Micros,
    pub(super) role_seconds: f64,
    manifests: bool,
    microseconds: bool,
}

/// What a batch of events was about.
#[derive(Default)]
struct Touched {
    /// Jobs with the time of their last event.
    jobs: BTreeMap<String, Micros>,
    storage_profiles: BTreeSet<String>,
}

impl Queue {
    pub(super) fn new(location: QueueLocation, store: Arc<Store>, guard: Guard) -> Self {
        let settings = Settings { view_lag: 0, role_seconds: 3600.0, manifests: true, microseconds: false };
        let created = now() / 1_000_000 * 1_000_000;
        let (storage_profiles, jobs) = Default::default();
        Self { location, settings, created, storage_profiles, jobs, store, guard }
    }

    /// Lets events happen, and says the names and ids of what they were about.
    pub(super) fn happen(&mut self, events: Vec<Event>) -> Result<Value, HistoryError> {
        let now = now();
        let mut touched = Touched::default();
        let result = events
            .into_iter()
            .try_for_each(|event| self.one(event.kind, event.seconds_ago, now, &mut touched));
        for (id, time) in &touched.jobs {
            if let Some(job) = self.jobs.get_mut(id).filter(|job| !job.is_deleted()) {
                job.settle(*time);
            }
        }
        result.map(|()| {
            let jobs = touched.jobs.keys().filter_map(|id| self.jobs.get(id));
            let profiles = touched.storage_profiles.iter().filter_map(|id| self.storage_profiles.get(id));
            names(jobs, profiles)
        })
    }

    /// The names and ids of everything.
    pub(super) fn names(&self) -> Value {
        names(self.jobs.values(), self.storage_profiles.values())
    }

    fn one(
        &mut self,
        kind: Kind,
        seconds_ago: f64,
        now: Micros,
        touched: &mut Touched,
    ) -> Result<(), HistoryError> {
        let mut time = now - micros(seconds_ago);
        if !self.settings.microseconds {
            time = time.div_euclid(1000) * 1000;
        }
        let job = match kind {
            Kind::Settings(change) => {
                self.change(&change);
                return Ok(());
            }
            Kind::StorageProfile(event) => {
                touched.storage_profiles.insert(self.define(event));
                return Ok(());
            }
            Kind::Bulk(event) => {
                let settings = (self.settings.manifests, seconds_ago);
                return bulk(&event)
                    .try_for_each(|(kind, earlier)| self.one(kind, settings.1 + earlier, now, touched));
            }
            Kind::Job(event) => self.submit(event, time)?,
            Kind::Session(event) => self.start_session(event, time)?,
            Kind::Task(event) => self.run(event, time, now)?,
            Kind::Requeue(event) => self.requeue(event)?,
            Kind::SessionEnded(event) => self.end_session(event, time)?,
            Kind::JobEnded(event) => self.stop(event, time)?,
            Kind::JobDeleted(event) => {
                let job = self.job(&event.job)?;
                job.delete(time);
                job.id.clone()
            }
            Kind::Damage(event) => return self.damage(event),
        };
        let last = touched.jobs.entry(job).or_insert(time);
        *last = time.max(*last);
        Ok(())
    }

    fn change(&mut self, change: &SettingsChange) {
        let settings = &mut self.settings;
        settings.view_lag = change.view_lag_seconds.map_or(settings.view_lag, micros);
        settings.role_seconds = change.role_seconds.unwrap_or(settings.role_seconds);
        settings.manifests = change.manifests.unwrap_or(settings.manifests);
        settings.microseconds = change.microseconds.unwrap_or(settings.microseconds);
        if let Some(needs_role) = change.bucket_needs_role {
            self.guard.keep_bucket_for_roles(needs_role);
        }
    }

    fn define(&mut self, event: StorageProfileEvent) -> String {
        let profile = StorageProfile {
            storage_profile_id: id("sp", &event.name),
            display_name: event.name,
            os_family: event.os_family,
            file_system_locations: event.locations,
        };
        let id = profile.storage_profile_id.clone();
        self.storage_profiles.insert(id.clone(), profile);
        id
    }

    fn submit(&mut self, event: JobEvent, time: Micros) -> Result<String, HistoryError> {
        let profile = event.storage_profile.map(|name| self.storage_profile(&name)).transpose()?;
        let job_id = id("job", &event.name);
        if self.jobs.contains_key(&job_id) {
            return Err(HistoryError(format!("there is a job {} already", event.name)));
        }
        let mut job = Job::new(job_id.clone(), event.name, time);
        job.priority = event.priority;
        job.storage_profile_id = profile;
        job.roots = event.roots;
        job.steps = event.steps.into_iter().map(|step| new_step(&job.name, step)).collect();
        // It exists from here on; what is said of it, the end of the batch decides.
        job.settle(time);
        self.jobs.insert(job_id.clone(), job);
        Ok(job_id)
    }

    fn start_session(&mut self, event: SessionEvent, time: Micros) -> Result<String, HistoryError> {
        let job = self.job(&event.job)?;
        if job.sessions.iter().any(|session| session.name == event.name) {
            return Err(HistoryError(format!("{} has a session {} already", event.job, event.name)));
        }
        let mut session = Session {
            id: id("session", &format!("{}/{}", job.name, event.name)),
            name: event.name,
            started: time,
            ended: None,
            actions: Vec::new(),
        };
        if !job.roots.is_empty() {
            session.add(time, Some(time), Definition::SyncInputs);
        }
        session.add(time, Some(time), Definition::EnvironmentEnter(environment(&job.id)));
        job.sessions.push(session);
        Ok(job.id.clone())
    }

    fn end_session(&mut self, event: SessionEvent, time: Micros) -> Result<String, HistoryError> {
        let job = self.job(&event.job)?;
        let environment = environment(&job.id);
        let session = session(job, &event.name)?;
        session.add(time, Some(time), Definition::EnvironmentExit(environment));
        session.ended = Some(time);
        Ok(job.id.clone())
    }

    fn run(&mut self, event: TaskEvent, time: Micros, now: Micros) -> Result<String, HistoryError> {
        let location = self.location.clone();
        let store = Arc::clone(&self.store);
        let manifests = event.manifests.unwrap_or(self.settings.manifests);
        let job = self.job(&event.job)?;
        let step_index = step(job, event.step.as_deref())?;
        let chunked = event.chunk.is_some();
        let tasks = event.chunk.unwrap_or_else(|| vec![event.task]);

        let started = (time - ACTION).max(job.created);
        let ended = (event.status != Ran::Running).then_some(time);
        let session = session(job, &event.session)?;
        if session.ended.is_some() {
            return Err(HistoryError(format!("session {} of {} has ended", event.session, event.job)));
        }
        let action_index = match session.running() {
            Some((index, step, running)) if (step, running) == (step_index, &tasks) => index,
            Some(_) => {
                return Err(HistoryError(format!("session {} still runs another task", event.session)));
            }
            None => {
                let definition = Definition::TaskRun { step: step_index, tasks: tasks.clone(), chunked };
                session.add(started, None, definition)
            }
        };
        let action = &mut session.actions[action_index];
        action.status = action_status(event.status);
        action.ended = ended;
        let (action_id, action_started) = (action.id.clone(), action.started);

        let job_name = job.name.clone();
        let step = &mut job.steps[step_index];
        for number in &tasks {
            let task = usize::try_from(*number).ok().and_then(|number| step.tasks.get_mut(number));
            let task = task.ok_or_else(|| {
                HistoryError(format!("step {} of {job_name} has no task {number}", step.name))
            })?;
            task.status = task_status(event.status);
            task.started = Some(action_started);
            task.ended = ended;
            task.failures += u32::from(event.status == Ran::Failed);
            task.latest_action_id = Some(action_id.clone());
        }
        if event.status != Ran::Succeeded {
            return Ok(job.id.clone());
        }

        let uploaded = event.uploaded_seconds_ago.map_or(time, |seconds| now - micros(seconds));
        let action = SessionAction {
            job_id: job.id.clone(),
            step_id: step.id.clone(),
            task_id: match (chunked, tasks.first()) {
                (false, Some(number)) => Some(task_id(&job_name, &step.name, *number)),
                _ => None,
            },
            session_action_id: action_id,
            folder_time_us: action_started,
            last_modified_ms: uploaded.div_euclid(1000),
        };
        let outputs = outputs(job, event.files, time)?;
        let roots = job.roots.iter().zip(outputs);
        let written =
            roots.map(|(root, files)| write_root(&store, &location, &action, root, &files)).collect();
        if manifests && !job.roots.is_empty() {
            self::session(job, &event.session)?.actions[action_index].manifests = Some(written);
        }
        Ok(job.id.clone())
    }

    fn requeue(&mut self, event: RequeueEvent) -> Result<String, HistoryError> {
        let job = self.job(&event.job)?;
        let only = event.step.as_deref().map(|name| step(job, Some(name))).transpose()?;
        for (index, step) in job.steps.iter_mut().enumerate() {
            if only.is_some_and(|only| only != index) {
                continue;
            }
            for (number, task) in step.tasks.iter_mut().enumerate() {
                let wanted = match &event.tasks {
                    Some(numbers) => numbers.iter().any(|wanted| usize::try_from(*wanted) == Ok(number)),
                    None => task.status.has_ended(),
                };
                if wanted {
                    task.status = RunStatus::Ready;
                    (task.started, task.ended) = (None, None);
                }
            }
        }
        Ok(job.id.clone())
    }

    fn stop(&mut self, event: JobEndedEvent, time: Micros) -> Result<String, HistoryError> {
        let job = self.job(&event.job)?;
        let status = match event.status {
            Stopped::Canceled => RunStatus::Canceled,
            Stopped::Suspended => RunStatus::Suspended,
            Stopped::Failed => RunStatus::Failed,
        };
        let open =
            job.steps.iter_mut().flat_map(|step| &mut step.tasks).filter(|task| !task.status.has_ended());
        for task in open {
            task.status = status;
            task.ended = Some(time);
        }
        Ok(job.id.clone())
    }

    fn damage(&mut self, event: DamageEvent) -> Result<(), HistoryError> {
        let location = self.location.clone();
        let job = self.job(&event.job)?;
        let Some(body) = job.written.get(&(event.root, event.path.clone())).cloned() else {
            return Err(HistoryError(format!(
                "{} wrote no {} under root {}",
                event.job, event.path, event.root
            )));
        };
        let key = content_key(&location, &content_hash(&body));
        let stored = match event.how {
            Damage::Missing => None,
            Damage::None => Some(body),
            Damage::CutShort => Some(body.slice(..body.len() / 2)),
            Damage::WrongBytes => Some(body.iter().map(|byte| !byte).collect::<Vec<u8>>().into()),
        };
        match stored {
            None => drop(self.store.remove(&location.bucket, &key)),
            Some(body) => {
                let last_modified = self.store.get(&location.bucket, &key).flatten();
                let last_modified = last_modified.map_or(now() / 1000, |object| object.last_modified());
                let object = crate::Object::new(body).with_last_modified(last_modified);
                self.store.put(&location.bucket, &key, object);
            }
        }
        Ok(())
    }

    fn job(&mut self, name: &str) -> Result<&mut Job, HistoryError> {
        let job = self.jobs.get_mut(&id("job", name)).filter(|job| !job.is_deleted());
        job.ok_or_else(|| HistoryError(format!("there is no job {name}")))
    }

    fn storage_profile(&self, name: &str) -> Result<String, HistoryError> {
        let profile = self.storage_profiles.get(&id("sp", name));
        let profile = profile.ok_or_else(|| HistoryError(format!("there is no storage profile {name}")))?;
        Ok(profile.storage_profile_id.clone())
    }
}

impl Session {
    /// Adds an action that succeeded (or, without an end, runs), and returns its index.
    fn add(&mut self, started: Micros, ended: Option<Micros>, definition: Definition) -> usize {
        let index = self.actions.len();
        self.actions.push(Action {
            id: self.id.replacen("session-", "sessionaction-", 1) + &format!("-{index}"),
            status: if ended.is_some() { "SUCCEEDED" } else { "RUNNING" },
            started,
            ended,
            definition,
            manifests: None,
        });
        index
    }

    /// The action that runs now, with its step and tasks. There is one at a time.
    fn running(&self) -> Option<(usize, usize, &Vec<u32>)> {
        let last = self.actions.last().filter(|action| action.ended.is_none())?;
        match &last.definition {
            Definition::TaskRun { step, tasks, .. } => Some((self.actions.len() - 1, *step, tasks)),
            _ => None,
        }
    }
}

fn session<'a>(job: &'a mut Job, name: &str) -> Result<&'a mut Session, HistoryError> {
    let job_name = &job.name;
    let session = job.sessions.iter_mut().find(|session| session.name == name);
    session.ok_or_else(|| HistoryError(format!("{job_name} has no session {name}")))
}

fn step(job: &Job, name: Option<&str>) -> Result<usize, HistoryError> {
    let mut steps = job.steps.iter();
    steps
        .position(|step| name.is_none_or(|name| step.name == name))
        .ok_or_else(|| HistoryError(format!("{} has no step {}", job.name, name.unwrap_or("at all"))))
}

fn new_step(job: &str, event: StepEvent) -> Step {
    let task = |number| Task {
        id: task_id(job, &event.name, number),
        status: RunStatus::Ready,
        started: None,
        ended: None,
        failures: 0,
        latest_action_id: None,
    };
    Step {
        id: id("step", &format!("{job}/{}", event.name)),
        tasks: (0..event.tasks).map(task).collect(),
        name: event.name,
    }
}

fn task_id(job: &str, step: &str, number: u32) -> String {
    numbered_id("task", &format!("{job}/{step}"), number)
}

fn environment(job_id: &str) -> String {
    format!("JOB:{job_id}:Setup")
}

fn action_status(ran: Ran) -> &'static str {
    match ran {
        Ran::Succeeded => "SUCCEEDED",
        Ran::Failed => "FAILED",
        Ran::Canceled => "CANCELED",
        Ran::Interrupted => "INTERRUPTED",
        Ran::Running => "RUNNING",
    }
}

fn task_status(ran: Ran) -> RunStatus {
    match ran {
        Ran::Succeeded => RunStatus::Succeeded,
        Ran::Failed => RunStatus::Failed,
        Ran::Canceled => RunStatus::Canceled,
        // A worker that went away: the task waits for another.
        Ran::Interrupted => RunStatus::Ready,
        Ran::Running => RunStatus::Running,
    }
}

/// The files for each of the job's roots, which are remembered as written.
fn outputs(job: &mut Job, files: Vec<File>, time: Micros) -> Result<Vec<Vec<OutputFile>>, HistoryError> {
    let mut roots = vec![Vec::new(); job.roots.len()];
    for file in files {
        let Some(root) = roots.get_mut(file.root) else {
            return Err(HistoryError(format!("{} has no root {}", job.name, file.root)));
        };
        let body = match (file.text, file.bytes) {
            (Some(text), None) => Bytes::from(text),
            (None, Some(length)) => Bytes::from(noise(file.seed, length)),
            _ => return Err(HistoryError(format!("{} needs either text or bytes", file.path))),
        };
        job.written.insert((file.root, file.path.clone()), body.clone());
        root.push(OutputFile::new(file.path, body, file.mtime.unwrap_or(time)));
    }
    Ok(roots)
}

/// Stores what was written under one root, if anything was.
fn write_root(
    store: &Store,
    location: &QueueLocation,
    action: &SessionAction,
    root: &Root,
    files: &[OutputFile],
) -> Option<OutputManifest> {
    if files.is_empty() {
        return None;
    }
    let root = AssetRoot { path: root.path.clone(), file_system_location_name: root.location.clone() };
    let key = write_outputs(store, location, action, &root, files);
    let below = key.split_once("Manifests/").map_or(key.as_str(), |(_, below)| below);
    Some(OutputManifest {
        output_manifest_path: below.to_owned(),
        output_manifest_hash: content_hash(encode_manifest(files).as_bytes()),
    })
}

/// The events that a bulk event stands for, with how many seconds earlier each happened.
fn bulk(event: &BulkEvent) -> impl Iterator<Item = (Kind, f64)> + '_ {
    (0..event.jobs).flat_map(move |number| {
        let name = format!("{}/{number}", event.name);
        let session_of = move |task: u32| format!("session {}", task % event.sessions.max(1));
        // The service tells creation times apart, and so must a client that pages by them.
        let earlier = 60.0 + f64::from(event.jobs - number) * 0.001;
        let job = Kind::Job(JobEvent {
            name: name.clone(),
            storage_profile: event.storage_profile.clone(),
            roots: vec![Root {
                path: "/mnt/bulk".to_owned(),
                format: "posix".to_owned(),
                location: Some("Bulk".to_owned()),
            }],
            steps: vec![StepEvent {
                name: "render".to_owned(),
                tasks: event.tasks + u32::from(event.running),
            }],
            priority: 50,
        });
        let sessions = 0..event.sessions.max(1);
        let session = {
            let name = name.clone();
            move |task| SessionEvent { job: name.clone(), name: session_of(task) }
        };
        let (start, end) = (session.clone(), session);
        let tasks = (0..event.tasks).map(move |task| {
            let file = |index: u32| File {
                root: 0,
                path: format!("{name}/task {task:05}/beauty.{index:04}.exr"),
                text: None,
                bytes: Some(event.bytes),
                seed: (u64::from(number) << 40) | (u64::from(task) << 16) | u64::from(index),
                mtime: None,
            };
            Kind::Task(TaskEvent {
                job: name.clone(),
                session: session_of(task),
                step: None,
                task,
                chunk: None,
                status: Ran::Succeeded,
                files: (0..event.files).map(file).collect(),
                manifests: None,
                uploaded_seconds_ago: None,
            })
        });
        std::iter::once((job, earlier))
            .chain(sessions.clone().map(move |index| (Kind::Session(start(index)), 30.0)))
            .chain(tasks.map(|task| (task, 10.0)))
            .chain(sessions.map(move |index| (Kind::SessionEnded(end(index)), 0.0)))
    })
}

fn names<'a>(
    jobs: impl Iterator<Item = &'a Job>,
    profiles: impl Iterator<Item = &'a StorageProfile>,
) -> Value {
    let pairs = |pairs: &mut dyn Iterator<Item = (&String, &String)>| -> Value {
        pairs.map(|(name, id)| (name.clone(), json!(id))).collect::<serde_json::Map<_, _>>().into()
    };
    let jobs: serde_json::Map<_, _> = jobs
        .map(|job| {
            let steps = pairs(&mut job.steps.iter().map(|step| (&step.name, &step.id)));
            let sessions = pairs(&mut job.sessions.iter().map(|session| (&session.name, &session.id)));
            (job.name.clone(), json!({ "jobId": job.id, "steps": steps, "sessions": sessions }))
        })
        .collect();
    let profiles = pairs(&mut profiles.map(|profile| (&profile.display_name, &profile.storage_profile_id)));
    json!({ "jobs": jobs, "storageProfiles": profiles })
}
