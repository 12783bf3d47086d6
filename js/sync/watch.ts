/** Passes on an interval, as a stream of what happens in them. */

import { setTimeout as delay } from 'node:timers/promises'

import { AttachmentsError } from '../errors.js'
import type { ErrorCode, SyncEvent, SyncResult } from '../types.js'
import { orCancelled } from './cancelling.js'

/** What time can mend. */
const temporary = new Set<ErrorCode>(['CREDENTIALS', 'DISK_FULL', 'IO', 'NETWORK', 'THROTTLED', 'TIMEOUT'])

/** What is a mistake in the beginning, and later a change that somebody may take back. */
const temporaryLater = new Set<ErrorCode>(['ACCESS_DENIED', 'NOT_FOUND'])

const longestWaitSeconds = 300

/** Runs a pass, which tells what happens. */
type Run = (tell: (event: SyncEvent) => void, signal: AbortSignal) => Promise<SyncResult>

/** Runs passes until the signal aborts. */
export async function* watch(
  run: Run,
  intervalSeconds: number,
  signal: AbortSignal,
): AsyncGenerator<SyncEvent> {
  let failuresInTurn = 0
  let hasWorked = false
  while (!signal.aborted) {
    let began = performance.now()
    let wait = intervalSeconds
    const events = new EventBuffer()
    const pass = run((event) => {
      events.push(event)
    }, signal).finally(() => {
      events.end()
    })
    // Whoever leaves the loop does not wait for it here.
    pass.catch(() => {})
    try {
      yield* events
      await pass
      failuresInTurn = 0
      hasWorked = true
    } catch (thrown) {
      const error = orCancelled(thrown, signal)
      if (!(error instanceof AttachmentsError)) throw error
      if (error.code === 'CANCELLED') return
      if (!canMend(error, hasWorked)) throw error
      wait = backOff(failuresInTurn++, intervalSeconds)
      // From now on, or a pass that was patient would leave no wait at all.
      began = performance.now()
      yield failure(error, wait)
    }
    const left = wait * 1000 - (performance.now() - began)
    await delay(Math.max(left, 0), undefined, { signal }).catch(() => {})
  }
}

/** From a second on, or the interval where that is shorter, ever longer up to some minutes. */
function backOff(failuresInTurn: number, intervalSeconds: number): number {
  const longest = Math.max(intervalSeconds, longestWaitSeconds)
  return Math.min(Math.min(1, intervalSeconds) * 2 ** failuresInTurn, longest)
}

function canMend({ code, details }: AttachmentsError, hasWorked: boolean): boolean {
  const isLocked = code === 'CHECKPOINT' && details['pid'] !== undefined
  return isLocked || temporary.has(code) || (hasWorked && temporaryLater.has(code))
}

function failure({ code, message, details }: AttachmentsError, retryInSeconds: number): SyncEvent {
  const about = { jobId: null, sessionActionId: null, localPath: null, retryInSeconds }
  return { type: 'failure', code, message, details, ...about }
}

/** Events between the pass that tells them and the loop that takes them. */
class EventBuffer implements AsyncIterable<SyncEvent> {
  #events: SyncEvent[] = []
  #isOver = false
  #wake = () => {}

  push(event: SyncEvent): void {
    this.#events.push(event)
    this.#wake()
  }

  end(): void {
    this.#isOver = true
    this.#wake()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SyncEvent> {
    for (;;) {
      const events = this.#events
      this.#events = []
      yield* events
      if (this.#events.length > 0) continue
      if (this.#isOver) return
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}
