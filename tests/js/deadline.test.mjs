// The SDK's own client reads the farm's Deadline operations: what our sync will rely on, parsed into its types.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import {
  AssumeQueueRoleForUserCommand,
  DeadlineClient,
  GetJobCommand,
  GetQueueCommand,
  GetStorageProfileForQueueCommand,
  GetSessionActionCommand,
  GetStepCommand,
  GetTaskCommand,
  ListSessionActionsCommand,
  SearchJobsCommand,
  paginateListSessions,
} from '@aws-sdk/client-deadline'

import { startFarm } from './support.mjs'

let farm
let client
let ids
before(async () => {
  farm = await startFarm()
  const { endpoint, region, credentials } = farm
  client = new DeadlineClient({ endpoint, region, credentials, disableHostPrefix: true, maxAttempts: 1 })
  const root = { path: 'Z:\\Projects\\shot', format: 'windows', location: 'Projects' }
  const locations = [{ name: 'Projects', path: 'Z:\\Projects', type: 'LOCAL' }]
  ids = await farm.happen(
    { event: 'storageProfile', name: 'artist', osFamily: 'WINDOWS', locations },
    { event: 'job', name: 'shot', storageProfile: 'artist', roots: [root], secondsAgo: 60 },
    { event: 'session', job: 'shot', name: 'first', secondsAgo: 50 },
    { event: 'task', job: 'shot', session: 'first', files: [{ path: 'a.txt', text: 'a' }], secondsAgo: 40 },
    { event: 'sessionEnded', job: 'shot', name: 'first', secondsAgo: 30 },
  )
})
after(() => farm?.stop())

const ofQueue = () => ({ farmId: farm.farmId, queueId: farm.queueId })
const ofJob = () => ({ ...ofQueue(), jobId: ids.jobs.shot.jobId })

/** About so many seconds before now. */
function ago(date, seconds) {
  assert.ok(date instanceof Date)
  assert.ok(Math.abs(Date.now() - seconds * 1000 - date.getTime()) < 30_000, `${date.toISOString()}`)
}

test('SearchJobs compares times and gives summaries', async () => {
  const search = (dateTime) => {
    const dateTimeFilter = { name: 'ENDED_AT', operator: 'GREATER_THAN_EQUAL_TO', dateTime }
    return client.send(
      new SearchJobsCommand({
        farmId: farm.farmId,
        queueIds: [farm.queueId],
        itemOffset: 0,
        filterExpressions: { filters: [{ dateTimeFilter }], operator: 'AND' },
        sortExpressions: [{ fieldSort: { name: 'CREATED_AT', sortOrder: 'ASCENDING' } }],
      }),
    )
  }
  const { jobs, totalResults } = await search(new Date(Date.now() - 3_600_000))
  assert.equal(totalResults, 1)
  ago(jobs[0].createdAt, 60)
  ago(jobs[0].endedAt, 40)
  assert.equal(jobs[0].taskRunStatusCounts.SUCCEEDED, 1)
  assert.equal(jobs[0].attachments, undefined)
  assert.equal((await search(new Date())).totalResults, 0)
})

test('GetJob and GetStorageProfileForQueue tell what the summary does not', async () => {
  const job = await client.send(new GetJobCommand(ofJob()))
  assert.deepEqual(job.attachments.manifests, [
    {
      rootPath: 'Z:\\Projects\\shot',
      rootPathFormat: 'windows',
      fileSystemLocationName: 'Projects',
      outputRelativeDirectories: ['.'],
    },
  ])
  const { $metadata: _, ...profile } = await client.send(
    new GetStorageProfileForQueueCommand({ ...ofQueue(), storageProfileId: job.storageProfileId }),
  )
  assert.deepEqual(profile, {
    storageProfileId: ids.storageProfiles.artist,
    displayName: 'artist',
    osFamily: 'WINDOWS',
    fileSystemLocations: [{ name: 'Projects', path: 'Z:\\Projects', type: 'LOCAL' }],
  })
})

test('sessions, their actions and their tasks come with dates and manifests', async () => {
  const sessions = []
  for await (const page of paginateListSessions({ client, pageSize: 1 }, ofJob()))
    sessions.push(...page.sessions)
  assert.deepEqual(
    sessions.map(({ sessionId }) => sessionId),
    [ids.jobs.shot.sessions.first],
  )
  ago(sessions[0].endedAt, 30)
  const { sessionId } = sessions[0]
  const { sessionActions } = await client.send(new ListSessionActionsCommand({ ...ofJob(), sessionId }))
  const run = sessionActions.find(({ definition }) => definition.taskRun)
  assert.equal(run.status, 'SUCCEEDED')
  assert.match(run.manifests[0].outputManifestPath, /^farm-.*_output$/)
  ago(run.endedAt, 40)
  const { stepId, taskId } = run.definition.taskRun
  const task = await client.send(new GetTaskCommand({ ...ofJob(), stepId, taskId }))
  assert.equal(task.latestSessionActionId, run.sessionActionId)
  assert.equal((await client.send(new GetStepCommand({ ...ofJob(), stepId }))).name, 'render')
  const { sessionActionId } = run
  const action = await client.send(new GetSessionActionCommand({ ...ofJob(), sessionActionId }))
  assert.deepEqual([action.status, action.definition], [run.status, run.definition])
  const missing = `sessionaction-${'0'.repeat(32)}-1`
  await assert.rejects(client.send(new GetSessionActionCommand({ ...ofJob(), sessionActionId: missing })), {
    name: 'ResourceNotFoundException',
  })
})

test('the queue says where its attachments are and lends a role that may read them', async () => {
  const { jobAttachmentSettings } = await client.send(new GetQueueCommand(ofQueue()))
  assert.deepEqual(jobAttachmentSettings, { s3BucketName: farm.bucket, rootPrefix: farm.rootPrefix })
  await farm.happen({ event: 'settings', roleSeconds: 900 })
  const { credentials } = await client.send(new AssumeQueueRoleForUserCommand(ofQueue()))
  ago(credentials.expiration, -900)
  assert.ok(credentials.sessionToken)
})

test('errors are of the classes that the SDK has for them', async () => {
  const missing = new GetJobCommand({ ...ofQueue(), jobId: `job-${'0'.repeat(32)}` })
  await assert.rejects(client.send(missing), { name: 'ResourceNotFoundException', resourceType: 'job' })
  const far = new SearchJobsCommand({ farmId: farm.farmId, queueIds: [farm.queueId], itemOffset: 10_001 })
  await assert.rejects(client.send(far), { name: 'ValidationException', reason: 'FIELD_VALIDATION_FAILED' })
  const effect = { refuse: { status: 429, code: 'ThrottlingException', retryAfterSeconds: 2 } }
  await farm.setRules({ requests: { operation: 'GetJob' }, effect })
  await assert.rejects(client.send(new GetJobCommand(ofJob())), {
    name: 'ThrottlingException',
    retryAfterSeconds: 2,
  })
  await farm.setRules()
})
