//! A job with its steps, tasks, sessions and session actions, and what follows from their states.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use super::event::Root;
use super::time::Micros;

/// The states that a task can be in, as the service names them; a job's counts always have all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum RunStatus {
    Pending,
    Ready,
    Assigned,
    Starting,
    Scheduled,
    Interrupting,
    Running,
    Suspended,
    Canceled,
    Failed,
    Succeeded,
    NotCompatible,
}

impl RunStatus {
    const ALL: [Self; 12] = [
        Self::Pending,
        Self::Ready,
        Self::Assigned,
        Self::Starting,
        Self::Scheduled,
        Self::Interrupting,
        Self::Running,
        Self::Suspended,
        Self::Canceled,
        Self::Failed,
        Self::Succeeded,
        Self::NotCompatible,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Ready => "READY",
            Self::Assigned => "ASSIGNED",
            Self::Starting => "STARTING",
            Self::Scheduled => "SCHEDULED",
            Self::Interrupting => "INTERRUPTING",
            Self::Running => "RUNNING",
            Self::Suspended => "SUSPENDED",
            Self::Canceled => "CANCELED",
            Self::Failed => "FAILED",
            Self::Succeeded => "SUCCEEDED",
            Self::NotCompatible => "NOT_COMPATIBLE",
        }
    }

    /// Whether nothing more happens to such a task by itself.
    pub(super) fn has_ended(self) -> bool {
        self >= Self::Suspended
    }
}

pub(super) struct Job {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) priority: u32,
    pub(super) created: Micros,
    pub(super) storage_profile_id: Option<String>,
    pub(super) roots: Vec<Root>,
    pub(super) steps: Vec<Step>,
    pub(super) sessions: Vec<Session>,
    /// The newest bytes of every file, so that damage can be made good.
    pub(super) written: BTreeMap<(usize, String), Bytes>,
    versions: Vec<Version>,
}

pub(super) struct Step {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) tasks: Vec<Task>,
}

#[derive(Clone)]
pub(super) struct Task {
    pub(super) id: String,
    pub(super) status: RunStatus,
    pub(super) started: Option<Micros>,
    pub(super) ended: Option<Micros>,
    pub(super) failures: u32,
    pub(super) latest_action_id: Option<String>,
}

pub(super) struct Session {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) started: Micros,
    pub(super) ended: Option<Micros>,
    pub(super) actions: Vec<Action>,
}

pub(super) struct Action {
    pub(super) id: String,
    pub(super) status: &'static str,
    pub(super) started: Micros,
    pub(super) ended: Option<Micros>,
    pub(super) definition: Definition,
    /// One entry for each of the job's roots; absent as a whole where the service did not fill it.
    pub(super) manifests: Option<Vec<Option<OutputManifest>>>,
}

pub(super) enum Definition {
    SyncInputs,
    EnvironmentEnter(String),
    EnvironmentExit(String),
    TaskRun { step: usize, tasks: Vec<u32>, chunked: bool },
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OutputManifest {
    pub(super) output_manifest_path: String,
    pub(super) output_manifest_hash: String,
}

/// What SearchJobs says of a job.
#[derive(Debug)]
pub(super) struct Summary {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) priority: u32,
    pub(super) status: RunStatus,
    pub(super) counts: BTreeMap<RunStatus, u32>,
    pub(super) failures: u32,
    pub(super) created: Micros,
    pub(super) started: Option<Micros>,
    pub(super) ended: Option<Micros>,
    pub(super) updated: Micros,
}

struct Version {
    since: Micros,
    /// None once the job is deleted.
    summary: Option<Arc<Summary>>,
}

impl Job {
    pub(super) fn new(id: String, name: String, created: Micros) -> Self {
        Self {
            id,
            name,
            priority: 0,
            created,
            storage_profile_id: None,
            roots: Vec::new(),
            steps: Vec::new(),
            sessions: Vec::new(),
            written: BTreeMap::new(),
            versions: Vec::new(),
        }
    }

    /// Draws the conclusions of what happened up to `time`: whether the job has ended, and what
    /// is to be said of it from then on.
    pub(super) fn settle(&mut self, time: Micros) {
        let mut counts: BTreeMap<_, u32> = RunStatus::ALL.into_iter().map(|status| (status, 0)).collect();
        for task in self.tasks() {
            *counts.entry(task.status).or_default() += 1;
        }
        let status = job_status(&counts);
        let last = self.tasks().filter_map(|task| task.ended).max();
        let summary = Summary {
            id: self.id.clone(),
            name: self.name.clone(),
            priority: self.priority,
            status,
            counts,
            failures: self.tasks().map(|task| task.failures).sum(),
            created: self.created,
            started: self.tasks().filter_map(|task| task.started).min(),
            ended: status.has_ended().then(|| last.unwrap_or(time)),
            updated: time,
        };
        self.push(time, Some(summary));
    }

    pub(super) fn delete(&mut self, time: Micros) {
        self.push(time, None);
    }

    pub(super) fn is_deleted(&self) -> bool {
        self.summary().is_none()
    }

    /// The job as it is.
    pub(super) fn summary(&self) -> Option<&Arc<Summary>> {
        self.versions.last()?.summary.as_ref()
    }

    /// The job as it was at a time.
    pub(super) fn summary_at(&self, time: Micros) -> Option<&Arc<Summary>> {
        self.versions.iter().rev().find(|version| version.since <= time)?.summary.as_ref()
    }

    fn push(&mut self, since: Micros, summary: Option<Summary>) {
        self.versions.push(Version { since, summary: summary.map(Arc::new) });
    }

    fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.steps.iter().flat_map(|step| &step.tasks)
    }
}

/// The job's status by its tasks': the liveliest one while any is open, then the worst.
fn job_status(counts: &BTreeMap<RunStatus, u32>) -> RunStatus {
    use RunStatus::*;
    let order = [
        Running,
        Interrupting,
        Scheduled,
        Starting,
        Assigned,
        Ready,
        Pending,
        Suspended,
        Failed,
        Canceled,
        NotCompatible,
    ];
    let any = |status: &RunStatus| counts.get(status).is_some_and(|count| *count > 0);
    order.into_iter().find(any).unwrap_or(Succeeded)
}
