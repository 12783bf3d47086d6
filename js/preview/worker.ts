/** The worker's end: loads WebAssembly, then answers one call after another; without it the worker is good for nothing. */

import { AttachmentsError, init } from '../wasm.js'
import { PlanModel } from './model.js'
import type { Model, Request, Response } from './protocol.js'

type Answer = (...parameters: unknown[]) => unknown

const model: Model = new PlanModel()
const ready = init()
// A failure is told to whoever calls; it must not also be one that nobody handles.
ready.catch(() => {})

/** Why no call will ever be answered. */
class Unusable extends Error {}

function unusable(reason: unknown): never {
  const why = reason instanceof Error ? reason.message : String(reason)
  throw new Unusable(
    `its WebAssembly could not be loaded (${why}); is it served, and does the page’s policy allow 'wasm-unsafe-eval'?`,
  )
}

self.addEventListener('message', ({ data }: MessageEvent<Request>) => void answer(data))

async function answer({ id, method, parameters }: Request): Promise<void> {
  let response: Response
  try {
    await ready.catch(unusable)
    response = { id, result: await (model[method] as Answer).apply(model, parameters) }
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown)
    const code = thrown instanceof AttachmentsError ? thrown.code : null
    response = { id, problem: { code, message }, isWorkers: thrown instanceof Unusable }
  }
  self.postMessage(response)
}
