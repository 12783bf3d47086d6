/**
 * The whole public surface of `rusty-attachments`, declared once for both faces: the native addon in Node
 * and WebAssembly in browsers. Nothing here has code; `face.ts` provides it and is checked against it.
 *
 * Conventions: sizes are bytes; `mtime` is microseconds since the Unix epoch, as manifests have it;
 * `lastModified` is milliseconds since the Unix epoch, as `Date` has it. An integer beyond 2^53 is an error,
 * never rounded. Where a result says `null` it is never `undefined`; fields marked `?` are left out when they
 * have no value. Everything that can fail throws, or rejects with, an {@link AttachmentsError}.
 */

/// <reference lib="esnext.disposable" preserve="true" />

/** How paths are written: separators, drives, and whether case matters. */
export type PathFormat = 'windows' | 'posix'

/** Maps every path at or below `sourcePath` to the same place below `destinationPath`. */
export type PathMappingRule = {
  sourcePathFormat: PathFormat
  sourcePath: string
  destinationPath: string
}

/** A named place of a storage profile. Two profiles that name it alike mean the same storage. */
export type FileSystemLocation = {
  name: string | undefined
  path: string | undefined
  type: 'LOCAL' | 'SHARED' | undefined
}

/**
 * Where a kind of machine sees the studio's storage, as Deadline Cloud's GetStorageProfileForQueue answers it. The
 * AWS SDK types every field as perhaps `undefined`; where one that has no `?` is, that is `INVALID_ARGUMENT`.
 */
export type StorageProfile = {
  storageProfileId: string | undefined
  displayName?: string | undefined
  osFamily: 'WINDOWS' | 'LINUX' | 'MACOS' | undefined
  fileSystemLocations?: FileSystemLocation[] | undefined
}

/** The stable names of everything that can go wrong; safe to branch on. */
export type ErrorCode =
  | 'INVALID_ARGUMENT'
  | 'INVALID_MANIFEST'
  | 'UNSUPPORTED_MANIFEST_VERSION'
  | 'HASH_ALGORITHM_MISMATCH'
  | 'INCONSISTENT_SOURCE_FORMATS'
  | 'NO_RULE_MATCHED'
  | 'PATH_OUTSIDE_ROOT'
  | 'MISSING_ASSET_ROOT'
  | 'CREDENTIALS'
  | 'ACCESS_DENIED'
  | 'NOT_FOUND'
  | 'THROTTLED'
  | 'NETWORK'
  | 'TIMEOUT'
  | 'HASH_MISMATCH'
  | 'SIZE_MISMATCH'
  | 'DISK_FULL'
  | 'IO'
  | 'CANCELLED'
  | 'CHECKPOINT'
  | 'NATIVE_UNAVAILABLE'

/** An error as plain data: it crosses workers, IPC and `structuredClone`. Causes are not part of it. */
export type ErrorData = {
  name: 'AttachmentsError' | 'AbortError'
  code: ErrorCode
  message: string
  details: Record<string, unknown>
}

/** The one error class. Its message says what failed, on what, and what to do next; it never holds a secret. */
export declare class AttachmentsError extends Error {
  constructor(
    code: ErrorCode,
    message: string,
    details?: Record<string, unknown>,
    options?: { cause?: unknown },
  )
  /** `'AbortError'` where the code is `CANCELLED`, as with every cancelled web API. */
  readonly name: 'AttachmentsError' | 'AbortError'
  /** The stable code. */
  readonly code: ErrorCode
  /** What matters about this failure: path, key, bucket, status, requestId and the like. */
  readonly details: Readonly<Record<string, unknown>>
  /** The error as plain data. */
  toJSON(): ErrorData
}

/** What WebAssembly can be loaded from: an address, an answer to `fetch`, its bytes, or the compiled module. */
export type WasmInput = URL | Response | ArrayBuffer | ArrayBufferView | WasmModule

/** `WebAssembly.Module` where the project's libraries declare it. */
export type WasmModule = typeof globalThis extends { WebAssembly: { Module: { prototype: infer Module } } }
  ? Module
  : object

/**
 * Loads the WebAssembly that answers in a browser and in `rusty-attachments/wasm`. Await it once before the
 * first call; further calls do nothing. On the native face it does nothing at all.
 *
 * @param input where to load from; by default the file beside the package's own script
 */
export declare function init(input?: WasmInput): Promise<void>

/**
 * A result that lives outside JavaScript's heap. It frees itself some time after nobody holds it any more, which a
 * loop without an `await` never leaves time for; `free()` and `using` do it at once. Freeing twice is allowed; use
 * after that throws `INVALID_ARGUMENT`. It stays in its face and thread.
 */
interface Freeable {
  /** Releases the memory now. */
  free(): void
  /** The same, for `using`. */
  [Symbol.dispose](): void
}

/** One entry of a manifest. */
export type ManifestFile = {
  /** Relative to the asset root, with `/`; absolute in an `absolute-…` manifest. */
  path: string
  /** xxh3-128 of the content: letters and digits, normally 32 hexadecimal ones. */
  hash?: string
  size?: number
  mtime?: number
  /** The hashes of a large file's chunks, in order, in place of `hash`. */
  chunkHashes?: string[]
  /** What a symbolic link points at, relative to the asset root. */
  symlinkTarget?: string
  /** Whether the file's owner may execute it. */
  runnable: boolean
  /** Whether a diff deletes the file. */
  deleted: boolean
}

/** One directory of a `2025-12` manifest. */
export type ManifestDir = { path: string; deleted: boolean }

/** A decoded manifest. Get one from {@link decodeManifest} or {@link createManifest}. */
export declare class Manifest implements Freeable {
  private constructor()
  /** `'2023-03-03'` or `'2025-12'`. */
  readonly version: string
  /** The full name of a `2025-12` manifest's kind, such as `'relative-manifest-snapshot-beta-2025-12'`. */
  get specificationVersion(): string | undefined
  /** `'xxh128'`. */
  readonly hashAlg: string
  /** The sum of the files' sizes as the manifest states it. */
  readonly totalSize: number
  readonly fileCount: number
  /** xxh3-128 of the canonical form, 32 hexadecimal digits. */
  readonly manifestHash: string
  /** Files in the order that they were given: `limit` of them from `offset` on; by default all. */
  files(offset?: number, limit?: number): ManifestFile[]
  /** Directories; none in a `2023-03-03` manifest. */
  dirs(): ManifestDir[]
  /** The canonical JSON. */
  encode(): string
  free(): void
  [Symbol.dispose](): void
}

/** A file for {@link createManifest}. */
export type NewManifestFile = {
  path: string
  hash?: string | null | undefined
  size?: number | null | undefined
  mtime?: number | null | undefined
  chunkHashes?: string[] | null | undefined
  symlinkTarget?: string | null | undefined
  runnable?: boolean | null | undefined
  deleted?: boolean | null | undefined
}

/** What {@link createManifest} makes a manifest from. */
export type NewManifest = {
  /** One of the four `…-beta-2025-12` names; without it the manifest is a `2023-03-03` one. */
  specificationVersion?: string | null | undefined
  files: NewManifestFile[]
  dirs?: { path: string; deleted?: boolean | null | undefined }[] | null | undefined
  /** The size of large files' chunks; −1: never chunked; absent: 256 MiB. */
  fileChunkSizeBytes?: number | null | undefined
  /** The hash of the manifest that a diff starts from. */
  parentManifestHash?: string | null | undefined
  /** By default the sum of the files' sizes. */
  totalSize?: number | null | undefined
}

/**
 * Reads a manifest of either format, with every field checked.
 *
 * @throws `INVALID_MANIFEST`, `UNSUPPORTED_MANIFEST_VERSION`
 */
export declare function decodeManifest(json: string | Uint8Array): Manifest

/**
 * Makes a manifest of the given entries.
 *
 * @throws `INVALID_ARGUMENT`, `INVALID_MANIFEST`, `UNSUPPORTED_MANIFEST_VERSION`
 */
export declare function createManifest(manifest: NewManifest): Manifest

/**
 * Merges the manifests of one asset root, oldest first, so that the newest entry of a path wins. Equal times
 * keep the order of the list. An empty list gives `null`.
 *
 * @throws `INVALID_ARGUMENT`, `INVALID_MANIFEST`, `UNSUPPORTED_MANIFEST_VERSION` where the manifests are of several
 */
export declare function mergeManifestsChronologically(
  list: { manifest: Manifest; lastModified: number }[],
): Manifest | null

/** The rules that map the paths of `source` to `destination`: one for each location that both name. */
export declare function generatePathMappingRules(
  source: StorageProfile,
  destination: StorageProfile,
): PathMappingRule[]

/** Path mapping rules, ready for many paths. */
export declare class PathMappingApplier implements Freeable {
  /**
   * @param rules all with one `sourcePathFormat`; the longest matching source wins, of equal ones the later
   * @param destinationPathFormat how mapped paths are written
   * @throws `INCONSISTENT_SOURCE_FORMATS`
   */
  constructor(rules: PathMappingRule[], destinationPathFormat: PathFormat)
  /** The format of the rules' sources; `null` without rules. */
  readonly sourcePathFormat: PathFormat | null
  /** The mapped path, or `null` where no rule applies. */
  transform(path: string): string | null
  /** The mapped path. @throws `NO_RULE_MATCHED` */
  strictTransform(path: string): string
  /** {@link transform} for each of many paths. */
  transformAll(paths: string[]): (string | null)[]
  free(): void
  [Symbol.dispose](): void
}

/** `path` below `root` (or `path` itself where it is absolute), normalised. */
export declare function joinPath(root: string, path: string, format: PathFormat): string

/** A manifest entry with the place where it belongs on this machine. */
export type ResolvedPath = { path: string; localPath: string; hash?: string; size?: number; mtime?: number }

/** A manifest entry that has no place on this machine, and why. */
export type UnmappedPath = {
  manifestPath: string
  absoluteSourcePath: string
  reason: { code: ErrorCode; message: string }
}

/**
 * Joins each path of a manifest with its asset root, normalises it in the source's format and maps it.
 *
 * @param rootPath the asset root on the machine that submitted the job
 * @param sourcePathFormat the path format of that machine
 * @param applier maps the paths; without it they stay as they are
 * @throws `INCONSISTENT_SOURCE_FORMATS` where the applier's rules have another source format
 */
export declare function resolveManifestPaths(
  manifest: Manifest,
  rootPath: string,
  sourcePathFormat: PathFormat,
  applier?: PathMappingApplier,
): ResolvedManifestPaths

/** The result of {@link resolveManifestPaths}. */
export declare class ResolvedManifestPaths implements Freeable {
  private constructor()
  readonly resolvedCount: number
  readonly unmappedCount: number
  /** The sum of the resolved files' sizes. */
  readonly totalSize: number
  /** Entries with a local path: `limit` of them from `offset` on; by default all. */
  resolved(offset?: number, limit?: number): ResolvedPath[]
  /** Entries without one. */
  unmapped(offset?: number, limit?: number): UnmappedPath[]
  free(): void
  [Symbol.dispose](): void
}

/** One manifest of a plan, with what is known about where it came from. */
export type PlanSource = {
  manifest: Manifest
  rootPath: string
  sourcePathFormat: PathFormat
  applier?: PathMappingApplier | undefined
  /** Milliseconds since the Unix epoch, as S3 tells it: in whole seconds. */
  lastModified: number
  /** The manifest's key: of equal times the later session folder wins. Without keys the later source does. */
  key?: string | undefined
  jobId?: string | undefined
}

/** How {@link planDownload} plans. */
export type PlanOptions = {
  destinationPathFormat: PathFormat
  /** Whether the destination's file system takes `A` and `a` for one name; by default as Windows does. */
  caseInsensitive?: boolean | undefined
  /** Only files that match one of these; see {@link matchesIncludeFilters}. */
  include?: string[] | undefined
  /**
   * Whether `include` is matched against the local path (default) or the path as the job wrote it. A file without a
   * place here is matched by the job's, unless a filter is absolute.
   */
  matchPathsBy?: 'local' | 'job' | undefined
}

/** One file of a plan. */
export type PlannedFile = ResolvedPath & {
  /** The asset root on the machine that made the file. */
  rootPath: string
  /** What a symbolic link will point at: a local absolute path. */
  symlinkTarget?: string
  runnable: boolean
  jobId?: string
}

/** Something about a planned file that its destination cannot hold: a warning here, a failure in a download. */
export type PlanHazard = {
  path: string
  localPath: string
  code:
    | 'RESERVED_NAME'
    | 'INVALID_CHARACTER'
    | 'TRAILING_DOT_OR_SPACE'
    | 'NAME_TOO_LONG'
    | 'CASE_COLLISION'
    | 'FILE_AS_DIRECTORY'
  message: string
}

/**
 * Decides what to download, from one or many manifests and without any I/O: merges by destination path, oldest
 * first, and names what cannot be mapped and what the destination may not be able to hold.
 *
 * @throws `INVALID_ARGUMENT`, also where a source's rules lead to another path format than the plan's;
 * `INCONSISTENT_SOURCE_FORMATS` where they come from another than the source's
 */
export declare function planDownload(sources: PlanSource[], options: PlanOptions): DownloadPlan

/** The result of {@link planDownload}. */
export declare class DownloadPlan implements Freeable {
  private constructor()
  readonly fileCount: number
  /** The sum of the files' sizes. */
  readonly totalSize: number
  /** How many different contents the files have: each is fetched once. */
  readonly objectCount: number
  readonly unmappedCount: number
  readonly hazardCount: number
  /** Planned files: `limit` of them from `offset` on; by default all. */
  files(offset?: number, limit?: number): PlannedFile[]
  unmapped(offset?: number, limit?: number): UnmappedPath[]
  hazards(offset?: number, limit?: number): PlanHazard[]
  /** What the plan adds up to, by asset root and by path mapping rule. */
  totals(): PlanTotals
  /** Entries to look at, mapped or not: chosen, in some order, read in pages. */
  view(options?: PlanViewOptions): PlanView
  free(): void
  [Symbol.dispose](): void
}

/** Whether a file can be downloaded as it stands: what needs attention first comes first. */
export type PlanStatus = 'unmapped' | 'hazard' | 'ready'

/** Which entries of a plan a {@link PlanView} has, and in which order. */
export type PlanViewOptions = {
  /** Only those that hold this text in their source or local path, whatever its case and separators. */
  search?: string | undefined
  status?: PlanStatus | undefined
  rootPath?: string | undefined
  /** Only those that this rule caught, by its index in {@link PlanTotals}. */
  rule?: number | undefined
  /** Default `'status'`. What has no value comes first. */
  orderBy?: 'status' | 'sourcePath' | 'localPath' | 'size' | 'mtime' | undefined
  descending?: boolean | undefined
}

/** One file of a plan, mapped or not. */
export type PlanEntry = {
  status: PlanStatus
  /** As in the manifest. */
  path: string
  /** Absolute, on the machine that made the file. */
  sourcePath: string
  localPath: string | null
  /** The asset root on the machine that made the file. */
  rootPath: string
  /** The rule that mapped it, by its index in {@link PlanTotals}. */
  rule: number | null
  hash?: string
  size?: number
  mtime?: number
  symlinkTarget?: string
  jobId?: string
  /** Why it is not ready. */
  reason?: { code: ErrorCode | PlanHazard['code']; message: string }
}

/** What a plan adds up to. Files count with a place; those without one are `unmappedCount`. */
export type PlanTotals = {
  /** In the order in which they were first seen. */
  roots: {
    rootPath: string
    fileCount: number
    totalSize: number
    hazardCount: number
    unmappedCount: number
  }[]
  /** The rules of all sources, each once, also those that caught nothing. */
  rules: (PathMappingRule & { fileCount: number; totalSize: number })[]
}

/** A folder at the destination, with all that lands below it. */
export type PlanFolder = { path: string; fileCount: number; totalSize: number; hazardCount: number }

/** Some entries of a plan in some order: the result of {@link DownloadPlan.view}. It outlives the plan's `free()`. */
export declare class PlanView implements Freeable {
  private constructor()
  readonly entryCount: number
  /** How many entries, the first ones, stand directly in the folder that {@link below} was asked for. */
  readonly ownCount: number
  /** The sum of the entries' sizes. */
  readonly totalSize: number
  entries(offset?: number, limit?: number): PlanEntry[]
  /** The folders of this view's own folder, or at the top. One that holds only one folder is passed over. */
  folders(): PlanFolder[]
  /** The entries that land below a folder, those directly in it first. */
  below(folder: string): PlanView
  free(): void
  [Symbol.dispose](): void
}

/** Whose manifests: the prefix that the queue's job attachments live under, the farm and the queue. */
export type ManifestLocation = { rootPrefix: string; farmId: string; queueId: string }

/** Which of a queue's output manifests: a job's, one step's or one task's (which needs its step). */
export type OutputManifestScope = {
  jobId: string
  stepId?: string | undefined
  taskId?: string | undefined
}

/** The parts of an output manifest's key. */
export type OutputManifestKey = {
  farmId: string
  queueId: string
  jobId: string
  stepId: string
  /** `null` for a step's own manifest. */
  taskId: string | null
  /** When the session action ran: `YYYY-MM-DDTHH:MM:SS.ffffffZ`. */
  timestamp: string
  sessionActionId: string
  /** See {@link rootPathHash}. */
  rootPathHash: string
}

/** The key prefix below which a scope's output manifests are listed, with its `/`. */
export declare function outputManifestPrefix(location: ManifestLocation, scope: OutputManifestScope): string

/**
 * Takes an output manifest's key apart; `null` where it is not one.
 *
 * @param rootPrefix the known prefix; without it the key is read from the right
 */
export declare function parseOutputManifestKey(key: string, rootPrefix?: string): OutputManifestKey | null

/**
 * The keys of output manifests among listed objects, in their order. With `selectLatestPerTask` only those of
 * each task's newest session folder (by `lastModified`, then by name); steps' own manifests are always kept.
 */
export declare function filterOutputManifestKeys(
  objects: (string | { key: string; lastModified?: number | undefined })[],
  options: { selectLatestPerTask: boolean; rootPrefix?: string | undefined },
): string[]

/** The session action that wrote an output manifest; `null` where the key names none. */
export declare function extractSessionActionId(key: string): string | null

/** The keys that were written by one of the session actions, in their order. */
export declare function filterManifestsBySessionActions(keys: string[], sessionActionIds: string[]): string[]

/** The name of an asset root in keys: xxh3-128 of location name and path, 32 hexadecimal digits. */
export declare function rootPathHash(rootPath: string, fileSystemLocationName?: string): string

/**
 * Finds, for each session action among `keys`, its manifest of each root.
 *
 * @returns for each session action id an array that runs parallel to `roots`, `null` where it wrote none
 */
export declare function matchManifestsToRoots(
  keys: string[],
  roots: { rootPath: string; fileSystemLocationName?: string | undefined }[],
): Record<string, (string | null)[]>

/**
 * The asset root that a manifest's S3 metadata names; `null` where it names none.
 *
 * @throws `MISSING_ASSET_ROOT` where `asset-root-json` is not a JSON string
 */
export declare function assetRootFromMetadata(metadata: Record<string, string>): string | null

/**
 * Whether a path matches one of the filters: shell patterns whose `*` crosses `/`; one that ends in `/` takes
 * all below it, and a relative one matches anywhere.
 */
export declare function matchesIncludeFilters(path: string, filters: string[]): boolean

/** AWS credentials. */
export type Credentials = {
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string | undefined
  /** When they expire, as a Date or its ISO text; a provider is asked again before that. */
  expiration?: Date | string | undefined
}

/** Where a queue's job attachments are, and how to reach them. */
export type S3Settings = {
  bucket: string
  /** The prefix that the queue's job attachments live under; may be empty. */
  rootPrefix: string
  /** By default `AWS_REGION` or `AWS_DEFAULT_REGION`. */
  region?: string | undefined
  /** Another S3 service, such as `http://127.0.0.1:9000`. */
  endpoint?: string | undefined
  /** Whether the bucket is part of the path and not of the host name. */
  forcePathStyle?: boolean | undefined
  /** Refuse a bucket that another AWS account owns. */
  expectedBucketOwner?: string | undefined
  /**
   * Credentials, or a function that gets them, such as an AWS SDK v3 provider. By default `AWS_ACCESS_KEY_ID` and
   * its companions, else the default chain of `@aws-sdk/credential-providers` where that is installed.
   */
  credentials?: Credentials | (() => Promise<Credentials>) | undefined
}

/** What to do with a target that exists and differs. An identical one is always left as it is. */
export type ConflictResolution = 'skip' | 'overwrite' | 'createCopy'

/** How a run stands. */
export type TransferProgress = {
  phase: 'discovering' | 'planning' | 'downloading'
  filesDone: number
  filesTotal: number
  bytesDone: number
  bytesTotal: number
  bytesPerSecond: number
  /** `null` until it can be told. */
  secondsLeft: number | null
  /** Local paths of files under way. */
  current: string[]
}

/** What a run did. */
export type TransferStatistics = {
  filesTotal: number
  filesTransferred: number
  filesSkipped: number
  filesFailed: number
  bytesTotal: number
  bytesTransferred: number
  bytesSkipped: number
  /** Contents that were fetched: one for all files that share it. */
  objectsFetched: number
  /** Requests that were sent again; where several runs of one orchestrator overlap, those of all of them. */
  retries: number
  elapsedSeconds: number
}

/** What a download of a plan or of resolved paths did, with every file that failed. */
export type TransferReport = TransferStatistics & { failures: FileFailure[] }

/** A file that could not be downloaded, and why. */
export type FileFailure = {
  path: string
  localPath: string
  jobId?: string
  code: ErrorCode
  message: string
  details: Record<string, unknown>
}

/** How files are transferred. */
export type TransferOptions = {
  /** Default `'createCopy'`: write beside what is there. */
  conflictResolution?: ConflictResolution | undefined
  /** How an existing target is recognised: by size and mtime (default), or by reading it. */
  verify?: 'size' | 'hash' | undefined
  /** Stop at the first failed file; by default the rest goes on. */
  failFast?: boolean | undefined
  /** Whether deletions that a diff manifest records are carried out; by default not. */
  applyDeletions?: boolean | undefined
  /** How many requests at once; `'auto'` (default) finds the pace. */
  concurrency?: number | 'auto' | undefined
  /** Find out what is there already, but write nothing; default false. */
  dryRun?: boolean | undefined
  /** Called some times a second. If it throws, the run stops and rejects with what was thrown. */
  onProgress?: ((progress: TransferProgress) => void) | undefined
  /** Cancels the run, which then rejects with `CANCELLED`. */
  signal?: AbortSignal | undefined
}

/** A manifest from S3 with what its object says about it. */
export type DownloadedManifest = {
  manifest: Manifest
  metadata: {
    assetRoot: string
    fileSystemLocationName: string | null
    contentType: string | null
    /** Milliseconds since the Unix epoch. */
    lastModified: number | null
  }
}

/** The steps of a download, one by one, over one bucket and one pool of connections. Node only. */
export declare class DownloadOrchestrator {
  constructor(options: { s3: S3Settings; concurrency?: number | 'auto' | undefined })
  /** Lists the keys of a scope's output manifests. */
  discoverOutputManifestKeys(
    location: ManifestLocation,
    options: { scope: OutputManifestScope; selectLatestPerTask: boolean },
  ): Promise<string[]>
  /** Fetches one manifest. @throws `MISSING_ASSET_ROOT`, `INVALID_MANIFEST`, `NOT_FOUND` and others */
  downloadManifest(key: string): Promise<DownloadedManifest>
  /**
   * Downloads files to the places that {@link resolveManifestPaths} found.
   *
   * @throws as {@link download}
   */
  downloadToResolvedPaths(
    resolved: ResolvedManifestPaths | ResolvedManifestPaths[],
    options?: TransferOptions,
  ): Promise<TransferReport>
  /**
   * Downloads a plan.
   *
   * @throws `INVALID_ARGUMENT` where the plan is for the other path format than this machine's, and as
   * {@link downloadJobOutputs}
   */
  download(plan: DownloadPlan, options?: TransferOptions): Promise<TransferReport>
}

/** What {@link downloadJobOutputs} and {@link downloadMultipleJobs} have in common. */
type OutputOptions = TransferOptions & {
  s3: S3Settings
  farmId: string
  queueId: string
  /** Take only each task's newest output; default true. */
  selectLatestPerTask?: boolean | undefined
  /** This machine's storage profile. Goes with the job's: one without the other is `INVALID_ARGUMENT`. */
  localStorageProfile?: StorageProfile | undefined
  /** Only files that match one of these; see {@link matchesIncludeFilters}. */
  include?: string[] | undefined
  /**
   * Whether `include` is matched against the local path (default) or the path as the job wrote it. A file without a
   * place here is matched by the job's, unless a filter is absolute.
   */
  matchPathsBy?: 'local' | 'job' | undefined
}

/** What {@link downloadJobOutputs} downloads, from where, to where. */
export type DownloadJobOutputsOptions = OutputOptions & {
  jobId: string
  stepId?: string | undefined
  /** Needs `stepId`. */
  taskId?: string | undefined
  /** Only what these session actions wrote; switches `selectLatestPerTask` off. */
  sessionActionIds?: string[] | undefined
  /** The storage profile that the job was submitted with. */
  jobStorageProfile?: StorageProfile | undefined
  /** How the job's paths are written, where no profile says so; by default told from the asset root. */
  sourcePathFormat?: PathFormat | undefined
  /** Local directories for asset roots; they win over the profiles' rules. */
  rootOverrides?: Record<string, string> | undefined
}

/** What {@link downloadJobOutputs} did. The three lists hold the first 1,000 each. */
export type DownloadResult = {
  stats: TransferStatistics
  /** Everything that was planned; with `unmapped` and `hazards` in full, in pages. */
  plan: DownloadPlan
  unmappedCount: number
  unmapped: UnmappedPath[]
  failureCount: number
  failures: FileFailure[]
  warnings: PlanHazard[]
}

/**
 * Finds a job's outputs, maps their paths and downloads them. Node only. A job without outputs is not an error.
 *
 * @throws `INVALID_ARGUMENT`, `CREDENTIALS`, `ACCESS_DENIED`, `NOT_FOUND`, `MISSING_ASSET_ROOT`,
 * `INVALID_MANIFEST`, `DISK_FULL`, `NETWORK`, `TIMEOUT`, `THROTTLED`, `CANCELLED`; what fails for single files
 * is in `failures`
 */
export declare function downloadJobOutputs(options: DownloadJobOutputsOptions): Promise<DownloadResult>

/** What {@link downloadMultipleJobs} downloads: jobs of one queue, each with the storage profile it was made with. */
export type DownloadMultipleJobsOptions = OutputOptions & {
  jobs: {
    jobId: string
    /**
     * One of `storageProfiles`. A job without one has no place on a machine that has a `localStorageProfile`; where
     * there is none either, its paths stay as they are.
     */
    storageProfileId?: string | undefined
    /** Only what these session actions wrote, and then not only the latest. */
    sessionActionIds?: string[] | undefined
  }[]
  /** The profiles that the jobs were submitted with. */
  storageProfiles?: StorageProfile[] | undefined
}

/** What {@link downloadMultipleJobs} did, over all jobs; rows of the plan and failures name their job. */
export type MultiJobDownloadResult = DownloadResult & {
  /** Each job's part, in the order given. A file that a later job wrote too counts as that job's. */
  jobs: {
    jobId: string
    /** Files that have a place, and their bytes. */
    filesTotal: number
    bytesTotal: number
    failureCount: number
    unmappedCount: number
  }[]
  /** The jobs that have files without a place, in the order given. */
  jobsWithUnmapped: string[]
}

/**
 * Downloads the outputs of several jobs as one: of two that wrote one file, the later wins. Node only.
 *
 * @throws as {@link downloadJobOutputs}
 */
export declare function downloadMultipleJobs(
  options: DownloadMultipleJobsOptions,
): Promise<MultiJobDownloadResult>

export * from './sync/types.js'
