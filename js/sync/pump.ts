/** Carries the questions of a pass to whoever knows, and the answers back. */

import { setMaxListeners } from 'node:events'

import type { SyncPass, SyncRequest } from '../types.js'
import { Following } from './cancelling.js'

/** How many questions are open at once. The SDK slows down where the service asks it to. */
const atOnce = 32

/** Answers a question with JSON text, or with `null` where there is no such thing. */
export type Ask = (request: SyncRequest, signal: AbortSignal) => Promise<string | null>

/** Asks until the pass has nothing to ask. The first question that fails ends it, with the others cancelled. */
export async function pump(pass: SyncPass, ask: Ask, signal: AbortSignal): Promise<void> {
  const asking = new Following(signal)
  // Every open question listens.
  setMaxListeners(0, asking.signal)
  const waiting: SyncRequest[] = []
  const open = new Set<Promise<void>>()
  const start = (request: SyncRequest) => {
    const answered = ask(request, asking.signal).then((json) => {
      if (json === null) pass.notFound(request.id)
      else pass.answer(request.id, json)
      // One whose answer is of no use stays, for the race to find.
      open.delete(answered)
    })
    open.add(answered)
  }
  try {
    while (!pass.isReady) {
      waiting.push(...pass.requests())
      while (open.size < atOnce && waiting.length > 0) start(waiting.pop()!)
      if (open.size === 0) throw new Error('the pass asks nothing and is not ready')
      await Promise.race(open)
    }
  } finally {
    asking.abort()
    asking.end()
    await Promise.allSettled(open)
  }
}
