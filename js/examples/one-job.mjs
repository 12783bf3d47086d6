// Downloads what one job wrote: `node js/examples/one-job.mjs options.json`.
//
// The file holds the options of downloadJobOutputs, such as s3, farmId, queueId, jobId, jobStorageProfile and
// localStorageProfile. Credentials are those of the environment.

import { readFileSync } from 'node:fs'

import { downloadJobOutputs } from 'rusty-attachments'

const options = JSON.parse(readFileSync(process.argv[2], 'utf8'))

const { stats, unmapped, failures, failureCount } = await downloadJobOutputs({
  ...options,
  onProgress: ({ filesDone, filesTotal }) => process.stderr.write(`\r${filesDone} of ${filesTotal} files`),
})

process.stderr.write('\n')
for (const { absoluteSourcePath, reason } of unmapped)
  console.error(`no place for ${absoluteSourcePath}: ${reason.message}`)
for (const { localPath, message } of failures) console.error(`not written, ${localPath}: ${message}`)
console.log(JSON.stringify(stats, null, 2))
process.exitCode = failureCount > 0 ? 1 : 0
