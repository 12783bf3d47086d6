//! A service with every fault at once: each file ends right, or is named with the right code.
//!
//! `RUSTY_ATTACHMENTS_FILES` and `RUSTY_ATTACHMENTS_ROUNDS` make it longer.

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use common::Scene;
use rusty_attachments_core::ErrorCode;
use rusty_attachments_farm::{Effect, Often, Requests, Rule};
use rusty_attachments_transfer::{Concurrency, DownloadResult, RunControl, download_job_outputs};
use serde_json::json;

/// A run that is longer hangs.
const HANGS: Duration = Duration::from_secs(120);

fn number(variable: &str, otherwise: u32) -> u32 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Each kind of trouble, and its name.
fn faults() -> Vec<(&'static str, Effect)> {
    vec![
        ("reset", Effect::Reset),
        ("refused", Effect::Outage { milliseconds: 50 }),
        ("cut", Effect::CutBody { after_bytes: 700 }),
        ("stalled", Effect::StallBody { after_bytes: 700, milliseconds: None }),
        ("500", Effect::refuse(500, "InternalError")),
        ("503", Effect::slow_down(None)),
        ("wrong bytes", Effect::WrongBytes),
        ("new tag", Effect::NewEntityTag),
        ("clock", Effect::ClockAhead { seconds: 3_600 }),
        ("moved", Effect::PermanentRedirect { region: "eu-west-1".into() }),
        ("malformed", Effect::AuthorizationHeaderMalformed { region: "eu-west-1".into() }),
        ("late", Effect::Delay { milliseconds: 40 }),
    ]
}

/// Small files of all sizes, and a large one.
fn bodies(count: u32, seed: u32) -> Vec<(String, Vec<u8>)> {
    let body = |number: u32, length: usize| {
        let word =
            |at: u32| (at ^ number.wrapping_mul(40_503) ^ seed).wrapping_mul(2_654_435_761).to_le_bytes();
        let mut body: Vec<u8> = (0..(length / 4 + 1) as u32).flat_map(word).collect();
        body.truncate(length);
        body
    };
    let small = (0..count).map(|number| {
        let length = 8 + (number as usize * 7_919) % 9_000;
        (format!("d{}/{number}", number % 7), body(number, length))
    });
    small
        .chain([
            ("medium".into(), body(count, 2_000_000)),
            ("large".into(), body(count + 1, 17 * 1024 * 1024)),
        ])
        .collect()
}

fn add(scene: &Scene, bodies: &[(String, Vec<u8>)]) {
    let files: Vec<_> = bodies.iter().map(|(path, body)| (path.as_str(), body.as_slice())).collect();
    for (task, files) in files.chunks(files.len().div_ceil(5)).enumerate() {
        scene.add(task as u32, 1, files);
    }
}

async fn run(scene: &Scene) -> DownloadResult {
    let orchestrator = scene.impatient(Concurrency::Auto);
    let options = scene.options(json!({}));
    let control = RunControl::default();
    let run = download_job_outputs(&orchestrator, &options, &control);
    tokio::time::timeout(HANGS, run).await.expect("it hangs").unwrap()
}

/// Every file is right or named; nothing else is there but what a later run continues.
fn check(scene: &Scene, bodies: &[(String, Vec<u8>)], result: &DownloadResult, what: &str) {
    let tree = scene.tree();
    let failed: BTreeSet<&str> = result.failures.iter().map(|failure| failure.path.as_str()).collect();
    for failure in &result.failures {
        let known = [ErrorCode::HashMismatch, ErrorCode::Network, ErrorCode::Timeout, ErrorCode::Throttled];
        assert!(known.contains(&failure.error.code), "{what}: {failure:?}");
    }
    for (path, body) in bodies {
        match tree.get(path) {
            Some(there) => assert!(there == body && !failed.contains(path.as_str()), "{what}: {path}"),
            None => assert!(failed.contains(path.as_str()), "{what}: {path} is missed by nobody"),
        }
    }
    let expected: BTreeSet<&str> = bodies.iter().map(|(path, _)| path.as_str()).collect();
    for path in tree.keys().filter(|path| !expected.contains(path.as_str())) {
        assert!(path.contains(".resume-") && failed.contains("large"), "{what}: {path} is left behind");
    }
    let stats = &result.stats;
    assert_eq!((stats.files_failed as usize, result.failure_count), (failed.len(), failed.len()), "{what}");
    assert_eq!(stats.files_transferred as usize, bodies.len() - failed.len(), "{what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_alone_is_survived() {
    let bodies = bodies(60, 1);
    for (name, effect) in faults() {
        let scene = Scene::new(&format!("alone-{}", name.replace(' ', "-"))).await;
        add(&scene, &bodies);
        let often = Often::Chance { probability: 0.1, seed: 5 };
        // What concerns a bucket concerns each of its requests.
        let often = if matches!(name, "clock" | "moved" | "malformed") { Often::Always } else { often };
        scene.farm.set_rules(vec![Rule::new(effect).on(Requests::with_key("/Data/")).often(often)]);
        let result = run(&scene).await;
        check(&scene, &bodies, &result, name);
        if name != "wrong bytes" {
            assert!(result.failures.is_empty(), "{name}: {:?}", result.failures);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_faults_together_are_survived() {
    let (count, rounds) = (number("RUSTY_ATTACHMENTS_FILES", 2_000), number("RUSTY_ATTACHMENTS_ROUNDS", 1));
    for round in 0..rounds {
        let bodies = bodies(count, round);
        let scene = Scene::new(&format!("mixed-{round}")).await;
        add(&scene, &bodies);
        // What a bucket is or is not changes for all requests at once, and not twenty times a second.
        let mixed =
            faults().into_iter().filter(|(name, _)| !matches!(*name, "clock" | "moved" | "malformed"));
        let kinds = mixed.clone().count() as f64;
        let rules = mixed.enumerate().map(|(index, (_, effect))| {
            let seed = u64::from(round) * 100 + index as u64;
            Rule::new(effect).often(Often::Chance { probability: 0.05 / kinds, seed })
        });
        let rules: Vec<Rule> = rules.collect();
        scene.farm.set_rules(rules);
        let result = run(&scene).await;
        check(&scene, &bodies, &result, &format!("round {round}"));
        scene.farm.set_rules(Vec::new());
        let result = run(&scene).await;
        assert!(result.failures.is_empty() && scene.tree().len() == bodies.len(), "{:?}", result.failures);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_body_is_cut_and_continued_from_its_offset() {
    let scene = Scene::new("stall").await;
    let bodies = bodies(3, 9);
    add(&scene, &bodies);
    let stall = Effect::StallBody { after_bytes: 4_000, milliseconds: None };
    scene
        .farm
        .set_rules(vec![Rule::new(stall).on(Requests::with_key("/Data/")).often(Often::FirstPerKey(1))]);
    let result = run(&scene).await;
    check(&scene, &bodies, &result, "stall");
    assert!(result.failures.is_empty() && result.stats.retries >= 3);
    assert!(scene.farm.requests().iter().any(|request| request.range.as_deref() == Some("bytes=4000-")));
}

#[tokio::test]
async fn expired_credentials_end_a_run_that_cannot_renew_them() {
    let scene = Scene::new("expired").await;
    add(&scene, &bodies(20, 2));
    let expired = Effect::refuse(403, "ExpiredToken");
    scene.farm.set_rules(vec![Rule::new(expired).on(Requests::with_key("/Data/")).often(Often::After(5))]);
    let error = scene.download_with(json!({})).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Credentials);
    assert!(scene.tree().keys().all(|path| !path.contains(".part") || path.contains(".resume-")));
}
