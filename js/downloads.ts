/** What needs the network and the disk: arguments in, the native engine, plain answers out. Node only. */

import {
  abortSignal,
  boolean,
  callback,
  list,
  oneOf,
  optional,
  options,
  record,
  string,
} from './arguments.js'
import type { Backend } from './backend.js'
import {
  type Downloads,
  manifestLocation,
  matchPathsBy,
  outputManifestScope,
  pathFormat,
  storageProfile,
} from './face.js'
import { DownloadPlan, Handle, Manifest, ResolvedManifestPaths } from './handles.js'
import {
  concurrency,
  createOrchestrate,
  type NativeBindings,
  orchestratorOptions,
  type OutputsHandle,
  s3Settings,
} from './orchestrate.js'
import type * as Types from './types.js'

/** How files are transferred. */
export const transferFields = {
  conflictResolution: optional(oneOf('skip', 'overwrite', 'createCopy')),
  verify: optional(oneOf('size', 'hash')),
  failFast: optional(boolean),
  applyDeletions: optional(boolean),
  concurrency: optional(concurrency),
  dryRun: optional(boolean),
  onProgress: optional(callback<[Types.TransferProgress]>),
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

/** The downloading half of the package over the addon. */
export function createDownloads(
  backend: Backend<NativeBindings>,
): Omit<Downloads, 'queueS3Settings' | 'syncOutputs' | 'watchOutputs'> {
  const { pack, unpack } = backend

  const orchestrate = createOrchestrate(backend)

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
