//! The core gives the reference library's answers: questions and answers are data in `tests/vectors/`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use rusty_attachments_core::keys::{
    ListedObject, extract_session_action_id, filter_manifests_by_session_actions,
    filter_output_manifest_keys, root_path_hash,
};
use rusty_attachments_core::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

fn cases<T: DeserializeOwned>(name: &str) -> Vec<T> {
    #[derive(Deserialize)]
    struct File<T> {
        cases: Vec<T>,
    }
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors").join(name);
    let json = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file: File<T> = serde_json::from_slice(&json).unwrap();
    assert!(!file.cases.is_empty());
    file.cases
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mapping {
    rules: Vec<PathMappingRule>,
    destination_path_format: PathFormat,
    transform: Vec<(String, Option<String>)>,
}

#[test]
fn path_mapping() {
    for case in cases::<Mapping>("path-mapping.json") {
        let applier = PathMappingApplier::new(&case.rules, case.destination_path_format).unwrap();
        for (path, expected) in case.transform {
            assert_eq!(applier.transform(&path), expected, "{path} by {:?}", case.rules);
        }
    }
}

#[derive(Deserialize)]
struct Join {
    format: PathFormat,
    root: String,
    path: String,
    joined: String,
}

#[test]
fn join_and_normalize() {
    for case in cases::<Join>("join-normalize.json") {
        assert_eq!(
            join_path(&case.root, &case.path, case.format),
            case.joined,
            "{} + {}",
            case.root,
            case.path
        );
    }
}

#[derive(Deserialize)]
struct Profiles {
    source: StorageProfileWithId,
    destination: StorageProfileWithId,
    rules: Vec<PathMappingRule>,
}

#[test]
fn storage_profile_rules() {
    for case in cases::<Profiles>("storage-profile-rules.json") {
        assert_eq!(generate_path_mapping_rules(&case.source, &case.destination), case.rules);
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Encode {
    paths: Vec<NewManifestFile>,
    total_size: i64,
    encoded: String,
    manifest_hash: String,
}

#[test]
fn manifest_encode() {
    for case in cases::<Encode>("manifest-encode.json") {
        let parts =
            NewManifest { files: case.paths, total_size: Some(case.total_size), ..NewManifest::default() };
        let manifest = Manifest::create(parts).unwrap();
        assert_eq!(manifest.encode(), case.encoded);
        assert_eq!(manifest.manifest_hash(), case.manifest_hash);
        assert_eq!(Manifest::decode(case.encoded.as_bytes()).unwrap().encode(), case.encoded);
    }
}

#[derive(Deserialize)]
struct Decode {
    document: String,
    accepted: bool,
}

#[test]
fn manifest_decode() {
    for case in cases::<Decode>("manifest-decode.json") {
        let decoded = Manifest::decode(case.document.as_bytes());
        assert_eq!(decoded.is_ok(), case.accepted, "{}: {:?}", case.document, decoded.err());
    }
}

#[derive(Deserialize)]
struct Merge {
    manifests: Vec<Timed>,
    merged: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Timed {
    manifest: String,
    last_modified: i64,
}

#[test]
fn merge() {
    for case in cases::<Merge>("merge.json") {
        let decode = |timed: &Timed| Arc::new(Manifest::decode(timed.manifest.as_bytes()).unwrap());
        let list: Vec<_> = case.manifests.iter().map(|timed| (timed.last_modified, decode(timed))).collect();
        let merged = merge_manifests_chronologically(&list).unwrap().unwrap();
        assert_eq!(merged.encode(), case.merged);
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Draft {
    absolute: bool,
    diff: bool,
    encoded: String,
    files: Vec<NewManifestFile>,
    dirs: Vec<NewManifestDir>,
    file_chunk_size_bytes: i64,
    parent_manifest_hash: Option<String>,
    total_size: i64,
}

#[test]
fn manifest_v2025_12() {
    for case in cases::<Draft>("manifest-v2025-12.json") {
        let decoded = Manifest::decode(case.encoded.as_bytes()).unwrap();
        assert_eq!(decoded.encode(), case.encoded);
        let row = |file: &NewManifestFile| {
            (
                file.path.clone(),
                (file.hash.clone(), file.chunk_hashes.clone(), file.symlink_target.clone()),
                (file.size, file.mtime, file.runnable.unwrap_or(false), file.deleted.unwrap_or(false)),
            )
        };
        let expected: BTreeMap<_, _> =
            case.files.iter().map(row).map(|(path, what, how)| (path, (what, how))).collect();
        let actual: BTreeMap<_, _> = decoded
            .files(0, usize::MAX)
            .into_iter()
            .map(|f| {
                let size = f.size.map(|size| i64::try_from(size).unwrap());
                (f.path, ((f.hash, f.chunk_hashes, f.symlink_target), (size, f.mtime, f.runnable, f.deleted)))
            })
            .collect();
        assert_eq!(actual, expected);
        let dirs: BTreeSet<String> = decoded.dirs().into_iter().map(|dir| dir.path).collect();
        assert!(case.dirs.iter().all(|dir| dirs.contains(&dir.path)));
        let name = |yes, a, b| if yes { a } else { b };
        let specification_version = format!(
            "{}-manifest-{}-beta-2025-12",
            name(case.absolute, "absolute", "relative"),
            name(case.diff, "diff", "snapshot")
        );
        let created = Manifest::create(NewManifest {
            specification_version: Some(specification_version),
            files: case.files,
            dirs: Some(case.dirs),
            file_chunk_size_bytes: Some(case.file_chunk_size_bytes),
            parent_manifest_hash: case.parent_manifest_hash,
            total_size: Some(case.total_size),
        });
        assert_eq!(created.unwrap().encode(), case.encoded);
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Keys {
    keys: Vec<String>,
    all: Vec<String>,
    select_latest_per_task: Vec<String>,
    session_action_ids: BTreeMap<String, Option<String>>,
}

#[test]
fn output_manifest_keys() {
    for case in cases::<Keys>("output-manifest-keys.json") {
        let objects: Vec<ListedObject> =
            case.keys.iter().map(|key| ListedObject { key: key.clone(), ..Default::default() }).collect();
        for (latest, expected) in [(false, &case.all), (true, &case.select_latest_per_task)] {
            let mut keys: Vec<&String> = filter_output_manifest_keys(&objects, latest, None)
                .into_iter()
                .map(|i| &case.keys[i])
                .collect();
            keys.sort();
            assert_eq!(keys, expected.iter().collect::<Vec<_>>(), "latest: {latest}");
        }
        for (key, id) in &case.session_action_ids {
            assert_eq!(extract_session_action_id(key), id.as_deref(), "{key}");
        }
        let ids: BTreeSet<&String> = case.session_action_ids.values().flatten().take(2).collect();
        let wanted: Vec<&String> = ids.into_iter().collect();
        let expected: Vec<usize> = (0..case.keys.len())
            .filter(|&i| {
                case.session_action_ids[&case.keys[i]].as_ref().is_some_and(|id| wanted.contains(&id))
            })
            .collect();
        assert_eq!(filter_manifests_by_session_actions(&case.keys, &wanted), expected);
    }
}

#[test]
fn root_path_hashes() {
    for case in cases::<Value>("root-path-hash.json") {
        let name = case["fileSystemLocationName"].as_str();
        assert_eq!(root_path_hash(case["rootPath"].as_str().unwrap(), name), case["hash"].as_str().unwrap());
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    metadata: BTreeMap<String, String>,
    asset_root: Option<String>,
}

#[test]
fn asset_root_metadata() {
    for case in cases::<Metadata>("asset-root-metadata.json") {
        assert_eq!(keys::asset_root_from_metadata(&case.metadata).unwrap(), case.asset_root);
    }
}

#[derive(Deserialize)]
struct Include {
    path: String,
    filters: Vec<String>,
    matches: bool,
}

#[test]
fn include_filters() {
    for case in cases::<Include>("include-filters.json") {
        assert_eq!(
            matches_include_filters(&case.path, &case.filters),
            case.matches,
            "{} by {:?}",
            case.path,
            case.filters
        );
    }
}

#[test]
fn a_checkpoint_of_the_reference_is_written_as_it_was_read() {
    for case in cases::<Value>("sync-checkpoints.json") {
        let checkpoint = &case["checkpoint"];
        let profile = checkpoint["localStorageProfileId"].as_str();
        let read = sync::Checkpoint::read(&checkpoint.to_string(), profile).unwrap();
        let written = read.write();
        assert!(written.is_ascii());
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), *checkpoint, "{}", case["claim"]);
    }
}
