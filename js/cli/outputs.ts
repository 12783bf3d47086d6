/** Which outputs of a queue's jobs are wanted, and the plan of where they go. */

import { downloadJobOutputs, downloadMultipleJobs, joinPath } from '../index.js'
import type {
  DownloadPlan,
  S3Settings,
  StorageProfile,
  TransferProgress,
  TransferStatistics,
  UnmappedPath,
} from '../types.js'
import { codeOf, CommandError, UsageError } from './failure.js'
import {
  directoriesBelow,
  directoriesOf,
  type Directories,
  mappingOf,
  type Root,
  rootsOf,
  sideOf,
  strangeRoots,
} from './places.js'
import { type Job, Queue, type Step } from './queue.js'
import { type Format, missing, type QueueOptions, queueSettings, type QueueSettings } from './settings.js'

/** What can be typed to say which outputs, and where to. */
export type OutputOptions = QueueOptions & {
  jobId?: string[]
  stepId?: string
  taskId?: string
  sessionActionId?: string[]
  include?: string[]
  matchPathsBy: 'job' | 'local'
  storageProfileId?: string
  ignoreStorageProfiles?: boolean
  root?: string[]
  to?: string
  output?: Format
}

/** A root of which no file has a place. */
export type Placeless = { root: Root; files: number }

/** A plan with what is known about it. */
export type Planned = {
  plan: DownloadPlan
  /** What is there already counts as skipped. */
  stats: TransferStatistics
  placeless: Placeless[]
}

/** The outputs that somebody asked for. */
export class Outputs {
  readonly settings: QueueSettings
  readonly jobs: Job[]
  readonly roots: Root[]
  readonly s3: S3Settings
  /** The step whose outputs alone are wanted. */
  readonly step: Step | undefined
  /** This machine's storage profile, where the paths of some job are mapped to it. */
  readonly localProfile: StorageProfile | undefined
  /** What should be known about the storage profiles. */
  readonly warnings: string[]
  readonly #options: OutputOptions
  readonly #profiles: ReadonlyMap<string, StorageProfile>
  readonly #sessionActionIds: string[]
  readonly #signal: AbortSignal
  readonly #directories: Directories
  #places: Directories = new Map()

  private constructor(
    options: OutputOptions,
    settings: QueueSettings,
    found: Found,
    directories: Directories,
    signal: AbortSignal,
  ) {
    this.#options = options
    this.#profiles = found.profiles
    this.#sessionActionIds = found.sessionActionIds
    this.#directories = directories
    this.#signal = signal
    this.settings = settings
    this.jobs = found.jobs
    this.roots = rootsOf(found.jobs)
    this.s3 = found.s3
    this.step = found.step
    this.localProfile = found.localProfile
    this.warnings = found.warnings
  }

  /** Asks Deadline Cloud what the options name. */
  static async find(options: OutputOptions, signal: AbortSignal): Promise<Outputs> {
    const settings = queueSettings(options)
    const jobIds = jobsOf(options, settings)
    const queue = await Queue.connect(settings, signal)
    const [jobs, s3, step, sessionActionIds] = await Promise.all([
      Promise.all(jobIds.map((jobId) => queue.job(jobId))),
      queue.bucket(),
      options.stepId === undefined ? undefined : queue.step(jobIds[0]!, options.stepId),
      sessionActionsOf(queue, jobIds[0]!, options),
    ])
    const profiles = await profilesOf(queue, jobs, options, settings)
    const roots = rootsOf(jobs)
    const below = options.to === undefined ? [] : directoriesBelow(options.to, roots)
    const directories = new Map([...below, ...directoriesOf(options.root ?? [], roots)])
    return new Outputs(
      options,
      settings,
      { jobs, s3, step, sessionActionIds, ...profiles },
      directories,
      signal,
    )
  }

  /** The roots of another kind of machine that no storage profiles speak of. */
  get strangeRoots(): Root[] {
    return strangeRoots(this.jobs, { profiles: this.#profiles, localProfile: this.localProfile })
  }

  /** Puts those files of some roots below local directories that have no other place. */
  place(places: Directories): void {
    this.#places = places
  }

  /** Lists and reads the manifests, and looks what is there already. Writes nothing. */
  async plan(onProgress: (progress: TransferProgress) => void): Promise<Planned> {
    const { farmId, queueId } = this.settings
    const { include, matchPathsBy, stepId, taskId } = this.#options
    const { jobProfiles, localProfile } = mappingOf(this.jobs, {
      directories: this.#directories,
      places: this.#places,
      profiles: this.#profiles,
      localProfile: this.localProfile,
    })
    const common = {
      s3: this.s3,
      farmId,
      queueId,
      include,
      matchPathsBy,
      localStorageProfile: localProfile,
      dryRun: true,
      onProgress,
      signal: this.#signal,
    }
    const [job] = this.jobs
    const sessionActionIds = this.#sessionActionIds.length > 0 ? this.#sessionActionIds : undefined
    const { plan, stats } =
      this.jobs.length === 1
        ? await downloadJobOutputs({
            ...common,
            jobId: job!.jobId,
            stepId,
            taskId,
            sessionActionIds,
            jobStorageProfile: jobProfiles[0],
          })
        : await downloadMultipleJobs({
            ...common,
            jobs: this.jobs.map((job) => ({ jobId: job.jobId, storageProfileId: sideOf(job) })),
            storageProfiles: jobProfiles,
          })
    return { plan, stats, placeless: placeless(plan, this.roots) }
  }
}

/** What Deadline Cloud answers. */
type Found = {
  jobs: Job[]
  s3: S3Settings
  step: Step | undefined
  sessionActionIds: string[]
  profiles: ReadonlyMap<string, StorageProfile>
  localProfile: StorageProfile | undefined
  warnings: string[]
}

function jobsOf(
  { jobId = [], stepId, taskId, sessionActionId = [], profile }: OutputOptions,
  settings: QueueSettings,
) {
  const { configuration, farmId, queueId } = settings
  if (taskId !== undefined && stepId === undefined) {
    throw new UsageError('--task-id needs --step-id: a task is known within its step')
  }
  if (jobId.length > 1 && (stepId !== undefined || sessionActionId.length > 0)) {
    throw new UsageError('--step-id, --task-id and --session-action-id go with a single --job-id')
  }
  if (jobId.length > 0) return [...new Set(jobId)]
  const configured = configuration.jobId(farmId, queueId, profile)
  return [configured ?? missing('job', '--job-id', 'defaults.job_id')]
}

/** The session actions that are named, or of a task its latest. Whoever mistypes one should not hear of nothing to do. */
async function sessionActionsOf(
  queue: Queue,
  jobId: string,
  { stepId, taskId, sessionActionId = [] }: OutputOptions,
): Promise<string[]> {
  await Promise.all(sessionActionId.map((id) => queue.sessionAction(jobId, id)))
  if (taskId === undefined || sessionActionId.length > 0) return sessionActionId
  const { latestSessionActionId } = await queue.task(jobId, stepId!, taskId)
  return latestSessionActionId === undefined ? [] : [latestSessionActionId]
}

/** The storage profiles on both sides, as far as both sides have one. */
async function profilesOf(
  queue: Queue,
  jobs: Job[],
  options: OutputOptions,
  { storageProfileId: configured }: QueueSettings,
): Promise<Pick<Found, 'profiles' | 'localProfile' | 'warnings'>> {
  const localId = options.storageProfileId ?? configured
  const none = { profiles: new Map<string, StorageProfile>(), localProfile: undefined }
  if (options.ignoreStorageProfiles || options.to !== undefined) return { ...none, warnings: [] }
  const ids = new Set(jobs.flatMap(({ storageProfileId }) => storageProfileId ?? []))
  if (localId === undefined) {
    const warning =
      'the job was submitted with a storage profile, and none is configured for this machine, so its paths stay as ' +
      'they are; name one with --storage-profile-id, or once with `deadline config set settings.storage_profile_id`'
    return { ...none, warnings: ids.size > 0 ? [warning] : [] }
  }
  const warnings = jobs
    .filter(({ storageProfileId }) => storageProfileId === undefined)
    .map(({ name }) => `${name} was submitted without a storage profile, so its paths stay as they are`)
  const [localProfile, ...profiles] = await Promise.all([
    queue.storageProfile(localId),
    ...[...ids].map((id) => profileOfJob(queue, id)),
  ])
  return {
    profiles: new Map(profiles.map((profile) => [profile.storageProfileId!, profile])),
    localProfile: ids.size > 0 ? localProfile : undefined,
    warnings,
  }
}

async function profileOfJob(queue: Queue, id: string): Promise<StorageProfile> {
  try {
    return await queue.storageProfile(id)
  } catch (cause) {
    if (codeOf(cause) !== 'NOT_FOUND') throw cause
    throw new CommandError(
      `queue ${queue.queueId} does not know any more the storage profile ${id} that the job was submitted with; say ` +
        'where its files go with --to DIR, or give --ignore-storage-profiles',
      { cause },
    )
  }
}

/** The roots whose files all lack a place, for want of a rule. */
function placeless(plan: DownloadPlan, roots: Root[]): Placeless[] {
  if (plan.unmappedCount === 0) return []
  const unmapped = plan.unmapped().filter(({ reason }) => reason.code === 'NO_RULE_MATCHED')
  const isOf = (root: Root) => (file: UnmappedPath) =>
    joinPath(root.path, file.manifestPath, root.format) === file.absoluteSourcePath
  return roots
    .map((root) => ({ root, files: unmapped.filter(isOf(root)).length }))
    .filter(({ files }) => files > 0)
}
