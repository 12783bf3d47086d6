//! What a render worker leaves in S3: content objects and output manifests.
//!
//! [`Farm::add_outputs`] does it all at once; the functions are there for a test that wants one
//! part to be different.

use std::borrow::Cow;
use std::fmt::Write;

use bytes::Bytes;
use serde::Serialize;
use xxhash_rust::xxh3::xxh3_128;

use crate::deadline::time::iso_microseconds;
use crate::farm::Farm;
use crate::object::Object;
use crate::store::Store;

/// Where a queue keeps its job attachments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueLocation {
    /// The bucket.
    pub bucket: String,
    /// What all keys start with, without a trailing slash; may be empty.
    pub root_prefix: String,
    /// `farm-<32 hex>`.
    pub farm_id: String,
    /// `queue-<32 hex>`.
    pub queue_id: String,
}

impl QueueLocation {
    fn key(&self, rest: &str) -> String {
        if self.root_prefix.is_empty() { rest.to_owned() } else { format!("{}/{rest}", self.root_prefix) }
    }
}

/// One run of a task (or of a chunk of a step) that wrote outputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionAction {
    /// `job-<32 hex>`.
    pub job_id: String,
    /// `step-<32 hex>`.
    pub step_id: String,
    /// `task-<32 hex>-<n>`; absent for the manifests of chunked steps.
    pub task_id: Option<String>,
    /// `sessionaction-<32 hex>-<n>`.
    pub session_action_id: String,
    /// The time in the name of the manifest's folder, in microseconds since the epoch.
    pub folder_time_us: i64,
    /// The `LastModified` of what is stored, in milliseconds since the epoch.
    pub last_modified_ms: i64,
}

/// The directory on the submitting machine that the outputs' paths start from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetRoot {
    /// The path as the submitting machine wrote it.
    pub path: String,
    /// The location of the storage profile that the path is in, if it is in one.
    pub file_system_location_name: Option<String>,
}

/// One file that a task wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputFile {
    /// Relative to the asset root, with `/`.
    pub path: String,
    /// The bytes.
    pub body: Bytes,
    /// The modification time in microseconds since the epoch.
    pub mtime_us: i64,
}

impl OutputFile {
    /// A file by its three facts.
    pub fn new(path: impl Into<String>, body: impl Into<Bytes>, mtime_us: i64) -> Self {
        Self { path: path.into(), body: body.into(), mtime_us }
    }
}

impl Farm {
    /// Stores what one session action wrote under one asset root: the objects that are not there
    /// yet, and a `2023-03-03` manifest, whose key is returned.
    pub fn add_outputs(
        &self,
        location: &QueueLocation,
        action: &SessionAction,
        root: &AssetRoot,
        files: &[OutputFile],
    ) -> String {
        write_outputs(self.store(), location, action, root, files)
    }
}

/// [`Farm::add_outputs`], for what has no farm at hand.
pub(crate) fn write_outputs(
    store: &Store,
    location: &QueueLocation,
    action: &SessionAction,
    root: &AssetRoot,
    files: &[OutputFile],
) -> String {
    store.create_bucket(&location.bucket);
    for file in files {
        let key = content_key(location, &content_hash(&file.body));
        if store.get(&location.bucket, &key).flatten().is_none() {
            let content = Object::new(file.body.clone()).with_last_modified(action.last_modified_ms);
            store.put(&location.bucket, &key, content);
        }
    }
    let key = output_manifest_key(location, action, root);
    let mut manifest = Object::new(encode_manifest(files)).with_last_modified(action.last_modified_ms);
    for (name, value) in manifest_metadata(root) {
        manifest = manifest.with_metadata(name, value);
    }
    store.put(&location.bucket, &key, manifest);
    key
}

/// An id as Deadline Cloud's look, always the same for one label: `job-<32 hex>`.
pub fn id(kind: &str, label: &str) -> String {
    format!("{kind}-{}", hex(format!("{kind}:{label}").as_bytes()))
}

/// An id of something that is numbered within another thing: `task-<32 hex>-<n>`.
pub fn numbered_id(kind: &str, label: &str, number: u32) -> String {
    format!("{}-{number}", id(kind, label))
}

/// The xxh128 that names a content object.
pub fn content_hash(body: &[u8]) -> String {
    hex(body)
}

/// `{rootPrefix}/Data/{hash}.xxh128`.
pub fn content_key(location: &QueueLocation, hash: &str) -> String {
    location.key(&format!("Data/{hash}.xxh128"))
}

/// The key of the manifest that `action` wrote for `root`.
pub fn output_manifest_key(location: &QueueLocation, action: &SessionAction, root: &AssetRoot) -> String {
    let QueueLocation { farm_id, queue_id, .. } = location;
    let SessionAction { job_id, step_id, session_action_id, .. } = action;
    let task = action.task_id.iter().fold(String::new(), |_, id| format!("{id}/"));
    let time = iso_microseconds(action.folder_time_us);
    let location_name = root.file_system_location_name.as_deref().unwrap_or_default();
    let root_hash = hex(format!("{location_name}{}", root.path).as_bytes());
    location.key(&format!(
        "Manifests/{farm_id}/{queue_id}/{job_id}/{step_id}/{task}{time}_{session_action_id}/{root_hash}_output"
    ))
}

/// The user metadata of a manifest. A root that is not ASCII stands in both entries as a JSON
/// string, as the reference writes it.
pub fn manifest_metadata(root: &AssetRoot) -> Vec<(&'static str, String)> {
    let mut entries = Vec::new();
    if root.path.is_ascii() {
        entries.push(("asset-root", root.path.clone()));
    } else {
        let json = ascii(&serde_json::Value::from(root.path.as_str()).to_string()).into_owned();
        entries.push(("asset-root", json.clone()));
        entries.push(("asset-root-json", json));
    }
    if let Some(name) = &root.file_system_location_name {
        entries.push(("file-system-location-name", name.clone()));
    }
    entries
}

/// The canonical `2023-03-03` manifest of some files.
pub fn encode_manifest(files: &[OutputFile]) -> String {
    // Canonical form has its keys sorted, so the order of these fields matters.
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Manifest<'a> {
        hash_alg: &'a str,
        manifest_version: &'a str,
        paths: Vec<Entry<'a>>,
        total_size: usize,
    }
    #[derive(Serialize)]
    struct Entry<'a> {
        hash: String,
        mtime: i64,
        path: &'a str,
        size: usize,
    }

    let mut paths: Vec<Entry<'_>> = files
        .iter()
        .map(|file| Entry {
            hash: content_hash(&file.body),
            mtime: file.mtime_us,
            path: &file.path,
            size: file.body.len(),
        })
        .collect();
    paths.sort_by(|a, b| a.path.encode_utf16().cmp(b.path.encode_utf16()));
    let manifest = Manifest {
        hash_alg: "xxh128",
        manifest_version: "2023-03-03",
        total_size: paths.iter().map(|entry| entry.size).sum(),
        paths,
    };
    // Strings and numbers always serialise.
    let json = serde_json::to_string(&manifest).unwrap_or_default();
    ascii(&json).into_owned()
}

fn hex(bytes: &[u8]) -> String {
    format!("{:032x}", xxh3_128(bytes))
}

/// JSON with everything beyond ASCII as `\uXXXX`. DEL is ASCII, and stays.
fn ascii(json: &str) -> Cow<'_, str> {
    if json.is_ascii() {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len() * 2);
    for character in json.chars() {
        if character.is_ascii() {
            escaped.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a string cannot fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(root_prefix: &str) -> QueueLocation {
        QueueLocation {
            bucket: "bucket".to_owned(),
            root_prefix: root_prefix.to_owned(),
            farm_id: "farm-f".to_owned(),
            queue_id: "queue-q".to_owned(),
        }
    }

    fn action(task_id: Option<&str>) -> SessionAction {
        SessionAction {
            job_id: "job-j".to_owned(),
            step_id: "step-s".to_owned(),
            task_id: task_id.map(str::to_owned),
            session_action_id: "sessionaction-a-0".to_owned(),
            folder_time_us: 1_747_921_445_000_123,
            last_modified_ms: 0,
        }
    }

    fn root(path: &str, name: Option<&str>) -> AssetRoot {
        AssetRoot { path: path.to_owned(), file_system_location_name: name.map(str::to_owned) }
    }

    #[test]
    fn manifest_keys_have_the_documented_form() {
        let hash = hex(b"Projects/mnt/p");
        let root = root("/mnt/p", Some("Projects"));
        let folder = "2025-05-22T13:44:05.000123Z_sessionaction-a-0";
        assert_eq!(
            output_manifest_key(&location("a/b"), &action(Some("task-t-0")), &root),
            format!("a/b/Manifests/farm-f/queue-q/job-j/step-s/task-t-0/{folder}/{hash}_output")
        );
        assert_eq!(
            output_manifest_key(&location(""), &action(None), &root),
            format!("Manifests/farm-f/queue-q/job-j/step-s/{folder}/{hash}_output")
        );
    }

    #[test]
    fn manifests_are_canonical() {
        let files = [OutputFile::new("\u{ffee}", "", 2), OutputFile::new("\u{1f600}", "ab", 1)];
        let empty = content_hash(b"");
        let ab = content_hash(b"ab");
        // U+1F600 starts with the unit D83D in UTF-16 and so comes first, other than in UTF-8.
        assert_eq!(
            encode_manifest(&files),
            format!(
                "{{\"hashAlg\":\"xxh128\",\"manifestVersion\":\"2023-03-03\",\"paths\":[\
                 {{\"hash\":\"{ab}\",\"mtime\":1,\"path\":\"\\ud83d\\ude00\",\"size\":2}},\
                 {{\"hash\":\"{empty}\",\"mtime\":2,\"path\":\"\\uffee\",\"size\":0}}],\"totalSize\":2}}"
            )
        );
    }

    #[test]
    fn a_root_beyond_ascii_is_a_json_string_in_the_metadata() {
        assert_eq!(
            manifest_metadata(&root("/mnt/jörg", None)),
            [
                ("asset-root", r#""/mnt/j\u00f6rg""#.to_owned()),
                ("asset-root-json", r#""/mnt/j\u00f6rg""#.to_owned())
            ]
        );
        assert_eq!(
            manifest_metadata(&root(r"Z:\p", Some("P"))),
            [("asset-root", r"Z:\p".to_owned()), ("file-system-location-name", "P".to_owned())]
        );
    }
}
