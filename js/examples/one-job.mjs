// Downloads one job's outputs to where this machine keeps the same storage.
//
//   node one-job.mjs job.json
//
// job.json: { s3, farmId, queueId, jobId, jobStorageProfile, localStorageProfile }

import { readFile } from 'node:fs/promises'

import { downloadJobOutputs } from 'rusty-attachments'

const job = JSON.parse(await readFile(process.argv[2], 'utf8'))

const { stats, unmapped, unmappedCount, failures } = await downloadJobOutputs({
  ...job,
  conflictResolution: 'createCopy',
  onProgress: ({ phase, filesDone, filesTotal }) => console.error(`${phase}: ${filesDone} of ${filesTotal}`),
})

if (unmappedCount > 0) console.warn(`${unmappedCount} paths could not be mapped:`)
for (const { absoluteSourcePath, reason } of unmapped)
  console.warn(`  ${absoluteSourcePath}: ${reason.message}`)
for (const { localPath, code, message } of failures) console.error(`  ${localPath}: ${code}: ${message}`)
console.log(
  `${stats.filesTransferred} files, ${stats.bytesTransferred} bytes in ${stats.elapsedSeconds.toFixed(1)} s`,
)
