// The real `deadline queue sync-output` and we, side by side over the same histories: after each step equal trees and
// agreeing checkpoints, and each continues from the other's files. Where we differ on purpose, a test says how.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import { DeadlineClient } from '@aws-sdk/client-deadline'
import { syncOutputs } from 'rusty-attachments'

import { startFarm } from '../../scripts/farm.mjs'
import {
  checkpointFolder,
  entryKind,
  readCheckpoint,
  runSyncCli,
  startCheckpoint,
  syncFiles,
} from './cli.mjs'
import { everyday } from './histories.mjs'
import { tree } from './tree.mjs'

const folder = mkdtempSync(join(tmpdir(), 'rusty-attachments-sync-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** Both tools map to this folder; each one's tree stands elsewhere while it is the other's turn. */
const projects = join(folder, 'projects')

/** Later than everything that happened, by more than the checkpoints' allowance of one second. */
const settled = () => sleep(1100)

const tools = {
  ours: ({ farm, directory, storageProfileId, signal, onEvent }) =>
    syncOutputs({
      farmId: farm.farmId,
      queueId: farm.queueId,
      ...(storageProfileId ? { localStorageProfileId: storageProfileId } : { ignoreStorageProfiles: true }),
      checkpointDirectory: checkpointFolder(directory),
      deadline: new DeadlineClient({
        endpoint: farm.endpoint,
        region: farm.region,
        credentials: farm.credentials,
        disableHostPrefix: true,
      }),
      s3: { endpoint: farm.endpoint },
      signal,
      onEvent,
    }),

  theirs: runSyncCli,
}

/** A farm and the folders of both tools, with a checkpoint each from an hour ago. */
async function startBoth(t, { ignoreProfiles = false, allowance = 1 } = {}) {
  const farm = await startFarm()
  t.after(() => farm.stop())
  const profile = (name, osFamily, locations) => ({ event: 'storageProfile', name, osFamily, locations })
  const { storageProfiles } = await farm.happen(
    profile('here', 'LINUX', [
      { name: 'Projects', path: projects, type: 'LOCAL' },
      { name: 'Textures', path: join(projects, 'textures'), type: 'SHARED' },
    ]),
    profile('workstation', 'WINDOWS', [{ name: 'Projects', path: 'P:\\Projects', type: 'LOCAL' }]),
    profile('laptop', 'MACOS', [
      { name: 'Projects', path: '/Users/ana/projects', type: 'LOCAL' },
      { name: 'Textures', path: '/Volumes/textures', type: 'SHARED' },
    ]),
    profile('stranger', 'WINDOWS', [{ name: 'Elsewhere', path: 'E:\\', type: 'LOCAL' }]),
  )
  const storageProfileId = ignoreProfiles ? undefined : storageProfiles.here
  const base = mkdtempSync(join(folder, 'run-'))
  const places = {}
  for (const tool of Object.keys(tools)) {
    places[tool] = { farm, storageProfileId, directory: join(base, tool) }
    mkdirSync(join(base, tool, 'tree'), { recursive: true })
  }
  startCheckpoint(places.ours)
  patchCheckpoint(places.ours, { eventualConsistencyMaxSeconds: allowance })
  // One start for both.
  cpSync(checkpointFolder(places.ours.directory), checkpointFolder(places.theirs.directory), {
    recursive: true,
  })
  return { farm, places }
}

/** Changes fields of the checkpoint on disk. */
function patchCheckpoint(place, fields) {
  const { checkpoint } = syncFiles(place)
  writeFileSync(checkpoint, JSON.stringify({ ...JSON.parse(readFileSync(checkpoint, 'utf8')), ...fields }))
}

/** Lets one tool run on its own tree. */
async function turn(tool, place, more) {
  const own = join(place.directory, 'tree')
  rmSync(projects, { recursive: true, force: true })
  renameSync(own, projects)
  try {
    return await tools[tool]({ ...place, ...more })
  } finally {
    renameSync(projects, own)
  }
}

/** A turn that is cut off a while after so many files are there; gives how many are in the end. */
async function interrupted(tool, place, files) {
  const stop = new AbortController()
  const watch = setInterval(() => {
    const isThere = ({ name }) => /^\d+\.png$/.test(name)
    const entries = readdirSync(projects, { recursive: true, withFileTypes: true })
    if (entries.filter(isThere).length < files) return
    clearInterval(watch)
    setTimeout(() => stop.abort(), 1500)
  }, 20)
  try {
    await turn(tool, place, { signal: stop.signal }).catch(({ code }) => assert.equal(code, 'CANCELLED'))
  } finally {
    clearInterval(watch)
  }
  return Object.keys(treeOf(place)).length
}

const treeOf = ({ directory }) => tree(join(directory, 'tree'))

/** What two checkpoints have to agree on; the clocks of the two runs come apart. */
function essence(place) {
  const { jobs, downloadsCompletedTimestamp: _, ...state } = readCheckpoint(place)
  const entries = Object.entries(jobs).map(([jobId, entry]) => {
    const { job, sessionEndedTimestamp = null, sessionCompletedIndexes = {} } = entry
    const { name = null, attachments = null, storageProfileId = null, endedAt = null } = job
    const succeeded = job.taskRunStatusCounts?.SUCCEEDED ?? null
    const about = { kind: entryKind(entry), name, attachments, storageProfileId, endedAt, succeeded }
    return [jobId, { ...about, sessionEndedTimestamp, sessionCompletedIndexes }]
  })
  return { ...state, jobs: Object.fromEntries(entries.sort()) }
}

/** The completed time is that of the run's clock less the allowance, or the start. */
function assertCompleted(place, began, ended) {
  const { downloadsCompletedTimestamp, downloadsStartedTimestamp, eventualConsistencyMaxSeconds } =
    readCheckpoint(place)
  const [completed, started] = [downloadsCompletedTimestamp, downloadsStartedTimestamp].map(Date.parse)
  const from = Math.max(began - eventualConsistencyMaxSeconds * 1000, started)
  const to = Math.max(ended - eventualConsistencyMaxSeconds * 1000, started)
  assert.ok(completed >= from && completed <= to, downloadsCompletedTimestamp)
}

/** Each tool gets the other's checkpoint and failed jobs, and nothing else of its. */
function swapFiles({ ours, theirs }) {
  const [a, b] = [ours, theirs].map(({ directory }) => checkpointFolder(directory))
  renameSync(a, `${a}.moved`)
  renameSync(b, a)
  renameSync(`${a}.moved`, b)
  for (const directory of [a, b]) {
    for (const name of readdirSync(directory)) {
      if (name.endsWith('_rusty_attachments.json')) rmSync(join(directory, name))
    }
  }
}

/** How many requests there were for contents. */
const filesFetched = async (farm) =>
  (await farm.requests()).filter(({ key }) => key?.includes('/Data/')).length

const sha256 = (text) => createHash('sha256').update(text).digest('hex')
const session = (job, name = 'one') => ({ event: 'session', job, name })
const sessionEnded = (job, name = 'one') => ({ event: 'sessionEnded', job, name })
const task = (job, number, files, more) => ({
  event: 'task',
  job,
  task: number,
  session: 'one',
  files: Object.entries(files).map(([path, text]) => ({
    path,
    text,
    mtime: 1_760_000_000_123_457 + text.length,
  })),
  ...more,
})
const windows = (name) => [{ path: `P:\\Projects\\${name}`, format: 'windows' }]
const frames = (name, tasks, more) => ({
  event: 'job',
  name,
  storageProfile: 'workstation',
  roots: windows(name),
  steps: [{ name: 'render', tasks }],
  ...more,
})

/** Each is a list of steps, each of which is a list of events; one that `fails` leaves something to be tried again. */
const histories = {
  'jobs that progress, end and are requeued': [
    [frames('cat', 3), session('cat'), task('cat', 0, { 'frames/1.png': 'one' })],
    [],
    [
      task('cat', 1, { 'frames/2.png': 'two', 'log ü.txt': 'said\n' }),
      frames('dog', 1),
      session('dog'),
      task('dog', 0, { 'dog.png': 'dog' }),
    ],
    [task('cat', 2, { 'frames/3.png': 'three' }), sessionEnded('cat'), sessionEnded('dog')],
    [],
    [{ event: 'requeue', job: 'cat', tasks: [0] }],
    [session('cat', 'two'), task('cat', 0, { 'frames/1.png': 'one, again' }, { session: 'two' })],
    [sessionEnded('cat', 'two')],
    [],
    [{ event: 'jobDeleted', job: 'dog' }],
  ],
  'every kind of job at once': [
    [
      frames('plain', 1, { roots: [] }),
      session('plain'),
      task('plain', 0, {}),
      frames('homeless', 1, { storageProfile: undefined }),
      session('homeless'),
      task('homeless', 0, { 'a.png': 'a' }),
      frames('foreign', 1, { storageProfile: 'stranger', roots: [{ path: 'E:\\show', format: 'windows' }] }),
      session('foreign'),
      task('foreign', 0, { 'a.png': 'a' }),
      frames('silent', 2),
      session('silent'),
      task('silent', 0, {}),
    ],
    [
      frames('mac', 2, {
        storageProfile: 'laptop',
        roots: [
          { path: '/Users/ana/projects/mac', format: 'posix' },
          { path: '/Volumes/textures', format: 'posix', location: 'Textures' },
        ],
      }),
      session('mac'),
      {
        event: 'task',
        job: 'mac',
        session: 'one',
        files: [
          { root: 0, path: 'a.png', text: 'a' },
          { root: 1, path: 'wood.tx', text: 'wood' },
        ],
      },
      task('silent', 1, { 'late.png': 'at last' }),
      sessionEnded('silent'),
    ],
    [
      { ...task('mac', 1, { 'b.png': 'b' }), status: 'FAILED' },
      sessionEnded('mac'),
      { event: 'jobEnded', job: 'mac', status: 'CANCELED' },
    ],
    [],
  ],
  'a file that is lost, and found again': [
    [frames('cat', 3), session('cat'), task('cat', 0, { 'a.png': 'a' })],
    {
      events: [
        task('cat', 1, { 'b.png': 'b', 'c.png': 'c' }),
        { event: 'damage', job: 'cat', path: 'c.png', how: 'missing' },
      ],
      fails: true,
    },
    [{ event: 'damage', job: 'cat', path: 'c.png', how: 'none' }],
    [task('cat', 2, { 'd.png': 'd' }), sessionEnded('cat')],
  ],
  'chunks, and manifests that no action names': [
    [
      { event: 'settings', manifests: false, microseconds: true },
      frames('cat', 4),
      session('cat'),
      { event: 'task', job: 'cat', session: 'one', chunk: [0, 1], files: [{ path: '1-2.png', text: 'two' }] },
      task('cat', 2, { '3.png': 'three' }),
    ],
    [task('cat', 3, { '4.png': 'four' }), sessionEnded('cat')],
    [{ event: 'settings', manifests: true }, frames('dog', 2), session('dog')],
    [{ event: 'task', job: 'dog', session: 'one', chunk: [0, 1], files: [{ path: '1-2.png', text: 'two' }] }],
    [sessionEnded('dog')],
  ],
}

/** Lets both tools pass over every step, and compares what they leave where neither has failed. */
async function walk({ farm, places }, steps, swapped) {
  for (const [number, { events, fails = false }] of steps.entries()) {
    await farm.happen(...events)
    await settled()
    const order = number % 2 === 0 ? ['ours', 'theirs'] : ['theirs', 'ours']
    for (const tool of order) {
      const began = Date.now()
      const { code = 0, failureCount = 0, output } = await turn(tool, places[tool])
      assert.deepEqual([code, failureCount > 0], [0, fails && tool === 'ours'], output)
      assertCompleted(places[tool], began, Date.now())
    }
    const failedJobs = Object.values(places).map((place) => readCheckpoint(place).failedJobs)
    assert.deepEqual(failedJobs[0], failedJobs[1])
    assert.equal(Object.keys(failedJobs[0]).length > 0, fails)
    if (!fails) {
      assert.deepEqual(treeOf(places.ours), treeOf(places.theirs), `the trees after step ${number}`)
      assert.deepEqual(essence(places.ours), essence(places.theirs), `the checkpoints after step ${number}`)
    }
    if (swapped) swapFiles(places)
  }
}

describe('the real CLI and we agree after every step, each continuing from the other', () => {
  for (const swapped of [false, true]) {
    const hands = swapped ? ', the files changing hands' : ''
    for (const [name, steps] of Object.entries(histories)) {
      test(name + hands, async (t) => {
        const both = await startBoth(t)
        const usual = steps.map((step) => (Array.isArray(step) ? { events: step } : step))
        await walk(both, usual, swapped)
      })
    }

    test(`a queue's day${hands}`, async (t) => {
      await walk(await startBoth(t), everyday(projects), swapped)
    })
  }

  test('jobs that ended longer ago than views are late by, and within those two minutes', async (t) => {
    const both = await startBoth(t, { allowance: 120 })
    const ended = (name, secondsAgo) => [
      frames(name, 1, { secondsAgo: secondsAgo + 60 }),
      { ...session(name), secondsAgo: secondsAgo + 50 },
      task(name, 0, { [`${name}.png`]: name }, { secondsAgo: secondsAgo + 10 }),
      { ...sessionEnded(name), secondsAgo },
    ]
    const runs = [frames('now', 2), session('now'), task('now', 0, { '1.png': 'one' })]
    await walk(
      both,
      [
        { events: [...ended('early', 300), ...ended('late', 10), ...runs] },
        { events: [] },
        { events: [task('now', 1, { '2.png': 'two' }), sessionEnded('now')] },
      ],
      true,
    )
    const { jobs } = await both.farm.names()
    const { jobs: kept } = essence(both.places.ours)
    const kinds = ['early', 'late', 'now'].map((name) => kept[jobs[name].jobId].kind)
    assert.deepEqual(kinds, ['stub', 'job', 'job'])
    assert.equal(readCheckpoint(both.places.ours).eventualConsistencyMaxSeconds, 120)
  })

  test('storage profiles ignored', async (t) => {
    const { farm, places } = await startBoth(t, { ignoreProfiles: true })
    const roots = [{ path: join(projects, 'cat'), format: 'posix' }]
    await farm.happen(frames('cat', 1, { roots }), session('cat'), task('cat', 0, { 'a.png': 'a' }))
    await settled()
    for (const tool of Object.keys(tools)) await turn(tool, places[tool])
    assert.deepEqual(Object.keys(treeOf(places.ours)), ['cat/a.png'])
    assert.deepEqual(treeOf(places.ours), treeOf(places.theirs))
    assert.deepEqual(essence(places.ours), essence(places.theirs))
  })
})

describe('where we differ on purpose', () => {
  test('bytes of the right length that are wrong: the reference keeps them, we do not', async (t) => {
    const { farm, places } = await startBoth(t)
    await farm.happen(frames('cat', 1), session('cat'), task('cat', 0, { 'a.png': 'right' }))
    await farm.happen({ event: 'damage', job: 'cat', path: 'a.png', how: 'wrongBytes' })
    await settled()
    await turn('theirs', places.theirs)
    const { failures } = await turn('ours', places.ours)
    assert.notEqual(treeOf(places.theirs)['cat/a.png'].hash, sha256('right'))
    assert.deepEqual(treeOf(places.ours), {})
    assert.equal(failures[0].code, 'HASH_MISMATCH')
  })

  test('a failure: both count it for the job, and we alone fetch nothing of it twice', async (t) => {
    const { farm, places } = await startBoth(t)
    await farm.happen(frames('cat', 1), session('cat'), task('cat', 0, { 'a.png': 'a', 'b.png': 'b' }))
    await farm.happen({ event: 'damage', job: 'cat', path: 'b.png', how: 'missing' })
    await settled()
    await turn('theirs', places.theirs)
    await turn('ours', places.ours)
    assert.deepEqual(readCheckpoint(places.ours).failedJobs, readCheckpoint(places.theirs).failedJobs)
    assert.deepEqual(readCheckpoint(places.ours).jobs, {})

    await farm.happen({ event: 'damage', job: 'cat', path: 'b.png', how: 'none' })
    for (const [tool, fetches] of [
      ['ours', 1],
      ['theirs', 2],
    ]) {
      await farm.forgetRequests()
      await turn(tool, places[tool])
      assert.equal(await filesFetched(farm), fetches, tool)
      assert.deepEqual(Object.keys(treeOf(places[tool])), ['cat/a.png', 'cat/b.png'])
      assert.deepEqual(readCheckpoint(places[tool]).failedJobs, {})
    }
  })

  test('a job that the reference gave up on is still ours to fetch, and what we gave it it takes', async (t) => {
    const { farm, places } = await startBoth(t)
    await farm.happen(frames('cat', 1), session('cat'), task('cat', 0, { 'a.png': 'a' }))
    await farm.happen({ event: 'damage', job: 'cat', path: 'a.png', how: 'missing' })
    await settled()
    for (let run = 0; run < 5; run++) await turn('theirs', places.theirs)
    assert.deepEqual(Object.values(readCheckpoint(places.theirs).failedJobs), [5])
    await farm.happen({ event: 'damage', job: 'cat', path: 'a.png', how: 'none' })
    await turn('theirs', places.theirs)
    assert.deepEqual(treeOf(places.theirs), {}, 'the reference tries it no more')
    swapFiles(places)
    await turn('ours', places.ours)
    assert.deepEqual(Object.keys(treeOf(places.ours)), ['cat/a.png'])
  })

  test("a retry of an old failure: the reference puts it over a newer job's file, we do not", async (t) => {
    const { farm, places } = await startBoth(t)
    const roots = windows('shared')
    const at = (secondsAgo) => ({ secondsAgo, uploadedSecondsAgo: secondsAgo })
    await farm.happen(
      frames('old', 1, { roots, secondsAgo: 90 }),
      { ...session('old'), secondsAgo: 80 },
      task('old', 0, { 'a.png': 'old bytes', 'b.png': 'b' }, at(60)),
      { event: 'damage', job: 'old', path: 'b.png', how: 'missing' },
    )
    await settled()
    for (const tool of Object.keys(tools)) await turn(tool, places[tool])
    await farm.happen(frames('new', 1, { roots }), session('new'), task('new', 0, { 'a.png': 'newer' }))
    await settled()
    for (const tool of Object.keys(tools)) await turn(tool, places[tool])
    await farm.happen({ event: 'damage', job: 'old', path: 'b.png', how: 'none' })
    await settled()
    for (const tool of Object.keys(tools)) await turn(tool, places[tool])
    assert.equal(treeOf(places.theirs)['shared/a.png'].hash, sha256('old bytes'))
    assert.equal(treeOf(places.ours)['shared/a.png'].hash, sha256('newer'))
  })

  test('a run that is interrupted: the reference begins again, we go on', async (t) => {
    const tasks = 60
    const { farm, places } = await startBoth(t)
    const names = Array.from({ length: tasks }, (_, number) => `${number}.png`)
    await farm.happen(
      frames('cat', tasks),
      session('cat'),
      ...names.map((name, number) => task('cat', number, { [name]: `frame ${number}` })),
    )
    await settled()
    for (const tool of Object.keys(tools)) {
      const requests = { keyContains: '/Data/' }
      await farm.setRules({
        requests,
        often: { after: tasks / 3 },
        effect: { delay: { milliseconds: 4000 } },
      })
      const before = essence(places[tool])
      const whole = await interrupted(tool, places[tool], tasks / 3)
      assert.ok(whole < tasks, `${tool} was too quick to be interrupted`)
      const isSaved = JSON.stringify(essence(places[tool])) !== JSON.stringify(before)
      assert.equal(isSaved, tool === 'ours', `${tool} has saved progress`)

      await farm.setRules()
      await farm.forgetRequests()
      await turn(tool, places[tool])
      const fetched = await filesFetched(farm)
      if (tool === 'ours') assert.ok(fetched <= tasks - whole, `${fetched} fetched, ${whole} were here`)
      else assert.equal(fetched, tasks)
    }
    assert.deepEqual(treeOf(places.ours), treeOf(places.theirs))
  })

  test('an idle pass: we ask SearchJobs alone', async (t) => {
    const { farm, places } = await startBoth(t)
    await farm.happen(frames('cat', 2), session('cat'), task('cat', 0, { 'a.png': 'a' }))
    await settled()
    for (const tool of Object.keys(tools)) {
      await turn(tool, places[tool])
      await farm.forgetRequests()
      await turn(tool, places[tool])
      const asked = new Set((await farm.requests()).map(({ operation }) => operation))
      if (tool === 'ours') assert.deepEqual([...asked], ['SearchJobs'])
      else assert.ok(asked.size > 1, [...asked].join())
    }
  })

  test("whose bucket it must be: the reference asks STS, we go by the queue's role", async (t) => {
    const { farm, places } = await startBoth(t)
    await farm.happen(frames('cat', 1), session('cat'), task('cat', 0, { 'a.png': 'a' }))
    await settled()
    for (const tool of Object.keys(tools)) {
      await farm.forgetRequests()
      await turn(tool, places[tool])
      const requests = await farm.requests()
      const asksSts = requests.some(({ operation }) => operation === 'GetCallerIdentity')
      assert.equal(asksSts, tool === 'theirs')
      const contents = requests.filter(({ key }) => key?.includes('/Data/'))
      assert.ok(contents.length > 0)
      for (const { expectedBucketOwner } of contents) assert.equal(expectedBucketOwner, '123456789012', tool)
    }
  })

  test('fields that nobody knows yet: the reference drops them, we keep them', async (t) => {
    const { farm, places } = await startBoth(t)
    await farm.happen(frames('cat', 2), session('cat'), task('cat', 0, { 'a.png': 'a' }))
    await settled()
    for (const tool of Object.keys(tools)) {
      patchCheckpoint(places[tool], { futureField: { a: 1 } })
      await turn(tool, places[tool])
    }
    assert.deepEqual(readCheckpoint(places.ours).futureField, { a: 1 })
    assert.equal(readCheckpoint(places.theirs).futureField, undefined)
  })
})

describe('one of the two at a time', () => {
  /** A queue that takes its time to answer, and both tools' way to the same checkpoint. */
  async function startSlow(t) {
    const { farm, places } = await startBoth(t)
    const slow = { requests: { operation: 'SearchJobs' }, effect: { delay: { milliseconds: 60_000 } } }
    await farm.setRules(slow)
    const stop = new AbortController()
    return { farm, place: { ...places.ours, signal: stop.signal }, stop }
  }

  test('the real CLI refuses to run while we do, and names our process', async (t) => {
    const { farm, place, stop } = await startSlow(t)
    let ours
    await new Promise((resolve) => {
      ours = tools.ours({ ...place, onEvent: ({ type }) => type === 'pass-started' && resolve() })
    })
    const { code, output } = await tools.theirs({ ...place, signal: undefined })
    assert.notEqual(code, 0)
    assert.match(output, new RegExp(`process with pid ${process.pid} already holds the lock`))
    stop.abort()
    await assert.rejects(ours, { code: 'CANCELLED' })
    await farm.setRules()
    const after = await tools.theirs({ ...place, signal: undefined })
    assert.equal(after.code, 0, after.output)
  })

  test('we say which process it is while the real CLI runs, and take over once it was killed', async (t) => {
    const { farm, place, stop } = await startSlow(t)
    const theirs = tools.theirs(place)
    const lock = `${syncFiles(place).checkpoint}.pid`
    while (!existsSync(lock)) await sleep(20)
    const pid = Number(readFileSync(lock, 'utf8'))
    await assert.rejects(tools.ours({ ...place, signal: undefined }), (error) => {
      assert.match(error.message, new RegExp(`^process ${pid} is syncing`))
      return error.code === 'CHECKPOINT' && error.details.pid === pid
    })
    assert.equal(readFileSync(lock, 'utf8'), String(pid), 'its lock is left alone')
    stop.abort()
    await theirs
    assert.ok(existsSync(lock), 'it had no time to give the lock back')
    await farm.setRules()
    await tools.ours({ ...place, signal: undefined })
    assert.ok(!existsSync(lock))
  })
})
