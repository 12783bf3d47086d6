// The programs in js/examples do on the embedded farm what their first lines say.

import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'

import { createManifest, DownloadOrchestrator, extractSessionActionId } from 'rusty-attachments'

import { job, session, startQueue, task, tree } from './queue.mjs'
import { folder, localStorageProfile, putManifest, putObject, root, s3Of, startFarm } from './support.mjs'

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
  const [mapped, unmapped] = assetRoots.map(({ fileCount }) => fileCount)
  // The second job was submitted from Linux, where the same location stands elsewhere.
  const linux = { ...localStorageProfile('/mnt/projects'), storageProfileId: 'sp-linux' }
  const other = `job-${'e'.repeat(32)}`
  const hash = '99aa06d3014798d86001c324468d497f'
  const note = createManifest({ files: [{ path: 'notes.txt', hash, size: 0, mtime: 1_700_000_000_000_000 }] })
  await putManifest(farm, other, '/mnt/projects/Harbour', note.encode())
  await putObject(farm, `${farm.rootPrefix}/Data/${hash}.xxh128`, '')
  const { stdout, files } = await example(t, 'several-jobs.mjs', {
    jobs: [
      { jobId, storageProfileId: jobStorageProfile.storageProfileId },
      { jobId: other, storageProfileId: linux.storageProfileId },
    ],
    storageProfiles: [jobStorageProfile, linux],
  })
  assert.equal(files, mapped + 1)
  assert.deepEqual(stdout.trim().split('\n'), [
    `${jobId}: ${mapped} files, 0 failed, ${unmapped} without a place here`,
    `${other}: 1 files, 0 failed, 0 without a place here`,
    `${files} files, 0 were here already`,
  ])
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

/** A queue with one finished task, as the file that an example reads, and the environment that leads to the farm. */
async function exampleQueue(test) {
  const { farm: queueFarm, projects, options } = await startQueue(test)
  await queueFarm.happen(job('cat'), session('cat'), task('cat', 0, { 'a.png': 'a' }))
  const { deadline: _, ...queue } = options
  const file = join(await folder(test), 'queue.json')
  const { region, credentials } = queueFarm
  await writeFile(file, JSON.stringify({ ...queue, region, credentials }))
  const env = { ...process.env, AWS_ENDPOINT_URL_DEADLINE: queueFarm.endpoint }
  return { farm: queueFarm, projects, file, env }
}

test('one pass over a queue', async (t) => {
  const { projects, file, env } = await exampleQueue(t)
  const script = join(root, 'js/examples/sync.mjs')
  const { stdout } = await promisify(execFile)(process.execPath, [script, file], { env })
  assert.match(stdout, /^cat: it is new, or was requeued\n1 files, 1 bytes; all outputs are here up to 2/)
  assert.deepEqual(tree(projects), { 'cat/a.png': 'a' })
})

test(
  'a queue watched until Ctrl-C',
  { skip: process.platform === 'win32' && 'no signals there' },
  async (t) => {
    const { farm: queueFarm, projects, file, env } = await exampleQueue(t)
    const script = join(root, 'js/examples/watch.mjs')
    const child = spawn(process.execPath, [script, file, '0.1'], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let printed = ''
    const waitFor = async (text) => {
      while (!printed.includes(text)) printed += (await once(child.stdout, 'data'))[0]
    }
    child.stdout.setEncoding('utf8')
    await waitFor('cat/a.png')
    await queueFarm.happen(job('dog'), session('dog'), task('dog', 0, { 'b.png': 'b' }))
    await waitFor('dog/b.png')
    child.kill('SIGINT')
    await waitFor('stopped; the next start goes on from here')
    if (child.exitCode === null) await once(child, 'exit')
    assert.equal(child.exitCode, 0)
    assert.deepEqual(tree(projects), { 'cat/a.png': 'a', 'dog/b.png': 'b' })
  },
)
