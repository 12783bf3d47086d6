// `rusty-attachments plan` and `inspect`: what would happen, and what a manifest holds.

import assert from 'node:assert/strict'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import { createManifest, DownloadOrchestrator, planDownload, PathMappingApplier } from 'rusty-attachments'

import { run, runInTerminal, runUnread, startStudio } from './command-line.mjs'
import { job, operations, session, task, tree } from './queue.mjs'
import { folder, s3Of } from './support.mjs'

const files = [
  { path: 'beauty/0001.exr', hash: 'a'.repeat(32), size: 1_500_000, mtime: 1_760_000_000_123_456 },
  { path: 'beauty/CON.exr', hash: 'a'.repeat(32), size: 1_500_000, mtime: 1_760_000_000_123_456 },
  { path: 'notes.txt', hash: 'b'.repeat(32), size: 7, mtime: 1_760_000_001_000_000 },
]

const windows = {
  storageProfileId: 'sp-windows',
  displayName: 'Workstation',
  osFamily: 'WINDOWS',
  fileSystemLocations: [{ name: 'Projects', path: 'Z:\\Projects', type: 'LOCAL' }],
}
const mac = {
  storageProfileId: 'sp-mac',
  displayName: 'Laptop',
  osFamily: 'MACOS',
  fileSystemLocations: [{ name: 'Projects', path: '/Users/me/Projects', type: 'LOCAL' }],
}

/** A folder with a manifest and two storage profiles, and nothing of AWS. */
async function onDisk(test) {
  const cwd = await folder(test)
  const manifest = createManifest({ files })
  await writeFile(join(cwd, 'manifest.json'), manifest.encode())
  await writeFile(join(cwd, 'windows.json'), JSON.stringify(windows))
  await writeFile(join(cwd, 'mac.json'), JSON.stringify(mac))
  return { manifest, at: { cwd, env: { PATH: process.env.PATH, HOME: cwd } } }
}

const profiles = ['--job-profile', 'windows.json', '--local-profile', 'mac.json']

describe('plan from disk', () => {
  test('gives what planDownload gives', async (t) => {
    const { manifest, at } = await onDisk(t)
    const root = 'Z:\\Projects\\Show'
    const { code, lines } = await run(['plan', 'manifest.json', '--asset-root', root, ...profiles], at)
    assert.equal(code, 0)
    const rule = {
      sourcePathFormat: 'windows',
      sourcePath: 'Z:\\Projects',
      destinationPath: '/Users/me/Projects',
    }
    const applier = new PathMappingApplier([rule], 'posix')
    const source = { manifest, rootPath: root, sourcePathFormat: 'windows', applier, lastModified: 0 }
    const plan = planDownload([source], { destinationPathFormat: 'posix' })
    assert.deepEqual(lines(), [
      ...plan.files().map((file) => ({ type: 'file', ...file })),
      {
        type: 'summary',
        fileCount: 3,
        totalSize: 3_000_007,
        objectCount: 2,
        unmappedCount: 0,
        hazardCount: 0,
        filesHere: null,
      },
    ])
  })

  test('as a table', async (t) => {
    const { at } = await onDisk(t)
    const { stdout } = await run(
      ['plan', 'manifest.json', '--asset-root', 'Z:/Projects/Show', ...profiles, '--output', 'verbose'],
      at,
    )
    assert.match(
      stdout,
      /^ +size {2}changed +file\n +1\.5 MB {2}2025-10-\d\d \S+ {2}\/Users\/me\/Projects\/Show\/beauty\/0001\.exr\n/,
    )
    assert.match(stdout, /\n3 files, 3\.0 MB in 2 different contents\n$/)
  })

  test('names what has no place and what the target cannot hold', async (t) => {
    const { at } = await onDisk(t)
    const unmapped = await run(
      ['plan', 'manifest.json', '--asset-root', 'X:\\Other', ...profiles, '--output', 'verbose'],
      at,
    )
    assert.match(
      unmapped.stderr,
      /warning: 3 files have no place on this machine:\n {2}X:\\Other\\beauty\\0001\.exr/,
    )
    const swapped = ['--job-profile', 'mac.json', '--local-profile', 'windows.json', '--output', 'verbose']
    const hazards = await run(
      ['plan', 'manifest.json', '--asset-root', '/Users/me/Projects/Show', ...swapped],
      at,
    )
    assert.match(hazards.stdout, /Z:\\Projects\\Show\\beauty\\0001\.exr/)
    assert.match(hazards.stderr, /1 file may not be possible here:\n {2}Z:\\.*CON\.exr/)
  })

  test('puts roots where --to says', async (t) => {
    const { at } = await onDisk(t)
    const { lines } = await run(
      ['plan', 'manifest.json', '--asset-root', 'Z:\\Show', '--to', 'here', '-i', '*.txt'],
      at,
    )
    assert.deepEqual(
      lines().map(({ localPath }) => localPath),
      [join(at.cwd, 'here/notes.txt'), undefined],
    )
  })

  const mistakes = [
    [['plan', 'manifest.json'], /--asset-root/, 2],
    [['plan', 'manifest.json', '--asset-root', '/a', '--job-id', 'job-1'], /exclude each other/, 2],
    [
      ['plan', 'nothing.json', '--asset-root', '/a'],
      /nothing\.json cannot be read: there is no such file/,
      1,
    ],
    [['plan', 'windows.json', '--asset-root', '/a'], /windows\.json: /, 1],
    [['plan', 'manifest.json', '--asset-root', '/a', '--job-profile', 'mac.json'], /go together/, 2],
    [
      [
        'plan',
        'manifest.json',
        '--asset-root',
        '/a',
        '--job-profile',
        'mac.json',
        '--local-profile',
        'manifest.json',
      ],
      /manifest\.json cannot be used as a storage profile/,
      1,
    ],
    [['inspect', '.'], /it is a folder/, 1],
  ]
  for (const [parameters, words, expected] of mistakes) {
    test(`refuses ${parameters.join(' ')}`, async (t) => {
      const { at } = await onDisk(t)
      const { code, stderr } = await run(parameters, at)
      assert.match(stderr, words)
      assert.match(stderr, /^error: .*\n$/)
      assert.equal(code, expected)
    })
  }
})

describe('inspect', () => {
  test('shows a manifest to read', async (t) => {
    const { at, manifest } = await onDisk(t)
    const { code, screen } = await runInTerminal(['inspect', 'manifest.json'], { ...at, columns: 150 }).ended
    assert.equal(code, 0)
    assert.match(screen, /^manifest\.json\n {2}version {5}2023-03-03\n {2}files {7}3 files, 3\.0 MB\n/)
    assert.ok(screen.includes(manifest.manifestHash))
    assert.match(screen, / +7 B {2}2025-10-09 \S+ {2}b{32} {2}notes\.txt\n/)
  })

  test('may be stopped in the middle, by Ctrl-C and by whoever has read enough', async (t) => {
    const { at } = await onDisk(t)
    const many = Array.from({ length: 200_000 }, (_, n) => ({ ...files[2], path: `notes/${n}.txt` }))
    await writeFile(join(at.cwd, 'many.json'), createManifest({ files: many }).encode())
    const inspect = ['inspect', 'many.json', '--output', 'verbose']
    assert.deepEqual(await runUnread(inspect, at), { code: 141, stderr: '' })
    const plan = ['plan', 'many.json', '--asset-root', '/a']
    assert.deepEqual(await runUnread(plan, at), { code: 141, stderr: '' })
    const session = runInTerminal(inspect, at)
    await session.see(/notes\/\d+\.txt/)
    session.type('\x03')
    const { code, screen } = await session.ended
    assert.equal(code, 130)
    assert.ok(!screen.includes('notes/199999.txt'))
  })

  test('gives it as JSON', async (t) => {
    const { at, manifest } = await onDisk(t)
    const { lines } = await run(['inspect', 'manifest.json'], at)
    const [found] = lines()
    assert.deepEqual(found.files, JSON.parse(JSON.stringify(manifest.files())))
    assert.deepEqual([found.version, found.totalSize], ['2023-03-03', 3_000_007])
  })
})

describe('in S3', () => {
  /** A studio with one job, and the address of its manifest. */
  async function studioWithManifest(test) {
    const studio = await startStudio(test)
    const { farm, env, home } = studio
    const names = await farm.happen(job('cat'), session('cat'), task('cat', 0, { 'a.png': 'one' }))
    const { jobId } = names.jobs.cat
    const { rootPrefix, farmId, queueId, bucket } = farm
    const [key] = await new DownloadOrchestrator({ s3: s3Of(farm) }).discoverOutputManifestKeys(
      { rootPrefix, farmId, queueId },
      { scope: { jobId }, selectLatestPerTask: true },
    )
    return { ...studio, jobId, address: `s3://${bucket}/${key}`, at: { env, cwd: home } }
  }

  test('a job is planned and nothing is written', async (t) => {
    const { projects, at, jobId, home } = await studioWithManifest(t)
    const { code, lines } = await run(['plan', '--job-id', jobId], at)
    assert.equal(code, 0)
    const [file, summary] = lines()
    assert.equal(file.localPath, join(projects, 'cat/a.png'))
    assert.deepEqual([summary.fileCount, summary.filesHere], [1, 0])
    assert.deepEqual(tree(projects), {})
    assert.deepEqual(await readdir(home), ['.deadline'])
  })

  test('a manifest is read with the role of the queue that its key names', async (t) => {
    const { farm, at, address } = await studioWithManifest(t)
    await farm.happen({ event: 'settings', bucketNeedsRole: true })
    const { stderr, lines } = await run(['inspect', address], at)
    assert.equal(stderr, '')
    const [found] = lines()
    assert.equal(found.assetRoot, 'P:\\Projects\\cat')
    assert.deepEqual(
      found.files.map(({ path }) => path),
      ['a.png'],
    )
    const planned = await run(['plan', address, '--to', 'x'], at)
    assert.equal(planned.lines()[0].localPath, join(at.cwd, 'x/a.png'))
  })

  test('Ctrl-C does not wait for it, nor for the role that may read it', async (t) => {
    const { farm, at, address } = await studioWithManifest(t)
    const waiting = [
      ['S3', { keyContains: '/Manifests/' }],
      ['AssumeQueueRoleForUser', { operation: 'AssumeQueueRoleForUser' }],
    ]
    for (const [operation, requests] of waiting) {
      await farm.setRules({ requests, effect: { delay: { milliseconds: 30_000 } } })
      for (const parameters of [
        ['inspect', address],
        ['plan', address],
      ]) {
        await farm.forgetRequests()
        const session = runInTerminal([...parameters, '--output', 'json'], at)
        while (!(await operations(farm))[operation]) await sleep(20)
        session.type('\x03')
        const began = performance.now()
        const { code, screen } = await session.ended
        assert.equal(code, 130, screen)
        assert.doesNotMatch(screen, /error|files/)
        assert.ok(performance.now() - began < 10_000)
      }
    }
  })

  test('one that is not there is said to be not there', async (t) => {
    const { at, address } = await studioWithManifest(t)
    const { code, stderr } = await run(['inspect', `${address}x`], at)
    assert.match(stderr, /^error: .*s3:\/\/.*\n$/)
    assert.equal(code, 1)
  })
})
