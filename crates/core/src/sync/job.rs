//! A job as a pass gets to know it: its sessions, and which of their task runs have something to download.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::answer::unexpected;
use super::checkpoint::text;
use super::{Category, CheckpointJob, FailedAction, FailedManifest, Timestamp};
use crate::error::Result;
use crate::keys::{RootReference, match_manifests_to_roots, parse_output_manifest_key, root_path_hash};
use crate::path::PathFormat;

/// A job of this pass or of an earlier one.
#[derive(Debug, Default)]
pub(super) struct Job {
    /// As the last pass left it.
    pub before: Option<CheckpointJob>,
    /// As the service has it now, if it is a candidate.
    pub candidate: Option<Map<String, Value>>,
    /// Since when it was none before this pass.
    pub inactive_since: Option<Timestamp>,
    pub category: Option<Category>,
    /// The name of one that is no more, where the queue had it a moment ago.
    pub last_name: Option<String>,
    pub sessions: BTreeMap<String, Session>,
    /// By session, what earlier passes downloaded beyond the saved index.
    pub done_beyond: BTreeMap<String, BTreeSet<u64>>,
    /// By session, the lowest index that an earlier pass left open when it was cut off.
    pub open_from: BTreeMap<String, u64>,
    /// What failed in earlier passes and is not tried in this one.
    pub waiting: Vec<FailedAction>,
    /// The session actions of those.
    waiting_ids: BTreeSet<String>,
    /// Steps whose own manifests have been asked for.
    pub listed_steps: BTreeSet<String>,
    /// Tasks with a run that failed on the farm, and with one that succeeded.
    pub failed_tasks: BTreeSet<String>,
    pub succeeded_tasks: BTreeSet<String>,
}

#[derive(Debug, Default)]
pub(super) struct Session {
    pub ended_at: Option<Timestamp>,
    /// Whether this pass has asked for its session actions.
    pub is_listed: bool,
    /// By index, those with something to download.
    pub actions: BTreeMap<u64, Action>,
}

#[derive(Debug, Default)]
pub(super) struct Action {
    pub id: String,
    /// How often it was tried before.
    pub attempts: u32,
    pub step_id: String,
    pub task_id: Option<String>,
    /// Parallel to the job's roots; none where nobody said.
    pub manifests: Option<Vec<Option<String>>>,
    /// Manifests of it that belong to none of the job's roots.
    pub without_root: Vec<String>,
    /// What is left of an earlier attempt.
    pub left: Vec<FailedManifest>,
}

impl Action {
    pub fn has_output(&self) -> bool {
        !self.left.is_empty() || self.manifests.iter().flatten().any(Option::is_some)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ActionSummary {
    session_action_id: String,
    status: String,
    #[serde(default)]
    definition: Definition,
    manifests: Option<Vec<ManifestPath>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Definition {
    task_run: Option<TaskRun>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TaskRun {
    step_id: String,
    task_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ManifestPath {
    output_manifest_path: Option<String>,
}

/// A root of a job's attachments.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Root {
    pub root_path: String,
    pub root_path_format: PathFormat,
    file_system_location_name: Option<String>,
}

impl Job {
    /// A text that the service or the last pass has of it.
    pub fn detail(&self, name: &str) -> Option<String> {
        let known = self.before.as_ref().map(|before| &before.job);
        self.candidate.iter().chain(known).find_map(|job| text(job, name)).map(str::to_owned)
    }

    pub fn roots(&self) -> Result<Vec<Root>> {
        let known = self.before.as_ref().map(|before| &before.job);
        let attachments = self.candidate.iter().chain(known).find_map(|job| job.get("attachments"));
        let Some(manifests) = attachments.and_then(|attachments| attachments.get("manifests")) else {
            return Ok(Vec::new());
        };
        serde_json::from_value(manifests.clone()).map_err(|cause| unexpected("GetJob", cause))
    }

    pub fn try_again(&mut self, failed: FailedAction) {
        let FailedAction { session_id, session_action_id, attempts, manifests, .. } = failed;
        let Some(index) = action_index(&session_action_id) else { return };
        let action = Action { id: session_action_id, attempts, left: manifests, ..Action::default() };
        self.sessions.entry(session_id).or_default().actions.insert(index, action);
    }

    pub fn wait(&mut self, failed: FailedAction) {
        self.waiting_ids.insert(failed.session_action_id.clone());
        self.waiting.push(failed);
    }

    pub fn actions(&self) -> impl Iterator<Item = &Action> {
        self.sessions.values().flat_map(|session| session.actions.values())
    }

    pub fn add_action(&mut self, session_id: &str, action: ActionSummary) {
        let Some(run) = action.definition.task_run else { return };
        match action.status.as_str() {
            "SUCCEEDED" => self.succeeded_tasks.extend(run.task_id.clone()),
            "FAILED" => return self.failed_tasks.extend(run.task_id),
            _ => return,
        }
        let Some(index) = action_index(&action.session_action_id) else { return };
        let saved = self.before.as_ref().and_then(|before| before.session_completed_indexes.get(session_id));
        let is_done = saved.is_some_and(|saved| index <= *saved)
            || self.done_beyond.get(session_id).is_some_and(|done| done.contains(&index));
        let is_waiting = self.waiting_ids.contains(&action.session_action_id);
        if is_done || is_waiting {
            return;
        }
        let path = |manifest: ManifestPath| manifest.output_manifest_path;
        let new = Action {
            id: action.session_action_id,
            attempts: 0,
            step_id: run.step_id,
            task_id: run.task_id,
            manifests: action.manifests.map(|manifests| manifests.into_iter().map(path).collect()),
            without_root: Vec::new(),
            left: Vec::new(),
        };
        // What is tried again is there already.
        self.sessions.entry(session_id.to_owned()).or_default().actions.entry(index).or_insert(new);
    }

    pub fn match_manifests(&mut self, keys: &[String]) {
        let Ok(roots) = self.roots() else { return };
        let references: Vec<RootReference> = roots
            .into_iter()
            .map(|root| RootReference {
                root_path: root.root_path,
                file_system_location_name: root.file_system_location_name,
            })
            .collect();
        let mut matched = match_manifests_to_roots(keys, &references);
        let hash =
            |root: &RootReference| root_path_hash(&root.root_path, root.file_system_location_name.as_deref());
        let hashes: HashSet<String> = references.iter().map(hash).collect();
        let mut without_root: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for key in keys {
            if let Some(parsed) = parse_output_manifest_key(key, None)
                && !hashes.contains(parsed.root_path_hash)
            {
                without_root.entry(parsed.session_action_id).or_default().push(below_manifests(key));
            }
        }
        for action in self.actions_mut() {
            if action.manifests.is_none() && action.left.is_empty() {
                let found = matched.remove(&action.id);
                let below = |key: Option<String>| key.map(|key| below_manifests(&key));
                action.manifests = found.map(|keys| keys.into_iter().map(below).collect());
                action.without_root = without_root.remove(&*action.id).unwrap_or_default();
            }
        }
    }

    fn actions_mut(&mut self) -> impl Iterator<Item = &mut Action> {
        self.sessions.values_mut().flat_map(|session| session.actions.values_mut())
    }

    /// Sets aside what the service names beyond the job's roots.
    pub fn set_aside_beyond(&mut self, roots: usize) {
        for action in self.actions_mut() {
            if let Some(manifests) = action.manifests.as_mut().filter(|manifests| manifests.len() > roots) {
                action.without_root.extend(manifests.split_off(roots).into_iter().flatten());
            }
        }
    }

    pub fn lacks_manifests(&self, step_id: &str, task_id: Option<&str>) -> bool {
        self.actions().any(|action| {
            action.manifests.is_none()
                && action.left.is_empty()
                && action.step_id == step_id
                && action.task_id.as_deref() == task_id
        })
    }
}

/// A key from below `Manifests/` on.
fn below_manifests(key: &str) -> String {
    let at = key.rfind("Manifests/farm-").map_or(0, |at| at + "Manifests/".len());
    key[at..].to_owned()
}

/// The index of a session action in its session: `sessionaction-abc-12` has 12.
pub(super) fn action_index(session_action_id: &str) -> Option<u64> {
    session_action_id.rsplit_once('-')?.1.parse().ok()
}
