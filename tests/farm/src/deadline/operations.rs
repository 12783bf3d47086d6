//! What each operation answers, member by member.

use std::time::Duration;

use http::Method;
use serde_json::{Map, Value, json};

use super::history::Queue;
use super::job::{Action, Definition, Job, Session, Step, Summary, Task};
use super::search::{Search, within};
use super::time::{Micros, iso, now, since_epoch};
use crate::access::Guard;
use crate::refusal::Refusal;

pub(super) const LIFECYCLE_STATUS: &str = "CREATE_COMPLETE";
pub(super) const USER: &str = "arn:aws:sts::123456789012:assumed-role/artists/mira";

/// An operation with the ids that its address names.
#[derive(Clone, Copy, Debug)]
pub(super) enum Operation<'a> {
    SearchJobs { farm: &'a str },
    GetQueue(At<'a>),
    GetJob(At<'a>, &'a str),
    GetStep(At<'a>, &'a str, &'a str),
    GetTask(At<'a>, &'a str, &'a str, &'a str),
    GetSessionAction(At<'a>, &'a str, &'a str),
    ListSessions(At<'a>, &'a str),
    ListSessionActions(At<'a>, &'a str),
    GetStorageProfileForQueue(At<'a>, &'a str),
    AssumeQueueRoleForUser(At<'a>),
}

/// A farm and a queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'a>(&'a str, &'a str);

impl<'a> Operation<'a> {
    /// The operation at an address below the version; ids are never encoded.
    pub(super) fn at(method: &Method, path: &'a str) -> Option<Self> {
        let parts: Vec<&str> = path.split('/').collect();
        if let (&Method::POST, ["farms", farm, "search", "jobs"]) = (method, &parts[..]) {
            return Some(Self::SearchJobs { farm });
        }
        if method != Method::GET {
            return None;
        }
        let ["farms", farm, "queues", queue, rest @ ..] = &parts[..] else {
            return None;
        };
        let at = At(farm, queue);
        Some(match rest {
            [] => Self::GetQueue(at),
            ["user-roles"] => Self::AssumeQueueRoleForUser(at),
            ["storage-profiles", profile] => Self::GetStorageProfileForQueue(at, profile),
            ["jobs", job] => Self::GetJob(at, job),
            ["jobs", job, "sessions"] => Self::ListSessions(at, job),
            ["jobs", job, "session-actions"] => Self::ListSessionActions(at, job),
            ["jobs", job, "session-actions", action] => Self::GetSessionAction(at, job, action),
            ["jobs", job, "steps", step] => Self::GetStep(at, job, step),
            ["jobs", job, "steps", step, "tasks", task] => Self::GetTask(at, job, step, task),
            _ => return None,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::SearchJobs { .. } => "SearchJobs",
            Self::GetQueue(..) => "GetQueue",
            Self::GetJob(..) => "GetJob",
            Self::GetStep(..) => "GetStep",
            Self::GetTask(..) => "GetTask",
            Self::GetSessionAction(..) => "GetSessionAction",
            Self::ListSessions(..) => "ListSessions",
            Self::ListSessionActions(..) => "ListSessionActions",
            Self::GetStorageProfileForQueue(..) => "GetStorageProfileForQueue",
            Self::AssumeQueueRoleForUser(..) => "AssumeQueueRoleForUser",
        }
    }
}

impl Queue {
    pub(super) fn answer(
        &self,
        operation: Operation<'_>,
        query: &Query,
        body: &[u8],
        guard: &Guard,
    ) -> Result<Value, Refusal> {
        match operation {
            Operation::SearchJobs { farm } => {
                self.check_farm(farm)?;
                self.search(body)
            }
            Operation::GetQueue(at) => {
                self.check(at)?;
                Ok(self.queue())
            }
            Operation::GetJob(at, id) => Ok(get_job(self.existing(at, id)?)),
            Operation::GetStep(at, job, step) => {
                let step = existing_step(self.existing(at, job)?, step)?;
                let members =
                    json!({ "stepId": step.id, "name": step.name, "lifecycleStatus": LIFECYCLE_STATUS });
                Ok(self.created(members))
            }
            Operation::GetTask(at, job, step, task) => {
                let step = existing_step(self.existing(at, job)?, step)?;
                let found = step.tasks.iter().zip(0..).find(|(known, _)| known.id == task);
                let (task, number) = found.ok_or_else(|| Refusal::not_found("task", task))?;
                Ok(self.created(get_task(task, number)))
            }
            Operation::GetSessionAction(at, job, id) => {
                let job = self.existing(at, job)?;
                let mut actions = job.sessions.iter().flat_map(|session| &session.actions);
                let action = actions.find(|action| action.id == id);
                let action = action.ok_or_else(|| Refusal::not_found("session-action", id))?;
                Ok(session_action(job, action))
            }
            Operation::ListSessions(at, job) => {
                query.page("sessions", self.existing(at, job)?.sessions.iter(), session)
            }
            Operation::ListSessionActions(at, id) => {
                let job = self.existing(at, id)?;
                let of_session = query.get("sessionId");
                if let Some(id) = of_session
                    && !job.sessions.iter().any(|session| session.id == id)
                {
                    return Err(Refusal::not_found("session", id));
                }
                let sessions =
                    job.sessions.iter().filter(|session| of_session.is_none_or(|id| session.id == id));
                let task = query.get("taskId");
                let actions = sessions.flat_map(|session| &session.actions);
                let actions = actions.filter(|action| {
                    task.is_none_or(|id| task_of(job, action).is_some_and(|of| of.id == id))
                });
                query.page("sessionActions", actions, |action| session_action(job, action))
            }
            Operation::GetStorageProfileForQueue(at, id) => {
                self.check(at)?;
                let profile = self.storage_profiles.get(id);
                let profile = profile.ok_or_else(|| Refusal::not_found("storage-profile", id))?;
                Ok(json!(profile))
            }
            Operation::AssumeQueueRoleForUser(at) => {
                self.check(at)?;
                Ok(self.role(guard))
            }
        }
    }

    fn search(&self, body: &[u8]) -> Result<Value, Refusal> {
        let search: Search = serde_json::from_slice(body)
            .map_err(|problem| Refusal::invalid("body", format!("This is no search: {problem}.")))?;
        if !(1..=10).contains(&search.queue_ids.len()) {
            return Err(Refusal::invalid("queueIds", "A search is for 1 to 10 queues."));
        }
        for id in &search.queue_ids {
            self.check(At(&self.location.farm_id, id))?;
        }
        let view = now() - self.settings.view_lag;
        let found = search.run(self.jobs.values().filter_map(|job| job.summary_at(view)))?;
        let jobs: Vec<_> = found
            .jobs
            .iter()
            .map(|job| {
                let mut summary = summary(job);
                summary.insert("queueId".to_owned(), json!(self.location.queue_id));
                summary
            })
            .collect();
        let mut answer = json!({ "jobs": jobs, "totalResults": found.total });
        if let Some(next) = found.next {
            answer["nextItemOffset"] = json!(next);
        }
        Ok(answer)
    }

    fn queue(&self) -> Value {
        let location = &self.location;
        self.created(json!({
            "farmId": location.farm_id,
            "queueId": location.queue_id,
            "displayName": "nightly",
            "status": "IDLE",
            "defaultBudgetAction": "NONE",
            "jobAttachmentSettings": { "s3BucketName": location.bucket, "rootPrefix": location.root_prefix },
            "roleArn": "arn:aws:iam::123456789012:role/queue-nightly",
            "allowedStorageProfileIds": self.storage_profiles.keys().collect::<Vec<_>>(),
        }))
    }

    fn role(&self, guard: &Guard) -> Value {
        let lifetime = Duration::try_from_secs_f64(self.settings.role_seconds).unwrap_or_default();
        let (credentials, until) = guard.issue_role(lifetime);
        json!({ "credentials": {
            "accessKeyId": credentials.access_key_id,
            "secretAccessKey": credentials.secret_access_key,
            "sessionToken": credentials.session_token,
            "expiration": iso(since_epoch(until)),
        } })
    }

    fn check_farm(&self, id: &str) -> Result<(), Refusal> {
        expect("farm", id, &self.location.farm_id)
    }

    fn check(&self, At(farm, queue): At<'_>) -> Result<(), Refusal> {
        self.check_farm(farm)?;
        expect("queue", queue, &self.location.queue_id)
    }

    fn existing(&self, at: At<'_>, id: &str) -> Result<&Job, Refusal> {
        self.check(at)?;
        let job = self.jobs.get(id).filter(|job| !job.is_deleted());
        job.ok_or_else(|| Refusal::not_found("job", id))
    }

    /// The resource with when and by whom it was made.
    fn created(&self, mut resource: Value) -> Value {
        resource["createdAt"] = json!(iso(self.created));
        resource["createdBy"] = json!(USER);
        resource
    }
}

fn expect(kind: &str, id: &str, known: &str) -> Result<(), Refusal> {
    if id == known { Ok(()) } else { Err(Refusal::not_found(kind, id)) }
}

fn existing_step<'job>(job: &'job Job, id: &str) -> Result<&'job Step, Refusal> {
    job.steps.iter().find(|step| step.id == id).ok_or_else(|| Refusal::not_found("step", id))
}

/// The members of a job that SearchJobs and GetJob share.
fn summary(job: &Summary) -> Map<String, Value> {
    let counts: Map<_, _> =
        job.counts.iter().map(|(status, count)| (status.name().to_owned(), json!(count))).collect();
    let mut members = Map::new();
    let mut set = |name: &str, value: Value| members.insert(name.to_owned(), value);
    set("jobId", json!(job.id));
    set("name", json!(job.name));
    set("lifecycleStatus", json!(LIFECYCLE_STATUS));
    set("lifecycleStatusMessage", json!("Job created successfully"));
    set("taskRunStatus", json!(job.status.name()));
    set("taskRunStatusCounts", counts.into());
    set("taskFailureRetryCount", json!(job.failures));
    set("priority", json!(job.priority));
    set("maxFailedTasksCount", json!(20));
    set("maxRetriesPerTask", json!(5));
    set("createdAt", json!(iso(job.created)));
    set("createdBy", json!(USER));
    set("updatedAt", json!(iso(job.updated)));
    set("updatedBy", json!(USER));
    set_time(&mut members, "startedAt", job.started);
    set_time(&mut members, "endedAt", job.ended);
    members
}

fn set_time(members: &mut Map<String, Value>, name: &str, time: Option<Micros>) {
    if let Some(time) = time {
        members.insert(name.to_owned(), json!(iso(time)));
    }
}

fn get_job(job: &Job) -> Value {
    let mut members = job.summary().map(|known| summary(known)).unwrap_or_default();
    if let Some(id) = &job.storage_profile_id {
        members.insert("storageProfileId".to_owned(), json!(id));
    }
    if !job.roots.is_empty() {
        let manifests: Vec<_> = job
            .roots
            .iter()
            .map(|root| {
                let mut manifest = json!({
                    "rootPath": root.path,
                    "rootPathFormat": root.format,
                    "outputRelativeDirectories": ["."],
                });
                if let Some(location) = &root.location {
                    manifest["fileSystemLocationName"] = json!(location);
                }
                manifest
            })
            .collect();
        members.insert("attachments".to_owned(), json!({ "manifests": manifests, "fileSystem": "COPIED" }));
    }
    members.into()
}

fn get_task(task: &Task, number: u32) -> Value {
    let mut members = Map::new();
    members.insert("taskId".to_owned(), json!(task.id));
    members.insert("runStatus".to_owned(), json!(task.status.name()));
    members.insert("failureRetryCount".to_owned(), json!(task.failures));
    members.insert("parameters".to_owned(), json!({ "Frame": { "int": number.to_string() } }));
    if let Some(id) = &task.latest_action_id {
        members.insert("latestSessionActionId".to_owned(), json!(id));
    }
    set_time(&mut members, "startedAt", task.started);
    set_time(&mut members, "endedAt", task.ended);
    members.into()
}

fn session(session: &Session) -> Value {
    let worker = session.id.replacen("session-", "worker-", 1);
    let mut members = Map::new();
    members.insert("fleetId".to_owned(), json!(worker.replacen("worker-", "fleet-", 1)));
    members.insert("workerId".to_owned(), json!(worker));
    members.insert("sessionId".to_owned(), json!(session.id));
    let status = if session.ended.is_some() { "ENDED" } else { "STARTED" };
    members.insert("lifecycleStatus".to_owned(), json!(status));
    set_time(&mut members, "startedAt", Some(session.started));
    set_time(&mut members, "endedAt", session.ended);
    members.into()
}

fn session_action(job: &Job, action: &Action) -> Value {
    let definition = match &action.definition {
        Definition::SyncInputs => json!({ "syncInputJobAttachments": {} }),
        Definition::EnvironmentEnter(id) => json!({ "envEnter": { "environmentId": id } }),
        Definition::EnvironmentExit(id) => json!({ "envExit": { "environmentId": id } }),
        Definition::TaskRun { step, tasks, chunked } => {
            let mut run = json!({ "stepId": job.steps.get(*step).map(|step| &step.id) });
            let numbers = tasks.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
            if *chunked {
                run["parameters"] = json!({ "Frame": { "chunkInt": numbers } });
            } else {
                run["parameters"] = json!({ "Frame": { "int": numbers } });
                run["taskId"] = json!(task_of(job, action).map(|task| &task.id));
            }
            json!({ "taskRun": run })
        }
    };
    let mut members = Map::new();
    members.insert("sessionActionId".to_owned(), json!(action.id));
    members.insert("status".to_owned(), json!(action.status));
    members.insert("definition".to_owned(), definition);
    let progress = if action.ended.is_some() { 100.0 } else { 50.0 };
    members.insert("progressPercent".to_owned(), json!(progress));
    if let Some(manifests) = &action.manifests {
        let manifests = manifests.iter().map(|manifest| match manifest {
            Some(manifest) => json!(manifest),
            None => json!({}),
        });
        members.insert("manifests".to_owned(), manifests.collect::<Vec<_>>().into());
    }
    set_time(&mut members, "startedAt", Some(action.started));
    set_time(&mut members, "endedAt", action.ended);
    members.into()
}

/// The task that an action ran, unless it ran a chunk.
fn task_of<'a>(job: &'a Job, action: &Action) -> Option<&'a Task> {
    match &action.definition {
        Definition::TaskRun { step, tasks, chunked: false } => {
            let step: &Step = job.steps.get(*step)?;
            step.tasks.get(usize::try_from(*tasks.first()?).ok()?)
        }
        _ => None,
    }
}

/// The parameters of an address.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn new(text: &str) -> Self {
        let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        let decoded = |text: &str| urlencoding::decode(text).map_or_else(|_| text.to_owned(), Into::into);
        Self(pairs.map(|(name, value)| (name.to_owned(), decoded(value))).collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The page of `items` that is asked for, under `name`.
    fn page<T>(
        &self,
        name: &str,
        items: impl Iterator<Item = T>,
        show: impl Fn(T) -> Value,
    ) -> Result<Value, Refusal> {
        let size = self.get("maxResults").map(|text| text.parse::<i64>());
        let size = size
            .transpose()
            .map_err(|_| Refusal::invalid("maxResults", "maxResults is a number from 1 to 100."))?;
        let size = within("maxResults", size, 1, 100)?.unwrap_or(100) as usize;
        let start = match self.get("nextToken") {
            None => 0,
            Some(token) => token
                .strip_prefix("after-")
                .and_then(|count| count.parse().ok())
                .ok_or_else(|| Refusal::invalid("nextToken", "The token is not one of ours."))?,
        };
        let mut items = items.skip(start);
        let page: Vec<Value> = items.by_ref().take(size).map(show).collect();
        let mut answer = json!({ name: page });
        if items.next().is_some() {
            answer["nextToken"] = json!(format!("after-{}", start + size));
        }
        Ok(answer)
    }
}
