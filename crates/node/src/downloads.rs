//! What needs the network and the disk. Runs live on napi's tokio runtime; callbacks reach JavaScript's thread
//! through functions that do not keep the process alive.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use napi::bindgen_prelude::{Promise, PromiseRaw};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Result, Status};
use napi_derive::napi;
use rusty_attachments_core::keys::{ManifestLocation, OutputManifestScope};
use rusty_attachments_core::{self as core, Error, ErrorCode, Hazard, UnmappedPath};
use rusty_attachments_transfer as transfer;
use rusty_attachments_transfer::{
    Concurrency, CredentialsSource, DownloadOptions, JobOutputsOptions, MultipleJobsOptions,
    ProvideCredentials, ProvidedCredentials, RunControl, S3Settings, SourcesOptions, TransferStatistics,
};
use serde::{Deserialize, Serialize};

use crate::{ManifestHandle, PlanHandle, ResolvedHandle, Wire, pack, raise, unpack};

/// Takes progress as JSON text, on JavaScript's thread.
type OnProgress = ThreadsafeFunction<Wire, (), Wire, Status, false, true>;

/// Asks JavaScript for credentials.
type Provider = ThreadsafeFunction<(), Promise<Wire>, (), Status, false, true>;

/// Stops the runs that it was given to, also when it goes itself: JavaScript holds it as long as a run lasts, and a
/// worker that ends lets go of it.
#[napi]
pub struct CancelHandle(transfer::CancellationToken);

#[napi]
impl CancelHandle {
    #[napi]
    pub fn cancel(&self) {
        self.0.cancel();
    }
}

impl Drop for CancelHandle {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

#[napi]
pub fn create_cancel() -> CancelHandle {
    CancelHandle(transfer::CancellationToken::new())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    /// Milliseconds since the epoch.
    expiration: Option<u64>,
}

impl From<Credentials> for transfer::Credentials {
    fn from(given: Credentials) -> Self {
        Self {
            access_key_id: given.access_key_id,
            secret_access_key: given.secret_access_key,
            session_token: given.session_token,
            expiration: given.expiration.map(|ms| SystemTime::UNIX_EPOCH + Duration::from_millis(ms)),
        }
    }
}

/// What JavaScript answers when it is asked for credentials.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Answer {
    Credentials(Credentials),
    Failed(String),
}

struct JavaScriptProvider(Provider);

impl ProvideCredentials for JavaScriptProvider {
    fn provide(&self) -> ProvidedCredentials<'_> {
        Box::pin(async {
            let failed = |reason: String| Error::new(ErrorCode::Credentials, reason);
            let asked = async { self.0.call_async(()).await?.await };
            let answer: Wire = asked.await.map_err(|error| failed(error.to_string()))?;
            match serde_json::from_str(&answer).map_err(|error| failed(error.to_string()))? {
                Answer::Credentials(given) => Ok(given.into()),
                Answer::Failed(reason) => Err(failed(reason)),
            }
        })
    }
}

#[derive(Deserialize)]
struct Settings {
    s3: S3Settings,
    #[serde(default)]
    concurrency: Concurrency,
    credentials: Option<Credentials>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Discovery {
    scope: OutputManifestScope,
    select_latest_per_task: bool,
}

/// A failed file, with its error's parts beside it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    path: String,
    local_path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_id: Option<String>,
    code: ErrorCode,
    message: String,
    details: std::collections::BTreeMap<&'static str, serde_json::Value>,
}

impl From<transfer::FileFailure> for Failure {
    fn from(failure: transfer::FileFailure) -> Self {
        let transfer::FileFailure { path, local_path, job_id, error } = failure;
        Self { path, local_path, job_id, code: error.code, message: error.message, details: error.details }
    }
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    stats: TransferStatistics,
    failures: Vec<Failure>,
}

impl From<transfer::DownloadReport> for Report {
    fn from(report: transfer::DownloadReport) -> Self {
        Self { stats: report.stats, failures: report.failures.into_iter().map(Failure::from).collect() }
    }
}

/// A result without its plan, which crosses as a handle.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outputs {
    stats: TransferStatistics,
    unmapped_count: usize,
    unmapped: Vec<UnmappedPath>,
    failure_count: usize,
    failures: Vec<Failure>,
    warnings: Vec<Hazard>,
    #[serde(flatten)]
    of_jobs: Option<OfJobs>,
    /// How many batches of events were told. Those may still be on their way when the result arrives.
    #[serde(skip_serializing_if = "Option::is_none")]
    batches: Option<u32>,
}

/// What a result of several jobs has beyond a result of one.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OfJobs {
    jobs: Vec<transfer::JobDownloadResult>,
    jobs_with_unmapped: Vec<String>,
}

/// A result on its way to JavaScript.
#[napi]
pub struct OutputsHandle {
    outputs: Outputs,
    plan: Option<Arc<core::DownloadPlan>>,
}

impl OutputsHandle {
    fn of_jobs(result: transfer::MultiJobDownloadResult) -> Self {
        let transfer::MultiJobDownloadResult { result, jobs, jobs_with_unmapped } = result;
        Self::new(result, Some(OfJobs { jobs, jobs_with_unmapped }))
    }

    fn new(result: transfer::DownloadResult, of_jobs: Option<OfJobs>) -> Self {
        Self {
            plan: Some(result.plan),
            outputs: Outputs {
                stats: result.stats,
                unmapped_count: result.unmapped_count,
                unmapped: result.unmapped,
                failure_count: result.failure_count,
                failures: result.failures.into_iter().map(Failure::from).collect(),
                warnings: result.warnings,
                of_jobs,
                batches: None,
            },
        }
    }
}

#[napi]
impl OutputsHandle {
    /// Hands the plan over, so that nobody but its handle holds it.
    #[napi]
    pub fn plan(&mut self, env: &Env) -> Result<Option<PlanHandle>> {
        self.plan.take().map(|plan| PlanHandle::new(env, plan)).transpose()
    }

    #[napi]
    pub fn result(&self) -> Result<Wire> {
        pack(&self.outputs)
    }
}

/// A fetched manifest on its way to JavaScript.
#[napi]
pub struct DownloadedManifestHandle {
    manifest: Option<Arc<core::Manifest>>,
    metadata: transfer::ManifestDownloadMetadata,
}

#[napi]
impl DownloadedManifestHandle {
    /// Hands the manifest over, as [`OutputsHandle::plan`].
    #[napi]
    pub fn manifest(&mut self, env: &Env) -> Result<Option<ManifestHandle>> {
        self.manifest.take().map(|manifest| ManifestHandle::new(env, manifest)).transpose()
    }

    #[napi]
    pub fn metadata(&self) -> Result<Wire> {
        pack(&self.metadata)
    }
}

fn control(cancel: &CancelHandle, on_progress: Option<OnProgress>) -> RunControl {
    RunControl {
        cancel: cancel.0.clone(),
        settled: None,
        progress: on_progress.map(|report| -> transfer::ProgressCallback {
            Arc::new(move |progress| {
                if let Ok(wire) = pack(&progress) {
                    report.call(wire, ThreadsafeFunctionCallMode::NonBlocking);
                }
            })
        }),
    }
}

#[napi]
pub struct OrchestratorHandle(transfer::DownloadOrchestrator);

#[napi]
pub fn create_orchestrator(settings: Wire, provider: Provider) -> Result<OrchestratorHandle> {
    let Settings { s3, concurrency, credentials } = unpack(settings)?;
    let source = match credentials {
        Some(credentials) => CredentialsSource::Static(credentials.into()),
        None => CredentialsSource::Provider(Arc::new(JavaScriptProvider(provider))),
    };
    transfer::DownloadOrchestrator::new(s3, source, concurrency).map(OrchestratorHandle).map_err(raise)
}

#[napi]
impl OrchestratorHandle {
    #[napi]
    pub fn discover_output_manifest_keys<'env>(
        &self,
        env: &'env Env,
        location: Wire,
        options: Wire,
    ) -> Result<PromiseRaw<'env, Wire>> {
        let orchestrator = self.0.clone();
        let location: ManifestLocation = unpack(location)?;
        let Discovery { scope, select_latest_per_task } = unpack(options)?;
        env.spawn_future(async move {
            let keys =
                orchestrator.discover_output_manifest_keys(&location, &scope, select_latest_per_task).await;
            pack(&keys.map_err(raise)?)
        })
    }

    #[napi]
    pub fn download_manifest<'env>(
        &self,
        env: &'env Env,
        key: String,
    ) -> Result<PromiseRaw<'env, DownloadedManifestHandle>> {
        let orchestrator = self.0.clone();
        env.spawn_future(async move {
            let transfer::DownloadedManifest { manifest, metadata, .. } =
                orchestrator.download_manifest(&key).await.map_err(raise)?;
            Ok(DownloadedManifestHandle { manifest: Some(manifest), metadata })
        })
    }

    #[napi]
    pub fn download_resolved<'env>(
        &self,
        env: &'env Env,
        resolved: Vec<&ResolvedHandle>,
        options: Wire,
        cancel: &CancelHandle,
        on_progress: Option<OnProgress>,
    ) -> Result<PromiseRaw<'env, Wire>> {
        let orchestrator = self.0.clone();
        let resolved = resolved.into_iter().map(|resolved| Arc::clone(&resolved.0)).collect();
        let options: DownloadOptions = unpack(options)?;
        let control = control(cancel, on_progress);
        env.spawn_future(async move {
            let report = orchestrator.download_to_resolved_paths(resolved, &options, &control).await;
            pack(&Report::from(report.map_err(raise)?))
        })
    }

    #[napi]
    pub fn download_plan<'env>(
        &self,
        env: &'env Env,
        plan: &PlanHandle,
        options: Wire,
        cancel: &CancelHandle,
        on_progress: Option<OnProgress>,
    ) -> Result<PromiseRaw<'env, Wire>> {
        let orchestrator = self.0.clone();
        let plan = Arc::clone(&plan.0);
        let options: DownloadOptions = unpack(options)?;
        let control = control(cancel, on_progress);
        env.spawn_future(async move {
            let report = orchestrator.download(&plan, &options, &control).await;
            pack(&Report::from(report.map_err(raise)?))
        })
    }

    #[napi]
    pub fn download_job_outputs<'env>(
        &self,
        env: &'env Env,
        options: Wire,
        cancel: &CancelHandle,
        on_progress: Option<OnProgress>,
    ) -> Result<PromiseRaw<'env, OutputsHandle>> {
        let orchestrator = self.0.clone();
        let options: JobOutputsOptions = unpack(options)?;
        let control = control(cancel, on_progress);
        env.spawn_future(async move {
            let result = transfer::download_job_outputs(&orchestrator, &options, &control).await;
            Ok(OutputsHandle::new(result.map_err(raise)?, None))
        })
    }

    #[napi]
    pub fn download_multiple_jobs<'env>(
        &self,
        env: &'env Env,
        options: Wire,
        cancel: &CancelHandle,
        on_progress: Option<OnProgress>,
    ) -> Result<PromiseRaw<'env, OutputsHandle>> {
        let orchestrator = self.0.clone();
        let options: MultipleJobsOptions = unpack(options)?;
        let control = control(cancel, on_progress);
        env.spawn_future(async move {
            let result = transfer::download_multiple_jobs(&orchestrator, &options, &control).await;
            Ok(OutputsHandle::of_jobs(result.map_err(raise)?))
        })
    }

    #[napi]
    pub fn download_sources<'env>(
        &self,
        env: &'env Env,
        options: Wire,
        cancel: &CancelHandle,
        on_event: OnProgress,
        on_progress: Option<OnProgress>,
    ) -> Result<PromiseRaw<'env, OutputsHandle>> {
        let orchestrator = self.0.clone();
        let options: SourcesOptions = unpack(options)?;
        let control = control(cancel, on_progress);
        let batches = Arc::new(AtomicU32::new(0));
        let told = batches.clone();
        let events: transfer::SourcesCallback = Arc::new(move |event| {
            if let Ok(wire) = pack(&event)
                && on_event.call(wire, ThreadsafeFunctionCallMode::NonBlocking) == Status::Ok
            {
                told.fetch_add(1, Ordering::Relaxed);
            }
        });
        env.spawn_future(async move {
            let result = transfer::download_sources(&orchestrator, options, &control, events).await;
            let mut handle = OutputsHandle::of_jobs(result.map_err(raise)?);
            handle.outputs.batches = Some(batches.load(Ordering::Relaxed));
            Ok(handle)
        })
    }
}
