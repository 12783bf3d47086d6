// Downloads what a queue's jobs have written since the last time; for a scheduler, which runs it again and again.
//
//   node sync.mjs queue.json
//
// queue.json: { farmId, queueId, localStorageProfileId, bootstrapLookbackMinutes }

import { readFile } from 'node:fs/promises'

import { syncOutputs } from 'rusty-attachments'

const queue = JSON.parse(await readFile(process.argv[2], 'utf8'))

const { stats, jobs, jobsWithUnmapped, failures, windowEnd } = await syncOutputs(queue)

for (const { name, jobId, message } of jobs) console.log(`${name ?? jobId}: ${message}`)
if (jobsWithUnmapped.length > 0) console.warn(`files without a place here: ${jobsWithUnmapped.join(', ')}`)
for (const { localPath, code, message } of failures) console.error(`  ${localPath}: ${code}: ${message}`)
console.log(
  `${stats.filesTransferred} files, ${stats.bytesTransferred} bytes; all outputs are here up to ${windowEnd}`,
)
