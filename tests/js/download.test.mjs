// Downloads from the embedded farm, through the public names: what lands on the disk, and how failures are told.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'

import {
  createManifest,
  DownloadOrchestrator,
  downloadJobOutputs,
  downloadMultipleJobs,
  planDownload,
  resolveManifestPaths,
} from 'rusty-attachments'

import {
  coded,
  folder,
  localStorageProfile,
  putObject,
  root,
  s3Of,
  startFarm,
  putManifest,
} from './support.mjs'

let farm

before(async () => {
  farm = await startFarm('--show')
})
after(() => farm.stop())

const s3 = (more) => ({ ...s3Of(farm), ...more })

/** The show's job, wanted below `path`. */
const show = (path, more) => ({
  s3: s3(),
  farmId: farm.farmId,
  queueId: farm.queueId,
  jobId: farm.jobId,
  jobStorageProfile: farm.jobStorageProfile,
  localStorageProfile: localStorageProfile(path),
  ...more,
})

let jobs = 0

/** Puts a job of one manifest into the bucket; by default an empty file at `/work/a/b.bin`. */
async function upload({
  hash = '99aa06d3014798d86001c324468d497f',
  content = '',
  body = createManifest({
    files: [{ path: 'a/b.bin', hash, size: content.length, mtime: 1_700_000_000_000_000 }],
  }).encode(),
  metadata = { 'asset-root': '/work' },
} = {}) {
  const jobId = `job-${String(++jobs).padStart(32, '0')}`
  await putManifest(farm, jobId, '/work', body, metadata)
  await putObject(farm, `${farm.rootPrefix}/Data/${hash}.xxh128`, content)
  return jobId
}

/** The job, wanted below `path`. */
const uploaded = (jobId, path, more) => ({
  s3: s3(),
  farmId: farm.farmId,
  queueId: farm.queueId,
  jobId,
  rootOverrides: { '/work': path },
  ...more,
})

/** Sets the farm's rules for one test. */
async function rules(test, list) {
  const url = new URL('/_farm/rules', farm.endpoint)
  test.after(() => fetch(url, { method: 'DELETE' }))
  const { ok, statusText } = await fetch(url, { method: 'PUT', body: JSON.stringify(list) })
  assert.ok(ok, statusText)
}

/** Lets every object take its time. */
const slowly = (test) =>
  rules(test, [{ requests: { keyContains: '/Data/' }, effect: { delay: { milliseconds: 300 } } }])

const entries = (path) => readdir(path, { recursive: true })

describe('a job’s outputs', () => {
  test('are mapped and downloaded, and what has no place is named', async (t) => {
    const path = await folder(t)
    const phases = new Set()
    let last
    const onProgress = (progress) => {
      phases.add(progress.phase)
      last = progress
    }
    const result = await downloadJobOutputs(show(path, { onProgress }))
    const [mapped, unmapped] = farm.assetRoots.map(({ fileCount }) => fileCount)
    assert.equal(result.stats.filesTransferred, mapped)
    assert.equal(result.unmappedCount, unmapped)
    assert.equal(result.failureCount, 0)
    assert.equal(result.unmapped[0].reason.code, 'NO_RULE_MATCHED')
    assert.ok(phases.has('downloading'))
    assert.deepEqual([last.filesDone, last.bytesDone], [mapped, result.stats.bytesTotal])
    for (const { localPath, size, mtime } of result.plan.files()) {
      assert.ok(localPath.startsWith(join(path, 'Lighthouse')))
      const there = await stat(localPath, { bigint: true })
      assert.equal(Number(there.size), size)
      assert.equal(Number(there.mtimeNs / 1000n), mtime)
    }
    structuredClone([result.stats, result.unmapped, result.failures, result.warnings])
  })

  test('are not downloaded twice', async (t) => {
    const path = await folder(t)
    const first = await downloadJobOutputs(show(path))
    const second = await downloadJobOutputs(show(path))
    assert.deepEqual(
      [second.stats.filesSkipped, second.stats.filesTransferred, second.stats.objectsFetched],
      [first.stats.filesTransferred, 0, 0],
    )
  })

  test('of a dry run are planned and not written', async (t) => {
    const path = await folder(t)
    const { plan, stats } = await downloadJobOutputs(show(path, { dryRun: true }))
    assert.equal(plan.fileCount, farm.assetRoots[0].fileCount)
    assert.equal(stats.filesTransferred, 0)
    assert.deepEqual(await entries(path), [])
  })

  test('may be none, which is no error', async (t) => {
    const result = await downloadJobOutputs(uploaded(`job-${'f'.repeat(32)}`, await folder(t)))
    assert.deepEqual([result.stats.filesTotal, result.unmapped, result.plan.fileCount], [0, [], 0])
  })

  test('of several jobs are downloaded as one', async (t) => {
    const path = await folder(t)
    const { s3, farmId, queueId, jobStorageProfile, localStorageProfile } = show(path)
    const result = await downloadMultipleJobs({
      s3,
      farmId,
      queueId,
      jobs: [{ jobId: farm.jobId, storageProfileId: jobStorageProfile.storageProfileId }],
      storageProfiles: [jobStorageProfile],
      localStorageProfile,
    })
    assert.deepEqual(result.jobsWithUnmapped, [farm.jobId])
    const [mapped, unmapped] = farm.assetRoots.map(({ fileCount }) => fileCount)
    const bytesTotal = result.stats.bytesTotal
    assert.deepEqual(result.jobs, [
      { jobId: farm.jobId, filesTotal: mapped, bytesTotal, failureCount: 0, unmappedCount: unmapped },
    ])
    assert.equal(result.stats.filesTransferred, farm.assetRoots[0].fileCount)
    assert.equal(result.plan.files(0, 1)[0].jobId, farm.jobId)
  })
})

test('the steps can be gone one by one', async (t) => {
  const path = await folder(t)
  const jobId = await upload()
  const orchestrator = new DownloadOrchestrator({ s3: s3(), concurrency: 4 })
  const location = { rootPrefix: farm.rootPrefix, farmId: farm.farmId, queueId: farm.queueId }
  const keys = await orchestrator.discoverOutputManifestKeys(location, {
    scope: { jobId },
    selectLatestPerTask: true,
  })
  const { manifest, metadata } = await orchestrator.downloadManifest(keys[0])
  assert.equal(metadata.assetRoot, '/work')
  assert.equal(metadata.fileSystemLocationName, null)
  assert.ok(Math.abs(metadata.lastModified - Date.now()) < 60_000)

  const resolved = resolveManifestPaths(manifest, path, 'posix')
  const report = await orchestrator.downloadToResolvedPaths(resolved)
  assert.deepEqual([report.filesTransferred, report.failures], [1, []])
  assert.equal(await readFile(join(path, 'a/b.bin'), 'utf8'), '')

  const source = { manifest, rootPath: path, sourcePathFormat: 'posix', lastModified: metadata.lastModified }
  const plan = planDownload([source], { destinationPathFormat: 'posix' })
  assert.equal((await orchestrator.download(plan)).filesSkipped, 1)
})

test('a plan for the other path format is refused as a whole', async () => {
  const hash = '99aa06d3014798d86001c324468d497f'
  const manifest = createManifest({
    files: ['a', 'b'].map((name) => ({ path: name, hash, size: 0, mtime: 1 })),
  })
  const foreign = process.platform === 'win32' ? 'posix' : 'windows'
  const rootPath = foreign === 'posix' ? '/work' : 'C:\\work'
  const plan = planDownload([{ manifest, rootPath, sourcePathFormat: foreign, lastModified: 1 }], {
    destinationPathFormat: foreign,
  })
  assert.equal(plan.fileCount, 2)
  const orchestrator = new DownloadOrchestrator({ s3: s3() })
  const refused = coded('INVALID_ARGUMENT', /for Windows paths, and this machine's are POSIX paths|for POSIX/)
  await assert.rejects(orchestrator.download(plan), refused)
  const resolved = resolveManifestPaths(manifest, rootPath, foreign)
  await assert.rejects(orchestrator.downloadToResolvedPaths(resolved), refused)
})

describe('credentials', () => {
  test('may say when they expire in text, and in a Date of another realm', async (t) => {
    const text = new Date(Date.now() + 3_600_000).toISOString()
    for (const expiration of [text, runInNewContext('new Date(text)', { text })]) {
      const credentials = { ...farm.credentials, expiration }
      const run = await downloadJobOutputs(show(await folder(t), { s3: s3({ credentials }), dryRun: true }))
      assert.equal(run.failureCount, 0)
    }
    const credentials = { ...farm.credentials, expiration: 'tomorrow' }
    await assert.rejects(
      downloadJobOutputs(show(await folder(t), { s3: s3({ credentials }) })),
      coded('INVALID_ARGUMENT', /expiration must be a valid Date/),
    )
  })

  test('may come from a function', async (t) => {
    let asked = 0
    const credentials = async () => {
      asked++
      return { ...farm.credentials, expiration: new Date(Date.now() + 3_600_000), accountId: '123456789012' }
    }
    const result = await downloadJobOutputs(show(await folder(t), { s3: s3({ credentials }) }))
    assert.equal(result.failureCount, 0)
    assert.equal(asked, 1)
  })

  test('that a function fails to get reject with its error as the cause', async (t) => {
    const lost = new Error('the token file is gone')
    const credentials = () => Promise.reject(lost)
    await assert.rejects(downloadJobOutputs(show(await folder(t), { s3: s3({ credentials }) })), (error) => {
      assert.equal(error.cause, lost)
      return coded('CREDENTIALS', /the token file is gone/)(error)
    })
  })

  test('that nobody gave reject with what to install', async (t) => {
    const { AWS_ACCESS_KEY_ID: id } = process.env
    delete process.env.AWS_ACCESS_KEY_ID
    t.after(() => id && (process.env.AWS_ACCESS_KEY_ID = id))
    const { credentials: _, ...rest } = s3()
    await assert.rejects(
      downloadJobOutputs(show(await folder(t), { s3: rest })),
      coded('CREDENTIALS', /npm install @aws-sdk\/credential-providers/),
    )
  })
})

describe('a run', () => {
  test('is cancelled by a signal, with its reason as the cause', async (t) => {
    const stop = new AbortController()
    const reason = new Error('changed my mind')
    const onProgress = () => stop.abort(reason)
    const run = downloadJobOutputs(show(await folder(t), { signal: stop.signal, onProgress }))
    await assert.rejects(run, (error) => {
      assert.deepEqual([error.name, error.cause], ['AbortError', reason])
      return coded('CANCELLED')(error)
    })
    await assert.rejects(
      downloadJobOutputs(show(await folder(t), { signal: AbortSignal.abort() })),
      coded('CANCELLED'),
    )
  })

  for (const [how, onProgress] of [
    [
      'throws',
      () => {
        throw new RangeError('from the callback')
      },
    ],
    [
      'rejects',
      async () => {
        throw new RangeError('from the callback')
      },
    ],
  ]) {
    test(`rejects with what a callback ${how}`, async (t) => {
      await assert.rejects(
        downloadJobOutputs(show(await folder(t), { onProgress })),
        /RangeError: from the callback/,
      )
    })
  }

  const script = `
    const { downloadJobOutputs } = await import('rusty-attachments')
    const options = JSON.parse(process.env.OPTIONS)
    const { stats } = await downloadJobOutputs({ ...options, onProgress() {} })
    console.log(stats.filesTransferred)`

  test('lets the process end by itself', async (t) => {
    const env = { ...process.env, OPTIONS: JSON.stringify(show(await folder(t))) }
    const parameters = ['--input-type=module', '--eval', script]
    const { stdout } = await promisify(execFile)(process.execPath, parameters, {
      cwd: root,
      env,
      timeout: 20_000,
    })
    assert.equal(Number(stdout), farm.assetRoots[0].fileCount)
  })

  /** A worker that downloads; it posts a message when it has begun, and the statistics at the end. */
  function worker(workerData, options) {
    const code = `
      const { parentPort, workerData } = require('node:worker_threads')
      let begun = false
      const onProgress = ({ phase }) => {
        if (!begun && phase === 'downloading') parentPort.postMessage('begun')
        begun ||= phase === 'downloading'
      }
      import('rusty-attachments')
        .then(({ downloadJobOutputs }) => downloadJobOutputs({ ...workerData, onProgress }))
        .then(({ stats }) => parentPort.postMessage(stats))`
    const filename = join(root, 'tests/js/worker.cjs')
    const worker = new Worker(code, { eval: true, workerData, filename, ...options })
    const said = (wanted) =>
      new Promise((resolve, reject) => {
        worker.on('message', (message) => wanted(message) && resolve(message)).once('error', reject)
      })
    return {
      worker,
      begun: said((message) => message === 'begun'),
      stats: said(({ filesTotal }) => filesTotal),
    }
  }

  test('works in a worker', async (t) => {
    const { stats } = worker(show(await folder(t)))
    assert.equal((await stats).filesTransferred, farm.assetRoots[0].fileCount)
  })

  test('in a worker goes by the worker’s own environment', async (t) => {
    const { credentials, region, endpoint, ...rest } = s3()
    const env = {
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_REGION: region,
      AWS_ENDPOINT_URL_S3: endpoint,
    }
    const { stats } = worker(show(await folder(t), { s3: rest }), { env })
    assert.equal((await stats).filesTransferred, farm.assetRoots[0].fileCount)
  })

  test('that ends with its worker takes nothing else down', async (t) => {
    await slowly(t)
    const [path, other] = [await folder(t), await folder(t)]
    const { worker: ended, begun, stats } = worker(show(path))
    stats.catch(() => {})
    const beside = downloadJobOutputs(show(other))
    await begun
    await ended.terminate()
    assert.equal((await beside).stats.filesTransferred, farm.assetRoots[0].fileCount)
    assert.equal((await downloadJobOutputs(show(path))).failureCount, 0)
  })

  test('asks for nothing more when its worker has ended', async (t) => {
    await slowly(t)
    const { worker: ended, begun, stats } = worker(show(await folder(t), { concurrency: 1 }))
    stats.catch(() => {})
    await begun
    await ended.terminate()
    // What was on its way when the worker ended may still arrive.
    await sleep(200)
    const { length } = await farm.requests()
    await sleep(1_000)
    assert.equal((await farm.requests()).length, length)
  })

  test('does not mind others at the same time', async (t) => {
    const paths = await Promise.all(Array.from({ length: 4 }, () => folder(t)))
    const runs = await Promise.all(paths.map((path) => downloadJobOutputs(show(path))))
    for (const { stats } of runs) assert.equal(stats.filesTransferred, farm.assetRoots[0].fileCount)
  })

  test('hears a signal at once, however long an answer takes', async (t) => {
    await rules(t, [{ requests: { keyContains: '/Data/' }, effect: { stallBody: { afterBytes: 0 } } }])
    const stop = new AbortController()
    let began
    const begun = new Promise((resolve) => (began = resolve))
    const onProgress = ({ phase }) => phase === 'downloading' && began()
    const run = downloadJobOutputs(show(await folder(t), { signal: stop.signal, onProgress }))
    await begun
    const aborted = performance.now()
    stop.abort()
    await assert.rejects(run, coded('CANCELLED'))
    assert.ok(performance.now() - aborted < 1_000)
  })

  test('takes what does as an AbortSignal', async (t) => {
    const like = { aborted: true, addEventListener: () => {}, removeEventListener: () => {} }
    await assert.rejects(downloadJobOutputs(show(await folder(t), { signal: like })), coded('CANCELLED'))
    await assert.rejects(
      downloadJobOutputs(show(await folder(t), { signal: {} })),
      coded('INVALID_ARGUMENT', /signal must be an AbortSignal/),
    )
  })
})

describe('bad input', () => {
  test('a wrong secret', async (t) => {
    const path = await folder(t)
    const credentials = { ...farm.credentials, secretAccessKey: 'not the secret' }
    await assert.rejects(downloadJobOutputs(show(path, { s3: s3({ credentials }) })), (error) => {
      assert.doesNotMatch(JSON.stringify(error), /not the secret/)
      return coded('CREDENTIALS')(error)
    })
    assert.deepEqual(await entries(path), [])
  })

  test('a missing bucket', async (t) => {
    const options = show(await folder(t), { s3: s3({ bucket: 'no-such-bucket' }) })
    await assert.rejects(downloadJobOutputs(options), coded('NOT_FOUND', /no-such-bucket/))
  })

  test('a manifest that is not JSON', async (t) => {
    const path = await folder(t)
    const jobId = await upload({ body: 'once upon a time' })
    await assert.rejects(downloadJobOutputs(uploaded(jobId, path)), coded('INVALID_MANIFEST', /_output/))
    assert.deepEqual(await entries(path), [])
  })

  test('a manifest without an asset root', async (t) => {
    const jobId = await upload({ metadata: {} })
    await assert.rejects(
      downloadJobOutputs(uploaded(jobId, await folder(t))),
      coded('MISSING_ASSET_ROOT', /_output/),
    )
  })

  test('a destination whose parent is a file', async (t) => {
    const path = await folder(t)
    await writeFile(join(path, 'a'), 'in the way')
    const { failures, failureCount, stats } = await downloadJobOutputs(uploaded(await upload(), path))
    assert.deepEqual([failureCount, stats.filesFailed, failures[0].code], [1, 1, 'IO'])
    assert.equal(failures[0].localPath, join(path, 'a/b.bin'))
    assert.deepEqual(await entries(path), ['a'])
  })

  test('a wrong hash in the bucket leaves the old file as it was', async (t) => {
    const path = await folder(t)
    const target = join(path, 'a/b.bin')
    await mkdir(dirname(target))
    await writeFile(target, 'older content')
    const jobId = await upload({ hash: '0123456789abcdef0123456789abcdef', content: 'corrupt' })
    const options = uploaded(jobId, path, { conflictResolution: 'overwrite' })
    const { failures, stats } = await downloadJobOutputs(options)
    assert.deepEqual([stats.filesFailed, failures[0].code], [1, 'HASH_MISMATCH'])
    assert.equal(await readFile(target, 'utf8'), 'older content')
    assert.deepEqual((await entries(path)).sort(), ['a', 'a/b.bin'])
    await assert.rejects(downloadJobOutputs({ ...options, failFast: true }), coded('HASH_MISMATCH'))
  })

  test('one storage profile without the other', async (t) => {
    const { jobStorageProfile: _, ...options } = show(await folder(t))
    await assert.rejects(downloadJobOutputs(options), coded('INVALID_ARGUMENT', /jobStorageProfile/))
  })

  test('no options at all', async () => {
    await assert.rejects(downloadJobOutputs(), coded('INVALID_ARGUMENT', /^options is missing/))
  })

  test('an option that does not exist', async (t) => {
    await assert.rejects(
      downloadJobOutputs(show(await folder(t), { conflictresolution: 'skip' })),
      coded('INVALID_ARGUMENT', /'conflictResolution'/),
    )
    assert.throws(
      () => new DownloadOrchestrator({ s3: s3({ prefix: 'x' }) }),
      coded('INVALID_ARGUMENT', /'prefix'/),
    )
    assert.throws(
      () => new DownloadOrchestrator({ s3: s3(), concurrency: 0 }),
      coded('INVALID_ARGUMENT', /concurrency/),
    )
  })
})
