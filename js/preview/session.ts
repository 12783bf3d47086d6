/** The page's end of the worker: a call is a promise. */

import type { Model, Problem, Request, Response } from './protocol.js'

type Parameters<F> = F extends (...parameters: infer P) => unknown ? P : never
type Result<F> = F extends (...parameters: never[]) => infer R ? Awaited<R> : never
type Waiting = { resolve: (value: never) => void; reject: (reason: unknown) => void }

/** A call that the worker could not answer. */
export class Failure extends Error {
  constructor(readonly problem: Problem) {
    super(problem.message)
  }
}

/** A call that nobody waits for any more. */
export class Closed extends Failure {
  constructor() {
    super({ code: null, message: 'the preview was closed' })
  }
}

/** A worker of its own, until it is closed. */
export class Session {
  readonly #waiting = new Map<number, Waiting>()
  readonly #worker: Worker
  #calls = 0
  #failure: Failure | null = null

  /** Why the worker is gone; `null` while it is there. */
  get failure(): Failure | null {
    return this.#failure
  }

  constructor() {
    // Bundlers look for exactly this expression.
    this.#worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
    this.#worker.addEventListener('message', ({ data }: MessageEvent<Response>) => {
      const waiting = this.#waiting.get(data.id)
      this.#waiting.delete(data.id)
      if ('problem' in data) waiting?.reject(new Failure(data.problem))
      else waiting?.resolve(data.result as never)
    })
    this.#worker.addEventListener('error', (event) => {
      const why = event.message || 'its script could not be loaded; is it served, and does the CSP allow it?'
      this.#end(new Failure({ code: null, message: `the preview’s worker stopped: ${why}` }))
    })
  }

  call<M extends keyof Model>(method: M, ...parameters: Parameters<Model[M]>): Promise<Result<Model[M]>> {
    // A worker that is gone would leave a caller waiting for ever.
    if (this.#failure) return Promise.reject(this.#failure)
    const request: Request = { id: ++this.#calls, method, parameters }
    return new Promise((resolve, reject) => {
      this.#waiting.set(request.id, { resolve, reject })
      this.#worker.postMessage(request)
    })
  }

  /** Ends the worker with all memory that it holds. Calls under way are rejected. */
  close(): void {
    this.#worker.terminate()
    this.#end(new Closed())
  }

  #end(failure: Failure): void {
    this.#failure ??= failure
    for (const { reject } of this.#waiting.values()) reject(failure)
    this.#waiting.clear()
  }
}

/**
 * Makes a function that runs `task` for the newest arguments only: what is asked for while one runs replaces what
 * was asked for before.
 */
export function newestOnly<A extends unknown[]>(task: (...parameters: A) => Promise<void>) {
  let next: A | undefined
  let running: Promise<void> | undefined
  const run = async () => {
    while (next) {
      const parameters = next
      next = undefined
      await task(...parameters)
    }
    running = undefined
  }
  return (...parameters: A): Promise<void> => {
    next = parameters
    running ??= run()
    return running
  }
}
