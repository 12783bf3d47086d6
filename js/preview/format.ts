/** Numbers, sizes, times and paths as people read them. */

import type { PathFormat } from '../types.js'

const numbers = new Intl.NumberFormat('en-US')
const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

export function count(n: number): string {
  return numbers.format(n)
}

/** A count with its noun. */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`
}

/** Bytes, in powers of a thousand as file managers show them. */
export function bytes(n: number): string {
  const power = Math.min(Math.floor(Math.log10(Math.max(n, 1)) / 3), units.length - 1)
  return `${power === 0 ? n : (n / 1000 ** power).toFixed(1)} ${units[power]!}`
}

/** Microseconds since the epoch as local time, to the minute. */
export function localTime(microseconds: number): string {
  const date = new Date(microseconds / 1000)
  if (Number.isNaN(date.getTime())) return isoTime(microseconds)
  const two = (n: number) => String(n).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`
}

/** Microseconds since the epoch as ISO text, to the microsecond; as a number where no date reaches that far. */
export function isoTime(microseconds: number): string {
  const date = new Date(Math.floor(microseconds / 1000))
  if (Number.isNaN(date.getTime())) return String(microseconds)
  const beyond = ((microseconds % 1000) + 1000) % 1000
  return date.toISOString().replace('Z', `${String(beyond).padStart(3, '0')}Z`)
}

/** Words as a sentence begins, where they begin with a word and not with somebody's name for a file. */
export function sentence(words: string): string {
  return words.replace(/^[a-z]/, (letter) => letter.toUpperCase())
}

/** A path up to its last separator, and the name behind it. */
export function split(path: string): { folder: string; name: string } {
  const end = Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1
  return { folder: path.slice(0, end), name: path.slice(end) }
}

/** The format that an absolute path is written in; `null` where it is not absolute. */
export function formatOf(path: string): PathFormat | null {
  if (/^(?:[a-z]:[\\/]|\\\\[^\\])/i.test(path)) return 'windows'
  return path.startsWith('/') ? 'posix' : null
}
