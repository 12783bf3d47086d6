/** Ctrl-C: once to stop cleanly, twice to stop at once. */

import { status } from './failure.js'

const endings = { SIGINT: status.interrupted, SIGTERM: status.terminated } as const

/** Aborts its signal when the process is asked to end, and says with which status it then should. */
export class Interruption {
  readonly #controller = new AbortController()
  #status: number | undefined

  constructor() {
    for (const [name, ending] of Object.entries(endings)) {
      process.on(name, () => {
        if (this.#status !== undefined) process.exit(ending)
        this.#status = ending
        this.#controller.abort()
      })
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Undefined as long as nobody has asked to end. */
  get status(): number | undefined {
    return this.#status
  }
}
