/** What the commands ask Deadline Cloud about one queue. */

import { queueS3Settings } from '../index.js'
import { DeadlineService } from '../sync/service.js'
import type { PathFormat, S3Settings, StorageProfile } from '../types.js'
import type { QueueSettings } from './settings.js'

/** A job, as far as it is used. */
export type Job = {
  jobId: string
  name: string
  storageProfileId?: string
  attachments?: { manifests: { rootPath: string; rootPathFormat: PathFormat }[] }
}

/** A step, as far as it is used. */
export type Step = { name: string }

/** A task, as far as it is used. */
export type Task = { latestSessionActionId?: string }

export class Queue {
  readonly farmId: string
  readonly queueId: string
  readonly #service: DeadlineService
  readonly #signal: AbortSignal

  private constructor(
    ids: { farmId: string; queueId: string },
    service: DeadlineService,
    signal: AbortSignal,
  ) {
    this.farmId = ids.farmId
    this.queueId = ids.queueId
    this.#service = service
    this.#signal = signal
  }

  static async connect(
    { farmId, queueId, profile, region }: Pick<QueueSettings, 'farmId' | 'queueId' | 'profile' | 'region'>,
    signal: AbortSignal,
  ): Promise<Queue> {
    const service = await DeadlineService.connect({
      ...(profile !== undefined && { profile }),
      ...(region !== undefined && { region }),
    })
    return new Queue({ farmId, queueId }, service, signal)
  }

  job(jobId: string): Promise<Job> {
    return this.#ask('GetJob', { jobId })
  }

  step(jobId: string, stepId: string): Promise<Step> {
    return this.#ask('GetStep', { jobId, stepId })
  }

  task(jobId: string, stepId: string, taskId: string): Promise<Task> {
    return this.#ask('GetTask', { jobId, stepId, taskId })
  }

  sessionAction(jobId: string, sessionActionId: string): Promise<unknown> {
    return this.#ask('GetSessionAction', { jobId, sessionActionId })
  }

  storageProfile(storageProfileId: string): Promise<StorageProfile> {
    return this.#ask('GetStorageProfileForQueue', { storageProfileId })
  }

  /** The bucket, read with the queue's role. */
  bucket(): Promise<S3Settings> {
    const { farmId, queueId } = this
    return queueS3Settings({ farmId, queueId, deadline: this.#service.client, signal: this.#signal })
  }

  async #ask<T>(operation: string, input: object): Promise<T> {
    const { farmId, queueId } = this
    return JSON.parse(await this.#service.ask(operation, { farmId, queueId, ...input }, this.#signal)) as T
  }
}
