/** Runs of the native engine: its credentials, its errors, its progress, and how it is stopped. Node only. */

import {
  type Check,
  boolean,
  count,
  invalid,
  milliseconds,
  optional,
  options,
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
import type * as Types from './types.js'

/** Stops the runs it was given to. */
interface CancelHandle {
  cancel(): void
}

/** Hears from a run, in the binding's form. */
type Hear = (wire: Wire) => void

/** A result: its plan as a handle, the rest as data. */
export interface OutputsHandle {
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
    onProgress?: Hear,
  ): Promise<Wire>
  downloadPlan(plan: PlanHandle, options: Wire, cancel: CancelHandle, onProgress?: Hear): Promise<Wire>
  downloadJobOutputs(options: Wire, cancel: CancelHandle, onProgress?: Hear): Promise<OutputsHandle>
  downloadMultipleJobs(options: Wire, cancel: CancelHandle, onProgress?: Hear): Promise<OutputsHandle>
  /**
   * `onEvent` gets `{planned}`, `{landed}` and `{failed}`, each a list as a `SyncPassHandle` takes it; failed ones
   * have a `code` too. The result's `batches` says how many times it was called, for calls may come later.
   */
  downloadSources(
    options: Wire,
    cancel: CancelHandle,
    onEvent: Hear,
    onProgress?: Hear,
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

/** How many requests at once. */
export const concurrency: Check<number | 'auto'> = (value, name) => {
  if (value === 'auto') return value
  const requests = typeof value === 'number' ? count(value, name) : 0
  if (requests === 0) throw invalid(`${name} must be 'auto' or a number from 1 on`, name)
  return requests
}

/** Credentials, or what gets them. */
export const credentialsOrProvider: Check<Types.Credentials | (() => Promise<Types.Credentials>)> = (
  value,
  name,
) => {
  if (typeof value !== 'function') credentials(value, name)
  return value as Types.Credentials
}

/** Where S3 is and who asks, besides the bucket. */
export const s3Fields = {
  region: optional(string),
  endpoint: optional(string),
  forcePathStyle: optional(boolean),
  expectedBucketOwner: optional(string),
  credentials: optional(credentialsOrProvider),
}

/** A queue's bucket. */
export const s3Settings = options({ bucket: string, rootPrefix: string, ...s3Fields })

/** What an orchestrator is made of. */
export const orchestratorOptions = options({ s3: s3Settings, concurrency: optional(concurrency) })

/** What a run tells while it lasts, and what ends it early. */
type RunOptions<Event> = {
  onProgress: ((progress: Types.TransferProgress) => unknown) | undefined
  onEvent?: (event: Event) => unknown
  signal: AbortSignal | undefined
}

/** Makes orchestrators. */
export type Orchestrate = ReturnType<typeof createOrchestrate>

/** An orchestrator of the addon with what surrounds its calls. */
export type Orchestrator = ReturnType<Orchestrate>

/** The way to the engine of `backend`. */
export function createOrchestrate(backend: Backend<NativeBindings>) {
  const { bindings, pack, unpack } = backend

  /** An orchestrator of the addon, and what its credentials provider threw last. */
  return function orchestrate({ s3, ...rest }: ReturnType<typeof orchestratorOptions>) {
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

    /** Runs with callbacks and cancellation. A callback that throws ends the run with what it threw. */
    async function run<T, Event = never>(
      { onProgress, onEvent, signal }: RunOptions<Event>,
      start: (cancel: CancelHandle, onProgress: Hear | undefined, onEvent: Hear) => Promise<T>,
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
      const hearing =
        <H>(tell: (heard: H) => unknown): Hear =>
        (wire) => {
          if (failure) return
          try {
            Promise.resolve(tell(unpack(wire) as H)).catch(fail)
          } catch (thrown) {
            fail(thrown)
          }
        }
      if (signal?.aborted) abort()
      signal?.addEventListener('abort', abort)
      try {
        const done = await answer(
          () => start(cancel, onProgress && hearing(onProgress), hearing(onEvent ?? (() => {}))),
          signal,
        )
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
}
