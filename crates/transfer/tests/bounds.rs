//! What a run may hold: memory, whatever there is to be listed, and no more descriptors than the process has.

#![cfg(target_os = "linux")]

mod common;

use common::Scene;
use common::child::Child;
use serde_json::json;

const MIB: u64 = 1024 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_memory_of_many_manifests_is_little_more_than_that_of_their_plan() {
    let scene = Scene::new("many-manifests").await;
    let many: u32 = std::env::var("RUSTY_ATTACHMENTS_KEYS").map_or(20_000, |text| text.parse().unwrap());
    for task in 0..many {
        scene.add(task, 1, &[(&format!("task-{task:06}/beauty.exr"), &task.to_le_bytes())]);
    }
    let answer = Child { options: json!({"dryRun": true}), ..Child::default() }.run(&scene).await;
    assert_eq!(answer["runs"][0]["files"], many, "{answer}");
    let above = answer["aboveIdle"].as_u64().unwrap();
    // The connections take the first part, whatever they fetch.
    assert!(above < 24 * MIB + u64::from(many) * 2_100, "{} MiB above idle", above / MIB);
}
