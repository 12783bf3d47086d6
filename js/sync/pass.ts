/** One pass: the files of the last one in, questions and downloads between, the next one's files out. */

import type { Backend } from '../backend.js'
import { AttachmentsError } from '../errors.js'
import { DownloadPlan } from '../handles.js'
import type { NativeBindings } from '../orchestrate.js'
import type {
  ErrorCode,
  MultiJobDownloadResult,
  SyncEvent,
  SyncJob,
  SyncPass as SyncPassClass,
  SyncReport,
  SyncResult,
  SyncSource,
  TransferProgress,
} from '../types.js'
import { CheckpointFiles } from './files.js'
import { lock } from './lock.js'
import type { SyncSettings } from './options.js'
import { pump } from './pump.js'
import type { Queue } from './queue.js'
import { Saves } from './saves.js'

/** What the engine tells of a download, in lists that a {@link SyncPassClass} takes as they are. */
type Heard = {
  planned?: Parameters<SyncPassClass['planned']>[0]
  landed?: (Parameters<SyncPassClass['landed']>[0][number] & { isNew: boolean })[]
  failed?: (Parameters<SyncPassClass['failed']>[0][number] & { code: ErrorCode })[]
}

/** What the engine says of a download in the end. */
type DownloadedSources = Omit<MultiJobDownloadResult, 'plan'> & { batches: number }

/** Hears what happens. What it throws ends the pass. */
type Tell = (event: SyncEvent) => void

/** What a download adds to the report. */
type Outcome = Omit<SyncResult, keyof SyncReport | 'checkpointPath' | 'outstandingTaskRuns'> & {
  byJob: MultiJobDownloadResult['jobs']
}

const nothing: Outcome = {
  stats: {
    filesTotal: 0,
    filesTransferred: 0,
    filesSkipped: 0,
    filesFailed: 0,
    bytesTotal: 0,
    bytesTransferred: 0,
    bytesSkipped: 0,
    objectsFetched: 0,
    retries: 0,
    elapsedSeconds: 0,
  },
  plan: null,
  unmappedCount: 0,
  unmapped: [],
  jobsWithUnmapped: [],
  failureCount: 0,
  failures: [],
  warnings: [],
  byJob: [],
}

/** How many rows the lists of a result hold. */
const listed = 1000

/** Runs passes over one queue. */
export class PassRunner {
  readonly #backend: Backend<NativeBindings>
  readonly #SyncPass: typeof SyncPassClass
  readonly #queue: Queue
  readonly #settings: SyncSettings
  readonly #files: CheckpointFiles
  /** Of many passes only the first begins anew. */
  #isForced: boolean

  constructor(
    backend: Backend<NativeBindings>,
    SyncPass: typeof SyncPassClass,
    queue: Queue,
    settings: SyncSettings,
  ) {
    this.#backend = backend
    this.#SyncPass = SyncPass
    this.#queue = queue
    this.#settings = settings
    this.#isForced = settings.forceBootstrap ?? false
    const { checkpointDirectory, queueId, localStorageProfileId } = settings
    this.#files = new CheckpointFiles(checkpointDirectory, queueId, localStorageProfileId)
  }

  /** One pass, under the lock. */
  async run(tell: Tell, signal: AbortSignal): Promise<SyncResult> {
    if (this.#settings.dryRun) return this.#pass(tell, signal)
    await this.#files.prepare()
    const release = await lock(this.#files.lockPath)
    try {
      return await this.#pass(tell, signal)
    } finally {
      await release()
    }
  }

  async #pass(tell: Tell, signal: AbortSignal): Promise<SyncResult> {
    const { dryRun, localStorageProfileId, bootstrapLookbackMinutes } = this.#settings
    const checkpointPath = this.#files.path('checkpoint')
    const texts = await this.#files.read()
    const pass = new this.#SyncPass({
      localStorageProfileId,
      bootstrapLookbackMinutes,
      now: Date.now() * 1000,
      ...texts,
      ...(this.#isForced && { checkpoint: null, failedJobs: null, sidecar: null }),
    })
    const save = async (isFinished: boolean) => {
      await this.#save(pass, isFinished)
      tell({ type: 'checkpoint', checkpointPath })
    }
    try {
      tell({ type: 'pass-started', checkpointPath })
      if (this.#isForced || texts.checkpoint === null) await this.#begin(pass, signal)
      await pump(pass, (request, within) => this.#queue.ask(request, within), signal)
      const report = pass.report()
      for (const job of report.jobs) tell({ type: 'job', job })
      const lost = report.jobs.flatMap((job) => this.#withoutRoot(job))
      for (const { code, message, details } of lost) {
        tell({ type: 'failure', code, message, details, ...details, localPath: null, retryInSeconds: null })
      }
      const sources = pass.sources()
      const { byJob, ...outcome } =
        sources.length === 0 ? nothing : await this.#download(pass, sources, save, tell, signal)
      for (const { jobId, unmappedCount } of byJob) {
        if (unmappedCount > 0) tell({ type: 'unmapped', jobId, count: unmappedCount })
      }
      if (!dryRun) await save(true)
      const { outstandingTaskRuns } = pass
      const failures = [...lost, ...outcome.failures].slice(0, listed)
      const failureCount = outcome.failureCount + lost.length
      const found = { failures, failureCount, outstandingTaskRuns }
      const result = { ...report, ...outcome, ...found, checkpointPath }
      tell({ type: 'pass-finished', result })
      return result
    } finally {
      pass.free()
    }
  }

  /** Makes sure that what a checkpoint is about to begin for is there. */
  async #begin(pass: SyncPassClass, signal: AbortSignal): Promise<void> {
    const { dryRun, localStorageProfileId } = this.#settings
    let failure: { thrown: unknown } | undefined
    try {
      await this.#queue.check(localStorageProfileId, signal)
    } catch (thrown) {
      if (thrown instanceof AttachmentsError && thrown.code === 'NOT_FOUND') throw thrown
      failure = { thrown }
    }
    if (!dryRun) {
      // Where it all begins stays, though this pass may come to nothing: the next one would begin later.
      await this.#save(pass, false)
      this.#isForced = false
    }
    if (failure) throw failure.thrown
  }

  async #save(pass: SyncPassClass, isFinished: boolean): Promise<void> {
    await this.#files.write(pass.save(isFinished))
    pass.saved()
  }

  /** What a job's task runs wrote and none of its roots explains. */
  #withoutRoot({ jobId, name, manifestsWithoutRoot }: SyncJob) {
    return manifestsWithoutRoot.map((path) => ({
      path,
      localPath: '',
      jobId,
      code: 'MISSING_ASSET_ROOT' as const,
      message:
        `the manifest ${path} belongs to none of the asset roots of job ${name ?? jobId}, so nobody knows where its ` +
        'files belong; downloadJobOutputs goes by what the manifest itself says',
      details: { jobId, sessionActionId: this.#backend.bindings.extractSessionActionId(path) ?? null },
    }))
  }

  /** Downloads the sources, with progress saved as they become whole. */
  async #download(
    pass: SyncPassClass,
    sources: SyncSource[],
    save: (isFinished: boolean) => Promise<void>,
    tell: Tell,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const { dryRun, onProgress } = this.#settings
    const saves = new Saves(() => save(false))
    const hear = ({ planned, landed = [], failed = [] }: Heard) => {
      if (dryRun) return
      if (planned) pass.planned(planned)
      pass.landed(landed)
      pass.failed(failed)
      saves.soon()
      for (const { source, localPath, isNew } of landed) {
        const outcome = isNew ? 'transferred' : 'skipped'
        tell({ type: 'file', jobId: sources[source]!.jobId, localPath, outcome })
      }
      for (const { source, localPath = null, code, message } of failed) {
        const { jobId, sessionActionId } = sources[source]!
        const where = { jobId, sessionActionId, localPath }
        tell({ type: 'failure', code, message, details: where, ...where, retryInSeconds: null })
      }
    }
    try {
      const outcome = await this.#transfer(sources, pass, onProgress, hear, signal)
      await saves.end()
      return outcome
    } catch (thrown) {
      await saves.end()
      // What landed is kept, if that can be; why the pass ends matters more.
      if (!dryRun) await save(false).catch(() => {})
      throw thrown
    }
  }

  async #transfer(
    sources: SyncSource[],
    pass: SyncPassClass,
    onProgress: ((progress: TransferProgress) => unknown) | undefined,
    onEvent: (heard: Heard) => unknown,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const { pack, unpack } = this.#backend
    const { localStorageProfileId, conflictResolution, verify, include, matchPathsBy, dryRun } =
      this.#settings
    const { orchestrator } = await this.#queue.bucket()
    const options = pack({
      sources,
      storageProfiles: pass.storageProfiles(),
      writtenSince: pass.writtenSince(),
      localStorageProfileId,
      conflictResolution: conflictResolution ?? 'overwrite',
      verify,
      include,
      matchPathsBy,
      dryRun,
    })
    let heard = 0
    let wake = () => {}
    return orchestrator.run({ onProgress, onEvent, signal }, async (cancel, progress, event) => {
      const hear = (wire: unknown) => {
        event(wire)
        heard++
        wake()
      }
      const outputs = await orchestrator.handle.downloadSources(options, cancel, hear, progress)
      const { batches, jobs, ...outcome } = unpack(outputs.result()) as DownloadedSources
      // What was told last may arrive after the result.
      while (heard < batches) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      return { ...outcome, byJob: jobs, plan: new DownloadPlan(this.#backend, outputs.plan()) }
    })
  }
}
