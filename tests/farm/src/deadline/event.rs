//! What can happen in a queue, as tests write it down.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::show::FileSystemLocation;

/// Something that happened; [`deadline`](crate::deadline) lists all kinds. It reads from JSON.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct Event {
    pub(super) seconds_ago: f64,
    pub(super) kind: Kind,
}

/// Events in steps, to happen one step after the other.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// What happens together.
    pub steps: Vec<Vec<Event>>,
}

/// Why an event cannot have happened.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct HistoryError(pub(super) String);

impl TryFrom<Map<String, Value>> for Event {
    type Error = serde_json::Error;

    fn try_from(mut fields: Map<String, Value>) -> Result<Self, Self::Error> {
        let seconds_ago = fields.remove("secondsAgo").map_or(Ok(0.0), serde_json::from_value)?;
        Ok(Self { seconds_ago, kind: serde_json::from_value(Value::Object(fields))? })
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase", deny_unknown_fields)]
pub(super) enum Kind {
    Settings(SettingsChange),
    StorageProfile(StorageProfileEvent),
    Job(JobEvent),
    Session(SessionEvent),
    Task(TaskEvent),
    Requeue(RequeueEvent),
    SessionEnded(SessionEvent),
    JobEnded(JobEndedEvent),
    JobDeleted(JobDeletedEvent),
    Damage(DamageEvent),
    Bulk(BulkEvent),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SettingsChange {
    pub(super) view_lag_seconds: Option<f64>,
    pub(super) role_seconds: Option<f64>,
    pub(super) bucket_needs_role: Option<bool>,
    pub(super) manifests: Option<bool>,
    pub(super) microseconds: Option<bool>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct StorageProfileEvent {
    pub(super) name: String,
    pub(super) os_family: String,
    pub(super) locations: Vec<FileSystemLocation>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct JobEvent {
    pub(super) name: String,
    pub(super) storage_profile: Option<String>,
    #[serde(default)]
    pub(super) roots: Vec<Root>,
    #[serde(default = "one_step")]
    pub(super) steps: Vec<StepEvent>,
    #[serde(default = "usual_priority")]
    pub(super) priority: u32,
}

/// Where a job's outputs start on the machine that submitted it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Root {
    pub(super) path: String,
    pub(super) format: String,
    pub(super) location: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepEvent {
    pub(super) name: String,
    pub(super) tasks: u32,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionEvent {
    pub(super) job: String,
    pub(super) name: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TaskEvent {
    pub(super) job: String,
    pub(super) session: String,
    pub(super) step: Option<String>,
    #[serde(default)]
    pub(super) task: u32,
    pub(super) chunk: Option<Vec<u32>>,
    #[serde(default)]
    pub(super) status: Ran,
    #[serde(default)]
    pub(super) files: Vec<File>,
    pub(super) manifests: Option<bool>,
    pub(super) uploaded_seconds_ago: Option<f64>,
}

/// How a task's run went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Ran {
    #[default]
    Succeeded,
    Failed,
    Canceled,
    Interrupted,
    Running,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    pub(super) root: usize,
    pub(super) path: String,
    pub(super) text: Option<String>,
    pub(super) bytes: Option<usize>,
    #[serde(default)]
    pub(super) seed: u64,
    pub(super) mtime: Option<i64>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequeueEvent {
    pub(super) job: String,
    pub(super) step: Option<String>,
    pub(super) tasks: Option<Vec<u32>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JobEndedEvent {
    pub(super) job: String,
    pub(super) status: Stopped,
}

/// How a job's open tasks end when it is stopped.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Stopped {
    Canceled,
    Suspended,
    Failed,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JobDeletedEvent {
    pub(super) job: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DamageEvent {
    pub(super) job: String,
    pub(super) path: String,
    #[serde(default)]
    pub(super) root: usize,
    pub(super) how: Damage,
}

/// What became of a content object.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Damage {
    WrongBytes,
    CutShort,
    Missing,
    None,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct BulkEvent {
    pub(super) name: String,
    pub(super) jobs: u32,
    pub(super) tasks: u32,
    pub(super) files: u32,
    pub(super) bytes: usize,
    pub(super) storage_profile: Option<String>,
    #[serde(default = "one_session")]
    pub(super) sessions: u32,
    #[serde(default)]
    pub(super) running: bool,
}

fn one_step() -> Vec<StepEvent> {
    vec![StepEvent { name: "render".to_owned(), tasks: 1 }]
}

fn usual_priority() -> u32 {
    50
}

fn one_session() -> u32 {
    1
}
