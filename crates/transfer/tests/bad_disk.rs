//! Disks that are full or refuse, and what must never be touched.

#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{BUCKET, MTIME, ROOT, Scene};
use rusty_attachments_core::ErrorCode;
use rusty_attachments_farm::outputs::output_manifest_key;
use rusty_attachments_farm::{Effect, Object, Often, Requests, Rule};
use serde_json::json;

/// A mount that is gone with it.
struct Mount(PathBuf);

impl Mount {
    /// `None` where only root may mount and this is someone else: then nothing of this can be tried.
    fn new(place: &Path, options: &[&str]) -> Option<Self> {
        if !common::is_root() {
            eprintln!("NOT TESTED: mounting {} needs root", place.display());
            return None;
        }
        let done = Command::new("mount").args(options).arg(place).status().unwrap();
        assert!(
            done.success(),
            "root cannot mount {options:?} {}: allow it, or run as another user",
            place.display()
        );
        Some(Self(place.into()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_disk_without_room_is_told_before_the_first_byte() {
    let scene = Scene::new("no-room").await;
    scene.add(0, 1, &[("a", &vec![1; 3_000_000]), ("b", &vec![2; 3_000_000])]);
    fs::create_dir_all(scene.target()).unwrap();
    let options = ["-t", "tmpfs", "-o", "size=4m", "tmpfs"];
    let Some(_mount) = Mount::new(&scene.target(), &options) else { return };
    scene.farm.clear_requests();
    let error = scene.download_with(json!({})).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::DiskFull);
    assert!(scene.tree().is_empty() && scene.content_requests().is_empty());
}

#[tokio::test]
async fn a_disk_that_fills_up_on_the_way_is_told_and_left_without_temporary_files() {
    for size in [3_000_000, 20_000_000] {
        let scene = Scene::new(&format!("fills-up-{size}")).await;
        scene.add(0, 1, &[("small", b"s"), ("big", &vec![1; size])]);
        fs::create_dir_all(scene.target()).unwrap();
        // Room for the bytes, but not for as many files: the check before cannot see that.
        let limits = format!("size={}k,nr_inodes=3", size / 1024 + 64);
        let options = ["-t", "tmpfs", "-o", limits.as_str(), "tmpfs"];
        let Some(_mount) = Mount::new(&scene.target(), &options) else { return };
        fs::write(scene.path("taken"), "").unwrap();
        let error = scene.download_with(json!({"concurrency": 1})).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::DiskFull, "{error}");
        assert!(scene.tree().keys().all(|name| !name.ends_with(".part")), "{:?}", scene.tree().keys());
    }
}

/// Writes until nothing goes any more.
fn fill(path: &Path) {
    use std::io::Write;
    let mut file = fs::File::create(path).unwrap();
    while file.write(&[1; 4096]).is_ok_and(|written| written > 0) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_somebody_else_fills_in_mid_run_is_told_unless_the_file_has_its_room() {
    for (size, has_room) in [(200_000, false), (3_000_000, false), (20_000_000, true)] {
        let scene = Scene::new(&format!("filled-{size}")).await;
        let body = vec![1; size];
        scene.add(0, 1, &[("wanted", &body)]);
        let slow = Rule::new(Effect::Delay { milliseconds: 1_000 }).on(Requests::with_key("/Data/"));
        scene.farm.set_rules(vec![slow]);
        fs::create_dir_all(scene.target()).unwrap();
        let limit = format!("size={}k", size / 1024 + 512);
        let options = ["-t", "tmpfs", "-o", limit.as_str(), "tmpfs"];
        let Some(_mount) = Mount::new(&scene.target(), &options) else { return };
        let filler = scene.path("filler");
        let filling = async {
            while scene.content_requests().is_empty() {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            tokio::task::spawn_blocking(move || fill(&filler)).await.unwrap();
        };
        let (result, ()) = tokio::join!(scene.download_with(json!({})), filling);
        if has_room {
            assert!(result.unwrap().failures.is_empty() && scene.tree()["wanted"] == body);
        } else {
            assert_eq!(result.unwrap_err().code, ErrorCode::DiskFull);
            assert_eq!(scene.tree().keys().collect::<Vec<_>>(), ["filler"]);
        }
    }
}

#[tokio::test]
async fn a_file_that_is_replaced_needs_room_beside_the_old_one_but_only_one_at_a_time() {
    let scene = Scene::new("beside").await;
    let bodies: Vec<(String, Vec<u8>)> = (0..9).map(|n| (format!("{n}"), vec![n; 300_000])).collect();
    let files: Vec<(&str, &[u8])> =
        bodies.iter().map(|(name, body)| (name.as_str(), body.as_slice())).collect();
    scene.add(0, 1, &files);
    fs::create_dir_all(scene.target()).unwrap();
    let options = ["-t", "tmpfs", "-o", "size=3200k", "tmpfs"];
    let Some(_mount) = Mount::new(&scene.target(), &options) else { return };
    for (name, _) in &files {
        fs::write(scene.path(name), vec![99; 300_000]).unwrap();
    }
    let options = json!({"conflictResolution": "overwrite", "concurrency": 1});
    fs::write(scene.path("filler"), vec![0; 300_000]).unwrap();
    scene.farm.clear_requests();
    let error = scene.download_with(options.clone()).await.unwrap_err();
    assert!(error.code == ErrorCode::DiskFull && scene.content_requests().is_empty(), "{error}");
    fs::remove_file(scene.path("filler")).unwrap();
    assert_eq!(scene.download_with(options).await.unwrap().stats.files_transferred, 9);
    assert!(files.iter().all(|(name, body)| scene.tree()[*name] == *body));
}

#[tokio::test]
async fn what_an_interrupted_run_has_on_disk_is_not_counted_as_missing_room() {
    let scene = Scene::new("room-resume").await;
    let body: Vec<u8> = (0..5_000_000u32).flat_map(u32::to_le_bytes).collect();
    scene.add(0, 1, &[("large", &body)]);
    fs::create_dir_all(scene.target()).unwrap();
    let options = ["-t", "tmpfs", "-o", "size=24m", "tmpfs"];
    let Some(_mount) = Mount::new(&scene.target(), &options) else { return };
    let expired = Rule::new(Effect::refuse(400, "ExpiredToken")).on(Requests::with_key("/Data/"));
    scene.farm.set_rules(vec![expired.often(Often::After(1))]);
    let error = scene.download_with(json!({"concurrency": 1})).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Credentials);
    scene.farm.set_rules(Vec::new());
    scene.download().await;
    assert!(scene.tree().len() == 1 && scene.tree()["large"] == body);
}

#[tokio::test]
async fn a_disk_that_is_mounted_read_only_is_named() {
    let scene = Scene::new("read-only").await;
    scene.add(0, 1, &[("a.txt", b"alpha"), ("large", &vec![1; 17_000_000])]);
    fs::create_dir_all(scene.target()).unwrap();
    let Some(_mount) = Mount::new(&scene.target(), &["-t", "tmpfs", "-o", "ro,size=40m", "tmpfs"]) else {
        return;
    };
    let result = scene.download().await;
    assert_eq!(result.failure_count, 2);
    for failure in &result.failures {
        assert_eq!(failure.error.code, ErrorCode::Io);
        assert!(failure.error.message.contains("read-only"), "{}", failure.error);
    }
}

fn add_manifest(scene: &Scene, time: u32, manifest: &serde_json::Value) {
    let key = output_manifest_key(&scene.location, &scene.action(time, time), &common::root());
    let object = Object::new(manifest.to_string())
        .with_metadata("asset-root", ROOT)
        .with_last_modified(i64::from(time) * 1_000);
    scene.farm.put_object(BUCKET, &key, object);
}

/// A job that deletes a file, a file behind a link, a directory with something in it and an empty one.
async fn deleting(name: &str) -> Scene {
    let scene = Scene::new(name).await;
    scene.add(0, 1, &[("kept.txt", b"alpha")]);
    add_manifest(
        &scene,
        2,
        &json!({
            "specificationVersion": "relative-manifest-diff-beta-2025-12", "hashAlg": "xxh128", "totalSize": 0,
            "parentManifestHash": "0".repeat(32),
            "dirs": [
                {"name": "empty", "delete": true}, {"name": "full", "delete": true}, {"name": "link"},
            ],
            "files": [
                {"name": "gone.txt", "delete": true, "mtime": MTIME},
                {"name": "$2/outside.txt", "delete": true, "mtime": MTIME},
                {"name": "never-was.txt", "delete": true, "mtime": MTIME},
            ],
        }),
    );
    let outside = scene.target().with_file_name("outside");
    for directory in ["empty", "full"] {
        fs::create_dir_all(scene.path(directory)).unwrap();
    }
    fs::create_dir_all(&outside).unwrap();
    fs::write(outside.join("outside.txt"), "mine").unwrap();
    fs::write(scene.path("gone.txt"), "old").unwrap();
    fs::write(scene.path("full/mine.txt"), "mine").unwrap();
    symlink(&outside, scene.path("link")).unwrap();
    scene
}

#[tokio::test]
async fn nothing_is_deleted_unless_it_is_asked_for() {
    let scene = deleting("not-deleting").await;
    let result = scene.download().await;
    assert!(result.failures.is_empty(), "{:?}", result.failures);
    for path in ["gone.txt", "empty", "full/mine.txt", "link/outside.txt", "kept.txt"] {
        assert!(scene.path(path).exists(), "{path}");
    }
}

#[tokio::test]
async fn deletions_spare_full_directories_and_what_lies_behind_links() {
    let scene = deleting("deleting").await;
    let result = scene.download_with(json!({"applyDeletions": true})).await.unwrap();
    for (path, stays) in [
        ("gone.txt", false),
        ("empty", false),
        ("full/mine.txt", true),
        ("link/outside.txt", true),
        ("kept.txt", true),
    ] {
        assert_eq!(scene.path(path).exists(), stays, "{path}");
    }
    let codes: Vec<_> = result.failures.iter().map(|failure| failure.error.code).collect();
    assert_eq!((codes, result.stats.files_failed), (vec![ErrorCode::PathOutsideRoot], 1));
}

#[tokio::test]
async fn a_deletion_that_fails_ends_a_run_that_is_to_end_with_the_first_failure() {
    let scene = deleting("deleting-fast").await;
    let result = scene.download_with(json!({"applyDeletions": true, "failFast": true})).await;
    assert_eq!(result.unwrap_err().code, ErrorCode::PathOutsideRoot);
}

#[tokio::test]
async fn a_dry_run_deletes_nothing() {
    let scene = deleting("dry-deleting").await;
    scene.download_with(json!({"applyDeletions": true, "dryRun": true})).await.unwrap();
    assert!(scene.path("gone.txt").exists() && scene.path("empty").exists());
}

#[tokio::test]
async fn nothing_is_deleted_through_a_link_that_the_same_run_makes() {
    let scene = Scene::new("delete-and-link").await;
    scene.add(0, 1, &[("v1/a.txt", b"alpha")]);
    add_manifest(
        &scene,
        2,
        &json!({
            "specificationVersion": "relative-manifest-diff-beta-2025-12", "hashAlg": "xxh128", "totalSize": 0,
            "dirs": [{"name": "latest"}],
            "files": [
                {"name": "$0/a.txt", "delete": true},
                {"name": "latest", "symlink": {"name": "v1"}},
            ],
        }),
    );
    scene.download_with(json!({"applyDeletions": true})).await.unwrap();
    assert_eq!(fs::read_to_string(scene.path("v1/a.txt")).unwrap(), "alpha");
}

#[tokio::test]
async fn a_link_is_copied_beside_what_is_there_but_once_and_never_over_it_when_skipping() {
    let scene = Scene::new("link-conflict").await;
    add_manifest(
        &scene,
        1,
        &json!({
            "specificationVersion": "relative-manifest-snapshot-beta-2025-12", "hashAlg": "xxh128", "totalSize": 0,
            "dirs": [], "files": [{"name": "latest", "symlink": {"name": "v1"}}],
        }),
    );
    fs::create_dir_all(scene.target()).unwrap();
    fs::write(scene.path("latest"), "mine").unwrap();
    for resolution in ["skip", "createCopy", "createCopy", "createCopy"] {
        scene.download_with(json!({"conflictResolution": resolution})).await.unwrap();
    }
    assert_eq!(fs::read_to_string(scene.path("latest")).unwrap(), "mine");
    assert_eq!(fs::read_link(scene.path("latest (1)")).unwrap(), Path::new("v1"));
    assert!(fs::symlink_metadata(scene.path("latest (2)")).is_err());
}

#[tokio::test]
async fn a_dry_run_that_reads_leaves_times_as_they_are() {
    let scene = Scene::new("dry-verify").await;
    scene.add(0, 1, &[("a.txt", b"alpha")]);
    scene.download().await;
    let time = || fs::metadata(scene.path("a.txt")).unwrap().modified().unwrap();
    fs::File::options()
        .write(true)
        .open(scene.path("a.txt"))
        .unwrap()
        .set_modified(std::time::UNIX_EPOCH)
        .unwrap();
    scene.download_with(json!({"verify": "hash", "dryRun": true})).await.unwrap();
    assert_eq!(time(), std::time::UNIX_EPOCH);
    scene.download_with(json!({"verify": "hash"})).await.unwrap();
    assert_ne!(time(), std::time::UNIX_EPOCH, "a real run restores it");
}

/// A manifest with one link, `latest`, to `data/v1`.
fn add_latest(scene: &Scene) {
    add_manifest(
        scene,
        1,
        &json!({
            "specificationVersion": "relative-manifest-snapshot-beta-2025-12", "hashAlg": "xxh128", "totalSize": 0,
            "dirs": [{"name": "data"}], "files": [{"name": "latest", "symlink": {"name": "$0/v1"}}],
        }),
    );
}

#[tokio::test]
async fn a_link_that_a_planted_one_would_lead_out_is_refused_by_its_own_name() {
    for is_there in [true, false] {
        let scene = Scene::new(&format!("led-out-{is_there}")).await;
        add_latest(&scene);
        let elsewhere = scene.target().with_file_name("elsewhere");
        fs::create_dir_all(scene.target()).unwrap();
        fs::create_dir_all(&elsewhere).unwrap();
        if is_there {
            fs::write(elsewhere.join("v1"), "mine").unwrap();
        }
        symlink(&elsewhere, scene.path("data")).unwrap();
        let result = scene.download().await;
        let error = &result.failures[0].error;
        assert_eq!(error.code, ErrorCode::PathOutsideRoot);
        let link = scene.path("latest").display().to_string();
        assert!(error.message.contains(&link) && error.message.contains("not made"), "{error}");
        assert_eq!(error.details["path"], link.as_str());
        assert!(fs::symlink_metadata(scene.path("latest")).is_err());
    }
}

#[tokio::test]
async fn a_link_in_the_place_of_a_file_is_replaced_and_not_written_through() {
    for is_there in [true, false] {
        let scene = Scene::new(&format!("planted-{is_there}")).await;
        scene.add(0, 1, &[("a.txt", b"alpha"), ("b.exr", &vec![1; 300_000])]);
        let outside = scene.target().with_file_name("outside");
        fs::create_dir_all(scene.target()).unwrap();
        fs::create_dir_all(&outside).unwrap();
        for name in ["a.txt", "b.exr"] {
            if is_there {
                fs::write(outside.join(name), "mine").unwrap();
            }
            symlink(outside.join(name), scene.path(name)).unwrap();
        }
        let result = scene.download_with(json!({"conflictResolution": "overwrite"})).await.unwrap();
        assert_eq!(result.stats.files_transferred, 2, "{:?}", result.failures);
        for name in ["a.txt", "b.exr"] {
            assert!(fs::symlink_metadata(scene.path(name)).unwrap().is_file(), "{name}");
            assert_eq!(fs::read_to_string(outside.join(name)).ok(), is_there.then(|| "mine".to_owned()));
        }
        assert_eq!(scene.tree()["a.txt"], b"alpha");
    }
}

#[tokio::test]
async fn a_copy_beside_a_link_to_nowhere_is_fetched_once() {
    let scene = Scene::new("dangling").await;
    scene.add(0, 1, &[("a.txt", b"alpha")]);
    fs::create_dir_all(scene.target()).unwrap();
    symlink("nowhere", scene.path("a.txt")).unwrap();
    scene.download().await;
    assert_eq!(scene.tree()["a (1).txt"], b"alpha");
    scene.farm.clear_requests();
    let again = scene.download().await;
    assert_eq!((again.stats.files_skipped, scene.content_requests().len()), (1, 0));
    assert_eq!(scene.tree().len(), 2);
}

#[tokio::test]
async fn a_file_system_that_has_no_room_even_in_all_is_not_taken_for_full() {
    let scene = Scene::new("roomless").await;
    scene.add(0, 1, &[("a.txt", b"alpha")]);
    let roots = json!({ ROOT: "/proc/self/task" });
    let result = scene.download_with(json!({ "rootOverrides": roots })).await.unwrap();
    assert_eq!(result.failures[0].error.code, ErrorCode::Io, "{}", result.failures[0].error);
}
