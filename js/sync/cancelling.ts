/** Cancellation: by the caller, whose signal may come from another realm, or by us. */

import { AttachmentsError } from '../errors.js'

/** A signal of our own that follows the caller's. */
export class Following {
  readonly #controller = new AbortController()
  readonly #theirs: AbortSignal | undefined

  constructor(theirs: AbortSignal | undefined) {
    this.#theirs = theirs
    if (theirs?.aborted) this.#follow()
    theirs?.addEventListener('abort', this.#follow)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  abort(reason?: unknown): void {
    this.#controller.abort(reason)
  }

  /** Follows no more. */
  end(): void {
    this.#theirs?.removeEventListener('abort', this.#follow)
  }

  readonly #follow = () => {
    this.#controller.abort(this.#theirs?.reason)
  }
}

/** What was thrown, or, where the signal has aborted, that it was. */
export function orCancelled(thrown: unknown, signal: AbortSignal): unknown {
  if (!signal.aborted || (thrown instanceof AttachmentsError && thrown.code === 'CANCELLED')) return thrown
  return new AttachmentsError('CANCELLED', 'it was cancelled', {}, { cause: signal.reason })
}

/** Waits for what cannot be cancelled, but no longer than the signal allows. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let abort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    abort = () => {
      reject(orCancelled(undefined, signal))
    }
  })
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort)
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
