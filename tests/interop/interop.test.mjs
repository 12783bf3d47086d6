// The reference library writes a job's outputs; it and we download them; the two trees must be equal. On our
// own farm, which checks signatures, and on moto, an S3 server that nobody here wrote.

import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import { createManifest, downloadJobOutputs } from 'rusty-attachments'

import { startFarm } from '../../scripts/farm.mjs'
import { programs } from './cli.mjs'
import { tree } from './tree.mjs'

const job = {
  bucket: 'interop',
  rootPrefix: 'DeadlineCloud',
  farmId: `farm-${'1'.repeat(32)}`,
  queueId: `queue-${'2'.repeat(32)}`,
  jobId: `job-${'3'.repeat(32)}`,
}
const projects = 'Z:\\Projects\\Lighthouse'
const unicode = '/mnt/Fjällräven/東京'

const file = (path, text, mtime, repeat) => ({ path, text, mtime, repeat })
const stepId = `step-${'4'.repeat(32)}`
const action = (task, number, startTime, roots) => ({
  stepId,
  taskId: `task-${'4'.repeat(32)}-${task}`,
  sessionActionId: `sessionaction-${String(number).repeat(32)}-${number}`,
  startTime,
  roots,
})
const windows = (files) => ({
  rootPath: projects,
  rootPathFormat: 'windows',
  fileSystemLocationName: 'Projects',
  files,
})
const posix = (files) => ({ rootPath: unicode, rootPathFormat: 'posix', files })

// Times with every kind of fraction: what a float of seconds makes of them is the reference's to say.
const actions = [
  action(0, 1, 1_760_000_000.25, [
    windows([
      file('renders/beauty/frame.0001.png', 'an early try', 1_760_000_000_123_457),
      file('renders/only in the first try.txt', 'gone with it', 1_760_000_000_000_001),
    ]),
  ]),
  action(0, 2, 1_760_000_100.5, [
    windows([
      file('renders/beauty/frame.0001.png', 'the final frame', 1_760_000_100_999_999),
      file('renders/beauty/empty.txt', '', 1_760_000_100_000_000),
      file('renders/big.exr', 'sixteen bytes ..', 1_760_000_100_333_333, 1 << 20),
    ]),
    posix([
      file('ümläut/😀 & co.txt', 'names beyond ASCII', 1_600_000_000_000_001),
      file("quotes ' and ; $HOME.txt", 'a shell would trip', 999_999_999_999_999),
    ]),
  ]),
  action(1, 3, 1_760_000_200.75, [
    windows([
      file('renders/beauty/frame.0002.png', 'another frame', 1_760_000_200_500_000),
      file('renders/copy of the final frame.png', 'the final frame', 1_760_000_200_500_001),
    ]),
    posix([file('old.txt', 'before 1970 there was film', 1)]),
  ]),
]

function reference(command, request, s3) {
  const answer = execFileSync(
    join(programs, 'python'),
    [fileURLToPath(new URL('reference.py', import.meta.url)), command],
    {
      input: JSON.stringify(request),
      maxBuffer: 1 << 26,
      // Its own home: the reference keeps caches there.
      env: {
        PATH: process.env.PATH,
        HOME: request.home ?? tmpdir(),
        AWS_ENDPOINT_URL: s3?.endpoint ?? '',
        AWS_ACCESS_KEY_ID: s3?.credentials.accessKeyId ?? '',
        AWS_SECRET_ACCESS_KEY: s3?.credentials.secretAccessKey ?? '',
        AWS_ACCOUNT_ID: '123456789012',
        AWS_DEFAULT_REGION: s3?.region ?? 'us-west-2',
        AWS_EC2_METADATA_DISABLED: 'true',
        PYTHONDONTWRITEBYTECODE: '1',
      },
    },
  )
  return JSON.parse(answer)
}

/** Uploads with the reference, downloads with it and with us, and compares. */
async function downloadsTheSameTree(s3, createBucket) {
  const folder = mkdtempSync(join(tmpdir(), 'rusty-attachments-interop-'))
  try {
    const request = { ...job, home: folder }
    const sessions = join(folder, 'sessions')
    // One upload a call: S3's times have whole seconds, and the order of the tries must not be a tie.
    for (const [index, one] of actions.entries()) {
      if (index > 0) await sleep(1_100)
      reference(
        'upload',
        { ...request, sessions, actions: [one], createBucket: createBucket && index === 0 },
        s3,
      )
    }
    const theirs = { [projects]: join(folder, 'theirs/projects'), [unicode]: join(folder, 'theirs/unicode') }
    reference('download', { ...request, roots: theirs }, s3)

    const ours = { [projects]: join(folder, 'ours/projects'), [unicode]: join(folder, 'ours/unicode') }
    const { bucket, rootPrefix, ...ids } = job
    const options = {
      ...ids,
      s3: { ...s3, bucket, rootPrefix },
      rootOverrides: ours,
      conflictResolution: 'overwrite',
    }
    const result = await downloadJobOutputs(options)
    assert.deepEqual(result.failures, [])
    assert.equal(result.unmappedCount, 0)

    const expected = tree(join(folder, 'theirs'))
    assert.equal(Object.keys(expected).length, 8)
    assert.deepEqual(tree(join(folder, 'ours')), expected)

    const again = await downloadJobOutputs(options)
    assert.equal(again.stats.filesSkipped, 8)
    // What the reference wrote is as whole to us as what we wrote.
    const beside = { [projects]: theirs[projects], [unicode]: theirs[unicode] }
    const over = await downloadJobOutputs({
      ...options,
      rootOverrides: beside,
      conflictResolution: 'createCopy',
    })
    assert.deepEqual([over.stats.filesSkipped, over.stats.bytesTransferred], [8, 0])
  } finally {
    rmSync(folder, { recursive: true })
  }
}

describe('on our farm', () => {
  let farm
  before(async () => {
    farm = await startFarm()
  })
  after(() => farm?.stop())

  test('the tree that we download is the tree that the reference downloads', async () => {
    const { endpoint, region, credentials, bucket } = farm
    job.bucket = bucket
    await downloadsTheSameTree({ endpoint, region, credentials }, false)
  })
})

describe('on moto', () => {
  let server
  let endpoint
  before(async () => {
    const port = await freePort()
    endpoint = `http://127.0.0.1:${port}`
    server = spawn(join(programs, 'moto_server'), ['-H', '127.0.0.1', '-p', String(port)], {
      stdio: 'ignore',
    })
    for (let tries = 0; tries < 150; tries++) {
      if (await fetch(endpoint).catch(() => null)) return
      await sleep(200)
    }
    assert.fail('moto did not start within 30 seconds')
  })
  after(async () => {
    if (server?.exitCode !== null) return
    server.kill()
    await once(server, 'exit')
  })

  test('the tree that we download is the tree that the reference downloads', async () => {
    job.bucket = 'interop'
    const credentials = { accessKeyId: 'testing', secretAccessKey: 'testing' }
    await downloadsTheSameTree({ endpoint, region: 'us-east-1', credentials }, true)
  })
})

test('the reference reads a manifest that we made, and writes it as we do', () => {
  const files = ['b/😀.png', 'a & b.txt', '￮/z', '\u007f'].map((path, index) => ({
    path,
    hash: String(index).repeat(32),
    size: 2 ** 40 + index,
    mtime: 1_760_000_000_123_456 + index,
  }))
  const manifest = createManifest({ files })
  const read = reference('decode', { manifest: manifest.encode() })
  assert.equal(read.encoded, manifest.encode())
  const byPath = (a, b) => (a[0] < b[0] ? -1 : 1)
  assert.deepEqual(
    read.paths.sort(byPath),
    files.map((one) => [one.path, one.hash, one.size, one.mtime]).sort(byPath),
  )
})

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.on('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })
}
