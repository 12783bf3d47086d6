/**
 * Checks what callers pass before it crosses into Rust, and copies it clean: strings well formed, integers
 * safe, no field that nobody asked for. Both faces share it, so both refuse the same calls with the same words.
 */

import { AttachmentsError } from './errors.js'

/** Gives the value back, clean, or throws INVALID_ARGUMENT with the name of the argument. */
export type Check<T> = (value: unknown, name: string) => T

type Checked<Fields> = {
  [Name in keyof Fields as undefined extends Result<Fields[Name]> ? never : Name]: Result<Fields[Name]>
} & {
  [Name in keyof Fields as undefined extends Result<Fields[Name]> ? Name : never]?: Exclude<
    Result<Fields[Name]>,
    undefined
  >
}
type Result<C> = C extends Check<infer T> ? T : never

/** The error for an argument that cannot be used. */
export function invalid(message: string, argument: string): AttachmentsError {
  return new AttachmentsError('INVALID_ARGUMENT', message, { argument })
}

/** Refuses a value without repeating it: it may be a secret. */
function refuse(value: unknown, name: string, wanted: string): never {
  const is = value === null ? 'null' : Array.isArray(value) ? 'an array' : `of type ${typeof value}`
  throw invalid(
    value === undefined ? `${name} is missing; give ${wanted}` : `${name} must be ${wanted}; it is ${is}`,
    name,
  )
}

/** Lone surrogates cannot be written in UTF-8; they become U+FFFD, as everywhere on the web. */
const wellFormed: (text: string) => string =
  'toWellFormed' in String.prototype
    ? (text) => (text as string & { toWellFormed(): string }).toWellFormed()
    : (text) =>
        text.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd')

export const string: Check<string> = (value, name) =>
  typeof value === 'string' ? wellFormed(value) : refuse(value, name, 'a string')

export const boolean: Check<boolean> = (value, name) =>
  typeof value === 'boolean' ? value : refuse(value, name, 'true or false')

export const integer: Check<number> = (value, name) => {
  if (typeof value !== 'number') return refuse(value, name, 'an integer')
  if (!Number.isSafeInteger(value)) {
    throw invalid(`${name} must be an integer between -(2^53 - 1) and 2^53 - 1; it is ${value}`, name)
  }
  return value
}

/** Bytes, from whichever realm. */
export const bytes: Check<Uint8Array> = (value, name) =>
  isTagged(value, 'Uint8Array') && ArrayBuffer.isView(value)
    ? (value as Uint8Array)
    : refuse(value, name, 'a string or a Uint8Array')

/** Milliseconds since the epoch of a Date from whichever realm, or of its ISO text. */
export const milliseconds: Check<number> = (value, name) => {
  const ms =
    typeof value === 'string' ? Date.parse(value) : isTagged(value, 'Date') ? (value as Date).getTime() : NaN
  return Number.isNaN(ms) ? refuse(value, name, 'a valid Date or its ISO text') : ms
}

/** An AbortSignal, or what does as one. */
export const abortSignal: Check<AbortSignal> = (value, name) => {
  const { aborted, addEventListener, removeEventListener } = (value ?? {}) as Partial<AbortSignal>
  return typeof aborted === 'boolean' &&
    typeof addEventListener === 'function' &&
    typeof removeEventListener === 'function'
    ? (value as AbortSignal)
    : refuse(value, name, 'an AbortSignal')
}

/** A function that is told something. */
export function callback<Told extends unknown[]>(value: unknown, name: string): (...told: Told) => unknown {
  if (typeof value === 'function') return value as (...told: Told) => unknown
  throw invalid(`${name} must be a function`, name)
}

/** An integer that counts something. */
export const count: Check<number> = (value, name) => {
  const n = integer(value, name)
  if (n < 0) throw invalid(`${name} must not be negative; it is ${n}`, name)
  return n
}

/** A number that measures something. */
export const amount: Check<number> = (value, name) => {
  if (typeof value === 'number' && value >= 0 && Number.isFinite(value)) return value
  throw invalid(`${name} must be a number from 0 on`, name)
}

export function oneOf<T extends string>(...choices: T[]): Check<T> {
  const wanted = choices.map((choice) => `'${choice}'`).join(' or ')
  return (value, name) => {
    if (typeof value !== 'string') return refuse(value, name, wanted)
    if (!choices.includes(value as T)) throw invalid(`${name} must be ${wanted}; it is another text`, name)
    return value as T
  }
}

export function list<T>(check: Check<T>): Check<T[]> {
  return (value, name) =>
    Array.isArray(value)
      ? // Not `map`, which passes over holes.
        Array.from(value, (item, index) => check(item, `${name}[${index}]`))
      : refuse(value, name, 'an array')
}

/** An object used as a map. */
export function record<T>(check: Check<T>): Check<Record<string, T>> {
  return (value, name) => {
    if (!isObject(value)) return refuse(value, name, 'an object')
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [
        wellFormed(key),
        check(item, `${name}[${JSON.stringify(key)}]`),
      ]),
    )
  }
}

/** A field that may be left out; `null` counts as left out. */
export function optional<T>(check: Check<T>): Check<T | undefined> {
  return (value, name) => (value === undefined || value === null ? undefined : check(value, name))
}

/**
 * Data with known fields. Others are left behind: what a service answers may carry more than we use. Without a
 * name, fields go by their own and the whole by `whole`.
 */
export function shape<Fields extends Record<string, Check<unknown>>>(
  fields: Fields,
  whole = 'options',
): Check<Checked<Fields>> {
  return (value, name) => {
    if (!isObject(value)) return refuse(value, name === '' ? whole : name, 'an object')
    const clean: Record<string, unknown> = {}
    for (const [field, check] of Object.entries(fields)) {
      const item = check(value[field], name === '' ? field : `${name}.${field}`)
      if (item !== undefined) clean[field] = item
    }
    return clean as Checked<Fields>
  }
}

/** Options with known names. An unknown name is a mistake that would silently change what happens. */
export function options<Fields extends Record<string, Check<unknown>>>(
  fields: Fields,
  whole?: string,
): Check<Checked<Fields>> {
  const known = Object.keys(fields)
  const check = shape(fields, whole)
  return (value, name) => {
    if (isObject(value)) {
      const unknown = Object.keys(value).find((key) => !known.includes(key))
      if (unknown !== undefined) {
        const where = name === '' ? '' : ` of ${name}`
        throw invalid(
          `unknown option '${unknown}'${where}; did you mean '${nearest(unknown, known)}'?`,
          unknown,
        )
      }
    }
    return check(value, name)
  }
}

/** `instanceof` for values that may come from another realm: a window, a `vm` context. */
function isTagged(value: unknown, tag: string): boolean {
  return Object.prototype.toString.call(value) === `[object ${tag}]`
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The name that takes the fewest edits to reach. */
function nearest(name: string, known: string[]): string | undefined {
  const distances = new Map(
    known.map((candidate) => [candidate, editDistance(name.toLowerCase(), candidate.toLowerCase())]),
  )
  return [...known].sort((a, b) => distances.get(a)! - distances.get(b)!)[0]
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let line = 1; line <= a.length; line++) {
    const next = [line]
    for (let column = 1; column <= b.length; column++) {
      const replaced = row[column - 1]! + (a[line - 1] === b[column - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[column]! + 1, next[column - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}
