// One pass after the other over a queue's history: what lands, what is asked, what is said, what is remembered.

import assert from 'node:assert/strict'
import { promises, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'

import { downloadJobOutputs, queueS3Settings, syncOutputs } from 'rusty-attachments'

import { clientOf, job, operations, session, startQueue, task, tree } from './queue.mjs'
import { coded } from './support.mjs'

/** The checkpoint as it is on disk, its jobs by name or id. */
function checkpointOf({ checkpointPath }) {
  const { jobs, ...state } = JSON.parse(readFileSync(checkpointPath, 'utf8'))
  return {
    ...state,
    jobs: Object.fromEntries(jobs.map((entry) => [entry.job.name ?? entry.job.jobId, entry])),
  }
}

/** What a pass says of each job, by name. */
function categories({ jobs }) {
  return Object.fromEntries(jobs.map(({ name, jobId, category }) => [name ?? jobId, category]))
}

test('a task lands as soon as it has succeeded, its job still running', async (t) => {
  const { farm, projects, options } = await startQueue(t)
  await farm.happen(
    job('cat', { steps: [{ name: 'render', tasks: 2 }] }),
    session('cat'),
    task('cat', 0, { 'frames/1.png': 'one' }),
  )
  const first = await syncOutputs(options)
  assert.deepEqual(tree(projects), { 'cat/frames/1.png': 'one' })
  assert.deepEqual(categories(first), { cat: 'added' })
  assert.equal(first.stats.filesTransferred, 1)

  await farm.happen(task('cat', 1, { 'frames/2.png': 'two' }), {
    event: 'sessionEnded',
    job: 'cat',
    name: 'one',
  })
  const second = await syncOutputs(options)
  assert.deepEqual(tree(projects), { 'cat/frames/1.png': 'one', 'cat/frames/2.png': 'two' })
  assert.equal(second.stats.filesTotal, 1)
})

test('a pass over jobs that are as they were asks SearchJobs and nothing else', async (t) => {
  const { farm, options } = await startQueue(t)
  await farm.happen(
    job('cat', { steps: [{ name: 'render', tasks: 2 }] }),
    session('cat'),
    task('cat', 0, { 'frames/1.png': 'one' }),
  )
  await syncOutputs(options)
  await farm.forgetRequests()
  const { counts, plan } = await syncOutputs(options)
  assert.deepEqual(counts, { unchanged: 1 })
  assert.equal(plan, null)
  assert.deepEqual(await operations(farm), { SearchJobs: 2 })
})

test('one new action costs its own files, and the pages of the sessions that run or ended last', async (t) => {
  const { farm, options } = await startQueue(t)
  // So many of 150 tasks each: an old one, the one that ended last, one that runs, and one of another job.
  const count = 150
  const sessionOf = (jobName, name, from, { ended, running } = {}) => [
    { ...session(jobName, name), secondsAgo: 1700 },
    ...Array.from({ length: count - (running ? 1 : 0) }, (_, number) =>
      task(jobName, from + number, { [`${name} ${number}.png`]: 'x' }, { session: name, secondsAgo: 1600 }),
    ),
    ...(ended ? [{ event: 'sessionEnded', job: jobName, name, secondsAgo: ended }] : []),
  ]
  await farm.happen(
    job('cat', { steps: [{ name: 'render', tasks: 3 * count }], secondsAgo: 1800 }),
    ...sessionOf('cat', 'old', 0, { ended: 1500 }),
    ...sessionOf('cat', 'last', count, { ended: 1000 }),
    ...sessionOf('cat', 'now', 2 * count, { running: true }),
    job('dog', { steps: [{ name: 'render', tasks: count + 1 }], secondsAgo: 1800 }),
    ...sessionOf('dog', 'other', 0),
  )
  await syncOutputs(options)
  await farm.forgetRequests()
  await farm.happen(task('cat', 3 * count - 1, { 'new.png': 'new' }, { session: 'now' }))
  const { stats } = await syncOutputs(options)
  assert.equal(stats.filesTotal, 1)
  const { S3, ...asked } = await operations(farm)
  // Its manifest and its file. Two pages each of the session that runs and of the one that ended last.
  assert.equal(S3, 2)
  assert.deepEqual(asked, {
    SearchJobs: 2,
    ListSessions: 1,
    ListSessionActions: 4,
    GetStorageProfileForQueue: 2,
    GetQueue: 1,
    AssumeQueueRoleForUser: 1,
  })
})

test('jobs that cannot be downloaded are named in their own words, and the rest goes on', async (t) => {
  const { farm, projects, options } = await startQueue(t)
  const done = (name) => [session(name), task(name, 0, { 'a.png': name })]
  await farm.happen(
    job('fine'),
    ...done('fine'),
    job('plain', { roots: [] }),
    session('plain'),
    task('plain', 0, {}),
    job('homeless', { storageProfile: undefined }),
    ...done('homeless'),
    job('foreign', { storageProfile: 'stranger', roots: [{ path: 'E:\\foreign', format: 'windows' }] }),
    ...done('foreign'),
    job('silent'),
    session('silent'),
    task('silent', 0, {}),
  )
  const events = []
  const result = await syncOutputs({ ...options, onEvent: (event) => events.push(event) })
  assert.deepEqual(tree(projects), { 'fine/a.png': 'fine' })
  const told = Object.fromEntries(result.jobs.map(({ name, message }) => [name, message]))
  assert.match(told.plain, /no job attachments/)
  assert.match(told.homeless, /without a storage profile/)
  assert.match(told.foreign, /no file system location of the same name/)
  assert.equal(result.jobs.find(({ name }) => name === 'silent').taskRunsWithoutOutput, 1)
  const foreign = result.jobs.find(({ name }) => name === 'foreign').jobId
  assert.deepEqual(
    events.filter(({ type }) => type === 'unmapped'),
    [{ type: 'unmapped', jobId: foreign, count: 1 }],
  )
  assert.deepEqual(result.jobsWithUnmapped, [foreign])
  assert.equal(result.unmapped[0].reason.code, 'NO_RULE_MATCHED')
  assert.deepEqual(
    events.map(({ type }) => type).filter((type, index, types) => type !== types[index - 1]),
    ['pass-started', 'job', 'file', 'unmapped', 'checkpoint', 'pass-finished'],
  )

  await farm.forgetRequests()
  await syncOutputs(options)
  assert.deepEqual(Object.keys(await operations(farm)), ['SearchJobs'])
})

test('a job that was deleted since the view was made is said to be, and the rest goes on', async (t) => {
  const { farm, projects, options } = await startQueue(t)
  const at = { secondsAgo: 60 }
  for (const name of ['cat', 'dog']) {
    await farm.happen(
      { ...job(name), ...at },
      { ...session(name), ...at },
      task(name, 0, { 'a.png': name }, at),
    )
  }
  await farm.happen({ event: 'settings', viewLagSeconds: 30 }, { event: 'jobDeleted', job: 'cat' })
  const { jobs } = await syncOutputs(options)
  const deleted = jobs.find(({ category }) => category === 'deleted')
  assert.deepEqual([deleted.name, deleted.message], ['cat', 'it has been deleted'])
  assert.deepEqual(tree(projects), { 'dog/a.png': 'dog' })
})

test('a job that is deleted once it was followed is let go, and what it lacked still comes', async (t) => {
  const { farm, projects, options } = await startQueue(t)
  const damage = (how) => ({ event: 'damage', job: 'cat', path: 'a.png', how })
  await farm.happen(job('cat'), session('cat'), task('cat', 0, { 'a.png': 'a' }), damage('missing'))
  const { failures } = await syncOutputs(options)
  assert.deepEqual(
    failures.map(({ code }) => code),
    ['NOT_FOUND'],
  )
  await farm.happen(damage('none'), { event: 'jobDeleted', job: 'cat' })
  assert.deepEqual(categories(await syncOutputs(options)), { cat: 'inactive' })
  assert.deepEqual(tree(projects), { 'cat/a.png': 'a' })
})

test('what a requeued task writes anew replaces what it wrote before', async (t) => {
  const { farm, projects, options } = await startQueue(t)
  const at = (secondsAgo) => ({ secondsAgo })
  await farm.happen(
    job('cat', at(1800)),
    { ...session('cat'), ...at(1700) },
    task('cat', 0, { 'a.png': 'first' }, { ...at(1600), uploadedSecondsAgo: 1600 }),
    { event: 'sessionEnded', job: 'cat', name: 'one', ...at(1500) },
  )
  await syncOutputs(options)
  await syncOutputs(options)
  await farm.happen(
    { event: 'requeue', job: 'cat' },
    session('cat', 'two'),
    task('cat', 0, { 'a.png': 'second, and longer' }, { session: 'two' }),
  )
  await syncOutputs(options)
  assert.deepEqual(tree(projects), { 'cat/a.png': 'second, and longer' })
})

test('a job that is requeued long after its end leaves alone what another job wrote since', async (t) => {
  const { farm, projects, options } = await startQueue(t)
  const at = (secondsAgo) => ({ secondsAgo })
  await farm.happen(
    job('cat', at(1800)),
    { ...session('cat'), ...at(1700) },
    task('cat', 0, { 'a.png': 'older' }, { ...at(1600), uploadedSecondsAgo: 1600 }),
    { event: 'sessionEnded', job: 'cat', name: 'one', ...at(1500) },
  )
  await syncOutputs(options)
  await syncOutputs(options)
  await farm.happen(
    job('dog', { roots: job('cat').roots }),
    session('dog'),
    task('dog', 0, { 'a.png': 'newer, and longer' }, { uploadedSecondsAgo: 1000 }),
  )
  await syncOutputs(options)
  await farm.happen(
    { event: 'requeue', job: 'cat' },
    session('cat', 'two'),
    task('cat', 0, { 'b.png': 'once more' }, { session: 'two' }),
  )
  const { stats } = await syncOutputs(options)
  assert.deepEqual(tree(projects), { 'cat/a.png': 'newer, and longer', 'cat/b.png': 'once more' })
  assert.equal(stats.filesTotal, 1)
})

test('a task run that the service shows late leaves alone what a newer one wrote', async (t) => {
  const { farm, projects, options } = await startQueue(t)
  await farm.happen(
    job('dog', { roots: job('cat').roots }),
    session('dog'),
    task('dog', 0, { 'a.png': 'newer, and longer' }, { uploadedSecondsAgo: 30 }),
  )
  await syncOutputs(options)
  await farm.happen(
    job('cat'),
    session('cat'),
    task('cat', 0, { 'a.png': 'older', 'b.png': 'late' }, { uploadedSecondsAgo: 60 }),
  )
  await syncOutputs(options)
  assert.deepEqual(tree(projects), { 'cat/a.png': 'newer, and longer', 'cat/b.png': 'late' })
})

test('what failed is known to the next pass though this one could write no checkpoint, twice', async (t) => {
  const { farm, projects, options } = await startQueue(t)
  await farm.happen(job('cat'), session('cat'), task('cat', 0, { 'a.png': 'a', 'b.png': 'b' }), {
    event: 'damage',
    job: 'cat',
    path: 'b.png',
    how: 'missing',
  })
  await syncOutputs(options)
  // Files of another job, so slow that some are saved while others are under way.
  const tasks = [0, 1, 2, 3]
  await farm.happen(
    job('dog', { steps: [{ name: 'render', tasks: tasks.length }] }),
    session('dog'),
    ...tasks.map((number) => task('dog', number, { [`${number}.png`]: `dog ${number}` })),
  )
  await farm.setRules({ requests: { keyContains: '/Data/' }, effect: { delay: { milliseconds: 900 } } })
  let refused = 0
  const { rename } = promises
  t.mock.method(promises, 'rename', async (from, to) => {
    if (!to.endsWith('_download_checkpoint.json')) return rename(from, to)
    refused++
    throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
  })
  syncBuiltinESMExports()
  await assert.rejects(syncOutputs({ ...options, concurrency: 1 }), coded('DISK_FULL'))
  t.mock.restoreAll()
  syncBuiltinESMExports()
  assert.equal(refused, 2)

  await farm.setRules()
  const third = await syncOutputs(options)
  assert.equal(third.outstandingTaskRuns, 1, 'it waits to be tried again')
  assert.deepEqual(categories(third), { dog: 'added' }, 'and the rest of its job is not looked at')
  assert.equal(Object.keys(tree(projects)).length, 5)
})

test('a chunk of tasks lands, and so does what no session action names', async (t) => {
  const { farm, projects, options } = await startQueue(t)
  const steps = [{ name: 'render', tasks: 4 }]
  const chunk = {
    event: 'task',
    session: 'one',
    chunk: [0, 1, 2],
    files: [{ path: 'chunk.png', text: 'three' }],
  }
  await farm.happen(
    { event: 'settings', manifests: false },
    job('cat', { steps }),
    session('cat'),
    { ...chunk, job: 'cat' },
    task('cat', 3, { 'single.png': 'one' }),
    { event: 'settings', manifests: true },
    job('dog', { steps }),
    session('dog'),
    { ...chunk, job: 'dog' },
  )
  await syncOutputs(options)
  assert.deepEqual(tree(projects), {
    'cat/chunk.png': 'three',
    'cat/single.png': 'one',
    'dog/chunk.png': 'three',
  })
})

test('a failed file is kept by itself, tried again, and never written over newer bytes', async (t) => {
  const { farm, projects, options } = await startQueue(t)
  await farm.happen(
    job('cat', { steps: [{ name: 'render', tasks: 2 }] }),
    session('cat'),
    task('cat', 0, { 'a.png': 'whole', 'b.png': 'old b' }, { secondsAgo: 60, uploadedSecondsAgo: 60 }),
    { event: 'damage', job: 'cat', path: 'b.png', how: 'wrongBytes' },
  )
  const events = []
  const first = await syncOutputs({ ...options, onEvent: (event) => events.push(event) })
  assert.equal(first.failureCount, 1)
  const { code, localPath, jobId, retryInSeconds } = events.find(({ type }) => type === 'failure')
  assert.deepEqual(
    [code, localPath, jobId],
    ['HASH_MISMATCH', join(projects, 'cat/b.png'), first.jobs[0].jobId],
  )
  assert.equal(retryInSeconds, null)
  assert.deepEqual(checkpointOf(first).jobs, {}, 'the reference must not take the job for downloaded')

  await farm.happen({ event: 'damage', job: 'cat', path: 'b.png', how: 'none' })
  await farm.happen(task('cat', 1, { 'b.png': 'newer b' }))
  await farm.forgetRequests()
  const second = await syncOutputs(options)
  assert.equal(second.failureCount, 0)
  assert.deepEqual(tree(projects), { 'cat/a.png': 'whole', 'cat/b.png': 'newer b' })
  assert.deepEqual(Object.keys(checkpointOf(second).jobs), ['cat'])
})

test('an old failure is made good in a later pass', async (t) => {
  const { farm, projects, options } = await startQueue(t)
  await farm.happen(job('cat'), session('cat'), task('cat', 0, { 'a.png': 'a', 'b.png': 'b' }), {
    event: 'damage',
    job: 'cat',
    path: 'b.png',
    how: 'missing',
  })
  await syncOutputs(options)
  await farm.happen({ event: 'damage', job: 'cat', path: 'b.png', how: 'none' })
  await farm.forgetRequests()
  const { stats, jobs } = await syncOutputs(options)
  assert.deepEqual(tree(projects), { 'cat/a.png': 'a', 'cat/b.png': 'b' })
  assert.equal(stats.filesTotal, 1, 'what was whole is not looked at again')
  assert.equal(jobs[0].retriedTaskRuns, 1)
})

test('what failed is counted in every pass until it is made good, also while it waits to be tried again', async (t) => {
  const { farm, options } = await startQueue(t)
  const damage = (how) => ({ event: 'damage', job: 'cat', path: 'b.png', how })
  await farm.happen(
    job('cat'),
    session('cat'),
    task('cat', 0, { 'a.png': 'a', 'b.png': 'b' }),
    damage('missing'),
  )
  const counts = []
  const onEvent = ({ type, result }) => {
    if (type === 'pass-finished') counts.push([result.failureCount, result.outstandingTaskRuns])
  }
  for (let pass = 0; pass < 3; pass++) await syncOutputs({ ...options, onEvent })
  const { outstandingTaskRuns } = await syncOutputs({ ...options, dryRun: true })
  assert.equal(outstandingTaskRuns, 1)
  await farm.happen(damage('none'))
  await syncOutputs({ ...options, onEvent, forceBootstrap: true })
  // The first retry comes with the next pass, the second after a while.
  assert.deepEqual(counts, [
    [1, 1],
    [1, 1],
    [0, 1],
    [0, 0],
  ])
})

test('a manifest that belongs to no root of its job is a failure in its own words', async (t) => {
  const { farm, projects, options } = await startQueue(t)
  const deadline = clientOf(farm)
  const { requestHandler } = deadline.config
  const handle = requestHandler.handle.bind(requestHandler)
  // The job says that it has another root than the one its manifest was written for.
  requestHandler.handle = async (request, how) => {
    const { response } = await handle(request, how)
    if (/\/jobs\/job-[0-9a-f]+$/.test(request.path)) {
      const text = await buffer(response.body)
      response.body = Buffer.from(text.toString().replace('\\\\Projects\\\\cat', '\\\\Projects\\\\dog'))
    }
    return { response }
  }
  await farm.happen(
    { event: 'settings', manifests: false },
    job('cat'),
    session('cat'),
    task('cat', 0, { 'a.png': 'a' }),
  )
  const events = []
  const onEvent = (event) => events.push(event)
  const { failures, failureCount, jobs } = await syncOutputs({ ...options, deadline, onEvent })
  assert.deepEqual(tree(projects), {})
  assert.equal(failureCount, 1)
  assert.match(failures[0].message, /_output belongs to none of the asset roots of job cat/)
  assert.equal(jobs[0].taskRunsWithoutOutput, 0)
  const failure = events.find(({ type }) => type === 'failure')
  assert.deepEqual([failure.code, failure.jobId], ['MISSING_ASSET_ROOT', jobs[0].jobId])
  assert.match(failure.sessionActionId, /^sessionaction-/)
})

test('each file says whether it was written or found there', async (t) => {
  const { farm, options } = await startQueue(t)
  await farm.happen(job('cat'), session('cat'), task('cat', 0, { 'a.png': 'a' }))
  const outcomes = []
  const onEvent = ({ type, outcome }) => type === 'file' && outcomes.push(outcome)
  await syncOutputs({ ...options, onEvent })
  await syncOutputs({ ...options, onEvent, forceBootstrap: true })
  assert.deepEqual(outcomes, ['transferred', 'skipped'])
})

test('a late view of the queue hides nothing for ever', async (t) => {
  const { farm, projects, options } = await startQueue(t)
  await farm.happen({ event: 'settings', viewLagSeconds: 3600 }, job('cat'), session('cat'))
  await farm.happen(task('cat', 0, { 'a.png': 'a' }))
  assert.deepEqual((await syncOutputs(options)).jobs, [])
  await farm.happen({ event: 'settings', viewLagSeconds: 0 })
  await syncOutputs(options)
  assert.deepEqual(tree(projects), { 'cat/a.png': 'a' })
})

test('a dry run says what a pass would do, and writes nothing', async (t) => {
  const { farm, projects, checkpointDirectory, options } = await startQueue(t)
  await farm.happen(job('cat'), session('cat'), task('cat', 0, { 'a.png': 'a' }))
  const { plan, stats, jobs } = await syncOutputs({ ...options, dryRun: true })
  assert.deepEqual(
    plan.files().map(({ localPath }) => localPath),
    [join(projects, 'cat/a.png')],
  )
  assert.equal(stats.filesTotal, 1)
  assert.equal(jobs.length, 1)
  assert.throws(() => readdirSync(checkpointDirectory), /ENOENT/)
  assert.deepEqual(tree(projects), {})
})

test('only what is included is downloaded', async (t) => {
  const { farm, projects, options } = await startQueue(t)
  await farm.happen(job('cat'), session('cat'), task('cat', 0, { 'a.png': 'a', 'a.exr': 'b' }))
  await syncOutputs({ ...options, include: ['*.exr'] })
  assert.deepEqual(tree(projects), { 'cat/a.exr': 'b' })
  assert.equal((await syncOutputs(options)).plan, null, 'the rest counts as done')
})

test('without storage profiles every file goes to the path that its job has', async (t) => {
  const { farm, projects, options } = await startQueue(t)
  const roots = [{ path: join(projects, 'cat'), format: 'posix' }]
  await farm.happen(
    job('cat', { roots, storageProfile: undefined }),
    session('cat'),
    task('cat', 0, { 'a.png': 'a' }),
  )
  const { localStorageProfileId: _, ...rest } = options
  const { checkpointPath } = await syncOutputs({ ...rest, ignoreStorageProfiles: true })
  assert.deepEqual(tree(projects), { 'cat/a.png': 'a' })
  assert.match(checkpointPath, /_ignore-storage-profiles_download_checkpoint\.json$/)
  await assert.rejects(syncOutputs(rest), coded('INVALID_ARGUMENT', /localStorageProfileId/))
})

test('a bootstrap looks back as far as it is told, and can be forced', async (t) => {
  const { farm, projects, options } = await startQueue(t)
  await farm.happen(
    job('cat', { secondsAgo: 1200 }),
    { ...session('cat'), secondsAgo: 1200 },
    task('cat', 0, { 'a.png': 'a' }, { secondsAgo: 1200 }),
    { event: 'sessionEnded', job: 'cat', name: 'one', secondsAgo: 1200 },
  )
  await syncOutputs({ ...options, bootstrapLookbackMinutes: 1.5 })
  assert.deepEqual(tree(projects), {})
  await syncOutputs(options)
  assert.deepEqual(tree(projects), {}, 'once there is a checkpoint, it says where to begin')
  await syncOutputs({ ...options, forceBootstrap: true })
  assert.deepEqual(tree(projects), { 'cat/a.png': 'a' })
})

test('a checkpoint that cannot be trusted is refused, and left as it is', async (t) => {
  const { farm, options, storageProfiles } = await startQueue(t)
  await farm.happen(job('cat'), session('cat'), task('cat', 0, { 'a.png': 'a' }))
  const { checkpointPath } = await syncOutputs(options)
  const whole = readFileSync(checkpointPath, 'utf8')
  const other = JSON.stringify({ ...JSON.parse(whole), localStorageProfileId: storageProfiles.workstation })
  for (const text of [whole.slice(0, whole.length / 2), '', '[]', other]) {
    writeFileSync(checkpointPath, text)
    await assert.rejects(syncOutputs(options), coded('CHECKPOINT'))
    assert.equal(readFileSync(checkpointPath, 'utf8'), text)
  }
  writeFileSync(checkpointPath, JSON.stringify({ ...JSON.parse(whole), futureField: { a: 1 } }))
  await farm.forgetRequests()
  await syncOutputs(options)
  assert.deepEqual(Object.keys(await operations(farm)), ['SearchJobs'])
})

test('the files of a pass are the checkpoint, the failed jobs and the sidecar, and nothing is left beside them', async (t) => {
  const { farm, checkpointDirectory, options, storageProfiles } = await startQueue(t)
  await farm.happen(job('cat'), session('cat'), task('cat', 0, { 'a.png': 'a' }))
  await syncOutputs(options)
  const prefix = `${farm.queueId}_${storageProfiles.here}`
  assert.deepEqual(readdirSync(checkpointDirectory).sort(), [
    `${prefix}_download_checkpoint.json`,
    `${prefix}_failed_jobs.json`,
    `${prefix}_rusty_attachments.json`,
  ])
})

test("a queue's S3 settings are its bucket, read with its role", async (t) => {
  const { farm, projects, options } = await startQueue(t)
  const names = await farm.happen(
    { event: 'settings', bucketNeedsRole: true },
    job('cat'),
    session('cat'),
    task('cat', 0, { '1.png': 'one' }),
  )
  const { farmId, queueId, deadline } = options
  const s3 = await queueS3Settings({ farmId, queueId, deadline })
  assert.deepEqual(
    [s3.bucket, s3.rootPrefix, s3.region, typeof s3.credentials],
    [farm.bucket, farm.rootPrefix, farm.region, 'function'],
  )
  await downloadJobOutputs({
    s3: { ...s3, endpoint: farm.endpoint },
    farmId,
    queueId,
    jobId: names.jobs.cat.jobId,
    rootOverrides: { 'P:\\Projects\\cat': projects },
  })
  assert.deepEqual(tree(projects), { '1.png': 'one' })

  const unknown = `queue-${'9'.repeat(32)}`
  await assert.rejects(queueS3Settings({ farmId, queueId: unknown, deadline }), coded('NOT_FOUND', /queue/))
  await assert.rejects(queueS3Settings({ farmId }), coded('INVALID_ARGUMENT', /queueId/))
  const signal = AbortSignal.abort()
  await assert.rejects(queueS3Settings({ farmId, queueId, deadline, signal }), coded('CANCELLED'))
})
