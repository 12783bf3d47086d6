// `npm run demo`, as someone who has just cloned it sees it.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'

import { folder, root } from './support.mjs'

test('the demo downloads the show and a contact sheet of it, watches a job, and the second time fetches nothing', async (t) => {
  const output = await folder(t)
  const demo = () => promisify(execFile)(process.execPath, [join(root, 'scripts/demo.mjs'), output])
  const first = await demo()
  const [, fetched] = first.stdout.match(/^Downloaded (\d+) files, /m)
  assert.match(first.stdout, /^\d+ files? could not be mapped/m)
  const entries = await readdir(join(output, 'Projects'), { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  const below = (show) =>
    files.filter(({ parentPath }) => parentPath.startsWith(join(output, 'Projects', show)))
  assert.equal(below('Lighthouse').length, Number(fetched))
  assert.equal(files.length, below('Lighthouse').length + below('Dawn').length)
  assert.match(
    first.stdout,
    new RegExp(`^${below('Dawn').length} frames landed as they were finished, in \\d+ passes`, 'm'),
  )

  const sheet = await readFile(join(output, 'contact-sheet.html'), 'utf8')
  const shown = [...sheet.matchAll(/<img src="([^"]+)"/g)].map(([, href]) => decodeURIComponent(href))
  assert.ok(shown.length > 0)
  for (const path of shown) assert.ok((await readFile(join(output, path))).length > 0, path)

  const second = await demo()
  assert.match(second.stdout, new RegExp(`^Nothing to fetch: ${fetched} files`, 'm'))
})
