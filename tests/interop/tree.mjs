// What two downloads are compared by.

import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, sep } from 'node:path'

/**
 * Every file below a directory: name, content and time in whole microseconds. What the reference notes for itself in
 * `.deadline` does not count.
 */
export function tree(directory) {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && !entry.parentPath.split(sep).includes('.deadline'),
  )
  return Object.fromEntries(
    files
      .map((entry) => {
        const path = join(entry.parentPath, entry.name)
        const microseconds = Number((statSync(path, { bigint: true }).mtimeNs + 500n) / 1000n)
        const hash = createHash('sha256').update(readFileSync(path)).digest('hex')
        return [path.slice(directory.length + 1), { hash, microseconds }]
      })
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )
}
