//! What a run may hold: memory, whatever there is to be listed, and no more descriptors than the process has.

#![cfg(target_os = "linux")]

mod common;

use common::child::Child;
use common::{BUCKET, MTIME, ROOT, Scene, root};
use rusty_attachments_farm::outputs::{OutputFile, content_hash, output_manifest_key};
use rusty_attachments_farm::{Effect, Object, Rule};
use rusty_attachments_transfer::Concurrency;
use serde_json::json;

const MIB: u64 = 1024 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_memory_of_many_manifests_is_little_more_than_that_of_their_plan() {
    let scene = Scene::new("many-manifests").await;
    let many: u32 = std::env::var("RUSTY_ATTACHMENTS_KEYS").map_or(10_000, |text| text.parse().unwrap());
    for task in 0..many {
        scene.add(task, 1, &[(&format!("task-{task:06}/beauty.exr"), &task.to_le_bytes())]);
    }
    let answer = Child { options: json!({"dryRun": true}), ..Child::default() }.run(&scene).await;
    assert_eq!(answer["runs"][0]["files"], many, "{answer}");
    let above = answer["aboveIdle"].as_u64().unwrap();
    // The connections take the first part, whatever they fetch.
    assert!(above < 24 * MIB + u64::from(many) * 2_100, "{} MiB above idle", above / MIB);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_manifests_wait_for_each_other() {
    let scene = Scene::new("large-manifests").await;
    let (manifests, files) = (24, 15_000);
    for task in 0..manifests {
        scene.add_listed(task, files);
    }
    let answer = Child { options: json!({"dryRun": true}), ..Child::default() }.run(&scene).await;
    assert_eq!(answer["runs"][0]["files"], manifests * files, "{answer}");
    let above = answer["aboveIdle"].as_u64().unwrap();
    assert!(above < 24 * MIB + u64::from(manifests * files) * 250, "{} MiB above idle", above / MIB);
}

/// So many files of one size, each with content of its own, as outputs of one task.
fn add_bodies(scene: &Scene, task: u32, count: u32, length: usize) {
    let file = |number: u32| {
        let mut body = vec![task as u8; length];
        body[..4].copy_from_slice(&number.to_le_bytes());
        OutputFile::new(format!("{task}/{number}"), body, MTIME)
    };
    let files: Vec<_> = (0..count).map(file).collect();
    scene.farm.add_outputs(&scene.location, &scene.action(task, 1), &root(), &files);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_is_bounded_whatever_the_sizes_of_the_files() {
    let scene = Scene::new("bodies").await;
    add_bodies(&scene, 0, 8, 64 * MIB as usize);
    add_bodies(&scene, 1, 1_200, MIB as usize / 4);
    let many = Child { concurrency: Concurrency::Fixed(400), ..Child::default() };
    let answer = many.run(&scene).await;
    assert_eq!(
        (&answer["runs"][0]["transferred"], &answer["runs"][0]["failures"]),
        (&json!(1_208), &json!([]))
    );
    let above = answer["aboveIdle"].as_u64().unwrap();
    assert!(above < 96 * MIB, "{} MiB above idle", above / MIB);
}

/// So many files that are fetched by several requests each, although they are small: each has its own chunks.
fn add_chunked(scene: &Scene, task: u32, count: u32) {
    let file = |number: u32| {
        let chunks = [0, 1, 2].map(|chunk| (number * 3 + chunk).to_le_bytes());
        for chunk in chunks {
            scene.farm.put_object(BUCKET, &scene.content_key(&chunk), Object::new(chunk.to_vec()));
        }
        let hashes = chunks.map(|chunk| content_hash(&chunk));
        json!({"name": format!("chunked-{number}"), "chunkhashes": hashes, "size": 12, "mtime": MTIME})
    };
    let manifest = json!({
        "specificationVersion": "relative-manifest-snapshot-beta-2025-12", "hashAlg": "xxh128",
        "totalSize": 12 * count, "fileChunkSizeBytes": 4, "dirs": [],
        "files": (0..count).map(file).collect::<Vec<_>>(),
    });
    let key = output_manifest_key(&scene.location, &scene.action(task, 1), &root());
    scene.farm.put_object(BUCKET, &key, Object::new(manifest.to_string()).with_metadata("asset-root", ROOT));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_wait_for_their_next_range_keep_within_the_descriptors_too() {
    let scene = Scene::new("open-files").await;
    add_chunked(&scene, 0, 48);
    add_bodies(&scene, 1, 20, 300_000);
    scene.farm.set_rules(vec![Rule::new(Effect::Delay { milliseconds: 10 })]);
    let answer = Child { open_files: Some(96), runs: 10, ..Child::default() }.run(&scene).await;
    for run in answer["runs"].as_array().unwrap() {
        assert_eq!((&run["transferred"], &run["failures"]), (&json!(68), &json!([])), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_runs_at_once_keep_within_the_descriptors_of_their_process() {
    let scene = Scene::new("descriptors").await;
    let files: Vec<(String, Vec<u8>)> =
        (0..300u32).map(|n| (format!("{n}"), n.to_le_bytes().into())).collect();
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(name, body)| (name.as_str(), body.as_slice())).collect();
    scene.add(0, 1, &files);
    scene.farm.set_rules(vec![Rule::new(Effect::Delay { milliseconds: 20 })]);
    let answer = Child { open_files: Some(96), runs: 6, ..Child::default() }.run(&scene).await;
    for run in answer["runs"].as_array().unwrap() {
        assert_eq!((&run["transferred"], &run["failures"]), (&json!(300), &json!([])), "{answer}");
    }
}
