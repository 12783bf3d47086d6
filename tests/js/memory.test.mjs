// What lives outside JavaScript's heap goes away by itself, and at once where it is freed.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'

import { root } from './support.mjs'

/** What a process may reach: that of 200 manifests of 2 MB is far more, that of a few far less. */
const limit = 250e6

/** Runs `code` with a manifest of 2 MB as `face`, `json` and `manifest`; gives the process's largest size in bytes. */
async function peak(face, code) {
  const script = `
    const face = await import('${face}')
    await face.init()
    const files = Array.from({ length: 12_000 }, (_, index) => ({
      path: \`renders/\${'x'.repeat(60)}/frame.\${index}.exr\`,
      hash: index.toString(16).padStart(32, '0'), size: index, mtime: 1_700_000_000_000_000 + index,
    }))
    const manifest = face.createManifest({ files })
    const json = new TextEncoder().encode(manifest.encode())
    const pause = () => new Promise((resolve) => setImmediate(resolve))
    for (let count = 0; count < 200; count++) { ${code}
      await pause() }
    console.log(process.resourceUsage().maxRSS * 1024)`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: root,
  })
  return Number(stdout)
}

for (const face of ['rusty-attachments', 'rusty-attachments/wasm']) {
  test(`${face}: manifests that nobody frees do not pile up`, async () => {
    assert.ok((await peak(face, 'face.decodeManifest(json)')) < limit)
  })

  test(`${face}: nor do plans`, async () => {
    const source = "{ manifest, rootPath: '/a', sourcePathFormat: 'posix', lastModified: 1 }"
    const code = `face.planDownload([${source}], { destinationPathFormat: 'posix' })`
    assert.ok((await peak(face, code)) < limit)
  })

  test(`${face}: manifests that are freed are gone, also those of a merge that was refused`, async () => {
    // The last is no manifest: the merge holds one and fails.
    const code = `
      const decoded = face.decodeManifest(json)
      try {
        face.mergeManifestsChronologically([
          { manifest: decoded, lastModified: 1 }, { manifest: {}, lastModified: 2 },
        ])
      } catch {}
      decoded.free()
      await null`
    assert.ok((await peak(face, `for (let again = 0; again < 50 && count < 4; again++) {${code}}`)) < limit)
  })
}
