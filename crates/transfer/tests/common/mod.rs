//! What the tests share: a farm with one queue, a job's outputs, and a place to download to.

// Each test uses its own part.
#![allow(dead_code)]

pub mod child;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusty_attachments_farm::outputs::{
    AssetRoot, OutputFile, QueueLocation, SessionAction, content_hash, content_key, id, numbered_id,
    output_manifest_key,
};
use rusty_attachments_farm::{Farm, FarmOptions, Object, REGION};
use rusty_attachments_transfer::{
    Client, Concurrency, Credentials, CredentialsSource, DownloadOrchestrator, DownloadResult,
    JobOutputsOptions, RunControl, S3Settings, download_job_outputs,
};

pub const BUCKET: &str = "attachments";
/// The asset root of every job here, which tests map to their own directory.
pub const ROOT: &str = "/render/out";
pub const MTIME: i64 = 1_700_000_000_123_457;

/// A farm, a queue in it, and a directory that goes away with it.
pub struct Scene {
    pub farm: Farm,
    pub location: QueueLocation,
    pub job_id: String,
    home: PathBuf,
}

impl Scene {
    pub async fn new(name: &str) -> Self {
        Self::with(name, FarmOptions::default()).await
    }

    pub async fn with(name: &str, options: FarmOptions) -> Self {
        let location = QueueLocation {
            bucket: BUCKET.into(),
            root_prefix: "my-task-outputs/DeadlineCloud".into(),
            farm_id: id("farm", "f"),
            queue_id: id("queue", "q"),
        };
        let farm = Farm::start_with(options).await.unwrap();
        farm.create_bucket(BUCKET);
        let home = std::env::temp_dir().join(format!("rusty-attachments-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&home);
        fs::create_dir_all(&home).unwrap();
        Self { farm, location, job_id: id("job", "j"), home }
    }

    pub fn target(&self) -> PathBuf {
        self.home.join("out")
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.target().join(file)
    }

    /// What a task wrote; `time` counts seconds, and tells the session action too.
    pub fn add(&self, task: u32, time: u32, files: &[(&str, &[u8])]) -> String {
        let files: Vec<_> =
            files.iter().map(|(path, body)| OutputFile::new(*path, body.to_vec(), MTIME)).collect();
        self.farm.add_outputs(&self.location, &self.action(task, time), &root(), &files)
    }

    /// A task's manifest of so many files, of which the bucket has none; gives its key.
    pub fn add_listed(&self, task: u32, files: u32) -> String {
        let row = |file: u32| {
            let hash = format!("{:032x}", task * files + file);
            let path = format!("task-{task}/renders/beauty.{file:06}.exr");
            format!(r#"{{"hash":"{hash}","mtime":{MTIME},"path":"{path}","size":{file}}}"#)
        };
        let rows = (0..files).map(row).collect::<Vec<_>>().join(",");
        let json = format!(
            r#"{{"hashAlg":"xxh128","manifestVersion":"2023-03-03","paths":[{rows}],"totalSize":1}}"#
        );
        let key = output_manifest_key(&self.location, &self.action(task, 1), &root());
        self.farm.put_object(BUCKET, &key, Object::new(json).with_metadata("asset-root", ROOT));
        key
    }

    pub fn action(&self, task: u32, time: u32) -> SessionAction {
        SessionAction {
            job_id: self.job_id.clone(),
            step_id: id("step", "s"),
            task_id: Some(numbered_id("task", "t", task)),
            session_action_id: numbered_id("sessionaction", &format!("task {task}"), time),
            folder_time_us: i64::from(time) * 1_000_000,
            last_modified_ms: i64::from(time) * 1_000,
        }
    }

    /// The key of the object with this content.
    pub fn content_key(&self, body: &[u8]) -> String {
        content_key(&self.location, &content_hash(body))
    }

    pub fn settings(&self) -> S3Settings {
        S3Settings {
            bucket: self.location.bucket.clone(),
            root_prefix: self.location.root_prefix.clone(),
            region: Some(REGION.into()),
            endpoint: Some(self.farm.endpoint().into()),
            force_path_style: None,
            expected_bucket_owner: None,
        }
    }

    pub fn credentials(&self) -> Credentials {
        ours(self.farm.credentials())
    }

    pub fn orchestrator(&self) -> DownloadOrchestrator {
        let credentials = CredentialsSource::Static(self.credentials());
        DownloadOrchestrator::new(self.settings(), credentials, Concurrency::Auto).unwrap()
    }

    /// One that takes a body for stalled so soon.
    pub fn impatient(&self, source: CredentialsSource, patience: Duration) -> DownloadOrchestrator {
        let client = Client::with_patience(self.settings(), source, patience).unwrap();
        DownloadOrchestrator::over(Arc::new(client), Concurrency::Auto)
    }

    /// Options as JavaScript would write them, with the root mapped to this scene's directory.
    pub fn options(&self, more: serde_json::Value) -> JobOutputsOptions {
        let mut options = serde_json::json!({
            "farmId": self.location.farm_id,
            "queueId": self.location.queue_id,
            "jobId": self.job_id,
            "rootOverrides": { ROOT: self.target() },
        });
        let more = more.as_object().unwrap().clone();
        options.as_object_mut().unwrap().extend(more);
        serde_json::from_value(options).unwrap()
    }

    pub async fn download_with(
        &self,
        more: serde_json::Value,
    ) -> rusty_attachments_core::Result<DownloadResult> {
        download_job_outputs(&self.orchestrator(), &self.options(more), &RunControl::default()).await
    }

    pub async fn download(&self) -> DownloadResult {
        self.download_with(serde_json::json!({})).await.unwrap()
    }

    /// Everything in the target directory: text by path, `/` separated.
    pub fn tree(&self) -> BTreeMap<String, Vec<u8>> {
        let mut tree = BTreeMap::new();
        collect(&self.target(), "", &mut tree);
        tree
    }

    /// The keys of content that was asked for since the last `clear_requests`.
    pub fn content_requests(&self) -> Vec<String> {
        let keys = self.farm.requests().into_iter().filter_map(|request| request.key);
        keys.filter(|key| key.contains("/Data/")).collect()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.home);
    }
}

/// Whether this is root, who alone may mount and give a process a host name of its own.
pub fn is_root() -> bool {
    let user = std::process::Command::new("id").arg("-u").output().unwrap();
    user.stdout == b"0\n"
}

/// The farm's credentials as the library takes them.
pub fn ours(credentials: &rusty_attachments_farm::Credentials) -> Credentials {
    Credentials {
        access_key_id: credentials.access_key_id.clone(),
        secret_access_key: credentials.secret_access_key.clone(),
        session_token: credentials.session_token.clone(),
        expiration: None,
    }
}

pub fn root() -> AssetRoot {
    AssetRoot { path: ROOT.into(), file_system_location_name: None }
}

fn collect(directory: &Path, prefix: &str, tree: &mut BTreeMap<String, Vec<u8>>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.map(Result::unwrap) {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &format!("{name}/"), tree);
        } else {
            tree.insert(name, fs::read(entry.path()).unwrap_or_default());
        }
    }
}
