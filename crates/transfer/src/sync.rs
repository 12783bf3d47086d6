//! Downloads the output manifests that a pass of incremental sync names: fetch, map, plan, transfer, and tell what of
//! each is on the disk for good. One that fails takes no other along.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

use rusty_attachments_core::keys::{ListedObject, output_manifest_key};
use rusty_attachments_core::sync::WrittenFiles;
use rusty_attachments_core::{
    DownloadPlan, Error, ErrorCode, PathFormat, PlanSource, Result, RootMapper, StorageProfileWithId,
    plan_download_of,
};
use serde::{Deserialize, Serialize};

use crate::blocking::blocking;
use crate::download::{DownloadOptions, FileFailure, RunControl, SettledFile, download};
use crate::ended::{cancelled, concerns_all};
use crate::job::{DownloadResult, MultiJobDownloadResult, PathOptions};
use crate::manifests::{FetchedManifest, download_manifests};
use crate::mappers::{Mappers, find_profile};
use crate::orchestrator::{DownloadOrchestrator, plan_options};
use crate::progress::{Phase, Progress};

/// Which manifests are wanted, and where their files go.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourcesOptions {
    /// The manifests.
    pub sources: Vec<ManifestSource>,
    /// The profiles of the jobs and of this machine.
    #[serde(default)]
    pub storage_profiles: Vec<StorageProfileWithId>,
    /// The profile of this machine; none to leave paths as the jobs wrote them.
    #[serde(default)]
    pub local_storage_profile_id: Option<String>,
    /// What paths are chosen, and by which side's name.
    #[serde(flatten)]
    pub paths: PathOptions,
    /// How files are written.
    #[serde(flatten)]
    pub download: DownloadOptions,
    /// What earlier passes have written: of a source, files that a later manifest wrote are not wanted.
    #[serde(default)]
    pub written_since: Vec<WrittenFiles>,
}

/// An output manifest that a session action wrote.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestSource {
    /// Its key below `Manifests/`.
    pub output_manifest_path: String,
    /// The job.
    pub job_id: String,
    /// The asset root, as the job has it; what the object's metadata says is not looked at.
    pub root_path: String,
    /// The format of the root.
    pub root_path_format: PathFormat,
    /// The profile that the job was submitted with.
    #[serde(default)]
    pub storage_profile_id: Option<String>,
    /// The only local paths that are wanted; none for all.
    #[serde(default)]
    pub only: Option<BTreeSet<String>>,
}

/// What becomes of sources, which go by their index among those given.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum SourcesEvent {
    /// How many files each source has; one that failed is not among them.
    Planned(Vec<SourcePlanned>),
    /// Files that are whole and flushed.
    Landed(Vec<SourceLanded>),
    /// What could not be downloaded.
    Failed(Vec<SourceFailed>),
}

/// What a source has in the plan.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourcePlanned {
    /// The source.
    pub source: usize,
    /// Its files; what a later one writes too is the later one's.
    pub files: usize,
    /// When its manifest was written, in milliseconds since 1970.
    pub last_modified: Option<i64>,
    /// Whether some of its manifest's files are not among them.
    pub is_overwritten: bool,
}

/// A file that is on the disk for good, or was there and stays by the caller's wish.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceLanded {
    /// The source.
    pub source: usize,
    /// Where the plan puts it; beside that, where something else is there and a copy is made.
    pub local_path: String,
    /// Whether this download wrote it; otherwise it was there.
    pub is_new: bool,
}

/// A file, or a whole manifest, that could not be downloaded.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceFailed {
    /// The source.
    pub source: usize,
    /// The file; none for the manifest itself.
    pub local_path: Option<String>,
    /// What went wrong.
    pub code: ErrorCode,
    /// The same, for people.
    pub message: String,
}

/// Takes what becomes of sources, from whichever thread.
pub type SourcesCallback = Arc<dyn Fn(SourcesEvent) + Send + Sync>;

/// Downloads what the sources list, as one: of two that wrote one file, the later wins.
///
/// # Errors
/// As [`DownloadOrchestrator::download`]; what concerns one source alone is told to `events`.
pub async fn download_sources(
    orchestrator: &DownloadOrchestrator,
    options: SourcesOptions,
    control: &RunControl,
    events: SourcesCallback,
) -> Result<MultiJobDownloadResult> {
    let began = Instant::now();
    let SourcesOptions {
        sources,
        storage_profiles,
        local_storage_profile_id,
        paths,
        download: how,
        written_since,
    } = options;
    let job_ids: BTreeSet<String> = sources.iter().map(|source| source.job_id.clone()).collect();
    let client = orchestrator.client();
    let retries_before = client.retries();
    let progress = Arc::new(Progress::new(control.progress.clone()));
    let concurrency = orchestrator.concurrency(how.concurrency);

    let find_local = |id: &str| find_profile(&storage_profiles, id).ok_or_else(|| no_profile(id));
    let local = local_storage_profile_id.as_deref().map(find_local).transpose()?;
    let mut mappers = Mappers::new(&storage_profiles, local, |id, _| no_profile(id));
    let root_prefix = &client.settings().root_prefix;
    let mut failed = Vec::new();
    let mut objects = Vec::with_capacity(sources.len());
    for (number, source) in sources.iter().enumerate() {
        // Without a local profile, paths stay as they are whatever the job's profile is.
        let id = local.and(source.storage_profile_id.as_deref());
        let mapper = if local.is_some() && id.is_none() {
            // A pass names no such source; where nothing is mapped, everything would pass as done.
            Err(unplaceable(source))
        } else {
            mappers.of(&source.job_id, id)
        };
        match mapper {
            Ok(mapper) => {
                let key = output_manifest_key(root_prefix, &source.output_manifest_path);
                objects.push(((number, mapper), ListedObject { key, last_modified: None, size: None }));
            }
            Err(error) => failed.push((number, error)),
        }
    }
    progress.begin(Phase::Discovering, objects.len() as u64, 0);
    let mut listed = Vec::with_capacity(objects.len());
    let (mut planned, mut found) = (Vec::new(), Vec::with_capacity(objects.len()));
    let take = |(number, mapper): (usize, Arc<RootMapper>), fetched: Result<FetchedManifest>| {
        match fetched.and_then(|manifest| plan_source(&sources[number], manifest, &mapper)) {
            Ok((source, last_modified)) => {
                planned.push(SourcePlanned {
                    source: number,
                    files: 0,
                    last_modified,
                    is_overwritten: false,
                });
                listed.push(source.manifest.file_count());
                found.push(source);
            }
            Err(error) if error.code == ErrorCode::Cancelled || concerns_all(&error) => return Err(error),
            Err(error) => failed.push((number, error)),
        }
        Ok(())
    };
    download_manifests(client, objects, concurrency, &control.cancel, &progress, take).await?;
    if !failed.is_empty() {
        let told = failed.iter().map(|(source, error)| SourceFailed::manifest(*source, error));
        events(SourcesEvent::Failed(told.collect()));
    }
    let unread = failed.into_iter().map(|(source, error)| FileFailure {
        path: sources[source].output_manifest_path.clone(),
        local_path: String::new(),
        job_id: Some(sources[source].job_id.clone()),
        error,
    });
    let mut failures: Vec<FileFailure> = unread.collect();

    progress.begin(Phase::Planning, 0, 0);
    let numbers: Vec<usize> = planned.iter().map(|planned| planned.source).collect();
    let options = plan_options(paths.include, paths.match_paths_by);
    let planning = blocking({
        let times: Vec<Option<i64>> = planned.iter().map(|planned| planned.last_modified).collect();
        let numbers = numbers.clone();
        move || {
            let mut written: HashMap<&str, &WrittenFiles> = HashMap::new();
            for files in &written_since {
                written.extend(files.local_paths.iter().map(|path| (path.as_str(), files)));
            }
            let choice = |(number, time): (&usize, Option<i64>)| Choice {
                only: sources[*number].only.as_ref(),
                path: &sources[*number].output_manifest_path,
                time,
                written: &written,
            };
            let choices = numbers.iter().zip(times).map(choice);
            let mut choices: Vec<Choice<'_>> = choices.collect();
            if choices.iter().any(|choice| choice.only.is_some()) {
                let plan =
                    plan_download_of(found.clone(), &options, |index, path| choices[index].wants(path))?;
                if !forget_what_is_nowhere(&mut choices, &plan) {
                    return Ok(plan);
                }
            }
            plan_download_of(found, &options, |index, path| choices[index].wants(path))
        }
    });
    let planning = control.cancel.run_until_cancelled(planning);
    let plan = progress.during(planning, |_| String::new()).await.unwrap_or_else(|| Err(cancelled()))?;
    let plan = Arc::new(plan?);
    for file in 0..plan.file_count() {
        planned[plan.source_of(file)].files += 1;
    }
    for (planned, listed) in planned.iter_mut().zip(listed) {
        planned.is_overwritten = planned.files < listed;
    }
    events(SourcesEvent::Planned(planned));

    let settled = {
        let (plan, events) = (plan.clone(), events.clone());
        move |files: Vec<SettledFile>| {
            let (mut landed, mut failed) = (Vec::new(), Vec::new());
            for SettledFile { index, is_new, error } in files {
                let source = numbers[plan.source_of(index)];
                let local_path = plan.file(index).local_path.to_owned();
                match error {
                    None => landed.push(SourceLanded { source, local_path, is_new }),
                    Some(Error { code, message, .. }) => {
                        failed.push(SourceFailed { source, local_path: Some(local_path), code, message });
                    }
                }
            }
            if !landed.is_empty() {
                events(SourcesEvent::Landed(landed));
            }
            if !failed.is_empty() {
                events(SourcesEvent::Failed(failed));
            }
        }
    };
    let control = RunControl { settled: Some(Arc::new(settled)), ..control.clone() };
    let report = download(client, &plan, &how, concurrency, &control, &progress).await?;
    let mut result = DownloadResult::new(plan, report);
    result.failure_count += failures.len();
    failures.append(&mut result.failures);
    result.failures = failures;
    result.stats.retries = client.retries() - retries_before;
    result.stats.took(began.elapsed());
    Ok(MultiJobDownloadResult::new(result, job_ids.iter().map(String::as_str)))
}

/// Which local paths of a source are wanted.
struct Choice<'a> {
    only: Option<&'a BTreeSet<String>>,
    /// The manifest's key below `Manifests/`, and its time.
    path: &'a str,
    time: Option<i64>,
    written: &'a HashMap<&'a str, &'a WrittenFiles>,
}

impl Choice<'_> {
    fn wants(&self, local_path: &str) -> bool {
        let is_after = |written: &&WrittenFiles| written.is_after(self.path, self.time);
        self.only.is_none_or(|only| only.contains(local_path))
            && !self.written.get(local_path).is_some_and(is_after)
    }
}

/// Whoever corrects a storage profile moves every file elsewhere: of a source of which no missing path is left, all is
/// wanted. Whether there is any.
fn forget_what_is_nowhere(choices: &mut [Choice<'_>], plan: &DownloadPlan) -> bool {
    let places: HashSet<&str> = plan.files().map(|file| file.local_path).collect();
    let is_nowhere = |only: &BTreeSet<String>| !only.iter().any(|path| places.contains(path.as_str()));
    let mut any = false;
    for choice in choices.iter_mut().filter(|choice| choice.only.is_some_and(is_nowhere)) {
        choice.only = None;
        any = true;
    }
    any
}

impl SourceFailed {
    fn manifest(source: usize, error: &Error) -> Self {
        Self { source, local_path: None, code: error.code, message: error.message.clone() }
    }
}

fn unplaceable(source: &ManifestSource) -> Error {
    let message = format!("Job {} has no storage profile, and profiles are used.", source.job_id);
    Error::new(ErrorCode::InvalidArgument, message).with("jobId", &*source.job_id)
}

/// The error for a storage profile that the service does not give.
fn no_profile(id: &str) -> Error {
    let message = format!("The storage profile {id} does not exist, or not for this queue.");
    Error::new(ErrorCode::NotFound, message).with("storageProfileId", id)
}

fn plan_source(
    source: &ManifestSource,
    fetched: FetchedManifest,
    mapper: &RootMapper,
) -> Result<(PlanSource, Option<i64>)> {
    let (format, applier) = mapper.for_root(&source.root_path)?;
    let plan_source = PlanSource {
        manifest: fetched.manifest,
        root_path: source.root_path.clone(),
        // Between two profiles the job's has the word; without, the job itself.
        source_path_format: if applier.is_some() { format } else { source.root_path_format },
        applier,
        last_modified: fetched.last_modified.unwrap_or(0),
        key: Some(output_manifest_key("", &source.output_manifest_path)),
        job_id: Some(source.job_id.clone()),
    };
    Ok((plan_source, fetched.last_modified))
}
