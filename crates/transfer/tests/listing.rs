//! Long lists: every key once, and many pages at the same time.

mod common;

use common::{BUCKET, Scene, root};
use rusty_attachments_core::keys::{ManifestLocation, OutputManifestScope};
use rusty_attachments_farm::Object;
use rusty_attachments_farm::outputs::{id, numbered_id, output_manifest_key};

/// `(step, tasks)`; returns the keys in order.
fn fill(scene: &Scene, steps: &[(&str, u32)]) -> Vec<String> {
    let mut keys = Vec::new();
    for &(step, tasks) in steps {
        for task in 0..tasks {
            let mut action = scene.action(task, 1);
            action.step_id = id("step", step);
            action.task_id = Some(numbered_id("task", step, task));
            keys.push(output_manifest_key(&scene.location, &action, &root()));
        }
    }
    keys.sort();
    for key in &keys {
        scene.farm.put_object(BUCKET, key, Object::new(""));
    }
    keys
}

async fn listed(scene: &Scene) -> Vec<String> {
    let location = ManifestLocation {
        root_prefix: scene.location.root_prefix.clone(),
        farm_id: scene.location.farm_id.clone(),
        queue_id: scene.location.queue_id.clone(),
    };
    let scope = OutputManifestScope { job_id: scene.job_id.clone(), step_id: None, task_id: None };
    scene.farm.clear_requests();
    scene.orchestrator().discover_output_manifest_keys(&location, &scope, true).await.unwrap()
}

#[tokio::test]
async fn every_key_of_a_long_list_is_there_once() {
    for steps in
        [&[("a", 999)][..], &[("a", 1_000)], &[("a", 1_001)], &[("a", 12_345), ("b", 2), ("c", 3_000)]]
    {
        let scene = Scene::new("long-list").await;
        let keys = fill(&scene, steps);
        assert_eq!(listed(&scene).await, keys, "{steps:?}");
        let pages = keys.len().div_ceil(1_000);
        let requests = scene.farm.requests().len();
        assert!(requests <= 2 * pages + 10, "{requests} requests for {pages} pages");
    }
}

#[tokio::test]
async fn many_steps_are_listed_at_once() {
    let scene = Scene::new("many-steps").await;
    let names: Vec<String> = (0..300).map(|step| step.to_string()).collect();
    let steps: Vec<(&str, u32)> = names.iter().map(|name| (name.as_str(), 30)).collect();
    let keys = fill(&scene, &steps);
    assert_eq!(listed(&scene).await, keys);
    assert!(scene.farm.requests().len() <= 30, "{}", scene.farm.requests().len());
}
