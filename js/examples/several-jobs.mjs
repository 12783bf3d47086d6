// Downloads what several jobs wrote, each mapped from its own storage profile: `node js/examples/several-jobs.mjs
// options.json`.
//
// The file holds the options of downloadMultipleJobs: s3, farmId, queueId, jobs (each with its jobId and
// storageProfileId), storageProfiles by id, and localStorageProfile. Credentials are those of the environment.

import { readFileSync } from 'node:fs'

import { downloadMultipleJobs } from 'rusty-attachments'

const options = JSON.parse(readFileSync(process.argv[2], 'utf8'))

const { stats, jobs, jobsWithUnmapped } = await downloadMultipleJobs(options)

for (const [jobId, job] of Object.entries(jobs))
  console.error(`${jobId}: ${job.stats.filesTotal} files, ${job.failureCount} failed, ${job.unmappedCount} without a place`)
if (jobsWithUnmapped.length > 0) console.error(`with files without a place: ${jobsWithUnmapped.join(', ')}`)
console.log(JSON.stringify(stats, null, 2))
process.exitCode = stats.filesFailed > 0 ? 1 : 0
