// The reference's `deadline` as a process of its own, pointed at a farm, and what its sync-output writes.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

import { environment } from './environment.mjs'

export const programs = process.env.INTEROP_PROGRAMS
assert.ok(programs, 'run this through `npm run test:interop`, which makes the Python environment')

/** Runs `deadline` with its own `home`; `signal` kills it. Comes back with its exit code and what it printed. */
export async function runDeadline(farm, { home, signal }, ...parameters) {
  mkdirSync(home, { recursive: true })
  const child = spawn(join(programs, 'deadline'), parameters, {
    // It compares targets with its working directory.
    cwd: '/',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environment(farm, home),
  })
  signal?.addEventListener('abort', () => child.kill('SIGKILL'))
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  return { code, output: stdout + stderr }
}

/**
 * One pass of the CLI. Its home and its checkpoints are below `directory`; without a storage profile it ignores
 * them all. `signal` kills it.
 */
export function runSyncCli({ farm, directory, storageProfileId, signal, args = [] }) {
  const profile = storageProfileId
    ? ['--storage-profile-id', storageProfileId]
    : ['--ignore-storage-profiles']
  // prettier-ignore
  return runDeadline(
    farm, { home: join(directory, 'home'), signal },
    'queue', 'sync-output', '--farm-id', farm.farmId, '--queue-id', farm.queueId, ...profile,
    '--checkpoint-dir', checkpointFolder(directory), '--conflict-resolution', 'OVERWRITE', '--verbose', ...args,
  )
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

/** Writes the checkpoint of a sync that began `secondsAgo` before now and has seen nothing yet. */
export function startCheckpoint(where, secondsAgo = 3600) {
  const start = isoformat(Date.now() - secondsAgo * 1000)
  mkdirSync(checkpointFolder(where.directory), { recursive: true })
  const state = {
    localStorageProfileId: where.storageProfileId ?? null,
    downloadsStartedTimestamp: start,
    eventualConsistencyMaxSeconds: 120,
    jobs: [],
    downloadsCompletedTimestamp: start,
  }
  writeFileSync(syncFiles(where).checkpoint, JSON.stringify(state, null, 2))
}

/**
 * Leaves the checkpoint as a pass would after a quiet while: the window begins now, and what has ended lies before it.
 * Without this a test would have to wait for the allowance of two minutes.
 */
export function letTimePass(where) {
  const { checkpoint } = syncFiles(where)
  const state = JSON.parse(readFileSync(checkpoint, 'utf8'))
  state.downloadsCompletedTimestamp = isoformat(Date.now())
  writeFileSync(checkpoint, JSON.stringify(state, null, 2))
}

/** A time as Python writes it. */
function isoformat(milliseconds) {
  return new Date(milliseconds).toISOString().replace('Z', '000+00:00')
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

/** What kind of entry a job has in a checkpoint. */
export function entryKind({ job }) {
  if (Object.keys(job).length === 1) return 'stub'
  if (job.attachments === null) return 'attachments-free'
  return job.storageProfileId === null ? 'no-profile' : 'job'
}
