// The preview shows what a download would do: the page and a dry run are given one job and must agree.

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'

import { DownloadOrchestrator, downloadJobOutputs } from 'rusty-attachments'

import { openPage, startPreview } from './preview-page.mjs'
import { folder, localStorageProfile, s3Of, startFarm } from './support.mjs'

let farm
let preview

before(async () => {
  ;[farm, preview] = await Promise.all([startFarm('--show'), startPreview()])
})
after(() => Promise.all([farm.stop(), preview.stop()]))

test('the page and a dry run of the show’s job have one plan', async (t) => {
  const local = localStorageProfile(await folder(t))
  const { farmId, queueId, jobId, jobStorageProfile } = farm
  const { plan } = await downloadJobOutputs({
    s3: s3Of(farm),
    farmId,
    queueId,
    jobId,
    jobStorageProfile,
    localStorageProfile: local,
    dryRun: true,
  })

  const orchestrator = new DownloadOrchestrator({ s3: s3Of(farm) })
  const location = { rootPrefix: farm.rootPrefix, farmId, queueId }
  const selection = { scope: { jobId }, selectLatestPerTask: true }
  const keys = await orchestrator.discoverOutputManifestKeys(location, selection)
  const manifests = await Promise.all(
    keys.map(async (key) => {
      const { manifest, metadata } = await orchestrator.downloadManifest(key)
      const { assetRoot: rootPath, lastModified } = metadata
      return { name: key, key, data: manifest.encode(), rootPath, lastModified, jobId }
    }),
  )
  const page = await openPage(t, preview)
  const shown = await page.evaluate(
    async ([manifests, job, local]) => {
      const preview = document.querySelector('attachments-preview')
      preview.jobStorageProfile = job
      preview.localStorageProfile = local
      await preview.add(manifests)
      return JSON.parse(await (await preview.exportEntries('json')).text())
    },
    [manifests, jobStorageProfile, local],
  )

  const byPath = (a, b) => (a.sourcePath < b.sourcePath ? -1 : 1)
  const planned = plan.view().entries().sort(byPath)
  assert.ok(planned.length > 48 && plan.unmappedCount > 0)
  assert.deepEqual(shown.entries.sort(byPath), planned)
  assert.deepEqual(shown.totals.rules, plan.totals().rules)
  const places = ({ path, localPath, hash, size, mtime }) => ({ path, localPath, hash, size, mtime })
  const files = plan.files().sort((a, b) => (a.localPath < b.localPath ? -1 : 1))
  const shownFiles = shown.entries.filter(({ localPath }) => localPath !== null)
  shownFiles.sort((a, b) => (a.localPath < b.localPath ? -1 : 1))
  assert.deepEqual(shownFiles.map(places), files.map(places))
})
