// Decode, resolve with 17 rules and merge a million entries: the core, WebAssembly and the reference library.

import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { build, root } from '../scripts/build.mjs'
import { interleaved, json, median, python, spread, table } from './measure.mjs'

/** Writes one manifest of `count` files; no two entries of a bench share a path or a hash. */
export function write(path, first, count) {
  const file = openSync(path, 'w')
  writeSync(file, '{"hashAlg":"xxh128","manifestVersion":"2023-03-03","paths":[')
  for (let done = 0; done < count; done += 10_000) {
    const rows = []
    for (let i = first + done; i < first + Math.min(done + 10_000, count); i++) {
      const hash = (BigInt(i) * 0x9e3779b97f4a7c15f39cc0605cedc835n) & ((1n << 128n) - 1n)
      const shot = String(Math.floor(i / 1000)).padStart(5, '0')
      const name = `shots/sh${shot}/renders/beauty.${String(i % 1000).padStart(4, '0')}.exr`
      rows.push(
        `{"hash":"${hash.toString(16).padStart(32, '0')}","mtime":${1.7e15 + i},"path":"${name}","size":${i % 5e6}}`,
      )
    }
    writeSync(file, (done ? ',' : '') + rows.join(','))
  }
  writeSync(file, `],"totalSize":${count}}`)
  closeSync(file)
  return path
}

/** Prints the rows F and G. */
export async function core({ runs }) {
  await build()
  const folder = mkdtempSync(join(tmpdir(), 'rusty-attachments-bench-'))
  try {
    const parts = (name, number, count) =>
      Array.from({ length: number }, (_, i) => write(join(folder, `${name}-${i}.json`), i * count, count))
    const works = [
      ['1 manifest of 1,000,000', parts('one', 1, 1_000_000)],
      ['10 manifests of 100,000', parts('ten', 10, 100_000)],
      ['1 manifest of 2,000,000', parts('two', 1, 2_000_000)],
    ]
    const reference = python()
    if (!reference) console.log('(no reference: `npm run test:interop` sets its Python environment up)\n')
    const rows = []
    for (const [name, files] of works) {
      const contestants = {
        native: () =>
          json('cargo', [
            'bench',
            '--quiet',
            '-p',
            'rusty-attachments-core',
            '--bench',
            'million',
            '--',
            ...files,
          ]),
        wasm: () => json(process.execPath, [join(root, 'bench/core_wasm.mjs'), ...files]),
      }
      // Linearity is the question of the largest work, and minutes of the reference say nothing about it.
      if (reference && !name.includes('2,000,000'))
        contestants.reference = () => json(reference, [join(root, 'bench/core_reference.py'), ...files])
      const results = interleaved(contestants, runs)
      const seconds = Object.fromEntries(
        Object.entries(results).map(([who, list]) => [who, list.map((one) => one.seconds)]),
      )
      const native = median(seconds.native)
      for (const [who, list] of Object.entries(seconds)) {
        const bytes = median(results[who].map((one) => one.bytes ?? 0)) / results[who][0].files
        rows.push({
          work: name,
          who,
          seconds: spread(list),
          'times native': (median(list) / native).toFixed(2),
          'bytes an entry': bytes ? bytes.toFixed(0) : '',
        })
      }
    }
    table(rows)
  } finally {
    rmSync(folder, { recursive: true })
  }
}
