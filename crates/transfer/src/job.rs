//! Downloads the outputs of one job or of several: find, fetch, map, plan, transfer, report.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use rusty_attachments_core::keys::{
    ListedObject, ManifestLocation, OutputManifestScope, parse_output_manifest_key,
};
use rusty_attachments_core::{
    DownloadPlan, Error, ErrorCode, Hazard, MatchPathsBy, PathFormat, PathMappingApplier, PlanSource,
    PlannedJob, Result, RootMapper, RootMapperOptions, StorageProfileWithId, UnmappedPath, plan_download,
};
use serde::{Deserialize, Serialize};

use crate::blocking::blocking;
use crate::concurrency::Concurrency;
use crate::download::{DownloadOptions, DownloadReport, FileFailure, RunControl, download};
use crate::ended::cancelled;
use crate::manifests::{
    DownloadedManifest, FetchedManifest, ManifestSelection, discover_all, download_manifests,
};
use crate::mappers::Mappers;
use crate::orchestrator::{DownloadOrchestrator, LOCAL_FORMAT, plan_options};
use crate::progress::{Phase, Progress};
use crate::statistics::TransferStatistics;

/// How many rows the lists of a result hold; the plan has them all.
const LISTED: usize = 1_000;

/// Which outputs of a job are wanted, and where they go.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobOutputsOptions {
    /// The farm.
    pub farm_id: String,
    /// The queue whose bucket the orchestrator reads.
    pub queue_id: String,
    /// The job.
    pub job_id: String,
    /// Only this step's.
    #[serde(default)]
    pub step_id: Option<String>,
    /// Only this task's; needs the step.
    #[serde(default)]
    pub task_id: Option<String>,
    /// Only these session actions', and then not only the latest.
    #[serde(default)]
    pub session_action_ids: Option<Vec<String>>,
    /// Only what each task wrote last.
    #[serde(default = "yes")]
    pub select_latest_per_task: bool,
    /// The profile that the job was submitted with.
    #[serde(default)]
    pub job_storage_profile: Option<StorageProfileWithId>,
    /// The profile of this machine.
    #[serde(default)]
    pub local_storage_profile: Option<StorageProfileWithId>,
    /// The format of the job's paths, where no profile tells it.
    #[serde(default)]
    pub source_path_format: Option<PathFormat>,
    /// Local directories by asset root; they win over the profiles.
    #[serde(default)]
    pub root_overrides: BTreeMap<String, String>,
    /// What paths are chosen, and by which side's name.
    #[serde(flatten)]
    pub paths: PathOptions,
    /// How files are written.
    #[serde(flatten)]
    pub download: DownloadOptions,
}

/// What paths are chosen.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PathOptions {
    /// Filters of which one must match; none chooses all.
    pub include: Vec<String>,
    /// Whether filters are matched with local paths or with the job's.
    pub match_paths_by: MatchPathsBy,
}

/// Which outputs of several jobs of one queue are wanted, and where they go.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MultipleJobsOptions {
    /// The farm.
    pub farm_id: String,
    /// The queue whose bucket the orchestrator reads.
    pub queue_id: String,
    /// The jobs.
    pub jobs: Vec<JobInfo>,
    /// The profiles that the jobs were submitted with.
    #[serde(default)]
    pub storage_profiles: Vec<StorageProfileWithId>,
    /// The profile of this machine.
    #[serde(default)]
    pub local_storage_profile: Option<StorageProfileWithId>,
    /// Only what each task wrote last.
    #[serde(default = "yes")]
    pub select_latest_per_task: bool,
    /// What paths are chosen, and by which side's name.
    #[serde(flatten)]
    pub paths: PathOptions,
    /// How files are written.
    #[serde(flatten)]
    pub download: DownloadOptions,
}

/// One of several jobs.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobInfo {
    /// The job.
    pub job_id: String,
    /// The profile that it was submitted with; none if it was submitted without.
    #[serde(default)]
    pub storage_profile_id: Option<String>,
    /// Only these session actions', and then not only the latest.
    #[serde(default)]
    pub session_action_ids: Option<Vec<String>>,
}

/// What became of a job's outputs.
#[derive(Debug, Clone)]
pub struct DownloadResult {
    /// The numbers.
    pub stats: TransferStatistics,
    /// All files, mapped or not.
    pub plan: Arc<DownloadPlan>,
    /// Files that have no place on this machine.
    pub unmapped_count: usize,
    /// The first thousand of them, each with its reason.
    pub unmapped: Vec<UnmappedPath>,
    /// Files that could not be written.
    pub failure_count: usize,
    /// The first thousand of them, in the order of the plan.
    pub failures: Vec<FileFailure>,
    /// The first thousand names that this machine cannot hold.
    pub warnings: Vec<Hazard>,
}

/// What became of several jobs' outputs.
#[derive(Debug, Clone)]
pub struct MultiJobDownloadResult {
    /// The same as for one job, over all of them.
    pub result: DownloadResult,
    /// Each job's part, in the order given.
    pub jobs: Vec<JobDownloadResult>,
    /// The jobs that have files without a place, in the order given.
    pub jobs_with_unmapped: Vec<String>,
}

/// What became of one job's outputs among several jobs'. A file that a later job wrote too is that job's.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobDownloadResult {
    /// The job.
    pub job_id: String,
    /// Files that have a place.
    pub files_total: usize,
    /// Bytes of them.
    pub bytes_total: u64,
    /// Files that could not be written.
    pub failure_count: usize,
    /// Files that have no place on this machine.
    pub unmapped_count: usize,
}

fn yes() -> bool {
    true
}

/// Downloads the outputs of one job. A job without outputs has an empty result.
///
/// # Errors
/// `INVALID_ARGUMENT`, `INCONSISTENT_SOURCE_FORMATS`, and as [`DownloadOrchestrator::discover_output_manifest_keys`],
/// [`DownloadOrchestrator::download_manifest`] and [`DownloadOrchestrator::download`].
pub async fn download_job_outputs(
    orchestrator: &DownloadOrchestrator,
    options: &JobOutputsOptions,
    control: &RunControl,
) -> Result<DownloadResult> {
    let mapper = RootMapper::new(RootMapperOptions {
        job_storage_profile: options.job_storage_profile.clone(),
        local_storage_profile: options.local_storage_profile.clone(),
        source_path_format: options.source_path_format,
        root_overrides: options.root_overrides.clone(),
        destination_path_format: LOCAL_FORMAT,
    })?;
    let job = Job {
        scope: OutputManifestScope {
            job_id: options.job_id.clone(),
            step_id: options.step_id.clone(),
            task_id: options.task_id.clone(),
        },
        selection: ManifestSelection {
            select_latest_per_task: options.select_latest_per_task,
            session_action_ids: options.session_action_ids.clone(),
        },
        mapper: Arc::new(mapper),
    };
    let work = Work {
        orchestrator,
        location: location(orchestrator, &options.farm_id, &options.queue_id),
        paths: &options.paths,
        download: &options.download,
        control,
    };
    work.run(&[job]).await.map(DownloadResult::shortened)
}

/// Downloads the outputs of several jobs as one: of two that wrote one file, the later wins.
///
/// # Errors
/// As [`download_job_outputs`]; `INVALID_ARGUMENT` too for a job whose profile is not among those given.
pub async fn download_multiple_jobs(
    orchestrator: &DownloadOrchestrator,
    options: &MultipleJobsOptions,
    control: &RunControl,
) -> Result<MultiJobDownloadResult> {
    let mut mappers =
        Mappers::new(&options.storage_profiles, options.local_storage_profile.as_ref(), unknown_profile);
    let mut jobs = Vec::with_capacity(options.jobs.len());
    for job in &options.jobs {
        jobs.push(Job {
            scope: OutputManifestScope { job_id: job.job_id.clone(), step_id: None, task_id: None },
            selection: ManifestSelection {
                select_latest_per_task: options.select_latest_per_task,
                session_action_ids: job.session_action_ids.clone(),
            },
            mapper: mappers.of(&job.job_id, job.storage_profile_id.as_deref())?,
        });
    }
    let work = Work {
        orchestrator,
        location: location(orchestrator, &options.farm_id, &options.queue_id),
        paths: &options.paths,
        download: &options.download,
        control,
    };
    let result = work.run(&jobs).await?;
    Ok(MultiJobDownloadResult::new(result, options.jobs.iter().map(|job| job.job_id.as_str())))
}

impl MultiJobDownloadResult {
    /// Tells apart what became of each job.
    pub(crate) fn new<'a>(result: DownloadResult, job_ids: impl Iterator<Item = &'a str>) -> Self {
        let planned = result.plan.jobs();
        let part = |job_id: &str| {
            let PlannedJob { file_count, total_size, unmapped_count } =
                planned.get(job_id).copied().unwrap_or_default();
            let is_of_job = |failure: &&FileFailure| failure.job_id.as_deref() == Some(job_id);
            JobDownloadResult {
                job_id: job_id.to_owned(),
                files_total: file_count,
                bytes_total: total_size,
                failure_count: result.failures.iter().filter(is_of_job).count(),
                unmapped_count,
            }
        };
        let jobs: Vec<JobDownloadResult> = job_ids.map(part).collect();
        let jobs_with_unmapped =
            jobs.iter().filter(|job| job.unmapped_count > 0).map(|job| job.job_id.clone()).collect();
        drop(planned);
        Self { result: result.shortened(), jobs, jobs_with_unmapped }
    }
}

impl DownloadResult {
    /// What a plan and what became of it say together.
    pub(crate) fn new(plan: Arc<DownloadPlan>, report: DownloadReport) -> Self {
        Self {
            stats: report.stats,
            unmapped_count: plan.unmapped_count(),
            unmapped: plan.unmapped(0, LISTED),
            failure_count: report.failures.len(),
            failures: report.failures,
            warnings: plan.hazards(0, LISTED),
            plan,
        }
    }

    pub(crate) fn shortened(mut self) -> Self {
        self.failures.truncate(LISTED);
        self
    }
}

fn unknown_profile(id: &str, job_id: &str) -> Error {
    let message = format!("The storage profile {id} of job {job_id} is not among those given.");
    Error::new(ErrorCode::InvalidArgument, message).with("jobId", job_id)
}

fn location(orchestrator: &DownloadOrchestrator, farm_id: &str, queue_id: &str) -> ManifestLocation {
    ManifestLocation {
        root_prefix: orchestrator.client().settings().root_prefix.clone(),
        farm_id: farm_id.into(),
        queue_id: queue_id.into(),
    }
}

/// One job's part of the work.
struct Job {
    scope: OutputManifestScope,
    selection: ManifestSelection,
    mapper: Arc<RootMapper>,
}

struct Work<'a> {
    orchestrator: &'a DownloadOrchestrator,
    location: ManifestLocation,
    paths: &'a PathOptions,
    download: &'a DownloadOptions,
    control: &'a RunControl,
}

impl Work<'_> {
    async fn run(&self, jobs: &[Job]) -> Result<DownloadResult> {
        let began = Instant::now();
        let client = self.orchestrator.client();
        let retries_before = client.retries();
        let progress = Arc::new(Progress::new(self.control.progress.clone()));
        let concurrency = self.orchestrator.concurrency(self.download.concurrency);
        let cancel = &self.control.cancel;

        let discovering = cancel.run_until_cancelled(self.discover(jobs, concurrency));
        let found =
            progress.during(discovering, |_| String::new()).await.unwrap_or_else(|| Err(cancelled()))?;
        progress.begin(Phase::Discovering, found.len() as u64, 0);
        let mut roots: Vec<Roots<'_>> = jobs.iter().map(Roots::of).collect();
        let mut sources = Vec::with_capacity(found.len());
        let take = |(place, job): (usize, usize), manifest: Result<FetchedManifest>| {
            sources.push((place, roots[job].source(manifest?.rooted()?)?));
            Ok(())
        };
        let placed = found.into_iter().enumerate().map(|(place, (job, object))| ((place, job), object));
        download_manifests(client, placed.collect(), concurrency, cancel, &progress, take).await?;
        sources.sort_unstable_by_key(|&(place, _)| place);
        let sources = sources.into_iter().map(|(_, source)| source).collect();

        progress.begin(Phase::Planning, 0, 0);
        for Roots { job, known } in &roots {
            job.mapper.check_overrides(known.keys().map(String::as_str))?;
        }
        let options = plan_options(self.paths.include.clone(), self.paths.match_paths_by);
        let planning = cancel.run_until_cancelled(blocking(move || plan_download(sources, &options)));
        let plan = progress.during(planning, |_| String::new()).await.unwrap_or_else(|| Err(cancelled()))?;
        let plan = Arc::new(plan?);

        let report = download(client, &plan, self.download, concurrency, self.control, &progress).await?;
        let mut result = DownloadResult::new(plan, report);
        result.stats.retries = client.retries() - retries_before;
        result.stats.took(began.elapsed());
        Ok(result)
    }

    /// The manifests of all jobs, each with the number of its job, in the order in which those of one second are
    /// to be merged.
    async fn discover(&self, jobs: &[Job], concurrency: Concurrency) -> Result<Vec<(usize, ListedObject)>> {
        let scopes: Vec<_> = jobs.iter().map(|job| (&job.scope, &job.selection)).collect();
        let found = discover_all(self.orchestrator.client(), &self.location, &scopes, concurrency).await?;
        let numbered = found.into_iter().enumerate();
        let numbered =
            numbered.flat_map(|(job, objects)| objects.into_iter().map(move |object| (job, object)));
        let mut found: Vec<_> = numbered.collect();
        found.sort_by(|(_, a), (_, b)| a.key.cmp(&b.key));
        found.sort_by_cached_key(|(_, object)| {
            Some(parse_output_manifest_key(&object.key, None)?.timestamp.to_owned())
        });
        Ok(found)
    }
}

/// The asset roots of a job, each with its format and what maps it: many manifests share one.
struct Roots<'a> {
    job: &'a Job,
    known: BTreeMap<String, (PathFormat, Option<Arc<PathMappingApplier>>)>,
}

impl<'a> Roots<'a> {
    fn of(job: &'a Job) -> Self {
        Self { job, known: BTreeMap::new() }
    }

    fn source(&mut self, manifest: DownloadedManifest) -> Result<PlanSource> {
        let root_path = manifest.metadata.asset_root;
        let (source_path_format, applier) = match self.known.get(&root_path) {
            Some(mapping) => mapping.clone(),
            None => {
                let mapping = self.job.mapper.for_root(&root_path)?;
                self.known.entry(root_path.clone()).or_insert(mapping).clone()
            }
        };
        Ok(PlanSource {
            manifest: manifest.manifest,
            root_path,
            source_path_format,
            applier,
            last_modified: manifest.metadata.last_modified.unwrap_or(0),
            // Its place among the sources says as much, and keys are long.
            key: None,
            job_id: Some(self.job.scope.job_id.clone()),
        })
    }
}
