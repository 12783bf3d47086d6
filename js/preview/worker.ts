/** The worker's end: loads WebAssembly, then answers one call after another. */

import { AttachmentsError, init } from '../wasm.js'
import { PlanModel } from './model.js'
import type { Model, Request, Response } from './protocol.js'

type Answer = (...parameters: unknown[]) => unknown

const model: Model = new PlanModel()
const ready = init()
// A failure is told to whoever calls; it must not also be one that nobody handles.
ready.catch(() => {})

self.addEventListener('message', ({ data }: MessageEvent<Request>) => void answer(data))

async function answer({ id, method, parameters }: Request): Promise<void> {
  let response: Response
  try {
    await ready
    response = { id, result: await (model[method] as Answer).apply(model, parameters) }
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown)
    response = { id, problem: { code: thrown instanceof AttachmentsError ? thrown.code : null, message } }
  }
  self.postMessage(response)
}
