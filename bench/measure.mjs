// What all benchmarks share: runs in turn, medians with their spread, and a table.

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { root } from '../scripts/build.mjs'

/** The JSON that a command prints as its last line. `options` are those of `execFileSync`. */
export function json(command, parameters, options = {}) {
  const printed = execFileSync(command, parameters, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    ...options,
  })
  return JSON.parse(printed.trim().split('\n').at(-1))
}

/** The Python of the interop tests' environment, where it has been made. */
export function python() {
  const file = join(root, 'target/interop/bin/python')
  return existsSync(file) ? file : null
}

/**
 * Runs every contestant `runs` times, in turn, so that a machine that slows down slows them all. One that takes
 * longer than `patience`, in seconds, runs once.
 */
export function interleaved(contestants, runs, patience = Infinity) {
  const results = Object.fromEntries(Object.keys(contestants).map((name) => [name, []]))
  for (let i = 0; i < runs; i++)
    for (const [name, contestant] of Object.entries(contestants))
      if (!(results[name][0]?.seconds > patience)) results[name].push(contestant())
  return results
}

/** What a function answers, with its seconds and what this process used so far; memory in bytes. */
export async function measured(run) {
  const idle = process.memoryUsage.rss()
  const start = performance.now()
  const result = await run()
  const seconds = (performance.now() - start) / 1000
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
  // Linux counts in maxRSS what the parent had, too; its own peak is elsewhere.
  const status = process.platform === 'linux' ? readFileSync('/proc/self/status', 'utf8') : ''
  const peak = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? maxRSS) * 1024
  return { ...result, seconds, idle, peak, cpu: (userCPUTime + systemCPUTime) / 1e6 }
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

/** Bytes as whole mebibytes. */
export function mebibytes(bytes) {
  return (bytes / 2 ** 20).toFixed(0)
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
