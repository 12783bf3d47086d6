/** Entries as documents and as text. A million of them are written in parts, so that the worker stays attentive. */

import type { PlanEntry, PlanTotals, PlanView } from '../types.js'
import { isoTime } from './format.js'

const part = 5_000

const columns: [string, (entry: PlanEntry) => string | number | null | undefined][] = [
  ['status', ({ status }) => status],
  ['sourcePath', ({ sourcePath }) => sourcePath],
  ['localPath', ({ localPath }) => localPath],
  ['size', ({ size }) => size],
  ['modified', ({ mtime }) => (mtime === undefined ? undefined : isoTime(mtime))],
  ['reasonCode', ({ reason }) => reason?.code],
  ['reason', ({ reason }) => reason?.message],
  ['rootPath', ({ rootPath }) => rootPath],
  ['path', ({ path }) => path],
  ['hash', ({ hash }) => hash],
  ['jobId', ({ jobId }) => jobId],
]

/** Comma-separated values as RFC 4180 has them, with a line of names, for a spreadsheet: see `cell`. */
export async function csv(view: PlanView): Promise<Blob> {
  // Spreadsheets take what begins with this mark as UTF-8.
  const parts = [`\ufeff${columns.map(([name]) => name).join(',')}\r\n`]
  for await (const entries of pages(view)) {
    parts.push(entries.map((entry) => `${columns.map(([, of]) => cell(of(entry))).join(',')}\r\n`).join(''))
  }
  return new Blob(parts, { type: 'text/csv;charset=utf-8' })
}

/** One object: the totals, whose rules the entries name by index, and the entries. */
export async function json(view: PlanView, totals: PlanTotals): Promise<Blob> {
  const parts = [`{"totals":${JSON.stringify(totals)},"entries":[`]
  for await (const entries of pages(view)) {
    parts.push(parts.length > 1 ? ',\n' : '\n', entries.map((entry) => JSON.stringify(entry)).join(',\n'))
  }
  parts.push('\n]}\n')
  return new Blob(parts, { type: 'application/json' })
}

/** Source and destination with a tab between them, a line for each entry: what a spreadsheet takes. */
export function lines(entries: PlanEntry[]): string {
  return entries.map(({ sourcePath, localPath }) => `${sourcePath}\t${localPath ?? ''}`).join('\n')
}

async function* pages(view: PlanView): AsyncGenerator<PlanEntry[]> {
  for (let offset = 0; offset < view.entryCount; offset += part) {
    yield view.entries(offset, part)
    await new Promise((resolve) => setTimeout(resolve))
  }
}

function cell(value: string | number | null | undefined): string {
  // A file's name is never a formula: an apostrophe makes a spreadsheet take it as text.
  const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value ?? '')
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
