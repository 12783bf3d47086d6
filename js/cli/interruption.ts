/**
 * Why a run ends early: Ctrl-C, once to stop cleanly and twice to stop at once, or nobody reads what it prints, or that
 * cannot be written.
 */

import { setImmediate } from 'node:timers/promises'

import { status } from './failure.js'

const endings = { SIGINT: status.interrupted, SIGTERM: status.terminated } as const

/** Whoever read us has gone: a program, a program on Windows, a terminal. */
const unread = ['EPIPE', 'EOF', 'EIO']

/** Aborts its signal when the process is asked to end, and says with which status it then should. */
export class Interruption {
  readonly #controller = new AbortController()
  #status: number | undefined
  #failure: Error | undefined

  constructor() {
    for (const [name, ending] of Object.entries(endings)) {
      process.on(name, () => {
        if (this.#status !== undefined) process.exit(ending)
        this.#end(ending)
      })
    }
    // Whoever reads us may have seen enough, as `head` has. Node takes the place of SIGPIPE, which would kill us.
    for (const stream of [process.stdout, process.stderr]) {
      stream.on('error', (error: NodeJS.ErrnoException) => {
        if (unread.includes(error.code ?? '')) this.#end(status.unread)
        else {
          this.#failure ??= error
          this.#end(status.failed)
        }
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

  /** Why what is printed cannot be written: the disk is full, for one. */
  get failure(): Error | undefined {
    return this.#failure
  }

  /** Between two parts of work that has no pause: hears what has come meanwhile, and ends if that is to end. */
  async listen(): Promise<void> {
    await setImmediate()
    this.signal.throwIfAborted()
  }

  #end(ending: number): void {
    this.#status ??= ending
    this.#controller.abort()
  }
}
