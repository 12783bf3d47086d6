// The decisions of a pass without a network, on both faces: a page can show what a pass would do.

import assert from 'node:assert/strict'
import { before, test } from 'node:test'

import { coded, faces } from './support.mjs'

before(() => faces.wasm.SyncPass.init())

const now = Date.parse('2026-11-22T12:00:00Z') * 1000
const [jobId, stepId, sessionId] = ['job', 'step', 'session'].map((kind) => `${kind}-${'1'.repeat(32)}`)
const local = { storageProfileId: 'sp-here', displayName: 'Here', osFamily: 'LINUX' }
const theirs = { storageProfileId: 'sp-there', displayName: 'There', osFamily: 'WINDOWS' }
const place = (name, path) => ({ name, path, type: 'LOCAL' })

/** A service with one running job whose task has succeeded. */
function answers(request, profiles) {
  switch (request.operation) {
    case 'SearchJobs': {
      const isActive = JSON.stringify(request.input).includes('TASK_RUN_STATUS')
      const job = {
        jobId,
        name: 'cat',
        createdAt: '2026-11-22T11:00:00Z',
        taskRunStatusCounts: { SUCCEEDED: 1 },
      }
      return isActive ? { jobs: [job], totalResults: 1 } : { jobs: [], totalResults: 0 }
    }
    case 'GetJob': {
      const manifests = [{ rootPath: 'P:\\cat', rootPathFormat: 'windows', outputRelativeDirectories: ['.'] }]
      return { jobId, name: 'cat', storageProfileId: 'sp-there', attachments: { manifests } }
    }
    case 'ListSessions':
      return { sessions: [{ sessionId, startedAt: '2026-11-22T11:30:00Z' }] }
    case 'ListSessionActions': {
      const sessionActionId = `sessionaction-${'1'.repeat(32)}-2`
      const definition = { taskRun: { stepId, taskId: `task-${'1'.repeat(32)}-0` } }
      const manifests = [{ outputManifestPath: 'farm-1/queue-1/out' }]
      return { sessionActions: [{ sessionActionId, status: 'SUCCEEDED', definition, manifests }] }
    }
    case 'GetStorageProfileForQueue':
      return profiles.find(({ storageProfileId }) => storageProfileId === request.input.storageProfileId)
  }
}

/** Asks until the pass is ready; gives the operations that it asked for. */
function drive(pass, profiles) {
  const asked = []
  while (!pass.isReady) {
    for (const request of pass.requests()) {
      asked.push(request.operation)
      pass.answer(request.id, JSON.stringify(answers(request, profiles)))
    }
  }
  return asked
}

test('both faces decide alike', () => {
  const profiles = [
    { ...local, fileSystemLocations: [place('Projects', '/projects')] },
    { ...theirs, fileSystemLocations: [place('Projects', 'P:\\')] },
  ]
  const outcomes = Object.values(faces).map(({ SyncPass }) => {
    const pass = new SyncPass({ localStorageProfileId: 'sp-here', now, bootstrapLookbackMinutes: 60 })
    const asked = drive(pass, profiles)
    const before = [asked, pass.report(), pass.sources(), pass.storageProfiles(), pass.save(false)]
    pass.planned([{ source: 0, files: 1, lastModified: 1 }])
    pass.landed([{ source: 0, localPath: '/projects/cat/a.png' }])
    const saved = pass.save(true)
    pass.free()
    return [before, saved]
  })
  assert.deepEqual(outcomes[0], outcomes[1])
  const [[[asked, report, sources], { checkpoint }]] = outcomes
  assert.equal(asked.length, 7)
  assert.equal(report.jobs[0].message, 'it is new, or was requeued')
  assert.deepEqual(
    sources.map(({ outputManifestPath, rootPath, only }) => [outputManifestPath, rootPath, only]),
    [['farm-1/queue-1/out', 'P:\\cat', null]],
  )
  const [entry] = JSON.parse(checkpoint).jobs
  assert.deepEqual(entry.sessionCompletedIndexes, { [sessionId]: 2 })
})

test('a profile that shares no location name is named in the report', () => {
  const profiles = [
    { ...local, fileSystemLocations: [place('Projects', '/projects')] },
    { ...theirs, fileSystemLocations: [place('Elsewhere', 'P:\\')] },
  ]
  for (const { SyncPass } of Object.values(faces)) {
    const pass = new SyncPass({ localStorageProfileId: 'sp-here', now, bootstrapLookbackMinutes: 60 })
    drive(pass, profiles)
    assert.match(
      pass.report().jobs[0].message,
      /There, and this machine's, Here, have no file system location/,
    )
  }
})

test('wrong calls are errors with a code', () => {
  for (const { SyncPass } of Object.values(faces)) {
    assert.throws(() => new SyncPass({}), coded('INVALID_ARGUMENT', /now is missing/))
    assert.throws(() => new SyncPass({ now, checkpoint: '{"jobs":' }), coded('CHECKPOINT', /cannot be read/))
    const pass = new SyncPass({ now })
    assert.throws(() => pass.answer(99, '{}'), coded('INVALID_ARGUMENT'))
    assert.throws(() => pass.answer(pass.requests()[0].id, '{'), coded('NETWORK', /cannot be read/))
    pass.free()
    assert.throws(() => pass.requests(), coded('INVALID_ARGUMENT', /freed/))
  }
})
