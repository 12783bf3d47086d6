// The programs in js/examples do on the embedded farm what their first lines say.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'

import { DownloadOrchestrator, extractSessionActionId } from 'rusty-attachments'

import { folder, localStorageProfile, root, s3Of, startFarm } from './support.mjs'

let farm

before(async () => {
  farm = await startFarm('--show')
})
after(() => farm.stop())

/** Runs an example with `job` in its file; gives what it prints, and the number of files below `path`. */
async function example(test, name, more, ...parameters) {
  const path = await folder(test)
  const { farmId, queueId } = farm
  const job = {
    s3: s3Of(farm),
    farmId,
    queueId,
    localStorageProfile: localStorageProfile(join(path, 'out')),
    ...more,
  }
  const file = join(path, 'job.json')
  await writeFile(file, JSON.stringify(job))
  const script = join(root, 'js/examples', name)
  const { stdout } = await promisify(execFile)(process.execPath, [script, file, ...parameters])
  const entries = await readdir(join(path, 'out'), { recursive: true, withFileTypes: true })
  return { stdout, files: entries.filter((entry) => entry.isFile()).length }
}

test('one job', async (t) => {
  const { jobId, jobStorageProfile, assetRoots } = farm
  const { stdout, files } = await example(t, 'one-job.mjs', { jobId, jobStorageProfile })
  assert.equal(files, assetRoots[0].fileCount)
  assert.match(stdout, new RegExp(`^${files} files`))
})

test('several jobs with different storage profiles', async (t) => {
  const { jobId, jobStorageProfile, assetRoots } = farm
  const { stdout, files } = await example(t, 'several-jobs.mjs', {
    jobs: [{ jobId, storageProfileId: jobStorageProfile.storageProfileId }],
    storageProfiles: [jobStorageProfile],
  })
  assert.equal(files, assetRoots[0].fileCount)
  assert.match(stdout, new RegExp(`^${files} files`))
})

test('some session actions of a job', async (t) => {
  const { jobId, jobStorageProfile, rootPrefix, farmId, queueId, assetRoots } = farm
  const orchestrator = new DownloadOrchestrator({ s3: s3Of(farm) })
  const how = { scope: { jobId }, selectLatestPerTask: true }
  const [key] = await orchestrator.discoverOutputManifestKeys({ rootPrefix, farmId, queueId }, how)
  const { files } = await example(
    t,
    'session-actions.mjs',
    { jobId, jobStorageProfile },
    extractSessionActionId(key),
  )
  assert.ok(files > 0 && files < assetRoots[0].fileCount)
})
