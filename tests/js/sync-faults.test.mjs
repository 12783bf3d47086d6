// What services and callers do to a pass: expire, throttle, refuse, abort.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'

import { syncOutputs } from 'rusty-attachments'

import { clientOf, job, operations, session, startQueue, task, tree } from './queue.mjs'
import { coded, folder, root } from './support.mjs'

async function startWithFiles(t, count = 20) {
  const queue = await startQueue(t)
  const files = Object.fromEntries(Array.from({ length: count }, (_, n) => [`${n}.txt`, `file ${n}`]))
  await queue.farm.happen(job('cat'), session('cat'), task('cat', 0, files))
  return { ...queue, count }
}

const refused = (status, code) => ({ refuse: { status, code } })

test('the bucket is read with the role of the queue, renewed as often as it expires', async (t) => {
  const { farm, projects, options, count } = await startWithFiles(t)
  await farm.happen({ event: 'settings', bucketNeedsRole: true, roleSeconds: 2 })
  await farm.setRules({ requests: { keyContains: '/Data/' }, effect: { delay: { milliseconds: 300 } } })
  const { stats } = await syncOutputs({ ...options, concurrency: 1 })
  assert.equal(stats.filesTransferred, count)
  assert.equal(Object.keys(tree(projects)).length, count)
  const asked = await operations(farm)
  assert.equal(asked.GetQueue, 1)
  assert.ok(asked.AssumeQueueRoleForUser > 1)
})

test('every request for the bucket names the account that must own it', async (t) => {
  const { farm, options } = await startWithFiles(t, 2)
  await farm.happen({ event: 'settings', manifests: false }, task('cat', 0, { 'listed.txt': 'by its key' }))
  await syncOutputs(options)
  const owners = (await farm.requests())
    .filter(({ operation }) => operation === null)
    .map(({ expectedBucketOwner }) => expectedBucketOwner)
  assert.ok(owners.length > 3, 'a listing, manifests and files')
  assert.deepEqual(new Set(owners), new Set(['123456789012']))
})

test('a pass is patient where it is throttled and where a service fails', async (t) => {
  const { farm, options, count } = await startWithFiles(t)
  await farm.setRules(
    {
      requests: { operation: 'SearchJobs' },
      often: { first: 2 },
      effect: refused(429, 'ThrottlingException'),
    },
    {
      requests: { operation: 'ListSessions' },
      often: { first: 1 },
      effect: refused(500, 'InternalServerErrorException'),
    },
    { requests: { operation: 'GetJob' }, often: { first: 1 }, effect: 'reset' },
  )
  assert.equal((await syncOutputs(options)).stats.filesTransferred, count)
})

test('what a service keeps refusing ends the pass with a code, and nothing is lost', async (t) => {
  const { farm, projects, options, count } = await startWithFiles(t)
  const impatient = { ...options, deadline: clientOf(farm, { maxAttempts: 1 }) }
  const cases = [
    [429, 'ThrottlingException', 'THROTTLED', /asked too often/],
    [500, 'InternalServerErrorException', 'NETWORK', /failed at ListSessions/],
    [403, 'AccessDeniedException', 'ACCESS_DENIED', /deadline:ListSessions/],
    [403, 'ExpiredTokenException', 'CREDENTIALS', /renew/],
    [400, 'ValidationException', 'INVALID_ARGUMENT', /not understood/],
  ]
  for (const [status, code, ours, words] of cases) {
    await farm.setRules({ requests: { operation: 'ListSessions' }, effect: refused(status, code) })
    await assert.rejects(syncOutputs(impatient), coded(ours, words), code)
  }
  await farm.setRules({ requests: { operation: 'SearchJobs' }, effect: 'reset' })
  await assert.rejects(syncOutputs(impatient), coded('NETWORK', /cannot be reached/))
  await farm.setRules()
  assert.equal((await syncOutputs(options)).stats.filesTransferred, count)
  assert.equal(Object.keys(tree(projects)).length, count)
})

test('what comes and ends while a first pass comes to nothing is found by the next', async (t) => {
  const { farm, projects, options } = await startQueue(t)
  const fromNow = { ...options, bootstrapLookbackMinutes: 0, deadline: clientOf(farm, { maxAttempts: 1 }) }
  await farm.setRules({ requests: { operation: 'SearchJobs' }, effect: 'reset' })
  await assert.rejects(syncOutputs(fromNow), coded('NETWORK'))
  await farm.setRules()
  await farm.happen(
    job('cat', { steps: [{ name: 'render', tasks: 2 }] }),
    session('cat'),
    task('cat', 0, { 'a.png': 'a' }),
    { event: 'sessionEnded', job: 'cat', name: 'one' },
  )
  await syncOutputs(fromNow)
  assert.deepEqual(tree(projects), { 'cat/a.png': 'a' })
})

test('an unknown queue is NOT_FOUND', async (t) => {
  const { options } = await startQueue(t)
  await assert.rejects(syncOutputs({ ...options, queueId: `queue-${'9'.repeat(32)}` }), coded('NOT_FOUND'))
})

test(
  'a request that is never answered is given up in time and asked again',
  { timeout: 60_000 },
  async (t) => {
    const { farm, options, count } = await startWithFiles(t)
    const silence = (often) =>
      farm.setRules({
        requests: { operation: 'ListSessions' },
        often,
        effect: { delay: { milliseconds: 3_600_000 } },
      })
    // The client that a caller gets who brings none, on a clock that runs sixty times as fast.
    for (const [object, name, index] of [
      [Socket.prototype, 'setTimeout', 0],
      [globalThis, 'setTimeout', 1],
    ]) {
      const original = object[name]
      t.mock.method(object, name, function (...given) {
        given[index] /= 60
        return original.apply(this, given)
      })
    }
    process.env.AWS_ENDPOINT_URL_DEADLINE = farm.endpoint
    t.after(() => delete process.env.AWS_ENDPOINT_URL_DEADLINE)
    const { region, credentials } = farm
    const ours = { ...options, deadline: undefined, region, credentials }
    await silence({ always: null })
    await assert.rejects(syncOutputs(ours), coded('TIMEOUT', /did not answer ListSessions in time/))
    const asked = await operations(farm)
    assert.equal(asked.ListSessions, 8, 'it is tried again first')
    await silence({ first: 1 })
    assert.equal((await syncOutputs(ours)).stats.filesTransferred, count)
  },
)

test('a pass needs nothing that Node 20.0 has not', async (t) => {
  const { options, count } = await startWithFiles(t)
  const { any } = AbortSignal
  t.after(() => (AbortSignal.any = any))
  delete AbortSignal.any
  assert.equal((await syncOutputs(options)).stats.filesTransferred, count)
})

test('a session token is told to nobody, though the service repeats it where a signature is wrong', async (t) => {
  const { farm, options } = await startWithFiles(t, 1)
  const credentials = { ...farm.credentials, secretAccessKey: 'wrong', sessionToken: 'the-token' }
  const error = await syncOutputs({ ...options, deadline: clientOf({ ...farm, credentials }) }).catch(
    (thrown) => thrown,
  )
  assert.ok(coded('CREDENTIALS', /did not accept the credentials \(The signature does not match/)(error))
  assert.doesNotMatch(inspect(error, { depth: null }), /the-token/)
})

test('what time or a sign-in can mend is not called a mistake of the caller', async (t) => {
  const { farm, options } = await startWithFiles(t, 1)
  for (const [status, code] of [
    [401, 'CREDENTIALS'],
    [407, 'NETWORK'],
    [302, 'NETWORK'],
  ]) {
    await farm.setRules({ requests: { operation: 'SearchJobs' }, effect: refused(status, 'Whatever') })
    await assert.rejects(syncOutputs(options), coded(code))
  }
  const failing = (thrown) =>
    syncOutputs({ ...options, deadline: clientOf({ ...farm, credentials: () => Promise.reject(thrown) }) })
  const unreached = Object.assign(new Error('getaddrinfo ENOTFOUND endpoint.example'), { code: 'ENOTFOUND' })
  await assert.rejects(failing(unreached), coded('NETWORK', /endpoint\.example/))
  await assert.rejects(failing('no luck'), coded('NETWORK', /no luck/))
})

test('credentials that expired are asked for once more', async (t) => {
  const { farm, options, count } = await startWithFiles(t)
  let asked = 0
  const credentials = async () => ({
    ...farm.credentials,
    expiration: new Date(Date.now() + 3600_000),
    asked: ++asked,
  })
  await farm.setRules({
    requests: { operation: 'SearchJobs' },
    often: { first: 1 },
    effect: refused(403, 'ExpiredTokenException'),
  })
  const { stats } = await syncOutputs({ ...options, deadline: clientOf({ ...farm, credentials }) })
  assert.equal(stats.filesTransferred, count)
  assert.equal(asked, 2)
})

test('an aborted pass says so, and the next one fetches only what is left', async (t) => {
  const { farm, projects, options, count } = await startWithFiles(t, 60)
  await farm.setRules({ requests: { keyContains: '/Data/' }, effect: { delay: { milliseconds: 30 } } })
  const cancelling = new AbortController()
  let landed = 0
  const onEvent = ({ type }) => {
    if (type === 'file' && ++landed === 10) cancelling.abort(new Error('that will do'))
  }
  await assert.rejects(
    syncOutputs({ ...options, concurrency: 2, onEvent, signal: cancelling.signal }),
    (error) =>
      coded('CANCELLED')(error) && error.name === 'AbortError' && error.cause.message === 'that will do',
  )
  const before = Object.keys(tree(projects)).length
  assert.ok(before >= 10 && before < count)
  await farm.setRules()
  await farm.forgetRequests()
  await syncOutputs(options)
  const fetched = (await farm.requests()).filter(({ key }) => key?.includes('/Data/'))
  assert.equal(fetched.length, count - before)
  assert.equal(Object.keys(tree(projects)).length, count)
})

test('a pass that is aborted while it asks ends at once', async (t) => {
  const { farm, options } = await startWithFiles(t)
  await farm.setRules({
    requests: { operation: 'ListSessions' },
    effect: { delay: { milliseconds: 10_000 } },
  })
  const began = performance.now()
  await assert.rejects(syncOutputs({ ...options, signal: AbortSignal.timeout(300) }), coded('CANCELLED'))
  assert.ok(performance.now() - began < 5_000)
})

test('a callback that fails later ends the pass with what it threw', async (t) => {
  const { farm, options } = await startWithFiles(t)
  await farm.setRules({ requests: { keyContains: '/Data/' }, effect: { delay: { milliseconds: 200 } } })
  const onEvent = async ({ type }) => {
    if (type === 'job') throw new Error('cannot keep up')
  }
  await assert.rejects(syncOutputs({ ...options, onEvent }), /cannot keep up/)
})

test('a missing client is named with its install line', async (t) => {
  const path = await folder(t)
  const copy = join(path, 'node_modules', 'rusty-attachments')
  mkdirSync(copy, { recursive: true })
  cpSync(join(root, 'dist'), join(copy, 'dist'), { recursive: true })
  cpSync(join(root, 'package.json'), join(copy, 'package.json'))
  const index = pathToFileURL(join(copy, 'dist', 'index.js'))
  const program = `
    const { syncOutputs } = await import(${JSON.stringify(index)})
    await syncOutputs({ farmId: 'farm-1', queueId: 'queue-1', ignoreStorageProfiles: true }).catch(
      ({ code, message }) => console.log(code, message),
    )`
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
  assert.match(stdout, /^INVALID_ARGUMENT .*npm install @aws-sdk\/client-deadline/)
})

test('wrong options are refused with their names', async () => {
  const ids = { farmId: 'farm-1', queueId: 'queue-1' }
  const wrong = [
    [{ queueId: 'queue-1' }, /farmId is missing/],
    [{ ...ids, localStorageProfileId: 'sp-1', ignoreStorageProfiles: true }, /either localStorageProfileId/],
    [{ ...ids, queueId: '../up', ignoreStorageProfiles: true }, /queueId must be an id/],
    [{ ...ids, ignoreStorageProfiles: true, bootstrapLookbackMinutes: -1 }, /bootstrapLookbackMinutes/],
    [{ ...ids, ignoreStorageProfiles: true, intervall: 1 }, /unknown option 'intervall'/],
    [{ ...ids, ignoreStorageProfiles: true, deadline: {} }, /deadline must be a DeadlineClient/],
  ]
  for (const [options, words] of wrong) {
    await assert.rejects(syncOutputs(options), coded('INVALID_ARGUMENT', words))
  }
})
