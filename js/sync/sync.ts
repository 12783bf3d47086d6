/** `syncOutputs`, `watchOutputs` and `queueS3Settings`. Node only. */

import type { Backend } from '../backend.js'
import type { Downloads } from '../face.js'
import type { NativeBindings } from '../orchestrate.js'
import type { SyncEvent, SyncPass as SyncPassClass } from '../types.js'
import { Following, orCancelled } from './cancelling.js'
import { queueSettings, type SyncSettings, syncSettings, watchSettings } from './options.js'
import { PassRunner } from './pass.js'
import { Queue } from './queue.js'
import { queueBucket } from './queue-bucket.js'
import { DeadlineService } from './service.js'
import { watch } from './watch.js'

/** Incremental sync over the addon. */
export function createSync(
  backend: Backend<NativeBindings>,
  SyncPass: typeof SyncPassClass,
): Pick<Downloads, 'queueS3Settings' | 'syncOutputs' | 'watchOutputs'> {
  async function connect(settings: SyncSettings, signal: AbortSignal) {
    const queue = new Queue(backend, settings, await DeadlineService.connect(settings), signal)
    return { queue, passes: new PassRunner(backend, SyncPass, queue, settings) }
  }

  return {
    async queueS3Settings(given) {
      const { signal = new AbortController().signal, ...settings } = queueSettings(given)
      return queueBucket(await DeadlineService.connect(settings), settings, {}, signal)
    },

    async syncOutputs(given) {
      const { onEvent, ...settings } = syncSettings(given)
      const following = new Following(settings.signal)
      const { signal } = following
      let failure: { thrown: unknown } | undefined
      const tell = (event: SyncEvent) => {
        // A callback may be asynchronous, and fail later.
        void Promise.resolve(onEvent?.(event)).catch((thrown: unknown) => {
          failure ??= { thrown }
          following.abort(thrown)
        })
      }
      try {
        const { passes } = await connect(settings, signal)
        signal.throwIfAborted()
        return await passes.run(tell, signal)
      } catch (thrown) {
        throw failure ? failure.thrown : orCancelled(thrown, signal)
      } finally {
        following.end()
      }
    },

    async *watchOutputs(given) {
      const { intervalSeconds = 60, ...settings } = watchSettings(given)
      const following = new Following(settings.signal)
      const { signal } = following
      let running: Promise<unknown> = Promise.resolve()
      try {
        const { queue, passes } = await connect(settings, signal)
        yield* watch(
          (tell, within) => {
            const pass = passes.run(tell, within)
            running = pass.catch(() => {
              queue.forgetBucket()
            })
            return pass
          },
          intervalSeconds,
          signal,
        )
      } finally {
        // Whoever leaves the loop finds the pass ended and the lock free.
        following.abort()
        following.end()
        await running
      }
    },
  }
}
