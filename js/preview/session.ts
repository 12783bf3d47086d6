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
  readonly #worker: Worker | null
  #calls = 0
  #failure: Failure | null = null

  /** Why the worker is gone; `null` while it is there. */
  get failure(): Failure | null {
    return this.#failure
  }

  constructor() {
    this.#worker = this.#start()
  }

  #start(): Worker | null {
    try {
      // Bundlers look for exactly this expression.
      const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
      worker.addEventListener('message', ({ data }: MessageEvent<Response>) => this.#answered(data))
      worker.addEventListener('error', (event) => {
        this.#stopped(
          event.message || 'its script could not be loaded; is it served, and does the CSP allow it?',
        )
      })
      return worker
    } catch (error) {
      // Told as any other end of it is, after the calls.
      setTimeout(() => {
        this.#stopped(
          `${(error as Error).message.replace(/\.$/, '')}; a worker’s script must come from where the page does`,
        )
      })
      return null
    }
  }

  #answered(response: Response): void {
    if ('problem' in response && response.isWorkers) {
      this.#stopped(response.problem.message)
      return
    }
    const waiting = this.#waiting.get(response.id)
    this.#waiting.delete(response.id)
    if ('problem' in response) waiting?.reject(new Failure(response.problem))
    else waiting?.resolve(response.result as never)
  }

  #stopped(why: string): void {
    this.#end(new Failure({ code: null, message: `the preview’s worker stopped: ${why}` }))
  }

  call<M extends keyof Model>(method: M, ...parameters: Parameters<Model[M]>): Promise<Result<Model[M]>> {
    // A worker that is gone would leave a caller waiting for ever.
    if (this.#failure) return Promise.reject(this.#failure)
    const request: Request = { id: ++this.#calls, method, parameters }
    return new Promise((resolve, reject) => {
      // What cannot be sent is refused here, and waits for nothing.
      this.#worker?.postMessage(request)
      this.#waiting.set(request.id, { resolve, reject })
    })
  }

  /** Ends the worker with all memory that it holds. Calls under way are rejected. */
  close(): void {
    this.#worker?.terminate()
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
 * was asked for before. Its `settled` settles when nothing runs any more.
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
  const start = (...parameters: A): Promise<void> => {
    next = parameters
    running ??= run()
    return running
  }
  return Object.assign(start, { settled: async () => running })
}
