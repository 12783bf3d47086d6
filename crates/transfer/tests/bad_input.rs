//! Each bad input gives one clear error with its code, and leaves no half file.

mod common;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use common::{BUCKET, ROOT, Scene};
use rusty_attachments_core::{Error, ErrorCode};
use rusty_attachments_farm::outputs::output_manifest_key;
use rusty_attachments_farm::{Effect, Object, Requests, Rule};
use rusty_attachments_transfer::{
    CancellationToken, Concurrency, CredentialsSource, DownloadOrchestrator, Phase, ProvideCredentials,
    ProvidedCredentials, RunControl, S3Settings, download_job_outputs,
};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};

async fn error_of(scene: &Scene, orchestrator: &DownloadOrchestrator) -> Error {
    let options = scene.options(json!({}));
    download_job_outputs(orchestrator, &options, &RunControl::default()).await.unwrap_err()
}

#[tokio::test]
async fn a_wrong_secret_is_an_error_of_the_credentials_and_is_not_repeated() {
    let scene = Scene::new("secret").await;
    let mut credentials = scene.credentials();
    credentials.secret_access_key = "hush-hush".into();
    let source = CredentialsSource::Static(credentials);
    let orchestrator = DownloadOrchestrator::new(scene.settings(), source, Concurrency::Auto).unwrap();
    let error = error_of(&scene, &orchestrator).await;
    assert_eq!(error.code, ErrorCode::Credentials);
    assert_eq!(error.details["serviceCode"], "SignatureDoesNotMatch");
    assert!(!format!("{error:?}").contains("hush-hush"));
    assert_eq!(scene.farm.requests().len(), 1);
}

#[tokio::test]
async fn a_missing_bucket_is_named() {
    let scene = Scene::new("bucket").await;
    let mut settings = scene.settings();
    settings.bucket = "elsewhere".into();
    let source = CredentialsSource::Static(scene.credentials());
    let orchestrator = DownloadOrchestrator::new(settings, source, Concurrency::Auto).unwrap();
    let error = error_of(&scene, &orchestrator).await;
    assert_eq!((error.code, &error.details["bucket"]), (ErrorCode::NotFound, &"elsewhere".into()));
    assert!(error.message.contains("no such bucket"));
}

#[tokio::test]
async fn a_wrong_region_is_followed() {
    let scene = Scene::new("region").await;
    let mut settings = scene.settings();
    settings.region = Some("eu-north-1".into());
    let source = CredentialsSource::Static(scene.credentials());
    let orchestrator = DownloadOrchestrator::new(settings, source, Concurrency::Auto).unwrap();
    let options = scene.options(json!({}));
    let result = download_job_outputs(&orchestrator, &options, &RunControl::default()).await;
    assert!(result.is_ok(), "{result:?}");
}

#[tokio::test]
async fn a_manifest_that_is_not_json_is_named() {
    let scene = Scene::new("json").await;
    let key = scene.add(0, 1, &[("a.txt", b"alpha")]);
    scene.farm.replace_body(BUCKET, &key, "<html>");
    let error = error_of(&scene, &scene.orchestrator()).await;
    assert_eq!((error.code, &error.details["key"]), (ErrorCode::InvalidManifest, &key.as_str().into()));
    assert!(error.message.contains(&key));
}

#[tokio::test]
async fn a_manifest_without_an_asset_root_is_named() {
    let scene = Scene::new("asset-root").await;
    let key = scene.add(0, 1, &[("a.txt", b"alpha")]);
    let body = scene.farm.object(BUCKET, &key).unwrap().body().clone();
    scene.farm.put_object(BUCKET, &key, Object::new(body));
    let error = error_of(&scene, &scene.orchestrator()).await;
    assert_eq!((error.code, &error.details["key"]), (ErrorCode::MissingAssetRoot, &key.as_str().into()));
}

#[tokio::test]
async fn a_destination_whose_parent_is_a_file_fails_those_files_alone() {
    let scene = Scene::new("parent").await;
    scene.add(0, 1, &[("sub/a.txt", b"alpha"), ("sub/deep/b.txt", b"beta"), ("c.txt", b"gamma")]);
    fs::create_dir_all(scene.target()).unwrap();
    fs::write(scene.path("sub"), "a file").unwrap();
    let result = scene.download().await;
    assert_eq!((result.failure_count, result.stats.files_failed, result.stats.files_transferred), (2, 2, 1));
    for failure in &result.failures {
        assert_eq!(failure.error.code, ErrorCode::Io);
        assert!(failure.error.message.contains("A file stands where a directory must be"), "{failure:?}");
    }
    assert_eq!(scene.tree().keys().collect::<Vec<_>>(), ["c.txt", "sub"]);
}

#[tokio::test]
async fn a_root_whose_parent_is_a_file_fails_every_file() {
    let scene = Scene::new("root").await;
    scene.add(0, 1, &[("a.txt", b"alpha")]);
    fs::write(scene.target(), "a file").unwrap();
    let below = scene.target().join("below");
    let result = scene.download_with(json!({"rootOverrides": { ROOT: below }})).await.unwrap();
    assert_eq!(result.failures[0].error.code, ErrorCode::Io);
    assert_eq!(fs::read(scene.target()).unwrap(), b"a file");
}

#[tokio::test]
async fn a_target_that_is_a_directory_fails_and_stays() {
    let scene = Scene::new("directory").await;
    scene.add(0, 1, &[("a.txt", b"alpha")]);
    fs::create_dir_all(scene.path("a.txt")).unwrap();
    for how in ["skip", "overwrite", "createCopy"] {
        let result = scene.download_with(json!({"conflictResolution": how})).await.unwrap();
        assert_eq!(result.failures[0].error.code, ErrorCode::Io);
    }
    assert!(scene.path("a.txt").is_dir() && scene.tree().is_empty());
}

#[tokio::test]
async fn a_wrong_hash_is_fetched_once_more_and_the_old_file_stands() {
    let scene = Scene::new("hash").await;
    let large: Vec<u8> = vec![7; 2_000_000];
    scene.add(0, 1, &[("small", b"alpha"), ("large", &large), ("good", b"good")]);
    let (small_key, large_key) = (scene.content_key(b"alpha"), scene.content_key(&large));
    scene.farm.replace_body(BUCKET, &small_key, "ALPHA");
    scene.farm.replace_body(BUCKET, &large_key, vec![8; 2_000_000]);
    fs::create_dir_all(scene.target()).unwrap();
    fs::write(scene.path("small"), "old").unwrap();
    let result = scene.download_with(json!({"conflictResolution": "overwrite"})).await.unwrap();
    assert_eq!((result.failure_count, result.stats.files_transferred), (2, 1));
    for failure in &result.failures {
        assert_eq!(failure.error.code, ErrorCode::HashMismatch);
        assert!(failure.error.details.contains_key("key"));
    }
    assert_eq!(scene.content_requests().iter().filter(|&key| *key == small_key).count(), 2);
    assert_eq!(scene.content_requests().iter().filter(|&key| *key == large_key).count(), 2);
    assert_eq!(scene.tree().keys().collect::<Vec<_>>(), ["good", "small"]);
    assert_eq!(scene.tree()["small"], b"old");
}

#[tokio::test]
async fn a_wrong_length_is_told_apart_from_a_wrong_hash() {
    let scene = Scene::new("length").await;
    let large: Vec<u8> = vec![7; 2_000_000];
    scene.add(0, 1, &[("small", b"alpha"), ("large", &large)]);
    scene.farm.replace_body(BUCKET, &scene.content_key(b"alpha"), "alphabet");
    scene.farm.replace_body(BUCKET, &scene.content_key(&large), vec![7; 1_999_999]);
    let result = scene.download().await;
    let codes: Vec<_> = result.failures.iter().map(|failure| failure.error.code).collect();
    assert_eq!(codes, [ErrorCode::SizeMismatch, ErrorCode::SizeMismatch]);
    assert!(scene.tree().is_empty());
}

#[tokio::test]
async fn content_that_is_gone_fails_its_file_and_names_its_key() {
    let scene = Scene::new("gone").await;
    scene.add(0, 1, &[("a.txt", b"alpha"), ("b.txt", b"beta")]);
    let key = scene.content_key(b"alpha");
    scene.farm.remove_object(BUCKET, &key);
    let result = scene.download().await;
    let failure = &result.failures[0];
    assert_eq!((failure.error.code, &failure.error.details["key"]), (ErrorCode::NotFound, &key.into()));
    assert_eq!((failure.path.as_str(), result.stats.files_transferred), ("a.txt", 1));
}

#[tokio::test]
async fn fail_fast_ends_with_the_first_failure() {
    let scene = Scene::new("fast").await;
    let bodies: Vec<(String, Vec<u8>)> = (0..50u8).map(|n| (format!("{n:02}"), vec![n])).collect();
    let files: Vec<(&str, &[u8])> =
        bodies.iter().map(|(name, body)| (name.as_str(), body.as_slice())).collect();
    scene.add(0, 1, &files);
    for (_, body) in &files {
        scene.farm.remove_object(BUCKET, &scene.content_key(body));
    }
    let error = scene.download_with(json!({"failFast": true, "concurrency": 1})).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::NotFound);
    // Under the usual key, and under that of very old content.
    assert_eq!(scene.content_requests().len(), 2, "no other file was asked for");
}

#[tokio::test]
async fn a_service_that_is_not_there_is_a_network_error() {
    let scene = Scene::new("nobody").await;
    let mut settings = scene.settings();
    settings.endpoint = Some("http://127.0.0.1:9".into());
    let source = CredentialsSource::Static(scene.credentials());
    let orchestrator = DownloadOrchestrator::new(settings, source, Concurrency::Auto).unwrap();
    let error = error_of(&scene, &orchestrator).await;
    assert_eq!(error.code, ErrorCode::Network);
    assert!(error.message.contains("could not be connected"), "{error}");
}

/// Counts how often it is asked.
struct Counting(AtomicU32, rusty_attachments_transfer::Credentials);

impl ProvideCredentials for Counting {
    fn provide(&self) -> ProvidedCredentials<'_> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Ok(self.1.clone()) })
    }
}

#[tokio::test]
async fn a_provider_is_asked_for_credentials_once_for_a_whole_run() {
    let scene = Scene::new("provider").await;
    scene.add(0, 1, &[("a.txt", b"alpha"), ("b.txt", b"beta")]);
    let provider = Arc::new(Counting(AtomicU32::new(0), scene.credentials()));
    let source = CredentialsSource::Provider(provider.clone());
    let orchestrator = DownloadOrchestrator::new(scene.settings(), source, Concurrency::Auto).unwrap();
    let options = scene.options(json!({}));
    download_job_outputs(&orchestrator, &options, &RunControl::default()).await.unwrap();
    assert_eq!(provider.0.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_run_leaves_whole_files_only() {
    let scene = Scene::new("cancel").await;
    let bodies: Vec<(String, Vec<u8>)> =
        (0..40u8).map(|n| (format!("{n}.exr"), vec![n; 2_000_000])).collect();
    let files: Vec<(&str, &[u8])> =
        bodies.iter().map(|(name, body)| (name.as_str(), body.as_slice())).collect();
    scene.add(0, 1, &files);
    let cancel = CancellationToken::new();
    let trigger = cancel.clone();
    let control = RunControl {
        progress: Some(Arc::new(move |report| {
            if report.bytes_done > 0 {
                trigger.cancel();
            }
        })),
        cancel,
        ..RunControl::default()
    };
    let options = scene.options(json!({"concurrency": 2}));
    let error = download_job_outputs(&scene.orchestrator(), &options, &control).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Cancelled);
    for (name, body) in scene.tree() {
        assert_eq!(body.len(), 2_000_000, "{name}");
    }
}

#[tokio::test]
async fn a_run_that_is_cancelled_before_it_begins_sends_nothing() {
    let scene = Scene::new("cancelled").await;
    let control = RunControl::default();
    control.cancel.cancel();
    let error = download_job_outputs(&scene.orchestrator(), &scene.options(json!({})), &control).await;
    assert_eq!(error.unwrap_err().code, ErrorCode::Cancelled);
    assert!(scene.farm.requests().is_empty());
}

/// Hours of reading, as far as a test is concerned, but no room on the disk.
const ENDLESS: u64 = 1 << 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abort_is_heard_while_a_local_file_is_read() {
    let scene = Scene::new("endless").await;
    let manifest = json!({
        "hashAlg": "xxh128", "manifestVersion": "2023-03-03", "totalSize": ENDLESS,
        "paths": [{"hash": "0".repeat(32), "mtime": 1, "path": "endless", "size": ENDLESS}],
    });
    let key = output_manifest_key(&scene.location, &scene.action(0, 1), &common::root());
    scene.farm.put_object(BUCKET, &key, Object::new(manifest.to_string()).with_metadata("asset-root", ROOT));
    fs::create_dir_all(scene.target()).unwrap();
    fs::File::create(scene.path("endless")).unwrap().set_len(ENDLESS).unwrap();
    for options in [json!({"verify": "hash"}), json!({"conflictResolution": "createCopy"})] {
        let control = RunControl::default();
        let trigger = control.cancel.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(300)).await;
            trigger.cancel();
        });
        let (orchestrator, options) = (scene.orchestrator(), scene.options(options));
        let run = download_job_outputs(&orchestrator, &options, &control);
        let ended = tokio::time::timeout(Duration::from_secs(20), run).await.expect("the abort is heard");
        assert_eq!(ended.unwrap_err().code, ErrorCode::Cancelled);
    }
}

/// Passes connections on to the farm; gives its own endpoint, and how many are open.
async fn relay(scene: &Scene) -> (String, Arc<AtomicUsize>) {
    let farm = scene.farm.endpoint().strip_prefix("http://").unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let open = Arc::new(AtomicUsize::new(0));
    let counted = open.clone();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let (farm, counted) = (farm.clone(), counted.clone());
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut service = TcpStream::connect(farm).await.unwrap();
                let (mut from_client, mut to_client) = client.split();
                let (mut from_service, mut to_service) = service.split();
                // Whoever hangs up first ends both ways.
                tokio::select! {
                    _ = tokio::io::copy(&mut from_client, &mut to_service) => {}
                    _ = tokio::io::copy(&mut from_service, &mut to_client) => {}
                }
                counted.fetch_sub(1, Ordering::SeqCst);
            });
        }
    });
    (endpoint, open)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abort_hangs_up_on_what_is_under_way() {
    const FILES: usize = 4;
    let scene = Scene::new("hang-up").await;
    let small: Vec<Vec<u8>> = (1..FILES as u8).map(|n| vec![n; 1_000]).collect();
    let large = vec![0; 1_000_000];
    let names = ["a", "b", "c"].into_iter().zip(small.iter().map(Vec::as_slice));
    scene.add(0, 1, &names.chain([("large", large.as_slice())]).collect::<Vec<_>>());
    let stall = Effect::StallBody { after_bytes: 10, milliseconds: None };
    scene.farm.set_rules(vec![Rule::new(stall).on(Requests::with_key("/Data/"))]);
    let (endpoint, open) = relay(&scene).await;
    let settings = S3Settings { endpoint: Some(endpoint), ..scene.settings() };
    let source = CredentialsSource::Static(scene.credentials());
    let orchestrator = DownloadOrchestrator::new(settings, source, Concurrency::Auto).unwrap();
    let (options, control) = (scene.options(json!({})), RunControl::default());
    let abort = async {
        while scene.content_requests().len() < FILES {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let before = open.load(Ordering::SeqCst);
        control.cancel.cancel();
        before
    };
    let (result, before) = tokio::join!(download_job_outputs(&orchestrator, &options, &control), abort);
    assert_eq!(result.unwrap_err().code, ErrorCode::Cancelled);
    let hung_up = async {
        // Those that wait for a next request may stay.
        while open.load(Ordering::SeqCst) + FILES > before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let heard = tokio::time::timeout(Duration::from_secs(5), hung_up).await;
    assert!(heard.is_ok(), "{} of {before} are open", open.load(Ordering::SeqCst));
    assert!(scene.tree().is_empty(), "{:?}", scene.tree().keys());
}

/// An abort as soon as `is_time` says so.
fn abort_when(is_time: impl Fn() -> bool + Send + 'static) -> RunControl {
    let control = RunControl::default();
    let trigger = control.cancel.clone();
    std::thread::spawn(move || {
        while !is_time() {
            std::thread::sleep(Duration::from_millis(1));
        }
        trigger.cancel();
    });
    control
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abort_is_heard_while_one_object_is_put_to_many_places() {
    let small = vec![1; 1_000];
    let large = vec![2; 300_000];
    for (name, body) in [("small", &small), ("large", &large)] {
        let scene = Scene::new(&format!("places-{name}")).await;
        let places: Vec<String> = (0..3_000).map(|place| format!("{place}/frame")).collect();
        let files: Vec<(&str, &[u8])> = places.iter().map(|path| (path.as_str(), body.as_slice())).collect();
        scene.add(0, 1, &files);
        let made = |target: &std::path::Path| fs::read_dir(target).map_or(0, Iterator::count);
        let target = scene.target();
        let control = abort_when(move || made(&target) > 0);
        let run = scene.options(json!({}));
        let error = download_job_outputs(&scene.orchestrator(), &run, &control).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Cancelled);
        let made = made(&scene.target());
        assert!(made < 2_000, "{name}: {made} places were still prepared");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abort_is_heard_while_paths_are_planned() {
    let scene = Scene::new("abort-planning").await;
    scene.add_listed(0, 300_000);
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
    let error =
        download_job_outputs(&scene.orchestrator(), &scene.options(json!({})), &control).await.unwrap_err();
    assert!(error.code == ErrorCode::Cancelled && control.cancel.is_cancelled());
    assert_eq!(later.load(Ordering::SeqCst), 0, "reports after the abort");
}

#[tokio::test]
async fn names_that_the_disk_cannot_hold_fail_alone_and_say_so() {
    let scene = Scene::new("names").await;
    // Names are measured in bytes, and so is a whole path.
    let (long, wide) = (format!("{}.exr", "n".repeat(252)), "é".repeat(128));
    let deep = "deep/".repeat(900) + "a.exr";
    let there: [(&str, &[u8]); 3] = [("x", b"file"), ("x/y", b"below"), ("good.exr", b"good")];
    let held_by_none: [(&str, &[u8]); 4] =
        [(&deep, b"deep"), (&long, b"long"), (&wide, b"wide"), ("nul\0.exr", b"nul")];
    scene.add(0, 1, &[&there[..], &held_by_none].concat());
    let result = scene.download().await;
    let hazards: Vec<(&str, &str)> = result
        .failures
        .iter()
        .map(|failure| (failure.path.as_str(), failure.error.details["hazard"].as_str().unwrap()))
        .collect();
    let expected = [
        (deep.as_str(), "NAME_TOO_LONG"),
        (&long, "NAME_TOO_LONG"),
        ("nul\0.exr", "INVALID_CHARACTER"),
        ("x", "FILE_AS_DIRECTORY"),
        (&wide, "NAME_TOO_LONG"),
    ];
    assert_eq!(hazards, expected);
    assert!(result.failures.iter().all(|failure| failure.error.code == ErrorCode::Io));
    assert_eq!(result.stats.files_failed, 5);
    assert_eq!(scene.tree().keys().collect::<Vec<_>>(), ["good.exr", "x/y"]);
}

#[tokio::test]
async fn a_path_may_be_as_deep_as_the_system_takes() {
    let scene = Scene::new("deep").await;
    let path = "d/".repeat(1_900) + "a.txt";
    scene.add(0, 1, &[(&path, b"alpha")]);
    let result = scene.download().await;
    assert!(result.failures.is_empty(), "{:?}", result.failures[0].error.code);
    assert_eq!(fs::read(scene.path(&path)).unwrap(), b"alpha");
    // The library's own way to remove a directory holds each level open.
    let done = std::process::Command::new("rm").arg("-r").arg(scene.target()).status().unwrap();
    assert!(done.success());
}
