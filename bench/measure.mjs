// What all benchmarks share: runs in turn, medians with their spread, and a table.

import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { root } from '../scripts/build.mjs'

/** The JSON that a command prints as its last line. */
export function json(command, parameters) {
  const printed = execFileSync(command, parameters, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 })
  return JSON.parse(printed.trim().split('\n').at(-1))
}

/** The Python of the interop tests' environment, where it has been made. */
export function python() {
  const file = join(root, 'target/interop/bin/python')
  return existsSync(file) ? file : null
}

/** Runs every contestant `runs` times, in turn, so that a machine that slows down slows them all. */
export function interleaved(contestants, runs) {
  const results = Object.fromEntries(Object.keys(contestants).map((name) => [name, []]))
  for (let i = 0; i < runs; i++)
    for (const [name, contestant] of Object.entries(contestants)) results[name].push(contestant())
  return results
}

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b)
  return (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.ceil((sorted.length - 1) / 2)]) / 2
}

/** The median of seconds with the least and the most. */
export function spread(seconds) {
  const show = (n) => (n < 10 ? n.toFixed(2) : n.toFixed(1))
  return `${show(median(seconds))} (${show(Math.min(...seconds))}–${show(Math.max(...seconds))})`
}

/** Prints rows with the same fields as a Markdown table. */
export function table(rows) {
  const names = Object.keys(rows[0])
  const width = (name) => Math.max(name.length, ...rows.map((row) => String(row[name]).length))
  const line = (cells) => `| ${cells.map((cell, i) => String(cell).padEnd(width(names[i]))).join(' | ')} |`
  console.log(
    [
      line(names),
      line(names.map((n) => '-'.repeat(width(n)))),
      ...rows.map((r) => line(names.map((n) => r[n]))),
    ].join('\n'),
  )
}
