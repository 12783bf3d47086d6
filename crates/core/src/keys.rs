//! S3 keys of content and output manifests: building, parsing, selecting.
//!
//! A root prefix may itself hold `step-` or `task-`, so keys are read from the known prefix on or, where
//! no prefix is given, from the right.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorCode, Result};

/// Where a queue's manifests are. The bucket is the orchestrator's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestLocation {
    /// The `rootPrefix` of the queue's job attachment settings.
    pub root_prefix: String,
    /// `farm-…`
    pub farm_id: String,
    /// `queue-…`
    pub queue_id: String,
}

/// Whose outputs: a job's, one step's or one task's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OutputManifestScope {
    /// `job-…`
    pub job_id: String,
    /// `step-…`
    pub step_id: Option<String>,
    /// `task-…`; needs the step.
    pub task_id: Option<String>,
}

/// What the key of an output manifest says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OutputManifestKey<'a> {
    /// `farm-…`
    pub farm_id: &'a str,
    /// `queue-…`
    pub queue_id: &'a str,
    /// `job-…`
    pub job_id: &'a str,
    /// `step-…`
    pub step_id: &'a str,
    /// `task-…`; none for a chunked step, whose manifests stand at the step.
    pub task_id: Option<&'a str>,
    /// `YYYY-MM-DDTHH:MM:SS.ffffffZ`, by the worker's clock.
    pub timestamp: &'a str,
    /// `sessionaction-…`
    pub session_action_id: &'a str,
    /// See [`root_path_hash`].
    pub root_path_hash: &'a str,
}

/// An object as a listing shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedObject {
    /// The whole key.
    pub key: String,
    /// Milliseconds since the epoch.
    pub last_modified: Option<i64>,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// An asset root as a job's attachments name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RootReference {
    /// The root's path on the submitting host.
    pub root_path: String,
    /// The storage profile's name for the place that holds it.
    pub file_system_location_name: Option<String>,
}

/// The key of a content object.
pub fn content_key(root_prefix: &str, hash: &str, hash_alg: &str) -> String {
    below(root_prefix, &format!("Data/{hash}.{hash_alg}"))
}

/// The key of the output manifest that a session action names by its path below `Manifests/`.
pub fn output_manifest_key(root_prefix: &str, path: &str) -> String {
    below(root_prefix, &format!("Manifests/{path}"))
}

/// The prefix, ending in `/`, below which the scope's output manifests are.
///
/// # Errors
/// `INVALID_ARGUMENT` for a task without its step, or an id that is empty or holds a `/`.
pub fn output_manifest_prefix(location: &ManifestLocation, scope: &OutputManifestScope) -> Result<String> {
    if scope.task_id.is_some() && scope.step_id.is_none() {
        return Err(Error::new(
            ErrorCode::InvalidArgument,
            "a taskId needs the stepId of the step that the task belongs to",
        ));
    }
    let ids = [
        ("farmId", Some(&location.farm_id)),
        ("queueId", Some(&location.queue_id)),
        ("jobId", Some(&scope.job_id)),
        ("stepId", scope.step_id.as_ref()),
        ("taskId", scope.task_id.as_ref()),
    ];
    let mut key = below(&location.root_prefix, "Manifests/");
    for (name, id) in ids {
        let Some(id) = id else { continue };
        if id.is_empty() || id.contains('/') {
            return Err(Error::new(ErrorCode::InvalidArgument, format!("{name} {id:?} is not an id"))
                .with("argument", name));
        }
        key.push_str(id);
        key.push('/');
    }
    Ok(key)
}

fn below(root_prefix: &str, rest: &str) -> String {
    let root_prefix = root_prefix.trim_end_matches('/');
    if root_prefix.is_empty() { rest.to_owned() } else { format!("{root_prefix}/{rest}") }
}

/// Reads the key of an output manifest; none for any other key.
pub fn parse_output_manifest_key<'a>(
    key: &'a str,
    root_prefix: Option<&str>,
) -> Option<OutputManifestKey<'a>> {
    let mut rest = key;
    if let Some(prefix) = root_prefix.map(|prefix| prefix.trim_end_matches('/')).filter(|p| !p.is_empty()) {
        rest = key.strip_prefix(prefix)?.strip_prefix('/')?;
    }
    let mut from_right = rest.rsplit('/');
    let root_path_hash = manifest_name_hash(from_right.next()?)?;
    let (timestamp, session_action_id) = split_session_folder(from_right.next()?)?;
    let mut id = from_right.next()?;
    let task_id = id.starts_with("task-").then_some(id);
    if task_id.is_some() {
        id = from_right.next()?;
    }
    let step_id = Some(id).filter(|id| id.starts_with("step-"))?;
    let job_id = from_right.next().filter(|id| id.starts_with("job-"))?;
    let queue_id = from_right.next().filter(|id| id.starts_with("queue-"))?;
    let farm_id = from_right.next().filter(|id| id.starts_with("farm-"))?;
    from_right.next().filter(|folder| *folder == "Manifests")?;
    if root_prefix.is_some() && from_right.next().is_some() {
        return None;
    }
    Some(OutputManifestKey {
        farm_id,
        queue_id,
        job_id,
        step_id,
        task_id,
        timestamp,
        session_action_id,
        root_path_hash,
    })
}

/// The hash in `{hash}_output` or `{hash}_output.json`.
fn manifest_name_hash(name: &str) -> Option<&str> {
    name.strip_suffix(".json").unwrap_or(name).strip_suffix("_output").filter(|hash| !hash.is_empty())
}

/// `{timestamp}_{sessionActionId}`.
fn split_session_folder(folder: &str) -> Option<(&str, &str)> {
    folder.split_once('_').filter(|(timestamp, id)| !timestamp.is_empty() && id.starts_with("sessionaction-"))
}

/// The indexes of those objects that are output manifests, in the listing's order.
///
/// With `select_latest_per_task` only the latest session folder of each task counts: the one with the newest
/// `LastModified`, then the greatest name. Manifests of chunked steps, which have no task, always count.
pub fn filter_output_manifest_keys(
    objects: &[ListedObject],
    select_latest_per_task: bool,
    root_prefix: Option<&str>,
) -> Vec<usize> {
    let manifests: Vec<(usize, OutputManifestKey<'_>)> = objects
        .iter()
        .enumerate()
        .filter_map(|(index, object)| Some((index, parse_output_manifest_key(&object.key, root_prefix)?)))
        .collect();
    if !select_latest_per_task {
        return manifests.into_iter().map(|(index, _)| index).collect();
    }
    // Task and session folder are prefixes of the key, which is what tells them apart.
    let folder = |index: usize, depth: usize| parent(&objects[index].key, depth);
    let mut newest: HashMap<&str, Option<i64>> = HashMap::new();
    for &(index, _) in &manifests {
        let time = newest.entry(folder(index, 1)).or_default();
        *time = (*time).max(objects[index].last_modified);
    }
    let mut latest: HashMap<&str, (Option<i64>, &str)> = HashMap::new();
    for (index, _) in manifests.iter().filter(|(_, key)| key.task_id.is_some()) {
        let session = folder(*index, 1);
        let candidate = (newest[session], session);
        let best = latest.entry(folder(*index, 2)).or_insert(candidate);
        *best = (*best).max(candidate);
    }
    manifests
        .into_iter()
        .filter(|(index, key)| key.task_id.is_none() || latest[folder(*index, 2)].1 == folder(*index, 1))
        .map(|(index, _)| index)
        .collect()
}

/// The key without its last `depth` parts.
fn parent(key: &str, depth: usize) -> &str {
    (0..depth).fold(key, |key, _| key.rsplit_once('/').map_or("", |(parent, _)| parent))
}

/// The first session action id in a key, or none.
pub fn extract_session_action_id(key: &str) -> Option<&str> {
    static PATTERN: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"sessionaction-[^/-]+-[0-9]+").ok());
    PATTERN.as_ref()?.find(key).map(|found| found.as_str())
}

/// The indexes of those keys that belong to one of the session actions.
pub fn filter_manifests_by_session_actions(
    keys: &[impl AsRef<str>],
    session_action_ids: &[impl AsRef<str>],
) -> Vec<usize> {
    let wanted: std::collections::HashSet<&str> = session_action_ids.iter().map(AsRef::as_ref).collect();
    let belongs = |key: &str| extract_session_action_id(key).is_some_and(|id| wanted.contains(id));
    (0..keys.len()).filter(|&index| belongs(keys[index].as_ref())).collect()
}

/// The hash that a root's manifests are named by: xxh3-128 of the location name, if any, and the path.
pub fn root_path_hash(root_path: &str, file_system_location_name: Option<&str>) -> String {
    let text = format!("{}{root_path}", file_system_location_name.unwrap_or_default());
    crate::hash::xxh128_hex(text.as_bytes())
}

/// For each session action, which key is whose root's: each list runs parallel to `roots`. Of two keys for
/// one root, as a session action that was reported twice leaves them, the greater counts.
pub fn match_manifests_to_roots(
    keys: &[impl AsRef<str>],
    roots: &[RootReference],
) -> BTreeMap<String, Vec<Option<String>>> {
    let hashes: Vec<String> = roots
        .iter()
        .map(|root| root_path_hash(&root.root_path, root.file_system_location_name.as_deref()))
        .collect();
    let mut matched: BTreeMap<String, Vec<Option<String>>> = BTreeMap::new();
    for key in keys.iter().map(AsRef::as_ref) {
        let Some(parsed) = parse_output_manifest_key(key, None) else { continue };
        let slots =
            matched.entry(parsed.session_action_id.to_owned()).or_insert_with(|| vec![None; roots.len()]);
        for (slot, _) in slots.iter_mut().zip(&hashes).filter(|(_, hash)| *hash == parsed.root_path_hash) {
            if slot.as_deref().is_none_or(|known| known < key) {
                *slot = Some(key.to_owned());
            }
        }
    }
    matched
}

/// The asset root that a manifest's object metadata names. `asset-root-json` wins: it is how the reference
/// writes paths beyond ASCII. Names are compared without regard to case, as HTTP headers are.
///
/// # Errors
/// `MISSING_ASSET_ROOT` where `asset-root-json` is not a JSON string.
pub fn asset_root_from_metadata(metadata: &BTreeMap<String, String>) -> Result<Option<String>> {
    let find = |name: &str| metadata.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    if let Some((_, json)) = find("asset-root-json") {
        return serde_json::from_str(json).map(Some).map_err(|error| {
            Error::new(
                ErrorCode::MissingAssetRoot,
                format!("the metadata asset-root-json is not a JSON string: {json}"),
            )
            .caused_by(error)
        });
    }
    Ok(find("asset-root").map(|(_, root)| root.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &str = "Manifests/farm-1/queue-1/job-1";

    fn listed(key: &str, last_modified: i64) -> ListedObject {
        ListedObject { key: key.into(), last_modified: Some(last_modified), size: None }
    }

    #[test]
    fn a_root_prefix_may_itself_hold_step_or_task() {
        for prefix in ["my-task-outputs", "step-by-step/x", ""] {
            let key = below(prefix, &format!("{JOB}/step-1/task-1-0/T_sessionaction-1-0/abc_output"));
            for given in [None, Some(prefix)] {
                let parsed = parse_output_manifest_key(&key, given).unwrap();
                assert_eq!((parsed.step_id, parsed.task_id), ("step-1", Some("task-1-0")), "{key}");
            }
        }
    }

    #[test]
    fn a_chunked_steps_manifest_has_no_task() {
        let key = format!("p/{JOB}/step-1/T_sessionaction-1-0/abc_output.json");
        let parsed = parse_output_manifest_key(&key, Some("p/")).unwrap();
        assert_eq!((parsed.task_id, parsed.root_path_hash), (None, "abc"));
    }

    #[test]
    fn a_key_below_another_prefix_is_not_ours() {
        let key = format!("p/q/{JOB}/step-1/T_sessionaction-1-0/abc_output");
        assert!(parse_output_manifest_key(&key, Some("p")).is_none());
        assert!(parse_output_manifest_key(&key, Some("p/q")).is_some());
    }

    #[test]
    fn latest_per_task_is_the_newest_in_s3_whatever_the_workers_clock_says() {
        let old = format!("{JOB}/step-1/task-1/2025-09-09_sessionaction-1-0/a_output");
        let new = format!("{JOB}/step-1/task-1/2025-01-01_sessionaction-1-1/a_output");
        let objects = [listed(&old, 1_000), listed(&new, 2_000)];
        assert_eq!(filter_output_manifest_keys(&objects, true, None), [1]);
        assert_eq!(filter_output_manifest_keys(&objects, false, None), [0, 1]);
    }

    #[test]
    fn equal_times_go_by_the_greater_folder_name() {
        let objects = ["2025-02", "2025-01"]
            .map(|time| listed(&format!("{JOB}/step-1/task-1/{time}_sessionaction-1-0/a_output"), 1_000));
        assert_eq!(filter_output_manifest_keys(&objects, true, None), [0]);
    }

    #[test]
    fn all_roots_of_the_latest_session_count_and_manifests_of_steps_always_do() {
        let objects = [
            listed(&format!("{JOB}/step-1/task-1/T1_sessionaction-1-0/a_output"), 1_000),
            listed(&format!("{JOB}/step-1/task-1/T2_sessionaction-1-1/a_output"), 2_000),
            listed(&format!("{JOB}/step-1/task-1/T2_sessionaction-1-1/b_output"), 1_000),
            listed(&format!("{JOB}/step-2/T1_sessionaction-1-2/a_output"), 500),
            listed(&format!("{JOB}/step-2/T2_sessionaction-1-3/a_output"), 600),
        ];
        assert_eq!(filter_output_manifest_keys(&objects, true, None), [1, 2, 3, 4]);
    }

    #[test]
    fn a_task_needs_its_step() {
        let location = ManifestLocation {
            root_prefix: "p".into(),
            farm_id: "farm-1".into(),
            queue_id: "queue-1".into(),
        };
        let mut scope =
            OutputManifestScope { job_id: "job-1".into(), step_id: None, task_id: Some("task-1".into()) };
        assert_eq!(output_manifest_prefix(&location, &scope).unwrap_err().code, ErrorCode::InvalidArgument);
        scope.step_id = Some("step-1".into());
        assert_eq!(
            output_manifest_prefix(&location, &scope).unwrap(),
            "p/Manifests/farm-1/queue-1/job-1/step-1/task-1/"
        );
    }

    #[test]
    fn manifests_find_their_roots_by_hash() {
        let roots = [("/a", None), ("/b", Some("Projects"))].map(|(path, name)| RootReference {
            root_path: path.into(),
            file_system_location_name: name.map(str::to_owned),
        });
        let hash = root_path_hash("/b", Some("Projects"));
        let key = format!("{JOB}/step-1/task-1/T_sessionaction-1-7/{hash}_output");
        let matched = match_manifests_to_roots(&[&key], &roots);
        assert_eq!(matched["sessionaction-1-7"], [None, Some(key)]);
    }
}
