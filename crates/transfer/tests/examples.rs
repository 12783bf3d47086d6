//! The seed's three programs do against the farm what they say.

mod common;

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use common::{ROOT, Scene};
use rusty_attachments_farm::outputs::id;
use serde_json::{Value, json};

/// Runs an example, which Cargo has built beside this test.
async fn run(scene: &Scene, example: &str, configuration: Value, arguments: &[&str]) -> Value {
    let folder: PathBuf = std::env::current_exe().unwrap().parent().unwrap().with_file_name("examples");
    let file = scene.target().with_file_name("options.json");
    fs::write(&file, configuration.to_string()).unwrap();
    let credentials = scene.credentials();
    let mut command = std::process::Command::new(folder.join(example));
    command
        .arg(file)
        .args(arguments)
        .env("AWS_ACCESS_KEY_ID", credentials.access_key_id)
        .env("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key)
        .env_remove("AWS_SESSION_TOKEN")
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    assert!(output.status.success(), "{example}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn configuration(scene: &Scene) -> Value {
    json!({
        "s3": scene.settings(),
        "farmId": scene.location.farm_id,
        "queueId": scene.location.queue_id,
        "jobId": scene.job_id,
        "rootOverrides": { ROOT: scene.target() },
    })
}

fn profile(id: &str, root: &str) -> Value {
    json!({
        "storageProfileId": id, "displayName": id, "osFamily": "LINUX",
        "fileSystemLocations": [{"name": "Renders", "path": root, "type": "SHARED"}],
    })
}

#[tokio::test]
async fn one_job_s_outputs_are_downloaded() {
    let scene = Scene::new("example-one").await;
    scene.add(0, 1, &[("a.txt", b"alpha")]);
    let statistics = run(&scene, "download_job_outputs", configuration(&scene), &[]).await;
    assert_eq!(statistics["filesTransferred"], 1);
    assert_eq!(scene.tree()["a.txt"], b"alpha");
}

#[tokio::test]
async fn only_some_session_actions_outputs_are_downloaded() {
    let scene = Scene::new("example-actions").await;
    scene.add(0, 1, &[("frame", b"first")]);
    scene.add(0, 2, &[("frame", b"second")]);
    let first = scene.action(0, 1).session_action_id;
    let statistics = run(&scene, "download_session_actions", configuration(&scene), &[&first]).await;
    assert_eq!(statistics["filesTotal"], 1);
    assert_eq!(scene.tree()["frame"], b"first");
}

#[tokio::test]
async fn jobs_with_different_profiles_land_in_one_tree() {
    let mut scene = Scene::new("example-many").await;
    scene.add(0, 1, &[("shared", b"early"), ("one", b"1")]);
    let first = scene.job_id.clone();
    scene.job_id = id("job", "other");
    scene.add(0, 2, &[("shared", b"late"), ("two", b"2")]);
    let configuration = json!({
        "s3": scene.settings(),
        "farmId": scene.location.farm_id,
        "queueId": scene.location.queue_id,
        "localStorageProfile": profile("sp-local", &scene.target().to_string_lossy()),
        "storageProfiles": [profile("sp-a", ROOT), profile("sp-b", "/render")],
        "jobs": [
            {"jobId": scene.job_id, "storageProfileId": "sp-a"},
            {"jobId": first, "storageProfileId": "sp-b"},
        ],
    });
    let statistics = run(&scene, "download_multiple_jobs", configuration, &[]).await;
    assert_eq!(statistics["filesTransferred"], 4);
    let tree = scene.tree();
    assert_eq!(tree.keys().collect::<Vec<_>>(), ["out/one", "out/shared", "shared", "two"]);
    assert_eq!((&tree["shared"][..], &tree["out/shared"][..]), (&b"late"[..], &b"early"[..]));
}
