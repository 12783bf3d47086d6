// Downloads the outputs of several jobs that were submitted with different storage profiles.
//
//   node several-jobs.mjs jobs.json
//
// jobs.json: { s3, farmId, queueId, jobs: [{ jobId, storageProfileId }], storageProfiles, localStorageProfile }

import { readFile } from 'node:fs/promises'

import { downloadMultipleJobs } from 'rusty-attachments'

const jobs = JSON.parse(await readFile(process.argv[2], 'utf8'))

// The rules between two storage profiles are made once, however many jobs share them.
const {
  stats,
  jobs: results,
  failures,
} = await downloadMultipleJobs({
  ...jobs,
  conflictResolution: 'overwrite',
})

for (const { jobId, filesTotal, failureCount, unmappedCount } of results) {
  console.log(`${jobId}: ${filesTotal} files, ${failureCount} failed, ${unmappedCount} without a place here`)
}
for (const { jobId, localPath, code, message } of failures) {
  console.error(`${jobId}: ${localPath}: ${code}: ${message}`)
}
console.log(`${stats.filesTransferred} files, ${stats.filesSkipped} were here already`)
