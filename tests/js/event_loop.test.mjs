// A download leaves the event loop to the page or the application that it runs in.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { createManifest, downloadJobOutputs } from 'rusty-attachments'

import { folder, putManifest, s3Of, startFarm } from './support.mjs'

/** So far away that a call which waited for the network would be seen on any machine. */
const milliseconds = 1_000

let farm

before(async () => {
  farm = await startFarm('--work', 'loop:400:16384:40')
})
after(() => farm.stop())

/** The longest time, in milliseconds, for which the event loop did not come round until `work` was done. */
async function longestGapDuring(work) {
  let [last, longest] = [performance.now(), 0]
  const timer = setInterval(() => {
    const now = performance.now()
    longest = Math.max(longest, now - last)
    last = now
  }, 10)
  try {
    await work
    return longest
  } finally {
    clearInterval(timer)
  }
}

async function rules(list) {
  const answer = await fetch(`${farm.endpoint}/_farm/rules`, { method: 'PUT', body: JSON.stringify(list) })
  assert.ok(answer.ok, await answer.text())
}

test('the event loop goes round while a download waits and works', async (t) => {
  await rules([{ effect: { delay: { milliseconds } } }])
  t.after(() => rules([]))
  const { jobId, rootPath } = farm.works.loop
  const { farmId, queueId } = farm
  const options = { s3: s3Of(farm), farmId, queueId, jobId, rootOverrides: { [rootPath]: await folder(t) } }
  const reports = []
  const run = downloadJobOutputs({ ...options, onProgress: (report) => reports.push(report.phase) })
  const gap = await longestGapDuring(run)
  const { stats } = await run
  assert.equal(stats.filesTransferred, 400)
  // A list, manifests and content are each so far away: a call that waited for one of them would leave such a gap.
  assert.ok(gap < milliseconds, `the event loop stood still for ${gap} ms`)
  assert.ok(new Set(reports).size > 1, 'reports come while it runs')
})

test('a call returns before its work is done, however much it is to decide', async (t) => {
  const files = Array.from({ length: 100_000 }, (_, index) => ({
    path: `shots/${index}.exr`,
    hash: index.toString(16).padStart(32, '0'),
    size: 1,
    mtime: 1,
  }))
  const jobId = `job-${'5'.repeat(32)}`
  await putManifest(farm, jobId, '/work', createManifest({ files }).encode())
  const { farmId, queueId } = farm
  const options = { s3: s3Of(farm), farmId, queueId, jobId, rootOverrides: { '/work': await folder(t) } }
  let isDone = false
  const run = downloadJobOutputs({ ...options, dryRun: true }).finally(() => (isDone = true))
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(isDone, false)
  assert.equal((await run).plan.fileCount, 100_000)
})
