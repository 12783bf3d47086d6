// Watching a queue: passes on an interval, what is yielded, and what ends it.

import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import { syncOutputs, watchOutputs } from 'rusty-attachments'

import { clientOf, job, operations, session, startQueue, task, tree } from './queue.mjs'
import { coded } from './support.mjs'

test('a watcher downloads what comes, pass after pass, until it is aborted', async (t) => {
  const { farm, projects, options } = await startQueue(t)
  const tasks = 3
  await farm.happen(job('cat', { steps: [{ name: 'render', tasks }] }), session('cat'))
  const cancelling = new AbortController()
  const landed = []
  let next = 0
  for await (const event of watchOutputs({ ...options, intervalSeconds: 0.05, signal: cancelling.signal })) {
    if (event.type === 'file') landed.push(event.localPath)
    if (event.type !== 'pass-finished') continue
    if (next < tasks) await farm.happen(task('cat', next, { [`${next++}.png`]: 'x' }))
    else if (landed.length === tasks) cancelling.abort()
  }
  assert.deepEqual(
    landed,
    Array.from({ length: tasks }, (_, n) => join(projects, `cat/${n}.png`)),
  )
})

test('leaving the loop ends the pass under way and gives the lock back', async (t) => {
  const { farm, checkpointDirectory, options, storageProfiles } = await startQueue(t)
  await farm.happen(job('cat'), session('cat'), task('cat', 0, { 'a.png': 'a' }))
  await farm.setRules({
    requests: { operation: 'ListSessions' },
    effect: { delay: { milliseconds: 10_000 } },
  })
  const began = performance.now()
  for await (const { type } of watchOutputs(options)) if (type === 'pass-started') break
  assert.ok(performance.now() - began < 5_000)
  const lock = `${farm.queueId}_${storageProfiles.here}_download_checkpoint.json.pid`
  assert.ok(!existsSync(join(checkpointDirectory, lock)))
})

test('a watcher outlives network loss, throttling and expired credentials, and says so', async (t) => {
  const { farm, projects, options } = await startQueue(t)
  await farm.happen(job('cat'), session('cat'), task('cat', 0, { 'a.png': 'a' }))
  const trouble = [
    { refuse: { status: 429, code: 'ThrottlingException' } },
    'reset',
    { refuse: { status: 403, code: 'ExpiredTokenException' } },
  ]
  const fail = (effect) =>
    farm.setRules(...(effect ? [{ requests: { operation: 'SearchJobs' }, effect }] : []))
  await fail(trouble.shift())
  const failures = []
  const deadline = clientOf(farm, { maxAttempts: 1 })
  for await (const event of watchOutputs({ ...options, deadline, intervalSeconds: 0.05 })) {
    if (event.type === 'failure') {
      failures.push([event.code, event.jobId, event.retryInSeconds])
      await fail(trouble.shift())
    }
    if (event.type === 'pass-finished') break
  }
  assert.deepEqual(failures, [
    ['THROTTLED', null, 0.05],
    ['NETWORK', null, 0.1],
    ['CREDENTIALS', null, 0.2],
  ])
  assert.deepEqual(tree(projects), { 'cat/a.png': 'a' })
})

test('a watcher waits for another sync to end', async (t) => {
  const { farm, checkpointDirectory, options, storageProfiles } = await startQueue(t)
  await syncOutputs(options)
  const name = `${farm.queueId}_${storageProfiles.here}_download_checkpoint.json.pid`
  const lock = join(checkpointDirectory, name)
  writeFileSync(lock, String(process.ppid))
  const seen = []
  for await (const event of watchOutputs({ ...options, intervalSeconds: 0.05 })) {
    seen.push(event.type)
    if (event.type === 'failure') {
      assert.equal(event.details.pid, process.ppid)
      writeFileSync(lock, '')
    }
    if (event.type === 'pass-finished') break
  }
  assert.deepEqual(seen, ['failure', 'pass-started', 'checkpoint', 'pass-finished'])
})

test('passes do not overlap, and one that takes longer than the interval delays the next', async (t) => {
  const { farm, options } = await startQueue(t)
  await farm.setRules({ requests: { operation: 'SearchJobs' }, effect: { delay: { milliseconds: 200 } } })
  let running = 0
  let passes = 0
  for await (const { type } of watchOutputs({ ...options, intervalSeconds: 0.01 })) {
    if (type === 'pass-started') assert.equal(++running, 1)
    if (type === 'pass-finished') running--
    if (type === 'pass-finished' && ++passes === 3) break
  }
  assert.equal((await operations(farm)).SearchJobs, 6)
})

test('the wait between passes is measured from the start of the last one', async (t) => {
  const { farm, options } = await startQueue(t)
  await farm.setRules({ requests: { operation: 'SearchJobs' }, effect: { delay: { milliseconds: 750 } } })
  const starts = []
  for await (const { type } of watchOutputs({ ...options, intervalSeconds: 2.5 })) {
    if (type === 'pass-started') starts.push(performance.now())
    if (starts.length === 3) break
  }
  // Two requests take 1.5 s of it.
  for (const wait of [starts[1] - starts[0], starts[2] - starts[1]]) {
    assert.ok(wait > 2_400 && wait < 3_800, `${wait} ms`)
  }
})

test('while nobody takes its events, a watcher begins no further pass', async (t) => {
  const { farm, options } = await startQueue(t)
  await farm.happen(job('cat'), session('cat'), task('cat', 0, { 'a.png': 'a' }))
  const events = watchOutputs({ ...options, intervalSeconds: 0.01 })[Symbol.asyncIterator]()
  await events.next()
  await sleep(1_500)
  assert.equal((await operations(farm)).SearchJobs, 2)
  const seen = []
  while (seen.at(-1) !== 'pass-started') seen.push((await events.next()).value.type)
  assert.ok(seen.includes('file') && seen.includes('pass-finished'), 'what happened meanwhile is still told')
  await events.return()
})

test('a watcher that is to begin anew does so once', async (t) => {
  const { farm, options } = await startQueue(t)
  await farm.happen(job('cat'), session('cat'), task('cat', 0, { 'a.png': 'a' }))
  await syncOutputs(options)
  const totals = []
  for await (const event of watchOutputs({ ...options, forceBootstrap: true, intervalSeconds: 0.01 })) {
    if (event.type === 'pass-finished') totals.push(event.result.stats.filesTotal)
    if (totals.length === 2) break
  }
  assert.deepEqual(totals, [1, 0])
})

test('what no time can mend is thrown', async (t) => {
  const { farm, checkpointDirectory, options, storageProfiles } = await startQueue(t)
  const next = (more) =>
    watchOutputs({ ...options, ...more })
      [Symbol.asyncIterator]()
      .next()
  await assert.rejects(next({ intervalSeconds: 0 }), coded('INVALID_ARGUMENT', /intervalSeconds/))
  await assert.rejects(next({ onEvent() {} }), coded('INVALID_ARGUMENT', /onEvent/))
  await syncOutputs(options)
  const name = `${farm.queueId}_${storageProfiles.here}_download_checkpoint.json`
  writeFileSync(join(checkpointDirectory, name), '{')
  await assert.rejects(async () => {
    for await (const _ of watchOutputs(options));
  }, coded('CHECKPOINT'))
  await assert.rejects(async () => {
    for await (const _ of watchOutputs({ ...options, queueId: `queue-${'9'.repeat(32)}` }));
  }, coded('NOT_FOUND'))
})
