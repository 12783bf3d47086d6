// Keeps a folder up to date with a queue until Ctrl-C, and says what lands.
//
//   node watch.mjs queue.json [SECONDS]
//
// queue.json: { farmId, queueId, localStorageProfileId }

import { readFile } from 'node:fs/promises'

import { watchOutputs } from 'rusty-attachments'

const queue = JSON.parse(await readFile(process.argv[2], 'utf8'))
const intervalSeconds = Number(process.argv[3] ?? 60)

const stop = new AbortController()
process.once('SIGINT', () => stop.abort())

for await (const event of watchOutputs({ ...queue, intervalSeconds, signal: stop.signal })) {
  if (event.type === 'job') console.log(`${event.job.name ?? event.job.jobId}: ${event.job.message}`)
  if (event.type === 'file') console.log(`  ${event.localPath}`)
  if (event.type === 'unmapped') console.warn(`  ${event.count} files without a place here: ${event.jobId}`)
  if (event.type === 'failure') console.error(`  ${event.code}: ${event.message}`)
}
console.log('stopped; the next start goes on from here')
