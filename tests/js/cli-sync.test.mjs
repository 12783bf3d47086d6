// `rusty-attachments sync`: one pass, or one after the other, for a person and for a scheduler.

import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import { configure, lastLine, run, runInTerminal, runUnread, startStudio } from './command-line.mjs'
import { job, operations, session, task, tree } from './queue.mjs'

/** A studio in which a cat is being rendered. */
async function studioWithCat(test) {
  const studio = await startStudio(test)
  await studio.farm.happen(
    job('cat', { steps: [{ name: 'render', tasks: 3 }] }),
    session('cat'),
    task('cat', 0, { '1.png': 'one' }),
  )
  return { ...studio, at: { env: studio.env, cwd: studio.home } }
}

const lookBack = ['--bootstrap-lookback-minutes', '60']
const quiet = /^\d\d:\d\d:\d\d {2}queue-\w+: nothing new\n$/

test('a pass says what it downloaded; one without news takes one quiet line, with --verbose more', async (t) => {
  const { projects, at } = await studioWithCat(t)
  const first = await run(['sync', ...lookBack], at)
  assert.equal(first.code, 0, first.stderr)
  assert.match(first.stdout, /^\S+ {2}cat {2}1 task run, 1 file\n\S+ {2}Downloaded 1 file, 3 B, in .* s\n$/)
  assert.deepEqual(tree(projects), { 'cat/1.png': 'one' })
  const second = await run(['sync'], at)
  assert.match(second.stdout, quiet)
  assert.equal(second.stderr, '')
  const third = await run(['sync', '--verbose'], at)
  assert.match(third.stdout, /checkpoint .*_download_checkpoint\.json\n.*: nothing new\n$/)
})

test('without news it asks for the jobs and nothing else', async (t) => {
  const { farm, at } = await studioWithCat(t)
  await run(['sync', ...lookBack], at)
  await farm.forgetRequests()
  await run(['sync'], at)
  assert.deepEqual(Object.keys(await operations(farm)), ['SearchJobs'])
})

test('with --json each line is an event', async (t) => {
  const { projects, at } = await studioWithCat(t)
  const { code, lines } = await run(['sync', '--json', ...lookBack], at)
  assert.equal(code, 0)
  const events = lines()
  const types = events.map(({ type }) => type)
  assert.deepEqual([types[0], types.at(-1)], ['pass-started', 'pass-finished'])
  const file = events.find(({ type }) => type === 'file')
  assert.equal(file.localPath, join(projects, 'cat/1.png'))
  assert.equal(events.at(-1).result.stats.filesTransferred, 1)
})

test('a dry run writes nothing, not even a checkpoint', async (t) => {
  const { farm, projects, home, at } = await studioWithCat(t)
  const checkpoints = join(home, 'checkpoints')
  const { stdout } = await run(['sync', '--dry-run', '--checkpoint-dir', checkpoints, ...lookBack], at)
  assert.match(stdout, /cat {2}1 task run, 1 file\n.*Would download 1 file of 1, 3 B/)
  assert.deepEqual([tree(projects), tree(checkpoints)], [{}, {}])
  await run(['sync', ...lookBack], at)
  await farm.happen(task('cat', 1, { '2.png': 'second' }))
  const more = ['--force-bootstrap', '--verbose']
  const second = await run(['sync', '--dry-run', ...more, ...lookBack], at)
  assert.match(second.stdout, /Would download 1 file of 2, 6 B/)
  assert.ok(second.stdout.includes(`\n  ${join(projects, 'cat/2.png')}\n`), second.stdout)
})

test('checkpoints are where they are wanted, and --force-bootstrap begins anew', async (t) => {
  const { farm, storageProfiles, home, at } = await studioWithCat(t)
  const there = ['--checkpoint-dir', '~/elsewhere']
  await run(['sync', ...there, ...lookBack], at)
  assert.ok(
    readdirSync(join(home, 'elsewhere')).includes(
      `${farm.queueId}_${storageProfiles.here}_download_checkpoint.json`,
    ),
  )
  const again = await run(['sync', '--force-bootstrap', ...there, ...lookBack], at)
  assert.match(again.stdout, /Nothing to fetch: 1 file here already/)
})

test('without storage profiles every file goes to the path that its job has for it', async (t) => {
  const { farm, home, at } = await startStudio(t).then((studio) => ({
    ...studio,
    at: { env: studio.env, cwd: studio.home },
  }))
  const roots = [{ path: join(home, 'local'), format: 'posix' }]
  await farm.happen(
    job('dog', { storageProfile: undefined, roots }),
    session('dog'),
    task('dog', 0, { a: 'b' }),
  )
  assert.equal((await run(['sync', '--ignore-storage-profiles', ...lookBack], at)).code, 0)
  assert.deepEqual(tree(join(home, 'local')), { a: 'b' })
})

test('what differs is overwritten, as by the deadline CLI, whatever is configured for downloads', async (t) => {
  const { farm, storageProfiles, home, projects, at } = await studioWithCat(t)
  const storageProfileId = storageProfiles.here
  await configure(home, farm, { storageProfileId, settings: 'conflict_resolution = SKIP' })
  const mine = () => writeFile(join(projects, 'cat/1.png'), 'mine')
  await mkdir(join(projects, 'cat'), { recursive: true })
  await mine()
  await run(['sync', ...lookBack], at)
  assert.deepEqual(tree(projects), { 'cat/1.png': 'one' })
  await mine()
  await run(['sync', '--force-bootstrap', '--conflict-resolution', 'skip', ...lookBack], at)
  assert.deepEqual(tree(projects), { 'cat/1.png': 'mine' })
})

test('what has no place is named, with advice that sync can follow', async (t) => {
  const { farm, at } = await studioWithCat(t)
  const roots = [{ path: 'E:\\else', format: 'windows' }]
  await farm.happen(job('dog', { roots }), session('dog'), task('dog', 0, { 'd.png': 'd' }))
  const { stderr } = await run(['sync', ...lookBack], at)
  assert.match(
    stderr,
    /E:\\else\\d\.png\n {2}no rule maps them; give the storage profile of this machine a location/,
  )
})

test('what fails is named, and the status is 1', async (t) => {
  const { farm, at } = await studioWithCat(t)
  await farm.happen({ event: 'damage', job: 'cat', path: '1.png', how: 'missing' })
  const { code, stderr } = await run(['sync', ...lookBack], at)
  assert.equal(code, 1)
  assert.match(stderr, /1 file could not be downloaded; later passes try again:\n {2}\S+1\.png {2}NOT_FOUND/)
})

/** Lets the second and the third file of the cat wait, so that somebody has time for Ctrl-C. */
async function withSlowFiles({ farm }) {
  await farm.happen(task('cat', 1, { '2.png': 'two', '3.png': 'three' }))
  const slow = { requests: { keyContains: '/Data/' }, effect: { delay: { milliseconds: 60_000 } } }
  await farm.setRules({ ...slow, often: { first: 2 } })
}

test('Ctrl-C ends a pass with what is done, and the next one goes on', async (t) => {
  const studio = await studioWithCat(t)
  const { farm, projects, at } = studio
  await withSlowFiles(studio)
  const pass = runInTerminal(['sync', '--verbose', ...lookBack], at)
  await pass.see(/\d\.png\r\n/)
  pass.type('\x03')
  const { code, screen } = await pass.ended
  assert.equal(code, 130, screen)
  assert.match(screen, /\nStopped\. 1 file landed; the checkpoint knows of each.*\n$/)
  assert.doesNotMatch(screen, /error/)
  await farm.setRules()
  const next = await run(['sync'], at)
  assert.match(next.stdout, /Downloaded 2 files/)
  assert.deepEqual(Object.keys(tree(projects)), ['cat/1.png', 'cat/2.png', 'cat/3.png'])
})

test('Ctrl-C is a line of JSON where JSON is asked for', async (t) => {
  const studio = await studioWithCat(t)
  await withSlowFiles(studio)
  const pass = runInTerminal(['sync', '--json', ...lookBack], { ...studio.at, columns: 1000 })
  await pass.see(/"type":"file"/)
  pass.type('\x03')
  const { code, screen } = await pass.ended
  assert.equal(code, 130, screen)
  assert.deepEqual(lastLine(screen), { type: 'stopped', filesLanded: 1 })
})

test('a watcher that nobody reads any more ends', async (t) => {
  const { projects, at } = await studioWithCat(t)
  assert.equal((await runUnread(['sync', '--watch', '0.1', '--verbose', ...lookBack], at)).code, 141)
  assert.ok(Object.keys(tree(projects)).length <= 1)
})

test('what failed before and waits for its next try takes a line, and the status is 1', async (t) => {
  const { farm, at } = await studioWithCat(t)
  await farm.happen({ event: 'damage', job: 'cat', path: '1.png', how: 'missing' })
  const first = await run(['sync', ...lookBack], at)
  assert.doesNotMatch(first.stderr, /before/)
  await run(['sync'], at)
  const waiting = await run(['sync'], at)
  assert.deepEqual(
    [waiting.code, waiting.stderr],
    [1, 'warning: 1 task run failed to download before; later passes try again\n'],
  )
  assert.match(waiting.stdout, quiet)
  const { code, lines } = await run(['sync', '--json'], at)
  assert.deepEqual([code, lines().at(-1).result.outstandingTaskRuns], [1, 1])
})

test('a watcher shows what comes, in a line that changes when it is to look again, until Ctrl-C', async (t) => {
  const { farm, projects, at } = await studioWithCat(t)
  const watching = runInTerminal(['sync', '--watch', '0.3', ...lookBack], at)
  await watching.see(/Watching queue-\w+ every 0\.3 s; Ctrl-C ends it/)
  await watching.see(/cat {2}1 task run, 1 file/)
  await watching.see(/1 file so far; next look at \d\d:\d\d:\d\d/)
  await farm.happen(task('cat', 1, { '2.png': 'two', '3.png': 'three' }))
  await watching.see(/cat {2}1 task run, 2 files/)
  await farm.happen(task('cat', 2, {}, { status: 'FAILED' }))
  await watching.see(/cat {2}1 task failed on the farm/)
  await watching.see(/next look/)
  watching.type('\x03')
  const { code, screen } = await watching.ended
  assert.equal(code, 130, screen)
  assert.deepEqual(Object.keys(tree(projects)), ['cat/1.png', 'cat/2.png', 'cat/3.png'])
  const lines = screen.trimEnd().split('\n')
  assert.equal(lines.length, 7, screen)
  assert.match(lines.at(-1), /^Stopped\. 3 files landed; the checkpoint knows of each/)
})

test('a watcher outlives trouble, and says when it tries again', async (t) => {
  const { farm, projects, at } = await studioWithCat(t)
  await farm.setRules({
    requests: { operation: 'SearchJobs' },
    effect: { refuse: { status: 403, code: 'ExpiredTokenException' } },
  })
  const watching = runInTerminal(['sync', '--watch', '0.3', ...lookBack], at)
  await watching.see(/warning: .*credentials.*; next try in/)
  await farm.setRules()
  await watching.see(/Downloaded 1 file/)
  watching.type('\x03')
  assert.equal((await watching.ended).code, 130)
  assert.deepEqual(tree(projects), { 'cat/1.png': 'one' })
})

test('a second sync says who holds the lock', async (t) => {
  const { farm, home, at } = await studioWithCat(t)
  await farm.setRules({ requests: { operation: 'SearchJobs' }, effect: { delay: { milliseconds: 20_000 } } })
  const watching = runInTerminal(['sync', '--watch'], at)
  const isLocked = () => Object.keys(tree(join(home, '.deadline'))).some((name) => name.endsWith('.pid'))
  while (!isLocked()) await sleep(20)
  const { code, stderr } = await run(['sync'], at)
  assert.equal(code, 1)
  assert.match(stderr, /^error: process \d+ is syncing/)
  watching.type('\x03')
  assert.equal((await watching.ended).code, 130)
  assert.ok(!isLocked())
})
