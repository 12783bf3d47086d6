//! The download of a sync's sources: each is told of by itself, and what is told is on the disk.

mod common;

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use common::{ROOT, Scene, root};
use rusty_attachments_core::{ErrorCode, Result};
use rusty_attachments_farm::Object;
use rusty_attachments_farm::outputs::output_manifest_key;
use rusty_attachments_transfer::{
    CancellationToken, MultiJobDownloadResult, Phase, RunControl, SourcesEvent, download_sources,
};
use serde_json::{Value, json};

/// A source of the scene, mapped from the job's profile to this host's.
fn source(scene: &Scene, key: &str) -> Value {
    json!({
        "outputManifestPath": key.strip_prefix(&format!("{}/Manifests/", scene.location.root_prefix)).unwrap(),
        "jobId": scene.job_id,
        "rootPath": ROOT,
        "rootPathFormat": "posix",
        "storageProfileId": "sp-job",
    })
}

fn profile(id: &str, path: &str) -> Value {
    json!({
        "storageProfileId": id,
        "osFamily": "LINUX",
        "fileSystemLocations": [{ "name": "out", "path": path, "type": "SHARED" }],
    })
}

fn options(scene: &Scene, sources: Vec<Value>) -> Value {
    let written = sources.iter().filter_map(|source| source["writtenSince"].as_array()).flatten();
    let written: Vec<Value> = written.cloned().collect();
    json!({
        "writtenSince": written,
        "sources": sources,
        "storageProfiles": [profile("sp-job", ROOT), profile("sp-local", scene.target().to_str().unwrap())],
        "localStorageProfileId": "sp-local",
        "conflictResolution": "overwrite",
    })
}

/// Downloads, and gives all events as JSON in their order.
async fn sync(
    scene: &Scene,
    sources: Vec<Value>,
    control: RunControl,
) -> (Result<MultiJobDownloadResult>, Vec<Value>) {
    sync_with(scene, options(scene, sources), control, |_| {}).await
}

/// The same with other options, and with an ear for the events.
async fn sync_with(
    scene: &Scene,
    options: Value,
    control: RunControl,
    ear: impl Fn(&SourcesEvent) + Send + Sync + 'static,
) -> (Result<MultiJobDownloadResult>, Vec<Value>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = told.clone();
    let events = Arc::new(move |event: SourcesEvent| {
        if let SourcesEvent::Landed(landed) = &event {
            assert!(landed.iter().all(|file| fs::exists(&file.local_path).unwrap()), "it is named too early");
        }
        ear(&event);
        sink.lock().unwrap().push(serde_json::to_value(event).unwrap());
    });
    let options = serde_json::from_value(options).unwrap();
    let result = download_sources(&scene.orchestrator(), options, &control, events).await;
    let told = std::mem::take(&mut *told.lock().unwrap());
    (result, told)
}

/// All that the events of one kind list, by source and file name.
fn listed(events: &[Value], kind: &str) -> Vec<(u64, String)> {
    let lists = events.iter().filter_map(|event| event[kind].as_array());
    let name = |path: &Value| path.as_str().unwrap_or("").rsplit(['/', '\\']).next().unwrap().to_owned();
    let row = |row: &Value| (row["source"].as_u64().unwrap(), name(&row["localPath"]));
    let mut rows: Vec<_> = lists.flatten().map(row).collect();
    rows.sort();
    rows
}

/// Whether every file that landed was written, or was there.
fn are_all_new(events: &[Value], is_new: bool) -> bool {
    let landed = events.iter().filter_map(|event| event["landed"].as_array()).flatten();
    landed.map(|file| file["isNew"].as_bool().unwrap()).all(|new| new == is_new)
}

#[tokio::test]
async fn every_file_is_told_with_its_source_and_the_later_writer_owns_it() {
    let scene = Scene::new("sync-told").await;
    let newer = scene.add(1, 2, &[("shared", b"new"), ("b", b"b")]);
    let older = scene.add(0, 1, &[("shared", b"old"), ("a", b"a")]);
    let sources = vec![source(&scene, &newer), source(&scene, &older)];
    let (result, events) = sync(&scene, sources, RunControl::default()).await;
    assert_eq!(result.unwrap().result.stats.files_transferred, 3);
    let planned: Vec<_> = events[0]["planned"].as_array().unwrap().clone();
    let files = |source: u64| planned.iter().find(|row| row["source"] == source).unwrap()["files"].clone();
    assert_eq!((files(0), files(1)), (2.into(), 1.into()));
    let landed = [(0, "b"), (0, "shared"), (1, "a")].map(|(source, name)| (source, name.to_owned()));
    assert_eq!(listed(&events, "landed"), landed);
    assert!(are_all_new(&events, true));
    assert_eq!(fs::read(scene.path("shared")).unwrap(), b"new");

    let sources = vec![source(&scene, &newer), source(&scene, &older)];
    let (result, events) = sync(&scene, sources, RunControl::default()).await;
    assert_eq!(result.unwrap().result.stats.files_skipped, 3);
    assert_eq!(listed(&events, "landed"), landed, "what is there already is told too");
    assert!(are_all_new(&events, false));
}

#[tokio::test]
async fn what_fails_of_one_source_takes_no_other_along() {
    let scene = Scene::new("sync-failed").await;
    let good = scene.add(0, 1, &[("good", b"good")]);
    let half = scene.add(1, 2, &[("there", b"there"), ("lost", b"lost")]);
    scene.farm.remove_object(common::BUCKET, &scene.content_key(b"lost"));
    let gone = scene.add(2, 3, &[("gone", b"gone")]);
    scene.farm.remove_object(common::BUCKET, &gone);
    let foreign = scene.add(3, 4, &[("foreign", b"foreign")]);
    let mut sources: Vec<Value> = [good, half, gone, foreign].iter().map(|key| source(&scene, key)).collect();
    sources[3]["storageProfileId"] = "sp-gone".into();
    let (result, events) = sync(&scene, sources, RunControl::default()).await;
    let result = result.unwrap().result;
    assert_eq!((result.failure_count, result.failures.len()), (3, 3));
    let row = |source, name: &str| (source, name.to_owned());
    assert_eq!(listed(&events, "failed"), [row(1, "lost"), row(2, ""), row(3, "")]);
    assert_eq!(listed(&events, "landed"), [row(0, "good"), row(1, "there")]);
}

#[tokio::test]
async fn a_retry_writes_only_what_is_missing_and_nothing_over_newer_files() {
    let scene = Scene::new("sync-retry").await;
    let key = scene.add(0, 5, &[("a", b"a"), ("b", b"b"), ("c", b"c")]);
    let path = |name: &str| scene.path(name).to_str().unwrap().to_owned();
    let (mut only, mut newer) = (source(&scene, &key), source(&scene, &key));
    only["only"] = json!([path("a")]);
    sync(&scene, vec![only], RunControl::default()).await.0.unwrap();
    assert_eq!(scene.tree().keys().collect::<Vec<_>>(), ["a"]);
    let written = |time: u32, name: &str| {
        let key = output_manifest_key(&scene.location, &scene.action(1, time), &root());
        let path_below = key.split_once("/Manifests/").unwrap().1;
        json!({ "outputManifestPath": path_below, "lastModified": time * 1_000, "localPaths": [path(name)] })
    };
    newer["writtenSince"] = json!([written(6, "b"), written(4, "c")]);
    sync(&scene, vec![newer], RunControl::default()).await.0.unwrap();
    assert_eq!(scene.tree().keys().collect::<Vec<_>>(), ["a", "c"]);
}

#[tokio::test]
async fn of_one_second_only_what_a_later_session_folder_wrote_is_newer() {
    let scene = Scene::new("sync-second").await;
    let key = scene.add(0, 5, &[("a", b"a"), ("b", b"b")]);
    let written = |more_us: i64, name: &str| {
        let mut action = scene.action(1, 5);
        action.folder_time_us += more_us;
        let key = output_manifest_key(&scene.location, &action, &root());
        let path_below = key.split_once("/Manifests/").unwrap().1;
        json!({ "outputManifestPath": path_below, "lastModified": 5_000, "localPaths": [scene.path(name)] })
    };
    let mut source = source(&scene, &key);
    source["writtenSince"] = json!([written(100, "a"), written(-100, "b")]);
    sync(&scene, vec![source], RunControl::default()).await.0.unwrap();
    assert_eq!(scene.tree().keys().collect::<Vec<_>>(), ["b"]);
}

#[tokio::test]
async fn a_root_prefix_may_end_in_a_slash() {
    let mut scene = Scene::new("sync-slash").await;
    let source = source(&scene, &scene.add(0, 1, &[("a", b"a")]));
    scene.location.root_prefix.push('/');
    sync(&scene, vec![source], RunControl::default()).await.0.unwrap();
    assert!(scene.path("a").exists());
}

#[tokio::test]
async fn a_root_without_metadata_is_the_jobs() {
    let scene = Scene::new("sync-root").await;
    let key = scene.add(0, 1, &[("a", b"a")]);
    let manifest = scene.farm.object(common::BUCKET, &key).unwrap();
    scene.farm.put_object(common::BUCKET, &key, Object::new(manifest.body().clone()));
    sync(&scene, vec![source(&scene, &key)], RunControl::default()).await.0.unwrap();
    assert!(scene.path("a").exists());
}

/// Downloads so many files that the next run flushes them in two batches; gives the last one's path too.
async fn in_two_batches(scene: &Scene) -> (Value, PathBuf) {
    let names: Vec<String> = (0..4_100).map(|number| format!("{number:04}")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b"same".as_slice())).collect();
    let source = source(scene, &scene.add(0, 1, &files));
    // Without anybody to be told, nothing is flushed.
    scene.download().await;
    (source, scene.path("4099"))
}

/// Takes a file away when the first files are told.
fn taking_away(path: PathBuf) -> impl Fn(&SourcesEvent) + Send + Sync + 'static {
    move |event| {
        if matches!(event, SourcesEvent::Landed(_)) {
            let _ = fs::remove_file(&path);
        }
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_flushed_has_failed_in_the_result_as_in_the_events() {
    let scene = Scene::new("sync-unflushed").await;
    let (source, last) = in_two_batches(&scene).await;
    let options = options(&scene, vec![source]);
    let (result, events) = sync_with(&scene, options, RunControl::default(), taking_away(last)).await;
    let result = result.unwrap().result;
    let stats = &result.stats;
    assert_eq!((stats.files_transferred, stats.files_skipped, stats.files_failed), (0, 4_099, 1));
    assert_eq!(stats.bytes_skipped, 4_099 * 4);
    assert_eq!((result.failure_count, result.failures[0].path.as_str()), (1, "4099"));
    assert_eq!(listed(&events, "failed"), [(0, "4099".to_owned())]);
    assert_eq!(listed(&events, "landed").len(), 4_099);
}

#[tokio::test]
async fn a_file_that_cannot_be_flushed_ends_a_run_that_fails_fast() {
    let scene = Scene::new("sync-unflushed-fast").await;
    let (source, last) = in_two_batches(&scene).await;
    let mut options = options(&scene, vec![source]);
    options["failFast"] = true.into();
    let (result, _) = sync_with(&scene, options, RunControl::default(), taking_away(last)).await;
    assert_eq!(result.unwrap_err().code, ErrorCode::Io);
}

#[tokio::test]
async fn an_ear_that_breaks_down_ends_the_run_with_an_error() {
    let scene = Scene::new("sync-deaf").await;
    let key = scene.add(0, 1, &[("a", b"a")]);
    let options = options(&scene, vec![source(&scene, &key)]);
    let deaf = |event: &SourcesEvent| assert!(!matches!(event, SourcesEvent::Landed(_)), "no ear");
    let (result, _) = sync_with(&scene, options, RunControl::default(), deaf).await;
    assert!(result.unwrap_err().message.contains("no ear"));
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_manifests_wait_for_each_other_though_nobody_lists_their_sizes() {
    const MIB: usize = 1024 * 1024;
    let scene = Scene::new("sync-large-manifests").await;
    let large = |task: u32| {
        let key = scene.add(task, 1, &[(&task.to_string(), b"")]);
        let mut json = scene.farm.object(common::BUCKET, &key).unwrap().body().to_vec();
        json.resize(8 * MIB, b' ');
        scene.farm.put_object(common::BUCKET, &key, Object::new(json));
        source(&scene, &key)
    };
    let mut options = options(&scene, (0..24).map(large).collect());
    options["dryRun"] = true.into();
    let child = common::child::Child { options, syncs: true, ..Default::default() };
    let answer = child.run(&scene).await;
    assert_eq!(answer["runs"][0]["files"], 24, "{answer}");
    let above = answer["aboveIdle"].as_u64().unwrap() as usize;
    assert!(above < 64 * MIB, "{} MiB above idle", above / MIB);
}

#[tokio::test]
async fn a_cancelled_run_says_so() {
    let scene = Scene::new("sync-cancelled").await;
    let key = scene.add(0, 1, &[("a", b"a")]);
    let cancel = CancellationToken::new();
    cancel.cancel();
    let control = RunControl { cancel, ..RunControl::default() };
    let (result, _) = sync(&scene, vec![source(&scene, &key)], control).await;
    assert_eq!(result.unwrap_err().code, ErrorCode::Cancelled);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abort_is_heard_while_paths_are_planned() {
    let scene = Scene::new("sync-abort-planning").await;
    let source = source(&scene, &scene.add_listed(0, 300_000));
    let mut control = RunControl::default();
    let (trigger, later) = (control.cancel.clone(), Arc::new(AtomicU32::new(0)));
    let counted = later.clone();
    control.progress = Some(Arc::new(move |report| {
        if trigger.is_cancelled() {
            counted.fetch_add(1, Ordering::SeqCst);
        } else if report.phase == Phase::Planning {
            trigger.cancel();
        }
    }));
    let cancel = control.cancel.clone();
    let (result, events) = sync(&scene, vec![source], control).await;
    assert!(result.unwrap_err().code == ErrorCode::Cancelled && cancel.is_cancelled());
    assert_eq!(later.load(Ordering::SeqCst), 0, "reports after the abort");
    assert!(events.is_empty(), "nothing was planned, but {} events came", events.len());
}

#[tokio::test]
async fn a_retry_follows_a_storage_profile_that_was_corrected_since() {
    let scene = Scene::new("sync-corrected").await;
    let key = scene.add(0, 5, &[("a", b"a"), ("b", b"b")]);
    let mut again = source(&scene, &key);
    again["only"] = json!(["/mnt/where/it/was/a"]);
    sync(&scene, vec![again], RunControl::default()).await.0.unwrap();
    assert_eq!(scene.tree().keys().collect::<Vec<_>>(), ["a", "b"]);
}

#[tokio::test]
async fn a_source_without_a_profile_is_not_taken_for_done() {
    let scene = Scene::new("sync-without-profile").await;
    let key = scene.add(0, 5, &[("a", b"a")]);
    let mut without = source(&scene, &key);
    without["storageProfileId"] = Value::Null;
    let (_, events) = sync(&scene, vec![without], RunControl::default()).await;
    assert_eq!(listed(&events, "failed"), [(0, String::new())]);
}
