//! The program `farm`, as a test or a demo in another language starts it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

fn start(arguments: &[&str]) -> (Child, Value) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_farm"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(program.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (program, serde_json::from_str(&line).unwrap())
}

fn ends_in_time(program: &mut Child) -> bool {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(10) {
        if let Some(status) = program.try_wait().unwrap() {
            return status.success();
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    program.kill().unwrap();
    false
}

#[test]
fn it_says_how_to_reach_it_and_ends_when_its_input_closes() {
    let (mut program, introduction) = start(&[]);
    assert!(introduction["endpoint"].as_str().unwrap().starts_with("http://127.0.0.1:"));
    assert!(introduction["credentials"]["secretAccessKey"].is_string());
    assert!(introduction.get("jobId").is_none());
    drop(program.stdin.take());
    assert!(ends_in_time(&mut program));
}

#[test]
fn with_the_show_it_says_which_job_to_download() {
    let (mut program, introduction) = start(&["--show"]);
    for id in ["farmId", "queueId", "jobId", "stepId", "rootPrefix", "bucket"] {
        assert!(introduction[id].is_string(), "{id}");
    }
    let location = &introduction["jobStorageProfile"]["fileSystemLocations"][0];
    assert_eq!(location["name"], "Projects");
    assert_eq!(location["path"], r"Z:\Projects");
    assert_eq!(location["type"], "LOCAL");
    assert_eq!(introduction["assetRoots"][1]["fileSystemLocationName"], Value::Null);
    drop(program.stdin.take());
    assert!(ends_in_time(&mut program));
}

#[test]
fn with_works_it_names_their_jobs_and_with_tls_what_to_trust() {
    let (mut program, introduction) = start(&["--work", "small:3:5", "--work", "b:4:1:2", "--tls"]);
    assert!(introduction["works"]["small"]["jobId"].as_str().unwrap().starts_with("job-"));
    assert_eq!(introduction["works"]["b"]["rootPath"], "/mnt/work/b");
    assert!(introduction["queueId"].is_string());
    assert!(introduction["endpoint"].as_str().unwrap().starts_with("https://127.0.0.1:"));
    let certificate = introduction["caBundle"].as_str().unwrap();
    assert!(std::fs::read_to_string(certificate).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    drop(program.stdin.take());
    assert!(ends_in_time(&mut program));
    assert!(!std::fs::exists(certificate).unwrap());
}

#[test]
fn with_a_history_its_first_step_has_happened_and_nonsense_is_named() {
    let path = std::env::temp_dir().join(format!("rusty-attachments-history-{}.json", std::process::id()));
    let write = |event: &str| std::fs::write(&path, format!(r#"{{ "steps": [[{event}]] }}"#)).unwrap();
    write(r#"{ "event": "job", "name": "shot" }"#);
    let arguments = ["--history", path.to_str().unwrap()];
    let (mut program, introduction) = start(&arguments);
    assert!(introduction["jobs"]["shot"]["jobId"].as_str().unwrap().starts_with("job-"));
    assert_eq!(introduction["accountId"], "123456789012");
    drop(program.stdin.take());
    assert!(ends_in_time(&mut program));
    for (nonsense, word) in
        [(r#"{ "event": "jab" }"#, "jab"), (r#"{ "event": "jobDeleted", "job": "x" }"#, "job x")]
    {
        write(nonsense);
        let output = Command::new(env!("CARGO_BIN_EXE_farm")).args(arguments).output().unwrap();
        let problem = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && problem.contains(word), "{problem}");
    }
    std::fs::remove_file(path).unwrap();
}

#[test]
fn arguments_that_do_not_exist_are_named() {
    let output = Command::new(env!("CARGO_BIN_EXE_farm")).arg("--shwo").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--shwo"));
    let output = Command::new(env!("CARGO_BIN_EXE_farm")).args(["--work", "a:b"]).output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("a:b"));
}
