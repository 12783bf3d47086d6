/** The public surface of incremental sync: what a queue's jobs wrote since the last time, pass after pass. */

import type {
  AttachmentsError,
  ConflictResolution,
  Credentials,
  DownloadPlan,
  FileFailure,
  PathFormat,
  PlanHazard,
  S3Settings,
  StorageProfile,
  TransferProgress,
  TransferStatistics,
  UnmappedPath,
  WasmInput,
} from '../types.js'

/** A `DeadlineClient` of `@aws-sdk/client-deadline`, by its shape: the package need not be installed to read this. */
export type DeadlineClient = {
  readonly config: object
  readonly middlewareStack: object
  send(command: never, options?: never): Promise<unknown>
}

/** Whose outputs {@link syncOutputs} keeps a folder up to date with, and how. */
export type SyncOptions = {
  farmId: string
  queueId: string
  /** The storage profile that describes this machine. Needed unless `ignoreStorageProfiles` is set. */
  localStorageProfileId?: string | undefined
  /** Write every file to the path that its job has for it; for machines that all see the same paths. */
  ignoreStorageProfiles?: boolean | undefined
  /** Where the checkpoint is kept; default `~/.deadline/incremental_download`, as the `deadline` CLI has it. */
  checkpointDirectory?: string | undefined
  /** Without a checkpoint: how many minutes to look back, in fractions too. Default 0: from now on. */
  bootstrapLookbackMinutes?: number | undefined
  /** Begin anew, whatever the checkpoint says; it is replaced when the pass saves. */
  forceBootstrap?: boolean | undefined
  /** Default `'overwrite'`. */
  conflictResolution?: ConflictResolution | undefined
  /** How an existing file is recognised: by size and mtime (default), or by reading it. */
  verify?: 'size' | 'hash' | undefined
  /** Only files that match one of these; the others count as done. */
  include?: string[] | undefined
  /** Whether `include` is matched against the local path (default) or the path as the job wrote it. */
  matchPathsBy?: 'local' | 'job' | undefined
  /** How many requests to S3 at once; `'auto'` (default) finds the pace. */
  concurrency?: number | 'auto' | undefined
  /** Find out what a pass would do, and write nothing: no file, no checkpoint, no lock. */
  dryRun?: boolean | undefined
  /** The region of the farm; by default as the AWS SDK finds it. */
  region?: string | undefined
  /** A profile of the AWS configuration files. */
  profile?: string | undefined
  /** Who asks Deadline Cloud; by default as the AWS SDK finds them. The bucket is read with the queue's role. */
  credentials?: Credentials | (() => Promise<Credentials>) | undefined
  /** A client of your own, in place of `region`, `profile` and `credentials`. */
  deadline?: DeadlineClient | undefined
  /** What to know about S3 besides what the queue says: another endpoint, bucket or credentials. */
  s3?: Partial<S3Settings> | undefined
  /** Called some times a second while files are downloaded. If it throws, the pass ends with what was thrown. */
  onProgress?: ((progress: TransferProgress) => void) | undefined
  /** Called as things happen. If it throws, the pass ends with what was thrown. */
  onEvent?: ((event: SyncEvent) => void) | undefined
  /** Ends the pass with `CANCELLED`. What was downloaded stays, and the checkpoint knows of it. */
  signal?: AbortSignal | undefined
}

/** Which queue {@link queueS3Settings} is about, and who asks. */
export type QueueS3SettingsOptions = Pick<
  SyncOptions,
  'farmId' | 'queueId' | 'region' | 'profile' | 'credentials' | 'deadline' | 'signal'
>

/** {@link SyncOptions} for watching. */
export type WatchOptions = Omit<SyncOptions, 'onEvent' | 'dryRun'> & {
  /** From the start of one pass to the start of the next; default 60. A pass that takes longer delays the next. */
  intervalSeconds?: number | undefined
}

/** What has become of a job since the last pass. */
export type SyncJobCategory =
  | 'added'
  | 'updated'
  | 'completed'
  | 'unchanged'
  | 'inactive'
  | 'attachmentsFree'
  | 'missingStorageProfile'
  | 'deleted'

/** A job as a pass finds it. */
export type SyncJob = {
  jobId: string
  /** `null` where it is not known any more. */
  name: string | null
  category: SyncJobCategory
  /** The category in words. */
  message: string
  storageProfileId: string | null
  /** Task runs with new outputs. */
  taskRuns: number
  /** Task runs that succeeded and wrote nothing. */
  taskRunsWithoutOutput: number
  /** Output manifests that belong to none of the job's asset roots. Each is a failure of the pass. */
  manifestsWithoutRoot: string[]
  /** Task runs of which something failed to download before, and which are tried again. */
  retriedTaskRuns: number
  /** Tasks that failed on the farm and have not succeeded since. */
  failedTasks: string[]
}

/** What a pass has found in the queue. */
export type SyncReport = {
  /** From when on outputs are looked for, as ISO text. */
  windowStart: string
  /** Up to when all outputs are known once the pass is finished. */
  windowEnd: string
  /** How many jobs there are of each category. */
  counts: Partial<Record<SyncJobCategory, number>>
  /** All jobs but the unchanged ones. */
  jobs: SyncJob[]
}

/** What one pass did. The three lists hold the first 1,000 each. */
export type SyncResult = SyncReport & {
  stats: TransferStatistics
  /** Everything that was planned, in pages; `null` where nothing is new. */
  plan: DownloadPlan | null
  unmappedCount: number
  unmapped: UnmappedPath[]
  jobsWithUnmapped: string[]
  failureCount: number
  /** What could not be downloaded. Later passes try again, ever later. */
  failures: FileFailure[]
  /** Task runs, of this pass and of earlier ones, that are not whole yet: those too whose next try is still to come. */
  outstandingTaskRuns: number
  warnings: PlanHazard[]
  /** The file that says how far outputs are downloaded. */
  checkpointPath: string
}

/** What happens in a pass, and while a queue is watched. */
export type SyncEvent =
  | { type: 'pass-started'; checkpointPath: string }
  /** A job that is not as it was. */
  | { type: 'job'; job: SyncJob }
  /** A file that is whole and durable at its place: written by this pass, or found there already. */
  | { type: 'file'; jobId: string; localPath: string; outcome: 'transferred' | 'skipped' }
  /** So many files of a job have no place on this machine. The result says which. */
  | { type: 'unmapped'; jobId: string; count: number }
  /** Something that could not be done. */
  | ({ type: 'failure' } & SyncFailure)
  /** The checkpoint names what was downloaded so far. */
  | { type: 'checkpoint'; checkpointPath: string }
  | { type: 'pass-finished'; result: SyncResult }

/** What could not be done: a file, a manifest (no `localPath`), or a whole pass (no `jobId`). Later passes try again. */
export type SyncFailure = {
  code: AttachmentsError['code']
  message: string
  details: Readonly<Record<string, unknown>>
  jobId: string | null
  sessionActionId: string | null
  localPath: string | null
  /** When the next pass begins, where this one failed as a whole. */
  retryInSeconds: number | null
}

/**
 * Downloads what the queue's jobs have written since the last pass, and remembers how far it came. Continues from
 * the checkpoints of `deadline queue sync-output`, which continues from these. Node only; asks Deadline Cloud with
 * `@aws-sdk/client-deadline`, which has to be installed.
 *
 * @throws `CHECKPOINT` where the checkpoint cannot be used, or another sync holds its lock (then `details.pid` is its
 * process), `INVALID_ARGUMENT`, `CREDENTIALS`, `ACCESS_DENIED`, `NOT_FOUND`, `THROTTLED`, `NETWORK`, `TIMEOUT`,
 * `DISK_FULL`, `IO`, `CANCELLED`; what fails for single files is in `failures`
 */
export declare function syncOutputs(options: SyncOptions): Promise<SyncResult>

/**
 * Repeats {@link syncOutputs} on an interval and yields what happens, until the signal aborts or the loop is left.
 * Passes never overlap, and the next one waits until every event of the last is taken: of a loop that is held up, no more
 * than the events of one pass are kept. What time can mend (network, throttling, expired credentials, a full disk, another sync)
 * is yielded as a `failure`, and the next pass comes after a growing wait; what it cannot, such as a refused
 * checkpoint, is thrown.
 *
 * @throws as {@link syncOutputs}, when the first event is asked for or later
 */
export declare function watchOutputs(options: WatchOptions): AsyncIterable<SyncEvent>

/**
 * What downloads of a queue's outputs want as `s3`: its bucket, read with the queue's role, whose credentials are
 * asked for when they are needed and again before they expire. Node only; asks Deadline Cloud with
 * `@aws-sdk/client-deadline`, which has to be installed.
 *
 * @throws `NOT_FOUND` where there is no such queue or it has no bucket for job attachments, `INVALID_ARGUMENT`,
 * `CREDENTIALS`, `ACCESS_DENIED`, `THROTTLED`, `NETWORK`, `TIMEOUT`, `CANCELLED`
 */
export declare function queueS3Settings(options: QueueS3SettingsOptions): Promise<S3Settings>

/** What a {@link SyncPass} starts from. */
export type SyncPassOptions = {
  /** Without one, storage profiles are ignored. */
  localStorageProfileId?: string | null | undefined
  /** Microseconds since the Unix epoch. */
  now: number
  /** Default 0; may be a fraction. */
  bootstrapLookbackMinutes?: number | undefined
  /** The text of the checkpoint; without it the pass bootstraps. */
  checkpoint?: string | null | undefined
  /** The text of the failed jobs. */
  failedJobs?: string | null | undefined
  /** The text of the sidecar, which only this package writes. */
  sidecar?: string | null | undefined
}

/** Something that a {@link SyncPass} has to know before it can go on. */
export type SyncRequest = {
  /** Goes with the answer. */
  id: number
  operation:
    | 'SearchJobs'
    | 'GetJob'
    | 'ListSessions'
    | 'ListSessionActions'
    | 'GetStorageProfileForQueue'
    /** The keys of a scope's output manifests in S3, all of them, as a JSON array. */
    | 'ListOutputManifests'
  /** The operation's input without `farmId` and `queueId`; a `dateTime` is milliseconds since the Unix epoch. */
  input: Record<string, unknown>
}

/** A manifest to download, as a {@link SyncPass} names it: by its index. */
export type SyncSource = {
  /** Its key below `Manifests/`. */
  outputManifestPath: string
  jobId: string
  sessionActionId: string
  rootPath: string
  rootPathFormat: PathFormat
  storageProfileId: string | null
  /** The only local paths that are wanted of it; `null`: all. */
  only: string[] | null
}

/** Local files that an output manifest wrote. */
export type WrittenFiles = {
  /** Its key below `Manifests/`. */
  outputManifestPath: string
  /** Milliseconds since the Unix epoch. */
  lastModified: number | null
  localPaths: string[]
}

/** The files that a pass is continued from. Write them in this order, each whole or not at all. */
export type SyncFiles = { failedJobs: string; sidecar: string; checkpoint: string }

/**
 * The decisions of a pass, without any I/O: which questions to ask, which manifests are new, and what the next
 * checkpoint says. Ask what {@link requests} gives, {@link answer} it, and repeat until {@link isReady}; then
 * {@link report} and {@link sources} say what a download would do.
 */
export declare class SyncPass {
  /**
   * Loads the WebAssembly that decides, a file apart from that of {@link init}. Await it once before the first pass in
   * a browser and with `rusty-attachments/wasm`; where the native addon answers it does nothing.
   *
   * @param input where to load from; by default the file beside the package's own script
   */
  static init(input?: WasmInput): Promise<void>
  /** @throws `CHECKPOINT`, `INVALID_ARGUMENT` */
  constructor(options: SyncPassOptions)
  /** Questions that have come up since the last call; each is given once. */
  requests(): SyncRequest[]
  /** Takes the service's answer: its JSON text exactly as it came, for a `Date` would lose microseconds. */
  answer(id: number, json: string): void
  /** Takes the answer that there is no such thing (`ResourceNotFoundException`). */
  notFound(id: number): void
  /** Whether nothing is left to ask. */
  get isReady(): boolean
  report(): SyncReport
  sources(): SyncSource[]
  /** What earlier passes wrote: of a source, files that a later manifest wrote are not wanted again. */
  writtenSince(): WrittenFiles[]
  /** The storage profiles that the sources need, this machine's among them. */
  storageProfiles(): StorageProfile[]
  /** How many files of each source will be downloaded. */
  planned(
    sources: {
      source: number
      files: number
      lastModified: number | null
      /** Whether some of its files are a later source's. */
      isOverwritten?: boolean
    }[],
  ): void
  /** Of how many task runs something has failed to download and is not made good. */
  get outstandingTaskRuns(): number
  /** Files that are whole and durable at their places. */
  landed(files: { source: number; localPath: string }[]): void
  /** Files that failed; without `localPath`, the manifest itself. */
  failed(files: { source: number; localPath: string | null; code: string; message: string }[]): void
  /** The files as they are to be written now; `finished` moves the window. */
  save(finished: boolean): SyncFiles
  /** The files of the last `save` are on disk. Until this is called, those of earlier ones are taken to be there still. */
  saved(): void
  free(): void
  [Symbol.dispose](): void
}
