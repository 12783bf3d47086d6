// The WebAssembly face at the work of `bench/core.mjs`. Prints JSON.

import { readFileSync } from 'node:fs'

import { decodeManifest, init, PathMappingApplier, planDownload } from 'rusty-attachments/wasm'

await init()
const documents = process.argv.slice(2).map((path) => readFileSync(path))
const rules = Array.from({ length: 17 }, (_, i) => ({
  sourcePathFormat: 'windows',
  sourcePath: i === 16 ? 'Z:\\Projects' : `Z:\\Other${i}\\Place`,
  destinationPath: `/mnt/studio/place${i}`,
}))
const start = performance.now()
const applier = new PathMappingApplier(rules, 'posix')
const sources = documents.map((json) => ({
  manifest: decodeManifest(json),
  rootPath: 'Z:\\Projects\\Lighthouse',
  sourcePathFormat: 'windows',
  applier,
  lastModified: 0,
}))
const plan = planDownload(sources, { destinationPathFormat: 'posix' })
console.log(JSON.stringify({ files: plan.fileCount, seconds: (performance.now() - start) / 1000 }))
