//! The face of the library: one bucket, its manifests, and downloads of plans.

use std::sync::Arc;

use rusty_attachments_core::keys::{ManifestLocation, OutputManifestScope};
use rusty_attachments_core::{
    DownloadPlan, Error, ErrorCode, MatchPathsBy, PathFormat, PlanOptions, ResolvedManifestPaths, Result,
};

use crate::blocking::blocking;
use crate::client::{Client, CredentialsSource, S3Settings};
use crate::concurrency::Concurrency;
use crate::download::{DownloadOptions, DownloadReport, RunControl, download};
use crate::ended::cancelled;
use crate::manifests::{self, DownloadedManifest, ManifestSelection};
use crate::progress::Progress;

/// The format of this machine's paths.
pub(crate) const LOCAL_FORMAT: PathFormat =
    if cfg!(windows) { PathFormat::Windows } else { PathFormat::Posix };

/// Paths of the other format would each fail in a way of its own, or land in odd places.
fn check_format(format: PathFormat, what: &str, argument: &str) -> Result<()> {
    if format == LOCAL_FORMAT {
        return Ok(());
    }
    let message = format!(
        "{what} for {format} paths, and this machine's are {LOCAL_FORMAT} paths; give destinations of this machine"
    );
    Err(Error::new(ErrorCode::InvalidArgument, message).with("argument", argument))
}

/// A plan for this machine.
pub(crate) fn plan_options(include: Vec<String>, match_paths_by: MatchPathsBy) -> PlanOptions {
    PlanOptions {
        destination_path_format: LOCAL_FORMAT,
        // Windows folds case, which the format tells already; a Mac's disks do too unless they were told not to.
        case_insensitive: cfg!(target_os = "macos").then_some(true),
        include,
        match_paths_by,
    }
}

/// Reads one bucket's manifests and downloads what they list. Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub struct DownloadOrchestrator {
    client: Arc<Client>,
    concurrency: Concurrency,
}

impl DownloadOrchestrator {
    /// An orchestrator for the bucket; nothing is sent yet.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn new(s3: S3Settings, credentials: CredentialsSource, concurrency: Concurrency) -> Result<Self> {
        Ok(Self { client: Arc::new(Client::new(s3, credentials)?), concurrency })
    }

    /// The same over a client that is there already.
    #[doc(hidden)]
    pub fn over(client: Arc<Client>, concurrency: Concurrency) -> Self {
        Self { client, concurrency }
    }

    /// The client of the bucket.
    pub fn client(&self) -> &Arc<Client> {
        &self.client
    }

    pub(crate) fn concurrency(&self, asked: Option<Concurrency>) -> Concurrency {
        asked.unwrap_or(self.concurrency)
    }

    /// The keys of the output manifests in a scope, in order. A job without outputs has none.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`, `NOT_FOUND` without the bucket, `ACCESS_DENIED`, `CREDENTIALS`, `THROTTLED`,
    /// `NETWORK`, `TIMEOUT`.
    pub async fn discover_output_manifest_keys(
        &self,
        location: &ManifestLocation,
        scope: &OutputManifestScope,
        select_latest_per_task: bool,
    ) -> Result<Vec<String>> {
        let selection = ManifestSelection { select_latest_per_task, session_action_ids: None };
        let objects = manifests::discover_output_manifests(&self.client, location, scope, &selection).await?;
        Ok(objects.into_iter().map(|object| object.key).collect())
    }

    /// One manifest, with what its object says.
    ///
    /// # Errors
    /// `INVALID_MANIFEST`, `UNSUPPORTED_MANIFEST_VERSION`, `MISSING_ASSET_ROOT`, `NOT_FOUND`, `ACCESS_DENIED`,
    /// `CREDENTIALS`, `THROTTLED`, `NETWORK`, `TIMEOUT`.
    pub async fn download_manifest(&self, key: &str) -> Result<DownloadedManifest> {
        manifests::download_manifest(&self.client, key).await
    }

    /// Downloads to paths that are resolved already; of several for one path, the later wins.
    ///
    /// # Errors
    /// As [`DownloadOrchestrator::download`].
    pub async fn download_to_resolved_paths(
        &self,
        resolved: Vec<Arc<ResolvedManifestPaths>>,
        options: &DownloadOptions,
        control: &RunControl,
    ) -> Result<DownloadReport> {
        for paths in &resolved {
            check_format(paths.destination_path_format(), "these paths are", "resolved")?;
        }
        let plan =
            move || DownloadPlan::from_resolved(resolved, &plan_options(Vec::new(), MatchPathsBy::Local));
        let plan =
            control.cancel.run_until_cancelled(blocking(plan)).await.unwrap_or_else(|| Err(cancelled()))?;
        self.download(&Arc::new(plan), options, control).await
    }

    /// Downloads a plan. What fails for single files is in the report.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a plan of another machine; `CANCELLED`; what concerns all files, as `CREDENTIALS`, `DISK_FULL` and a bucket that is `NOT_FOUND`; with
    /// `fail_fast`, the first file's.
    pub async fn download(
        &self,
        plan: &Arc<DownloadPlan>,
        options: &DownloadOptions,
        control: &RunControl,
    ) -> Result<DownloadReport> {
        check_format(plan.destination_path_format(), "the plan is", "plan")?;
        let progress = Arc::new(Progress::new(control.progress.clone()));
        let concurrency = self.concurrency(options.concurrency);
        download(&self.client, plan, options, concurrency, control, &progress).await
    }
}
