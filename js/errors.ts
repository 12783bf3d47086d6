/** The error class, and the way errors come out of Rust: as JSON in the message of a plain Error. */

import type * as Types from './types.js'

export class AttachmentsError extends Error implements Types.AttachmentsError {
  override readonly name: 'AttachmentsError' | 'AbortError'
  readonly code: Types.ErrorCode
  readonly details: Readonly<Record<string, unknown>>

  constructor(
    code: Types.ErrorCode,
    message: string,
    details: Record<string, unknown> = {},
    options?: { cause?: unknown },
  ) {
    super(message, options)
    this.name = code === 'CANCELLED' ? 'AbortError' : 'AttachmentsError'
    this.code = code
    this.details = details
  }

  toJSON(): Types.ErrorData {
    const { name, code, message, details } = this
    return { name, code, message, details }
  }
}

/** What a binding threw, as an AttachmentsError; anything that is not one of ours comes back as it is. */
export function fromBinding(
  thrown: unknown,
  causes: Partial<Record<Types.ErrorCode, unknown>> = {},
): unknown {
  if (!(thrown instanceof Error) || !thrown.message.startsWith('{"code":')) return thrown
  const { code, message, details } = JSON.parse(thrown.message) as Omit<Types.ErrorData, 'name'>
  const cause = causes[code]
  return new AttachmentsError(code, message, details, cause === undefined ? undefined : { cause })
}

/** Functions that call into a binding, each as {@link calling} does. */
export function allCalling<F extends object>(functions: F): F {
  const wrapped = Object.entries(functions as Record<string, (...parameters: unknown[]) => unknown>).map(
    ([name, call]) => ({
      [name]: (...parameters: unknown[]) => calling(() => call(...parameters)),
    }),
  )
  return Object.assign({}, ...wrapped) as F
}

/** Calls into a binding, with its errors made into AttachmentsErrors. */
export function calling<T>(call: () => T): T {
  try {
    return call()
  } catch (thrown) {
    throw fromBinding(thrown)
  }
}
