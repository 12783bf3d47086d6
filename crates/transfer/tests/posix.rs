//! Modes and links, where the system has those of POSIX.

#![cfg(unix)]

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use common::{BUCKET, MTIME, ROOT, Scene, root};
use rusty_attachments_core::ErrorCode;
use rusty_attachments_farm::Object;
use rusty_attachments_farm::outputs::{content_hash, output_manifest_key};
use serde_json::json;

#[tokio::test]
async fn a_file_s_mode_is_that_of_any_new_file() {
    let scene = Scene::new("mode").await;
    scene.add(0, 1, &[("a.txt", b"alpha")]);
    scene.download().await;
    fs::write(scene.path("mine"), "").unwrap();
    let mode = |file: &str| fs::metadata(scene.path(file)).unwrap().permissions().mode();
    assert_eq!(mode("a.txt"), mode("mine"));
}

#[tokio::test]
async fn a_link_below_the_root_is_not_gone_through_even_where_it_stays_inside() {
    let scene = Scene::new("inner-link").await;
    scene.add(0, 1, &[("latest/a.txt", b"alpha")]);
    fs::create_dir_all(scene.path("v1")).unwrap();
    fs::write(scene.path("v1/a.txt"), "what v1 is").unwrap();
    symlink("v1", scene.path("latest")).unwrap();
    let result = scene.download_with(json!({"conflictResolution": "overwrite"})).await.unwrap();
    assert_eq!(result.failures[0].error.code, ErrorCode::PathOutsideRoot);
    assert_eq!(fs::read_to_string(scene.path("v1/a.txt")).unwrap(), "what v1 is");
}

#[tokio::test]
async fn a_root_may_be_a_link_but_nothing_below_it_may_lead_out() {
    let scene = Scene::new("links").await;
    scene.add(0, 1, &[("sub/a.txt", b"alpha"), ("b.txt", b"beta")]);
    let (real, outside) = (scene.target().with_file_name("real"), scene.target().with_file_name("outside"));
    fs::create_dir_all(&real).unwrap();
    fs::create_dir_all(&outside).unwrap();
    symlink(&real, scene.target()).unwrap();
    symlink(&outside, real.join("sub")).unwrap();
    let result = scene.download().await;
    assert_eq!(fs::read(real.join("b.txt")).unwrap(), b"beta");
    assert_eq!(result.failures[0].error.code, ErrorCode::PathOutsideRoot);
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[tokio::test]
async fn what_is_behind_a_link_keeps_its_time() {
    let scene = Scene::new("behind-link").await;
    scene.add(0, 1, &[("sub/a.txt", b"alpha")]);
    let outside = scene.target().with_file_name("outside");
    for directory in [&outside, &scene.target()] {
        fs::create_dir_all(directory).unwrap();
    }
    fs::write(outside.join("a.txt"), "alpha").unwrap();
    symlink(&outside, scene.path("sub")).unwrap();
    let time = || fs::metadata(outside.join("a.txt")).unwrap().modified().unwrap();
    let before = time();
    scene.download_with(json!({"verify": "hash", "conflictResolution": "skip"})).await.unwrap();
    assert_eq!(time(), before);
}

#[tokio::test]
async fn chunks_links_and_execute_bits_of_a_newer_manifest_are_made() {
    let scene = Scene::new("newer").await;
    let bodies: [&[u8]; 3] = [b"aaaa", b"bbbb", b"cc"];
    for body in bodies {
        scene.farm.put_object(BUCKET, &scene.content_key(body), Object::new(body));
    }
    let manifest = json!({
        "specificationVersion": "relative-manifest-snapshot-beta-2025-12",
        "hashAlg": "xxh128", "totalSize": 14, "fileChunkSizeBytes": 4, "dirs": [{"name": "bin"}],
        "files": [
            {"name": "chunked", "chunkhashes": bodies.map(content_hash), "size": 10, "mtime": MTIME},
            {"name": "$0/tool", "hash": content_hash(b"aaaa"), "size": 4, "mtime": MTIME, "runnable": true},
            {"name": "latest", "symlink": {"name": "$0/tool"}},
        ],
    });
    let key = output_manifest_key(&scene.location, &scene.action(0, 1), &root());
    let object = Object::new(manifest.to_string()).with_metadata("asset-root", ROOT);
    scene.farm.put_object(BUCKET, &key, object);
    let result = scene.download().await;
    assert!(result.failures.is_empty(), "{:?}", result.failures);
    assert_eq!(scene.tree()["chunked"], b"aaaabbbbcc");
    assert_eq!(fs::metadata(scene.path("bin/tool")).unwrap().permissions().mode() & 0o100, 0o100);
    assert_eq!(fs::read_link(scene.path("latest")).unwrap(), Path::new("bin/tool"));
    let again = scene.download().await;
    assert_eq!(again.stats.files_skipped, 3);
}
