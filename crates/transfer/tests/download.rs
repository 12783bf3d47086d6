//! Downloads from the farm: what lands where, what is asked for, and what is not.

mod common;

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::UNIX_EPOCH;

use common::{BUCKET, MTIME, Scene};
use rusty_attachments_transfer::{Phase, RunControl, download_job_outputs};
use serde_json::json;

/// A body that is not held in memory, and whose hash is not that of its neighbours.
fn large(seed: u8) -> Vec<u8> {
    (0..3_000_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8 ^ seed).collect()
}

fn mtime(path: &Path) -> i64 {
    let modified = fs::metadata(path).unwrap().modified().unwrap();
    modified.duration_since(UNIX_EPOCH).unwrap().as_nanos() as i64
}

#[tokio::test]
async fn files_small_and_large_land_whole_with_their_times() {
    let scene = Scene::new("whole").await;
    let big = large(1);
    scene.add(0, 1, &[("a.txt", b"alpha"), ("deep/er/b.exr", &big), ("empty", b"")]);
    let result = scene.download().await;
    let tree = scene.tree();
    assert_eq!(tree.keys().collect::<Vec<_>>(), ["a.txt", "deep/er/b.exr", "empty"]);
    assert_eq!((&tree["a.txt"][..], tree["deep/er/b.exr"] == big), (&b"alpha"[..], true));
    assert_eq!(mtime(&scene.path("a.txt")), MTIME * 1_000);
    assert_eq!(mtime(&scene.path("deep/er/b.exr")), MTIME * 1_000);
    let stats = &result.stats;
    assert_eq!((stats.files_total, stats.files_transferred, stats.objects_fetched), (3, 3, 3));
    assert_eq!(stats.bytes_transferred, 5 + big.len() as u64);
    assert_eq!(result.failure_count, 0);
}

#[tokio::test]
async fn one_object_wanted_at_many_places_is_fetched_once() {
    let scene = Scene::new("dedupe").await;
    let big = large(2);
    scene.add(0, 1, &[("a", b"same"), ("b", b"same"), ("c/d", b"same"), ("x", &big), ("y/z", &big)]);
    let result = scene.download().await;
    assert_eq!(scene.content_requests().len(), 2);
    assert_eq!((result.stats.objects_fetched, result.stats.files_transferred), (2, 5));
    let tree = scene.tree();
    assert!(tree["c/d"] == b"same" && tree["y/z"] == big && tree["x"] == big);
    assert_eq!(mtime(&scene.path("y/z")), MTIME * 1_000);
}

#[tokio::test]
async fn a_second_run_asks_for_no_content_and_writes_nothing() {
    let scene = Scene::new("second").await;
    scene.add(0, 1, &[("a.txt", b"alpha"), ("b.exr", &large(3))]);
    for more in [json!({}), json!({"verify": "hash"}), json!({"conflictResolution": "overwrite"})] {
        scene.download().await;
        scene.farm.clear_requests();
        let result = scene.download_with(more).await.unwrap();
        assert!(scene.content_requests().is_empty());
        assert_eq!((result.stats.files_skipped, result.stats.files_transferred), (2, 0));
        assert_eq!(scene.tree().len(), 2);
    }
}

#[tokio::test]
async fn the_later_manifest_wins() {
    let scene = Scene::new("later").await;
    scene.add(0, 10, &[("frame.exr", b"first"), ("only-first", b"1")]);
    scene.add(0, 20, &[("frame.exr", b"second")]);
    scene.add(1, 5, &[("shared", b"early")]);
    scene.add(2, 6, &[("shared", b"late")]);
    scene.download().await;
    let tree = scene.tree();
    assert_eq!(tree["frame.exr"], b"second");
    assert_eq!(tree["shared"], b"late");
    assert!(!tree.contains_key("only-first"), "only what a task wrote last is wanted");
}

#[tokio::test]
async fn session_actions_choose_their_manifests_latest_or_not() {
    let scene = Scene::new("actions").await;
    scene.add(0, 10, &[("frame.exr", b"first")]);
    scene.add(0, 20, &[("frame.exr", b"second")]);
    let first = scene.action(0, 10).session_action_id;
    scene.download_with(json!({"sessionActionIds": [first]})).await.unwrap();
    assert_eq!(scene.tree()["frame.exr"], b"first");
}

#[tokio::test]
async fn a_job_without_outputs_has_an_empty_result() {
    let scene = Scene::new("empty").await;
    let result = scene.download().await;
    assert_eq!((result.stats.files_total, result.failure_count, result.unmapped_count), (0, 0, 0));
    assert!(!scene.target().exists());
}

#[tokio::test]
async fn very_old_content_is_found_under_its_bare_hash() {
    let scene = Scene::new("old").await;
    scene.add(0, 1, &[("a.txt", b"alpha")]);
    let key = scene.content_key(b"alpha");
    let object = scene.farm.object(BUCKET, &key).unwrap();
    scene.farm.remove_object(BUCKET, &key);
    scene.farm.put_object(BUCKET, key.strip_suffix(".xxh128").unwrap(), (*object).clone());
    scene.download().await;
    assert_eq!(scene.tree()["a.txt"], b"alpha");
}

#[tokio::test]
async fn what_is_there_stays_beside_a_copy_and_no_identical_copy_is_made() {
    let scene = Scene::new("copy").await;
    scene.add(0, 1, &[("a.txt", b"alpha"), ("b.txt", b"beta"), ("dir.d/noext", b"gamma")]);
    fs::create_dir_all(scene.path("dir.d")).unwrap();
    fs::write(scene.path("a.txt"), "mine").unwrap();
    fs::write(scene.path("b.txt"), "beta").unwrap();
    fs::write(scene.path("dir.d/noext"), "other").unwrap();
    let result = scene.download().await;
    assert_eq!((result.stats.files_transferred, result.stats.files_skipped), (2, 1));
    let expected: [(&str, &[u8]); 5] = [
        ("a (1).txt", b"alpha"),
        ("a.txt", b"mine"),
        ("b.txt", b"beta"),
        ("dir.d/noext", b"other"),
        ("dir.d/noext (1)", b"gamma"),
    ];
    let expected: std::collections::BTreeMap<_, _> =
        expected.into_iter().map(|(path, body)| (path.to_owned(), body.to_vec())).collect();
    assert_eq!(scene.tree(), expected);
    let again = scene.download().await;
    assert_eq!((again.stats.files_transferred, again.stats.files_skipped), (0, 3));
    assert_eq!(scene.tree(), expected);
}

#[tokio::test]
async fn other_content_is_replaced_or_left_as_asked() {
    let scene = Scene::new("conflict").await;
    scene.add(0, 1, &[("a.txt", b"alpha")]);
    fs::create_dir_all(scene.target()).unwrap();
    fs::write(scene.path("a.txt"), "mine!").unwrap();
    scene.farm.clear_requests();
    let left = scene.download_with(json!({"conflictResolution": "skip"})).await.unwrap();
    assert_eq!((left.stats.files_skipped, &scene.tree()["a.txt"][..]), (1, &b"mine!"[..]));
    assert!(scene.content_requests().is_empty());
    let replaced = scene.download_with(json!({"conflictResolution": "overwrite"})).await.unwrap();
    assert_eq!((replaced.stats.files_transferred, &scene.tree()["a.txt"][..]), (1, &b"alpha"[..]));
    assert_eq!(scene.tree().len(), 1);
}

#[tokio::test]
async fn verifying_by_hash_sees_what_size_and_time_hide() {
    let scene = Scene::new("verify").await;
    scene.add(0, 1, &[("a.txt", b"alpha")]);
    scene.download().await;
    let time = fs::metadata(scene.path("a.txt")).unwrap().modified().unwrap();
    fs::write(scene.path("a.txt"), "ALPHA").unwrap();
    fs::File::options().write(true).open(scene.path("a.txt")).unwrap().set_modified(time).unwrap();
    let options = |verify: &str| json!({"verify": verify, "conflictResolution": "overwrite"});
    assert_eq!(scene.download_with(options("size")).await.unwrap().stats.files_skipped, 1);
    assert_eq!(scene.download_with(options("hash")).await.unwrap().stats.files_transferred, 1);
    assert_eq!(scene.tree()["a.txt"], b"alpha");
}

#[tokio::test]
async fn a_dry_run_counts_and_writes_nothing() {
    let scene = Scene::new("dry").await;
    scene.add(0, 1, &[("a.txt", b"alpha")]);
    let result = scene.download_with(json!({"dryRun": true})).await.unwrap();
    assert_eq!((result.stats.files_total, result.stats.files_transferred), (1, 0));
    assert_eq!(result.plan.file_count(), 1);
    assert!(!scene.target().exists() && scene.content_requests().is_empty());
}

#[tokio::test]
async fn what_has_no_place_is_reported_and_the_rest_is_downloaded() {
    let scene = Scene::new("unmapped").await;
    scene.add(0, 1, &[("a.txt", b"alpha"), ("../../escape.txt", b"evil")]);
    let result = scene.download().await;
    assert_eq!((result.unmapped_count, result.stats.files_transferred), (1, 1));
    assert_eq!(result.unmapped[0].manifest_path, "../../escape.txt");
}

#[tokio::test]
async fn progress_ends_with_everything_done() {
    let scene = Scene::new("progress").await;
    scene.add(0, 1, &[("a.txt", b"alpha"), ("b", &large(4)), ("c", &large(4))]);
    let reports = Arc::new(Mutex::new(Vec::new()));
    let sink = reports.clone();
    let control = RunControl {
        progress: Some(Arc::new(move |report| sink.lock().unwrap().push(report))),
        ..RunControl::default()
    };
    download_job_outputs(&scene.orchestrator(), &scene.options(json!({})), &control).await.unwrap();
    let reports = reports.lock().unwrap();
    let last = reports.last().unwrap();
    assert_eq!((last.phase, last.files_done, last.files_total), (Phase::Downloading, 3, 3));
    assert_eq!((last.bytes_done, last.bytes_total), (6_000_005, 6_000_005));
    assert_eq!(last.current, Vec::<String>::new());
}

#[tokio::test]
async fn what_other_runs_and_people_have_there_is_left() {
    let scene = Scene::new("sweep").await;
    scene.add(0, 1, &[("a.txt", b"alpha")]);
    fs::create_dir_all(scene.target()).unwrap();
    let recent = scene.path(".b.txt.0000000000000001-1-0-0.rusty-attachments.part");
    let foreign = scene.path("a.txt.rusty-attachments.part");
    for path in [&recent, &foreign] {
        fs::File::create(path).unwrap().set_modified(UNIX_EPOCH).unwrap();
    }
    scene.download().await;
    assert!(recent.exists() && foreign.exists());
}

#[tokio::test]
async fn many_manifests_are_listed_page_after_page() {
    let scene = Scene::new("pages").await;
    for task in 0..1_050 {
        scene.add(task, 1, &[(&format!("frame {task}.txt"), format!("{task}").as_bytes())]);
    }
    let result = scene.download().await;
    assert_eq!((result.stats.files_transferred, scene.tree().len()), (1_050, 1_050));
}
