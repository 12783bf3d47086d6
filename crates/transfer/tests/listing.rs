//! Long lists: every key once, and many pages at the same time.

mod common;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{BUCKET, Scene, root};
use rusty_attachments_core::ErrorCode;
use rusty_attachments_core::keys::{ManifestLocation, OutputManifestScope};
use rusty_attachments_farm::Object;
use rusty_attachments_farm::outputs::{id, numbered_id, output_manifest_key};
use rusty_attachments_transfer::{
    Concurrency, CredentialsSource, DownloadOrchestrator, RunControl, download_job_outputs,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::Handle;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_were_there_before_are_all_listed_once_although_more_come_meanwhile() {
    let scene = Scene::new("more-keys").await;
    // `npm run test:soak` has a hundred thousand.
    let many = std::env::var("RUSTY_ATTACHMENTS_KEYS").map_or(12_000, |text| text.parse().unwrap());
    let before = fill(&scene, &[("a", many), ("b", 1_000)]);
    let stop = AtomicBool::new(false);
    let found = std::thread::scope(|threads| {
        threads.spawn(|| {
            for task in 0..many / 4 {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let mut action = scene.action(task, 2);
                action.step_id = id("step", "a");
                action.task_id = Some(numbered_id("task", "late", task));
                let key = output_manifest_key(&scene.location, &action, &root());
                scene.farm.put_object(BUCKET, &key, Object::new(""));
            }
        });
        let found = tokio::task::block_in_place(|| Handle::current().block_on(listed(&scene)));
        stop.store(true, Ordering::Relaxed);
        found
    });
    assert!(found.is_sorted_by(|a, b| a < b), "each once");
    let found: BTreeSet<_> = found.into_iter().collect();
    assert_eq!(before.iter().find(|&key| !found.contains(key)), None);
}

/// Answers every request with the next of these pages, and after the last with the first again.
async fn service(pages: Vec<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        for number in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(stream.read_u8().await.unwrap());
            }
            let page = &pages[number % pages.len()];
            let head =
                format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", page.len());
            stream.write_all(format!("{head}{page}").as_bytes()).await.unwrap();
        }
    });
    endpoint
}

#[tokio::test]
async fn a_service_whose_tokens_lead_in_a_circle_is_an_error() {
    let page = |token: &str, contents: &str| {
        format!(
            "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>\
             {contents}</ListBucketResult>"
        )
    };
    let object = "<Contents><Key>k</Key></Contents>";
    for (tokens, contents) in [(&["a"][..], object), (&["a", "b"], object), (&["a", "b"], "")] {
        let scene = Scene::new("circle").await;
        let mut settings = scene.settings();
        settings.endpoint = Some(service(tokens.iter().map(|token| page(token, contents)).collect()).await);
        let source = CredentialsSource::Static(scene.credentials());
        let orchestrator = DownloadOrchestrator::new(settings, source, Concurrency::Auto).unwrap();
        let (options, control) = (scene.options(serde_json::json!({})), RunControl::default());
        let run = download_job_outputs(&orchestrator, &options, &control);
        let ended = tokio::time::timeout(Duration::from_secs(20), run).await.expect("it ends");
        assert_eq!(ended.unwrap_err().code, ErrorCode::Network);
    }
}
