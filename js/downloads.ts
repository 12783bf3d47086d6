/** What needs the network and the disk: arguments in, the native engine, plain answers out. Node only. */

import {
  abortSignal,
  boolean,
  type Check,
  count,
  invalid,
  list,
  milliseconds,
  oneOf,
  optional,
  options,
  record,
  shape,
  string,
} from './arguments.js'
import type {
  Backend,
  Bindings,
  ManifestHandle,
  PlanHandle,
  ResolvedHandle,
  SyncBindings,
  Wire,
} from './backend.js'
import { defaultProvider, environment } from './credentials.js'
import { AttachmentsError, calling, fromBinding } from './errors.js'
import {
  type Downloads,
  manifestLocation,
  matchPathsBy,
  outputManifestScope,
  pathFormat,
  storageProfile,
} from './face.js'
import { DownloadPlan, Handle, Manifest, ResolvedManifestPaths } from './handles.js'
import type * as Types from './types.js'

/** Stops the runs it was given to. */
interface CancelHandle {
  cancel(): void
}

type OnProgress = (progress: Wire) => void

/** A result: its plan as a handle, the rest as data. */
interface OutputsHandle {
  plan(): PlanHandle
  result(): Wire
}

interface OrchestratorHandle {
  discoverOutputManifestKeys(location: Wire, options: Wire): Promise<Wire>
  downloadManifest(key: string): Promise<{ manifest(): ManifestHandle; metadata(): Wire }>
  downloadResolved(
    resolved: ResolvedHandle[],
    options: Wire,
    cancel: CancelHandle,
    onProgress?: OnProgress,
  ): Promise<Wire>
  downloadPlan(plan: PlanHandle, options: Wire, cancel: CancelHandle, onProgress?: OnProgress): Promise<Wire>
  downloadJobOutputs(options: Wire, cancel: CancelHandle, onProgress?: OnProgress): Promise<OutputsHandle>
  downloadMultipleJobs(options: Wire, cancel: CancelHandle, onProgress?: OnProgress): Promise<OutputsHandle>
  /**
   * `onEvent` gets `{planned}`, `{landed}` and `{failed}`, each a list as a `SyncPassHandle` takes it; failed ones
   * have a `code` too. The result's `batches` says how many times it was called, for calls may come later.
   */
  downloadSources(
    options: Wire,
    cancel: CancelHandle,
    onEvent: (event: Wire) => void,
    onProgress?: OnProgress,
  ): Promise<OutputsHandle>
}

/** What only the addon has. */
export interface NativeBindings extends Bindings, SyncBindings {
  createCancel(): CancelHandle
  /** Where `settings` hold no credentials, the provider is asked. */
  createOrchestrator(settings: Wire, provider: () => Promise<Wire>): OrchestratorHandle
}

const credentials = shape({
  accessKeyId: string,
  secretAccessKey: string,
  sessionToken: optional(string),
  expiration: optional(milliseconds),
})

const concurrency: Check<number | 'auto'> = (value, name) => {
  if (value === 'auto') return value
  const requests = typeof value === 'number' ? count(value, name) : 0
  if (requests === 0) throw invalid(`${name} must be 'auto' or a number from 1 on`, name)
  return requests
}

const callback: Check<(progress: Types.TransferProgress) => unknown> = (value, name) => {
  if (typeof value === 'function') return value as (progress: Types.TransferProgress) => unknown
  throw invalid(`${name} must be a function`, name)
}

const s3Settings = options({
  bucket: string,
  rootPrefix: string,
  region: optional(string),
  endpoint: optional(string),
  forcePathStyle: optional(boolean),
  expectedBucketOwner: optional(string),
  credentials: optional<Types.Credentials | (() => Promise<Types.Credentials>)>((value, name) => {
    if (typeof value !== 'function') credentials(value, name)
    return value as Types.Credentials
  }),
})

const orchestratorOptions = options({ s3: s3Settings, concurrency: optional(concurrency) })

const transferFields = {
  conflictResolution: optional(oneOf('skip', 'overwrite', 'createCopy')),
  verify: optional(oneOf('size', 'hash')),
  failFast: optional(boolean),
  applyDeletions: optional(boolean),
  concurrency: optional(concurrency),
  dryRun: optional(boolean),
  onProgress: optional(callback),
  signal: optional(abortSignal),
}

const transferOptions = options(transferFields)

const outputFields = {
  ...transferFields,
  s3: s3Settings,
  farmId: string,
  queueId: string,
  selectLatestPerTask: optional(boolean),
  localStorageProfile: optional(storageProfile),
  include: optional(list(string)),
  matchPathsBy: optional(matchPathsBy),
}

const multipleJobsOptions = options({
  ...outputFields,
  jobs: list(
    options({
      jobId: string,
      storageProfileId: optional(string),
      sessionActionIds: optional(list(string)),
    }),
  ),
  storageProfiles: optional(list(storageProfile)),
})

const jobOutputsOptions = options({
  ...outputFields,
  jobId: string,
  stepId: optional(string),
  taskId: optional(string),
  sessionActionIds: optional(list(string)),
  jobStorageProfile: optional(storageProfile),
  sourcePathFormat: optional(pathFormat),
  rootOverrides: optional(record(string)),
})

const discovery = options({ scope: outputManifestScope, selectLatestPerTask: boolean })

/** What a run may be told while it lasts. */
type RunOptions = {
  onProgress: ((progress: Types.TransferProgress) => unknown) | undefined
  signal: AbortSignal | undefined
}

/** The downloading half of the package over the addon. */
export function createDownloads(backend: Backend<NativeBindings>): Downloads {
  const { bindings, pack, unpack } = backend

  /** An orchestrator of the addon, and what its credentials provider threw last. */
  function orchestrate({ s3, ...rest }: ReturnType<typeof orchestratorOptions>) {
    const { credentials: given, ...settings } = s3
    const fixed = typeof given === 'object' ? credentials(given, 's3.credentials') : undefined
    const provider = typeof given === 'function' ? given : defaultProvider()
    const state: { handle: OrchestratorHandle; thrown?: unknown } = {
      handle: calling(() =>
        bindings.createOrchestrator(
          pack({ s3: { ...environment(), ...settings }, credentials: fixed, ...rest }),
          () => provide(provider),
        ),
      ),
    }

    // Errors cross as data, never as a rejection inside the addon.
    async function provide(provider: () => Promise<Types.Credentials>): Promise<Wire> {
      try {
        return pack({ credentials: credentials(await provider(), 'credentials') })
      } catch (thrown) {
        state.thrown = thrown
        const reason = thrown instanceof Error ? thrown.message : String(thrown)
        const message =
          thrown instanceof AttachmentsError ? reason : `the credentials provider failed: ${reason}`
        return pack({ failed: message })
      }
    }

    /** Waits for the addon, with its errors made into AttachmentsErrors. */
    async function answer<T>(call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
      try {
        return await call()
      } catch (thrown) {
        throw fromBinding(thrown, { CANCELLED: signal?.reason, CREDENTIALS: state.thrown })
      }
    }

    /** Runs with progress and cancellation. A callback that throws ends the run with what it threw. */
    async function run<T>(
      { onProgress, signal }: RunOptions,
      start: (cancel: CancelHandle, onProgress?: OnProgress) => Promise<T>,
    ): Promise<T> {
      const cancel = bindings.createCancel()
      const abort = () => {
        cancel.cancel()
      }
      let failure: { thrown: unknown } | undefined
      const fail = (thrown: unknown) => {
        failure ??= { thrown }
        cancel.cancel()
      }
      const report: OnProgress | undefined =
        onProgress &&
        ((progress) => {
          if (failure) return
          try {
            Promise.resolve(onProgress(unpack(progress) as Types.TransferProgress)).catch(fail)
          } catch (thrown) {
            fail(thrown)
          }
        })
      if (signal?.aborted) abort()
      signal?.addEventListener('abort', abort)
      try {
        const done = await answer(() => start(cancel, report), signal)
        if (failure) throw failure.thrown
        return done
      } catch (thrown) {
        throw failure ? failure.thrown : thrown
      } finally {
        signal?.removeEventListener('abort', abort)
      }
    }

    return { handle: state.handle, answer, run }
  }

  class DownloadOrchestrator implements Types.DownloadOrchestrator {
    readonly #orchestrator: ReturnType<typeof orchestrate>

    constructor(given: ConstructorParameters<typeof Types.DownloadOrchestrator>[0]) {
      this.#orchestrator = orchestrate(orchestratorOptions(given, ''))
    }

    async discoverOutputManifestKeys(
      location: Types.ManifestLocation,
      how: { scope: Types.OutputManifestScope; selectLatestPerTask: boolean },
    ): Promise<string[]> {
      const where = pack(manifestLocation(location, 'location'))
      const which = pack(discovery(how, ''))
      const { handle, answer } = this.#orchestrator
      return unpack(await answer(() => handle.discoverOutputManifestKeys(where, which))) as string[]
    }

    async downloadManifest(key: string): Promise<Types.DownloadedManifest> {
      const clean = string(key, 'key')
      const { handle, answer } = this.#orchestrator
      const found = await answer(() => handle.downloadManifest(clean))
      return {
        manifest: new Manifest(backend, found.manifest()),
        metadata: unpack(found.metadata()) as Types.DownloadedManifest['metadata'],
      }
    }

    async downloadToResolvedPaths(
      resolved: Types.ResolvedManifestPaths | Types.ResolvedManifestPaths[],
      how: Types.TransferOptions = {},
    ): Promise<Types.TransferReport> {
      const handles = [resolved]
        .flat()
        .map((paths, index) => Handle.held(ResolvedManifestPaths, paths, backend, `resolved[${index}]`))
      const { onProgress, signal, ...rest } = transferOptions(how, '')
      const { handle, run } = this.#orchestrator
      const report = await run({ onProgress, signal }, (cancel, tell) =>
        handle.downloadResolved(handles, pack(rest), cancel, tell),
      )
      return unpack(report) as Types.TransferReport
    }

    async download(plan: Types.DownloadPlan, how: Types.TransferOptions = {}): Promise<Types.TransferReport> {
      const held = Handle.held(DownloadPlan, plan, backend, 'plan')
      const { onProgress, signal, ...rest } = transferOptions(how, '')
      const { handle, run } = this.#orchestrator
      const report = await run({ onProgress, signal }, (cancel, tell) =>
        handle.downloadPlan(held, pack(rest), cancel, tell),
      )
      return unpack(report) as Types.TransferReport
    }
  }

  const result = <T>(outputs: OutputsHandle) => ({
    ...(unpack(outputs.result()) as T),
    plan: new DownloadPlan(backend, outputs.plan()),
  })

  return {
    DownloadOrchestrator,

    async downloadJobOutputs(given) {
      const { s3, onProgress, signal, ...job } = jobOutputsOptions(given, '')
      const { handle, run } = orchestrate({ s3 })
      return result<Omit<Types.DownloadResult, 'plan'>>(
        await run({ onProgress, signal }, (cancel, tell) =>
          handle.downloadJobOutputs(pack(job), cancel, tell),
        ),
      )
    },

    async downloadMultipleJobs(given) {
      const { s3, onProgress, signal, ...jobs } = multipleJobsOptions(given, '')
      const { handle, run } = orchestrate({ s3 })
      return result<Omit<Types.MultiJobDownloadResult, 'plan'>>(
        await run({ onProgress, signal }, (cancel, tell) =>
          handle.downloadMultipleJobs(pack(jobs), cancel, tell),
        ),
      )
    },
  }
}
