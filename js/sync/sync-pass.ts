/** The decisions of incremental sync over either binding. */

import { amount, boolean, count, integer, list, optional, options, shape, string } from '../arguments.js'
import type { Backend, SyncBindings, SyncPassHandle } from '../backend.js'
import { calling } from '../errors.js'
import { Handle } from '../handles.js'
import type * as Types from '../types.js'
import { inWords } from './words.js'

const passOptions = options({
  localStorageProfileId: optional(string),
  now: count,
  bootstrapLookbackMinutes: optional(amount),
  checkpoint: optional(string),
  failedJobs: optional(string),
  sidecar: optional(string),
})

const plannedSources = list(
  shape({ source: count, files: count, lastModified: optional(integer), isOverwritten: optional(boolean) }),
)

const landedFiles = list(shape({ source: count, localPath: string }))

const failedFiles = list(shape({ source: count, localPath: optional(string), code: string, message: string }))

/** The class over `backend`, which `init` makes ready. */
export function createSyncPass(
  backend: Backend<SyncBindings>,
  init: typeof Types.SyncPass.init,
): typeof Types.SyncPass {
  const { pack } = backend

  return class SyncPass extends Handle<SyncPassHandle> implements Types.SyncPass {
    static readonly init = init

    readonly #localStorageProfileId: string | undefined

    constructor(given: Types.SyncPassOptions) {
      const clean = passOptions(given, '')
      const wire = pack({ bootstrapLookbackMinutes: 0, ...clean })
      super(
        backend,
        calling(() => backend.bindings.createSyncPass(wire)),
      )
      this.#localStorageProfileId = clean.localStorageProfileId
    }

    get isReady(): boolean {
      return this.ask((held) => held.isReady())
    }

    requests(): Types.SyncRequest[] {
      return this.read((held) => held.requests())
    }

    answer(id: number, json: string): void {
      const [number, text] = [count(id, 'id'), string(json, 'json')]
      this.ask((held) => {
        held.answer(number, text)
      })
    }

    notFound(id: number): void {
      const number = count(id, 'id')
      this.ask((held) => {
        held.notFound(number)
      })
    }

    report(): Types.SyncReport {
      const report = this.read<Types.SyncReport>((held) => held.report())
      const profiles = this.storageProfiles()
      const jobs = report.jobs.map((job) => ({
        ...job,
        message: inWords(job, profiles, this.#localStorageProfileId),
      }))
      return { ...report, jobs }
    }

    sources(): Types.SyncSource[] {
      return this.read((held) => held.sources())
    }

    writtenSince(): Types.WrittenFiles[] {
      return this.read((held) => held.writtenSince())
    }

    storageProfiles(): Types.StorageProfile[] {
      return this.read((held) => held.storageProfiles())
    }

    get outstandingTaskRuns(): number {
      return this.ask((held) => held.outstandingTaskRuns())
    }

    planned(sources: Parameters<Types.SyncPass['planned']>[0]): void {
      const wire = pack(plannedSources(sources, 'sources'))
      this.ask((held) => {
        held.planned(wire)
      })
    }

    landed(files: Parameters<Types.SyncPass['landed']>[0]): void {
      const wire = pack(landedFiles(files, 'files'))
      this.ask((held) => {
        held.landed(wire)
      })
    }

    failed(files: Parameters<Types.SyncPass['failed']>[0]): void {
      const wire = pack(failedFiles(files, 'files'))
      this.ask((held) => {
        held.failed(wire)
      })
    }

    save(finished: boolean): Types.SyncFiles {
      const flag = boolean(finished, 'finished')
      return this.read((held) => held.save(flag))
    }

    saved(): void {
      this.ask((held) => {
        held.saved()
      })
    }
  }
}
