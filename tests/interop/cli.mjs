// The reference's `deadline queue sync-output` as a process of its own, pointed at a farm.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

export const programs = process.env.INTEROP_PROGRAMS
assert.ok(programs, 'run this through `npm run test:interop`, which makes the Python environment')

/**
 * One pass of the CLI. Its home and its checkpoints are below `directory`; without a storage profile it ignores
 * them all. Comes back with its exit code and what it printed.
 */
export async function runSyncCli({ farm, directory, storageProfileId, args = [] }) {
  const home = join(directory, 'home')
  mkdirSync(home, { recursive: true })
  const { endpoint, credentials, region } = farm
  const profile = storageProfileId
    ? ['--storage-profile-id', storageProfileId]
    : ['--ignore-storage-profiles']
  const child = spawn(
    join(programs, 'deadline'),
    // prettier-ignore
    [
      'queue', 'sync-output', '--farm-id', farm.farmId, '--queue-id', farm.queueId, ...profile,
      '--checkpoint-dir', checkpointFolder(directory), '--conflict-resolution', 'OVERWRITE', '--verbose', ...args,
    ],
    {
      // It compares targets with its working directory.
      cwd: '/',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env.PATH,
        HOME: home,
        AWS_ACCESS_KEY_ID: credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
        AWS_DEFAULT_REGION: region,
        AWS_ENDPOINT_URL_DEADLINE: endpoint,
        AWS_ENDPOINT_URL_S3: endpoint,
        AWS_ENDPOINT_URL_STS: endpoint,
        AWS_DISABLE_HOST_PREFIX_INJECTION: 'true',
        AWS_EC2_METADATA_DISABLED: 'true',
        DEADLINE_CLOUD_TELEMETRY_OPT_OUT: 'true',
        PYTHONDONTWRITEBYTECODE: '1',
      },
    },
  )
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  return { code, output: stdout + stderr }
}

export function checkpointFolder(directory) {
  return join(directory, 'checkpoints')
}

/** The paths of the files that a sync keeps, by what they are. */
export function syncFiles({ farm, directory, storageProfileId }) {
  const prefix = `${farm.queueId}_${storageProfileId ?? 'ignore-storage-profiles'}`
  const file = (name) => join(checkpointFolder(directory), `${prefix}_${name}`)
  return { checkpoint: file('download_checkpoint.json'), failedJobs: file('failed_jobs.json') }
}

/**
 * Writes the checkpoint that a sync starts from, `secondsAgo` before now. The allowance for late views is one second,
 * since a history in a test cannot wait for two minutes (and the CLI takes 0 for those two minutes).
 */
export function startCheckpoint({ farm, directory, storageProfileId, secondsAgo = 3600 }) {
  const start = new Date(Date.now() - secondsAgo * 1000).toISOString().replace('Z', '000+00:00')
  const { checkpoint } = syncFiles({ farm, directory, storageProfileId })
  mkdirSync(checkpointFolder(directory), { recursive: true })
  const state = {
    localStorageProfileId: storageProfileId ?? null,
    downloadsStartedTimestamp: start,
    eventualConsistencyMaxSeconds: 1,
    jobs: [],
    downloadsCompletedTimestamp: start,
  }
  writeFileSync(checkpoint, JSON.stringify(state, null, 2))
}

/** The checkpoint with its jobs by id, and the failed jobs. */
export function readCheckpoint(where) {
  const { checkpoint, failedJobs } = syncFiles(where)
  const { jobs, ...state } = JSON.parse(readFileSync(checkpoint, 'utf8'))
  return {
    ...state,
    jobs: Object.fromEntries(jobs.map((entry) => [entry.job.jobId, entry])),
    failedJobs: existsSync(failedJobs) ? JSON.parse(readFileSync(failedJobs, 'utf8')) : {},
  }
}
