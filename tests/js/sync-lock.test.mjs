// One sync at a time for a checkpoint.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

import { syncOutputs } from 'rusty-attachments'

import { startQueue } from './queue.mjs'
import { coded } from './support.mjs'

async function startLocked(t) {
  const { farm, options, checkpointDirectory, storageProfiles } = await startQueue(t)
  mkdirSync(checkpointDirectory)
  const name = `${farm.queueId}_${storageProfiles.here}_download_checkpoint.json.pid`
  return { farm, options, lock: join(checkpointDirectory, name) }
}

/** The id of a process that is no more. */
function deadPid() {
  return spawnSync(process.execPath, ['-e', '']).pid
}

test('while another process holds the lock, a sync says which and what to do', async (t) => {
  const { options, lock } = await startLocked(t)
  writeFileSync(lock, String(process.ppid))
  await assert.rejects(syncOutputs(options), (error) => {
    assert.equal(error.details.pid, process.ppid)
    return coded('CHECKPOINT', new RegExp(`process ${process.ppid} .*remove that file`))(error)
  })
  assert.ok(existsSync(lock), 'the lock of another is left alone')
})

test('a stale lock is taken over: of a dead process, unreadable, or from before this process had its id', async (t) => {
  const { options, lock } = await startLocked(t)
  for (const text of [String(deadPid()), '', 'not a number', '-1', '99999999999999']) {
    writeFileSync(lock, text)
    await syncOutputs(options)
    assert.ok(!existsSync(lock), `after the lock ${JSON.stringify(text)}`)
  }
  writeFileSync(lock, String(process.pid))
  utimesSync(lock, 0, 0)
  await syncOutputs(options)
  assert.ok(!existsSync(lock))
})

test('of many syncs at once that find a stale lock, one runs and the others say so', async (t) => {
  const { farm, options, lock } = await startLocked(t)
  writeFileSync(lock, String(deadPid()))
  await farm.setRules({ effect: { delay: { milliseconds: 500 } } })
  const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => syncOutputs(options)))
  const refused = outcomes.filter(({ status }) => status === 'rejected')
  assert.equal(refused.length, 7)
  for (const { reason } of refused) assert.ok(coded('CHECKPOINT', /another sync in this process/)(reason))
  assert.ok(!existsSync(lock))
})

test('the lock is given back however a pass ends', async (t) => {
  const { options, lock } = await startLocked(t)
  await assert.rejects(syncOutputs({ ...options, queueId: options.queueId, signal: AbortSignal.abort() }))
  const onEvent = () => {
    throw new Error('no more')
  }
  await assert.rejects(syncOutputs({ ...options, onEvent }), /no more/)
  assert.ok(!existsSync(lock))
})

test('a clock that is set while a sync runs makes its lock no stale one', async (t) => {
  const { options } = await startLocked(t)
  const now = Date.now
  t.after(() => (Date.now = now))
  let second
  const onEvent = ({ type }) => {
    if (type !== 'pass-started') return
    Date.now = () => now() + 3_600_000
    second = syncOutputs({ ...options, onEvent: undefined }).catch((thrown) => thrown)
    return second.finally(() => (Date.now = now))
  }
  await syncOutputs({ ...options, onEvent })
  assert.ok(coded('CHECKPOINT', /another sync in this process/)(await second))
})

test('a lock that could not be given back hides no outcome and stops no later sync', async (t) => {
  const { options, lock } = await startLocked(t)
  const onEvent = ({ type }) => {
    if (type !== 'pass-started') return
    rmSync(lock)
    mkdirSync(lock)
  }
  await syncOutputs({ ...options, onEvent })
  rmdirSync(lock)
  writeFileSync(lock, String(process.pid))
  await syncOutputs(options)
  assert.ok(!existsSync(lock))
})
