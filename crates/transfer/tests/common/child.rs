//! A download in a process of its own, which may be killed, measured or given little.

use std::process::{Command, Stdio};
use std::sync::Arc;

use rusty_attachments_transfer::{
    Concurrency, Credentials, CredentialsSource, DownloadOrchestrator, RunControl, download_job_outputs,
    download_sources,
};
use serde_json::{Value, json};

use super::Scene;

/// The variable that tells [`child`] what to download.
const TOLD: &str = "RUSTY_ATTACHMENTS_CHILD";
/// What stands before the child's answer, among what the test harness prints.
const ANSWER: &str = "ANSWER ";

/// How one process differs from another.
pub struct Child {
    pub concurrency: Concurrency,
    /// So many runs at once, each into a directory of its own but the first.
    pub runs: usize,
    /// The name of the machine that it takes itself to be on; needs root.
    pub host: Option<&'static str>,
    /// Descriptors that it may have open.
    pub open_files: Option<u32>,
    pub options: Value,
    pub environment: Vec<(&'static str, String)>,
    /// Whether it syncs; then the options are all of the sync's.
    pub syncs: bool,
}

impl Default for Child {
    fn default() -> Self {
        Self {
            concurrency: Concurrency::Auto,
            runs: 1,
            host: None,
            open_files: None,
            options: json!({}),
            environment: Vec::new(),
            syncs: false,
        }
    }
}

impl Child {
    /// Its command, with the answer piped.
    pub fn command(&self, scene: &Scene) -> Command {
        let credentials = scene.credentials();
        let mut options = json!({
            "farmId": scene.location.farm_id, "queueId": scene.location.queue_id, "jobId": scene.job_id,
        });
        options.as_object_mut().unwrap().extend(self.options.as_object().unwrap().clone());
        let told = json!({
            "s3": scene.settings(), "id": credentials.access_key_id, "secret": credentials.secret_access_key,
            "concurrency": match self.concurrency { Concurrency::Auto => 0, Concurrency::Fixed(number) => number },
            "runs": self.runs, "syncs": self.syncs, "target": scene.target(), "options": options,
        });
        let limit = self.open_files.map(|count| format!("ulimit -n {count}; ")).unwrap_or_default();
        let name = self.host.map(|name| format!("hostname {name}; ")).unwrap_or_default();
        let mut command = Command::new(if self.host.is_some() { "unshare" } else { "sh" });
        command
            .args(self.host.map_or(&[][..], |_| &["--uts", "sh"]))
            .args(["-ec", &format!(r#"{name}{limit}exec "$0" "$@""#)])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "common::child::child", "--ignored", "--nocapture"])
            .env(TOLD, told.to_string())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        command
    }

    /// Runs it to its end: its failures, files transferred, and the most bytes of memory it had above its idle.
    pub async fn run(self, scene: &Scene) -> Value {
        let mut command = self.command(scene);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let answer = text.lines().find_map(|line| Some(line.split_once(ANSWER)?.1));
        serde_json::from_str(answer.unwrap_or_else(|| panic!("no answer: {text}"))).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "is run by other tests, in a process of its own"]
async fn child() {
    let Ok(text) = std::env::var(TOLD) else { return };
    let told: Value = serde_json::from_str(&text).unwrap();
    let text = |name: &str| told[name].as_str().unwrap().to_owned();
    let idle = memory("VmRSS:");
    let runs = (0..told["runs"].as_u64().unwrap()).map(|number| {
        let mut options = told["options"].clone();
        let target = if number == 0 { text("target") } else { format!("{}-{number}", text("target")) };
        options["rootOverrides"] = json!({ super::ROOT: target });
        let credentials = Credentials {
            access_key_id: text("id"),
            secret_access_key: text("secret"),
            session_token: None,
            expiration: None,
        };
        let settings = serde_json::from_value(told["s3"].clone()).unwrap();
        let concurrency = match told["concurrency"].as_u64().unwrap() {
            0 => Concurrency::Auto,
            number => Concurrency::Fixed(number as usize),
        };
        let source = CredentialsSource::Static(credentials);
        let orchestrator = DownloadOrchestrator::new(settings, source, concurrency).unwrap();
        let syncs = told["syncs"] == true;
        tokio::spawn(async move {
            let control = RunControl::default();
            if syncs {
                let options = serde_json::from_value(options).unwrap();
                let synced = download_sources(&orchestrator, options, &control, Arc::new(|_| ())).await;
                return synced.map(|of_jobs| of_jobs.result);
            }
            let options = serde_json::from_value(options).unwrap();
            download_job_outputs(&orchestrator, &options, &control).await
        })
    });
    let runs: Vec<_> = runs.collect();
    let mut answers = Vec::new();
    for run in runs {
        answers.push(match run.await.unwrap() {
            Ok(result) => json!({
                "files": result.stats.files_total,
                "transferred": result.stats.files_transferred,
                "failures": result.failures.iter().map(|failure| failure.error.message.as_str()).collect::<Vec<_>>(),
            }),
            Err(error) => json!({ "error": error.message }),
        });
    }
    println!("{ANSWER}{}", json!({ "runs": answers, "aboveIdle": memory("VmHWM:") - idle }));
}

/// A line of `/proc/self/status`, in bytes.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0");
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}
