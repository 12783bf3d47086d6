// A sync that is killed or cut off: nothing is lost, nothing that was whole is fetched twice, and nothing older takes the
// place of something newer.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import { rootPathHash, syncOutputs } from 'rusty-attachments'

import { coded } from './support.mjs'
import { firstTaskIndex, job, passProgram, plainOptions, session, startQueue, task, tree } from './queue.mjs'

const kills = 20
const names = ['ant', 'bee', 'cat', 'dog']
/** So many tasks succeed for each job between two kills. */
const tasks = 5
/** So many files does a job have that each of its tasks writes anew. */
const shared = 7

/** After which of its events a pass is killed: on a busy machine too some come after a save. */
const milestones = ['pass-started', 'checkpoint', 'file', 'checkpoint']

/** The same numbers in every run. */
function seeded(seed) {
  return () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return seed / 2 ** 32
  }
}

/** A content's name in S3: the hash that roots have too. */
const hashOf = (text) => rootPathHash(text)

/** What a task of a job writes: a file of its own, and one that earlier tasks have written. */
function filesOf(name, number) {
  const text = `${name}, task ${number}`
  return { [`${number}.txt`]: `${text}, its own`, [`shared/${number % shared}.txt`]: `${text}, shared` }
}

/** Which task a text is of. */
const taskOf = (text) => Number(/task (\d+)/.exec(text)[1])

/** What the checkpoint says: the window, and up to which task each job is whole, by its name; -1 where nothing is. */
function saved(checkpointPath, jobs) {
  const text = existsSync(checkpointPath) ? readFileSync(checkpointPath, 'utf8') : '{"jobs":[]}'
  const { jobs: known, downloadsCompletedTimestamp: window } = JSON.parse(text)
  const of = (name) => {
    const entry = known.find((entry) => entry.job.jobId === jobs[name].jobId)
    const [index = firstTaskIndex - 1] = Object.values(entry?.sessionCompletedIndexes ?? {})
    return index - firstTaskIndex
  }
  return { window, last: Object.fromEntries(names.map((name) => [name, of(name)])) }
}

test('killed at twenty moments of passes that last, the next one goes on', async (t) => {
  const { farm, projects, options, checkpointDirectory, storageProfiles } = await startQueue(t)
  const given = plainOptions(farm, { ...options, concurrency: 2 })
  const checkpointPath = `${checkpointDirectory}/${farm.queueId}_${storageProfiles.here}_download_checkpoint.json`
  const random = seeded(20_261_122)
  await farm.setRules({ requests: { keyContains: '/Data/' }, effect: { delay: { milliseconds: 80 } } })

  const steps = [{ name: 'render', tasks: kills * tasks }]
  const { jobs } = await farm.happen(...names.flatMap((name) => [job(name, { steps }), session(name)]))
  const snapshots = []
  let savedMidPass = 0
  let wasCutOff = 0
  for (let kill = 0; kill < kills; kill++) {
    const before = saved(checkpointPath, jobs)
    const numbers = Array.from({ length: tasks }, (_, n) => kill * tasks + n)
    // One after the other: which of two is the newer must be certain.
    const happened = numbers.flatMap((number, index) =>
      names.map((name) => task(name, number, filesOf(name, number), { secondsAgo: (tasks - index) * 0.02 })),
    )
    await farm.happen(...happened)
    const child = spawn(process.execPath, ['--input-type=module', '-e', passProgram, given], {
      cwd: import.meta.dirname,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const ended = once(child, 'exit')
    const milestone = milestones[kill % milestones.length]
    let said = ''
    const isReached = new Promise((resolve) => {
      child.stdout.on('data', (data) => (said += data).includes(milestone) && resolve())
    })
    await Promise.race([isReached.then(() => sleep(random() * 500)), ended])
    if (child.exitCode === null) wasCutOff++
    child.kill('SIGKILL')
    await ended

    const files = tree(projects)
    snapshots.push({ files, requestsSoFar: (await farm.requests()).length })
    const now = saved(checkpointPath, jobs)
    // A pass that is finished moves the window.
    const isMidPass = now.window === (before.window ?? now.window)
    if (isMidPass && names.some((name) => now.last[name] > before.last[name])) savedMidPass++
    for (const name of names) {
      for (let number = 0; number <= now.last[name]; number++) {
        for (const [path, text] of Object.entries(filesOf(name, number))) {
          const there = files[`${name}/${path}`]
          assert.ok(
            there === text || taskOf(there ?? 'task -1') > number,
            `the checkpoint counts ${name}'s ${path}`,
          )
        }
      }
    }
  }
  assert.ok(wasCutOff > kills / 2, `only ${wasCutOff} passes were cut off; make the delays longer`)
  assert.ok(
    savedMidPass >= kills / 4,
    `only ${savedMidPass} kills found progress that was saved in their pass`,
  )

  await farm.setRules()
  const { failureCount } = await syncOutputs(options)
  assert.equal(failureCount, 0)
  const whole = names.flatMap((name) =>
    Array.from({ length: kills * tasks }, (_, number) =>
      Object.entries(filesOf(name, number)).map(([path, text]) => [`${name}/${path}`, text]),
    ).flat(),
  )
  assert.deepEqual(tree(projects), Object.fromEntries(whole))
  assert.ok(!existsSync(`${checkpointPath}.pid`))

  const requests = await farm.requests()
  for (const [index, { files, requestsSoFar }] of snapshots.entries()) {
    const later = new Set(requests.slice(requestsSoFar).map(({ key }) => key))
    const next = snapshots[index + 1]?.files ?? tree(projects)
    for (const [path, text] of Object.entries(files)) {
      assert.ok(!later.has(`${farm.rootPrefix}/Data/${hashOf(text)}.xxh128`), `${path} was fetched again`)
      assert.ok(taskOf(next[path]) >= taskOf(text), `${path} became older`)
    }
  }
})

for (const [how, cutOff] of [
  ['aborted', abort],
  ['killed', kill],
]) {
  test(`what a pass wrote that was ${how} half-way is not taken back by the older task that it left open`, async (t) => {
    const { farm, projects, options } = await startQueue(t)
    const steps = [{ name: 'render', tasks: 2 }]
    const at = (secondsAgo) => ({ secondsAgo, uploadedSecondsAgo: secondsAgo })
    await farm.happen(
      job('cat', { steps, secondsAgo: 100 }),
      { ...session('cat'), secondsAgo: 90 },
      task('cat', 0, { 'own.txt': 'slow', 'shared.txt': 'old bytes' }, at(60)),
      task('cat', 1, { 'shared.txt': 'new bytes, more of them' }, at(30)),
    )
    const slow = { requests: { keyContains: hashOf('slow') }, effect: { delay: { milliseconds: 60_000 } } }
    await farm.setRules(slow)
    await cutOff(farm, options)
    const newer = { 'cat/shared.txt': 'new bytes, more of them' }
    assert.deepEqual(tree(projects), newer)

    await farm.setRules()
    await farm.forgetRequests()
    const { stats } = await syncOutputs(options)
    assert.equal(stats.filesTransferred, 1)
    assert.deepEqual(tree(projects), { 'cat/own.txt': 'slow', ...newer })
    const keys = (await farm.requests()).map(({ key }) => key ?? '')
    assert.ok(!keys.some((key) => key.includes(hashOf('old bytes'))), 'the older bytes are not even fetched')
  })
}

/** Ends a pass once a file has landed. */
async function abort(_, options) {
  const cancelling = new AbortController()
  const onEvent = ({ type }) => type === 'file' && cancelling.abort()
  await assert.rejects(syncOutputs({ ...options, onEvent, signal: cancelling.signal }), coded('CANCELLED'))
}

/** Kills a pass once the checkpoint counts a file that has landed. */
async function kill(farm, options) {
  const child = spawn(
    process.execPath,
    ['--input-type=module', '-e', passProgram, plainOptions(farm, options)],
    { cwd: import.meta.dirname, stdio: ['ignore', 'ignore', 'inherit'] },
  )
  const ended = once(child, 'exit')
  const sidecar = `${options.checkpointDirectory}/${farm.queueId}_${options.localStorageProfileId}_rusty_attachments.json`
  const isSaved = () => existsSync(sidecar) && readFileSync(sidecar, 'utf8').includes('doneBeyond')
  for (let tries = 0; !isSaved(); tries++) {
    assert.ok(tries < 1000 && child.exitCode === null, 'nothing is saved')
    await sleep(20)
  }
  // The checkpoint comes right after it.
  await sleep(200)
  child.kill('SIGKILL')
  await ended
}
