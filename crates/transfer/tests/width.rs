//! How many requests are under way at once against a service that is far away.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::Scene;
use rusty_attachments_farm::{Effect, Rule};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_width_that_manifests_need_is_known_when_their_files_are_fetched() {
    let scene = Arc::new(Scene::new("far-away").await);
    // Too few objects to find it out again.
    let (manifests, objects) = (400_u32, 100);
    for task in 0..manifests {
        scene.add(task, 1, &[(&format!("{task}"), &(task % objects).to_le_bytes())]);
    }
    scene.farm.set_rules(vec![Rule::new(Effect::Delay { milliseconds: 600 })]);
    let ended = Arc::new(AtomicBool::new(false));
    let watching = tokio::spawn({
        let (scene, ended) = (scene.clone(), ended.clone());
        async move {
            let mut most = 0;
            while !ended.load(Ordering::SeqCst) {
                let requests = scene.farm.requests();
                let is_content =
                    |key: &Option<String>| key.as_ref().is_some_and(|key| key.contains("/Data/"));
                let open =
                    requests.iter().filter(|request| is_content(&request.key) && request.status.is_none());
                most = most.max(open.count());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            most
        }
    });
    let result = scene.download().await;
    ended.store(true, Ordering::SeqCst);
    assert_eq!(result.stats.files_transferred, u64::from(manifests));
    let most = watching.await.unwrap();
    assert!(most > 64, "{most} at once");
}
