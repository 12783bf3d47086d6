//! A service with every fault at once: each file ends right, or is named with the right code.
//!
//! `RUSTY_ATTACHMENTS_FILES` and `RUSTY_ATTACHMENTS_ROUNDS` make it longer.

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use common::{Scene, ours};
use rusty_attachments_core::{ErrorCode, Result};
use rusty_attachments_farm::{Credentials, Effect, FarmOptions, Often, Requests, Rule};
use rusty_attachments_transfer::{
    CredentialsSource, DownloadResult, ProvideCredentials, ProvidedCredentials, RunControl,
    download_job_outputs,
};
use serde_json::json;

/// A run that is longer hangs.
const HANGS: Duration = Duration::from_secs(120);

fn number(variable: &str, otherwise: u32) -> u32 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// What happens to some requests.
fn accidents() -> Vec<(&'static str, Effect)> {
    vec![
        ("reset", Effect::Reset),
        ("refused", Effect::Outage { milliseconds: 50 }),
        ("cut", Effect::CutBody { after_bytes: 700 }),
        ("stalled", Effect::StallBody { after_bytes: 700, milliseconds: None }),
        ("dripping", Effect::DripBody { after_bytes: 100, milliseconds: 20 }),
        ("500", Effect::refuse(500, "InternalError")),
        ("503", Effect::slow_down(None)),
        ("307", Effect::refuse(307, "TemporaryRedirect")),
        ("wrong bytes", Effect::WrongBytes),
        ("new tag", Effect::NewEntityTag),
        ("late", Effect::Delay { milliseconds: 40 }),
    ]
}

/// What a service or a bucket is, for all requests alike.
fn circumstances() -> Vec<(&'static str, Vec<Rule>)> {
    let listed_in = Effect::PermanentRedirect { region: "eu-west-1".into() };
    let read_in = Effect::AuthorizationHeaderMalformed { region: "eu-central-1".into() };
    let signed_before = Requests { access_key_id: Some(KEYS[0].into()), ..Requests::default() };
    let ends = Rule::new(Effect::refuse(403, "ExpiredToken")).on(signed_before).often(Often::After(40));
    vec![
        ("moved", vec![Rule::new(listed_in).on(Requests::listings())]),
        ("malformed", vec![Rule::new(read_in).on(Requests::with_key("/Data/"))]),
        ("clock", vec![Rule::new(Effect::ClockAhead { seconds: 3_600 })]),
        ("expired", vec![ends]),
    ]
}

/// Who may read: the first until it has expired, and the second.
const KEYS: [&str; 2] = ["FIRST", "SECOND"];

/// A scene whose farm knows all [`KEYS`].
async fn scene(name: &str) -> Scene {
    let credentials = KEYS.map(|id| Credentials::new(id, SECRET)).into();
    Scene::with(name, FarmOptions { credentials, ..FarmOptions::default() }).await
}

const SECRET: &str = "never-to-be-shown";

/// Gives the next of [`KEYS`] each time it is asked.
struct Renewing(AtomicUsize);

impl ProvideCredentials for Renewing {
    fn provide(&self) -> ProvidedCredentials<'_> {
        let next = self.0.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move { Ok(ours(&Credentials::new(KEYS[next], SECRET))) })
    }
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
    let source = CredentialsSource::Provider(Arc::new(Renewing(AtomicUsize::new(0))));
    run_as(scene, source, Duration::from_secs(1)).await.unwrap()
}

async fn run_as(scene: &Scene, source: CredentialsSource, patience: Duration) -> Result<DownloadResult> {
    let (orchestrator, options) = (scene.impatient(source, patience), scene.options(json!({})));
    let control = RunControl::default();
    let run = download_job_outputs(&orchestrator, &options, &control);
    tokio::time::timeout(HANGS, run).await.expect("it hangs")
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
    let often = Often::Chance { probability: 0.1, seed: 5 };
    let accident = |effect| vec![Rule::new(effect).on(Requests::with_key("/Data/")).often(often.clone())];
    let accidents = accidents().into_iter().map(|(name, effect)| (name, accident(effect)));
    for (name, rules) in accidents.chain(circumstances()) {
        let scene = scene(&format!("alone-{}", name.replace(' ', "-"))).await;
        add(&scene, &bodies);
        scene.farm.set_rules(rules);
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
        let scene = scene(&format!("mixed-{round}")).await;
        add(&scene, &bodies);
        let kinds = accidents().len() as f64;
        let accidents = accidents().into_iter().enumerate().map(|(index, (_, effect))| {
            let seed = u64::from(round) * 100 + index as u64;
            // Nothing tells what a manifest's bytes should be: no run can be right without them.
            let is_survived_by_all = effect != Effect::WrongBytes;
            let struck = if is_survived_by_all { Requests::default() } else { Requests::with_key("/Data/") };
            Rule::new(effect).on(struck).often(Often::Chance { probability: 0.05 / kinds, seed })
        });
        let circumstances = circumstances().into_iter().flat_map(|(_, rules)| rules);
        scene.farm.set_rules(circumstances.chain(accidents).collect());
        let result = run(&scene).await;
        check(&scene, &bodies, &result, &format!("round {round}"));
        let met: BTreeSet<_> =
            scene.farm.requests().into_iter().filter_map(|request| request.effect).collect();
        for effect in ["permanentRedirect", "authorizationHeaderMalformed", "ExpiredToken"] {
            assert!(met.contains(effect), "{met:?}");
        }
        scene.farm.set_rules(Vec::new());
        let result = run(&scene).await;
        assert!(result.failures.is_empty() && scene.tree().len() == bodies.len(), "{:?}", result.failures);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_refusals_costs_time_but_no_file() {
    let bodies = bodies(300, 3);
    for effect in [Effect::slow_down(None), Effect::refuse(500, "InternalError")] {
        let name = format!("burst-{}", effect.name());
        let scene = scene(&name).await;
        add(&scene, &bodies);
        let burst = Rule::new(effect).on(Requests::with_key("/Data/"));
        scene.farm.set_rules(vec![burst.often(Often::First(1_200))]);
        let result = scene.download_with(json!({"concurrency": 300})).await.unwrap();
        check(&scene, &bodies, &result, &name);
        assert!(result.failures.is_empty(), "{:?}", result.failures[0]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_entity_tags_what_breaks_off_is_begun_again() {
    let scene = scene("no-tag").await;
    let bodies = bodies(20, 4);
    add(&scene, &bodies);
    let cut = Rule::new(Effect::CutBody { after_bytes: 300 }).often(Often::FirstPerKey(1));
    scene.farm.set_rules(vec![Rule::new(Effect::NoEntityTag), cut.on(Requests::with_key("/"))]);
    let result = run(&scene).await;
    check(&scene, &bodies, &result, "no tag");
    assert!(result.failures.is_empty(), "{:?}", result.failures);
}

/// What is wrong with one file for good, and how it must end.
struct Hopeless {
    name: &'static str,
    rules: Vec<Effect>,
    code: ErrorCode,
    /// The answer's status; without it, there was none or it was a success.
    status: Option<u16>,
    /// Whether it would be the same for every other file, so that the run ends.
    ends_run: bool,
}

fn hopeless() -> Vec<Hopeless> {
    use ErrorCode::{
        AccessDenied, Credentials, HashMismatch, InvalidArgument, Network, NotFound, SizeMismatch, Throttled,
        Timeout,
    };
    let file =
        |name, rules: Vec<Effect>, code, status| Hopeless { name, rules, code, status, ends_run: false };
    let run =
        |name, rules, code, status| Hopeless { ends_run: true, ..file(name, rules, code, Some(status)) };
    let refuse = |status, code: &str| vec![Effect::refuse(status, code)];
    vec![
        file("refused", vec![Effect::Outage { milliseconds: 600_000 }], Network, None),
        file("reset", vec![Effect::Reset], Network, None),
        file("cut", vec![Effect::CutBody { after_bytes: 0 }], Network, None),
        file("stalled", vec![Effect::StallBody { after_bytes: 700, milliseconds: None }], Timeout, None),
        file("dripping", vec![Effect::DripBody { after_bytes: 700, milliseconds: 20 }], Timeout, None),
        file("500", refuse(500, "InternalError"), Network, Some(500)),
        file("503", refuse(503, "SlowDown"), Throttled, Some(503)),
        file("429", refuse(429, "TooManyRequests"), Throttled, Some(429)),
        file("504", refuse(504, "GatewayTimeout"), Timeout, Some(504)),
        file("307", refuse(307, "TemporaryRedirect"), Network, Some(307)),
        file("denied", refuse(403, "AccessDenied"), AccessDenied, Some(403)),
        file("gone", refuse(404, "NoSuchKey"), NotFound, Some(404)),
        file("wrong bytes", vec![Effect::WrongBytes], HashMismatch, None),
        file("shorter", vec![], SizeMismatch, None),
        file("longer", vec![], SizeMismatch, None),
        file("new tag", vec![Effect::NewEntityTag, Effect::CutBody { after_bytes: 700 }], Network, Some(412)),
        run("expired", refuse(403, "ExpiredToken"), Credentials, 403),
        run("unknown key", refuse(403, "InvalidAccessKeyId"), Credentials, 403),
        run("clock", refuse(403, "RequestTimeTooSkewed"), Credentials, 403),
        run("moved", refuse(301, "PermanentRedirect"), InvalidArgument, 301),
    ]
}

impl Hopeless {
    async fn happens(self) {
        let Self { name, code, .. } = self;
        let scene = scene(&format!("hopeless-{}", name.replace(' ', "-"))).await;
        let struck: Vec<u8> = (0..9_000_u32).map(|at| (at % 251) as u8).collect();
        scene.add(0, 1, &[("struck", &struck), ("other", b"other")]);
        let key = scene.content_key(&struck);
        match name {
            "shorter" => assert!(scene.farm.replace_body(common::BUCKET, &key, struck[1..].to_vec())),
            "longer" => assert!(scene.farm.replace_body(common::BUCKET, &key, [&struck[..], b"x"].concat())),
            _ => {}
        }
        let rule = |effect: Effect| {
            let ranged = (effect == Effect::NewEntityTag).then_some(true);
            Rule::new(effect).on(Requests { ranged, ..Requests::with_key(&key) })
        };
        scene.farm.set_rules(self.rules.into_iter().map(rule).collect());
        // What does not come in time is waited for eight times.
        let patience = if code == ErrorCode::Timeout { 400 } else { 1_000 };
        let source = CredentialsSource::Static(scene.credentials());
        let result = run_as(&scene, source, Duration::from_millis(patience)).await;
        let tree = scene.tree();
        assert!(!tree.contains_key("struck"), "{name}");
        let error = match result {
            Err(error) => {
                assert!(self.ends_run, "{name}: {error:?}");
                error
            }
            Ok(result) => {
                let failure = result.failures.iter().find(|failure| failure.path == "struck");
                // Where nobody listens, the other file has no better luck.
                assert!(
                    name == "refused" || result.failures.len() == 1 && tree["other"] == b"other",
                    "{name}"
                );
                failure.unwrap_or_else(|| panic!("{name}: nobody misses it")).error.clone()
            }
        };
        assert_eq!(error.code, code, "{name}: {error:?}");
        let details = &error.details;
        assert_eq!((&details["bucket"], &details["key"]), (&common::BUCKET.into(), &key.into()), "{name}");
        assert_eq!(details.get("status"), self.status.map(Into::into).as_ref(), "{name}");
        let was_refused = self.status.is_some_and(|status| status != 412);
        let id = details.get("requestId").map(|id| id.as_str().unwrap_or_default());
        assert!(!was_refused || id.is_some_and(|id| id.starts_with("FARM")), "{name}: {error:?}");
        assert!(!format!("{error:?}").contains(SECRET), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_that_stays_ends_with_its_code_and_where_it_was() {
    let mut all: tokio::task::JoinSet<()> = hopeless().into_iter().map(Hopeless::happens).collect();
    while let Some(one) = all.join_next().await {
        one.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_body_is_cut_and_continued_from_its_offset() {
    let scene = scene("stall").await;
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
