/** A queue as a pass meets it: the service, and, once something is to be fetched, the bucket. */

import type { Backend } from '../backend.js'
import { AttachmentsError } from '../errors.js'
import { createOrchestrate, type NativeBindings, type Orchestrator } from '../orchestrate.js'
import type { SyncRequest } from '../types.js'
import { unlessAborted } from './cancelling.js'
import type { SyncSettings } from './options.js'
import { queueBucket } from './queue-bucket.js'
import { DeadlineService } from './service.js'

/** The queue's bucket, ready to be read. */
type Bucket = { orchestrator: Orchestrator; rootPrefix: string }

/** What of the options says which queue it is, and how to get there. */
type QueueSettings = Pick<
  SyncSettings,
  'farmId' | 'queueId' | 'region' | 'profile' | 'credentials' | 'deadline' | 's3' | 'concurrency'
>

export class Queue {
  readonly #backend: Backend<NativeBindings>
  readonly #settings: QueueSettings
  readonly #service: DeadlineService
  readonly #signal: AbortSignal
  #bucket: Promise<Bucket> | undefined

  /** @param signal ends what the bucket's credentials are asked with, for as long as it is used */
  constructor(
    backend: Backend<NativeBindings>,
    settings: QueueSettings,
    service: DeadlineService,
    signal: AbortSignal,
  ) {
    this.#backend = backend
    this.#settings = settings
    this.#service = service
    this.#signal = signal
  }

  /** The bucket; looked for when it is first needed, and again after a failure. */
  bucket(): Promise<Bucket> {
    this.#bucket ??= this.#open().catch((thrown: unknown) => {
      this.#bucket = undefined
      throw thrown
    })
    return this.#bucket
  }

  /** Forgets the bucket: the queue's settings may change between passes. */
  forgetBucket(): void {
    this.#bucket = undefined
  }

  /**
   * Asks for what every download needs.
   *
   * @throws `NOT_FOUND` where there is no such queue or storage profile, or the queue has no bucket
   */
  async check(storageProfileId: string | undefined, signal: AbortSignal): Promise<void> {
    const { farmId, queueId } = this.#settings
    await this.bucket()
    if (storageProfileId === undefined) return
    await this.#service.ask('GetStorageProfileForQueue', { farmId, queueId, storageProfileId }, signal)
  }

  /** Answers a question of a pass. */
  async ask({ operation, input }: SyncRequest, signal: AbortSignal): Promise<string | null> {
    if (operation === 'ListOutputManifests') return unlessAborted(this.#listOutputManifests(input), signal)
    const { farmId, queueId } = this.#settings
    const where = operation === 'SearchJobs' ? { farmId, queueIds: [queueId] } : { farmId, queueId }
    try {
      return await this.#service.ask(operation, { ...where, ...withDates(input) }, signal)
    } catch (thrown) {
      if (thrown instanceof AttachmentsError && thrown.code === 'NOT_FOUND') return null
      throw thrown
    }
  }

  async #listOutputManifests(scope: object): Promise<string> {
    const { pack, unpack } = this.#backend
    const { farmId, queueId } = this.#settings
    const { orchestrator, rootPrefix } = await this.bucket()
    const location = pack({ rootPrefix, farmId, queueId })
    const how = pack({ scope, selectLatestPerTask: false })
    const { handle, answer } = orchestrator
    return JSON.stringify(unpack(await answer(() => handle.discoverOutputManifestKeys(location, how))))
  }

  async #open(): Promise<Bucket> {
    const { s3 = {}, concurrency } = this.#settings
    const settings = await queueBucket(this.#service, this.#settings, s3, this.#signal)
    const orchestrate = createOrchestrate(this.#backend)
    const orchestrator = orchestrate({ s3: settings, ...(concurrency && { concurrency }) })
    return { orchestrator, rootPrefix: settings.rootPrefix }
  }
}

/** The SDK wants times as Dates. */
function withDates(input: object): object {
  const revive = (name: string, value: unknown) => (name === 'dateTime' ? new Date(value as number) : value)
  return JSON.parse(JSON.stringify(input), revive) as object
}
