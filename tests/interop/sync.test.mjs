// The reference's CLI syncs a queue of the farm, pass after pass. With KEEP_CHECKPOINTS=file, what it writes is kept.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'

import { startFarm } from '../../scripts/farm.mjs'
import { entryKind, letTimePass, readCheckpoint, runSyncCli, startCheckpoint } from './cli.mjs'
import { everyday, lostAndFound } from './histories.mjs'
import { tree } from './tree.mjs'

const kept = []
after(() => {
  const file = process.env.KEEP_CHECKPOINTS
  if (file) writeFileSync(file, JSON.stringify({ cases: kept }, null, 1))
})

/** A farm, and an empty folder of projects beside the sync's own; all gone with the suite. */
function setting() {
  const directory = mkdtempSync(join(tmpdir(), 'rusty-attachments-sync-'))
  const setting = { directory, projects: join(directory, 'projects') }
  before(async () => {
    mkdirSync(setting.projects)
    setting.farm = await startFarm()
  })
  after(async () => {
    await setting.farm?.stop()
    rmSync(directory, { recursive: true })
  })
  return setting
}

/** Lets a step happen, then a pass over it. */
async function pass(setting, { claim, events, timePasses, ignoreProfiles }) {
  const { farm, directory, projects } = setting
  if (timePasses) letTimePass(setting.where)
  const { storageProfiles } = await farm.happen(...events)
  if (!setting.where) {
    const storageProfileId = ignoreProfiles ? undefined : storageProfiles.here
    setting.where = { farm, directory, storageProfileId }
    startCheckpoint(setting.where)
  }
  const result = await runSyncCli(setting.where)
  const checkpoint = readCheckpoint(setting.where)
  const { failedJobs, ...written } = checkpoint
  const stable = JSON.stringify({ ...written, jobs: Object.values(written.jobs) }).replaceAll(
    projects,
    '/projects',
  )
  kept.push({ claim, checkpoint: JSON.parse(stable), failedJobs })
  return { ...result, checkpoint }
}

/** The tree of some texts, and a tree as it was found, in comparable form. */
const hashesOf = (files) =>
  Object.fromEntries(
    Object.entries(files).map(([path, text]) => [path, createHash('sha256').update(text).digest('hex')]),
  )
const found = (projects) =>
  Object.fromEntries(Object.entries(tree(projects)).map(([path, { hash }]) => [path, hash]))

describe("the reference on a queue's day", () => {
  const here = setting()
  for (const step of everyday(here.projects)) {
    test(step.claim, async () => {
      const { code, output, checkpoint } = await pass(here, step)
      assert.equal(code, 0, output)
      assert.deepEqual(found(here.projects), hashesOf(step.files), output)
      assert.deepEqual(checkpoint.failedJobs, {})

      const { jobs } = await here.farm.names()
      const name = (id) => Object.keys(jobs).find((name) => jobs[name].jobId === id)
      const entries = Object.entries(checkpoint.jobs).map(([id, entry]) => [name(id), entryKind(entry)])
      assert.deepEqual(Object.fromEntries(entries), step.entries)
    })
  }

  test('a pass without news asks for jobs and for nothing below them', async () => {
    await here.farm.forgetRequests()
    const { code, output } = await pass(here, { claim: 'a quiet pass', timePasses: true, events: [] })
    assert.equal(code, 0, output)
    const asked = (await here.farm.requests()).map(({ operation }) => operation)
    assert.deepEqual(
      new Set(asked),
      // It asks for the local profile twice, and for the role without using it.
      new Set(['GetStorageProfileForQueue', 'GetQueue', 'SearchJobs', 'AssumeQueueRoleForUser']),
    )
  })
})

describe('the reference on a lost file', () => {
  const here = setting()
  for (const [number, step] of lostAndFound(here.projects).entries()) {
    test(step.claim, async () => {
      const { code, output, checkpoint } = await pass(here, step)
      assert.equal(code, 0, output)
      assert.deepEqual(found(here.projects), hashesOf(step.files), output)
      // Its failed jobs are not in its checkpoint.
      const { jobs } = await here.farm.names()
      const { jobId } = jobs.unlucky
      assert.deepEqual(checkpoint.failedJobs, step.lost ? { [jobId]: number + 1 } : {})
      assert.deepEqual(Object.keys(checkpoint.jobs), step.lost ? [] : [jobId])
    })
  }
})

describe('the reference in trouble', () => {
  const here = setting()

  test('it waits out throttling, and asks for new credentials when the old ones end', async () => {
    const { farm, projects } = here
    const effect = { refuse: { status: 429, code: 'ThrottlingException', retryAfterSeconds: 1 } }
    await farm.setRules({ requests: { operation: 'SearchJobs' }, often: { first: 2 }, effect })
    const [step] = everyday(projects)
    const settings = { event: 'settings', roleSeconds: 5 }
    const { code, output } = await pass(here, { ...step, events: [...step.events, settings] })
    assert.equal(code, 0, output)
    assert.deepEqual(found(projects), hashesOf(step.files), output)
    const asked = (await farm.requests()).map(({ operation, status }) => `${operation} ${status}`)
    const count = (what) => asked.filter((one) => one === what).length
    assert.equal(count('SearchJobs 429'), 2)
    assert.ok(count('AssumeQueueRoleForUser 200') > 1)
  })
})

describe('the reference without storage profiles', () => {
  const here = setting()

  test('every job comes to where it was submitted', async () => {
    const { code, output, checkpoint } = await pass(here, {
      claim: 'storage profiles ignored',
      ignoreProfiles: true,
      events: [
        {
          event: 'job',
          name: 'local',
          roots: [{ path: `${here.projects}/Here`, format: 'posix' }],
          secondsAgo: 60,
        },
        { event: 'session', job: 'local', name: 's', secondsAgo: 50 },
        { event: 'task', job: 'local', session: 's', files: [{ path: 'a.txt', text: 'a' }], secondsAgo: 40 },
      ],
    })
    assert.equal(code, 0, output)
    assert.deepEqual(found(here.projects), hashesOf({ 'Here/a.txt': 'a' }))
    assert.equal(checkpoint.localStorageProfileId, null)
  })
})
