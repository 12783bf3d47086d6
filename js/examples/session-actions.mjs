// Downloads what some session actions of a job wrote, step by step: what an incremental download does.
//
//   node session-actions.mjs job.json sessionaction-… …
//
// job.json: { s3, farmId, queueId, jobId, jobStorageProfile, localStorageProfile }

import { readFile } from 'node:fs/promises'

import {
  DownloadOrchestrator,
  filterManifestsBySessionActions,
  generatePathMappingRules,
  PathMappingApplier,
  planDownload,
} from 'rusty-attachments'

const [file, ...sessionActionIds] = process.argv.slice(2)
const { s3, farmId, queueId, jobId, ...profiles } = JSON.parse(await readFile(file, 'utf8'))

const format = ({ osFamily }) => (osFamily === 'WINDOWS' ? 'windows' : 'posix')
const sourcePathFormat = format(profiles.jobStorageProfile)
const destinationPathFormat = format(profiles.localStorageProfile)
const rules = generatePathMappingRules(profiles.jobStorageProfile, profiles.localStorageProfile)
// Without rules nothing is mapped, and nothing is written to the source's paths.
const applier = new PathMappingApplier(rules, destinationPathFormat)

const orchestrator = new DownloadOrchestrator({ s3 })
const location = { rootPrefix: s3.rootPrefix, farmId, queueId }
const found = await orchestrator.discoverOutputManifestKeys(location, {
  scope: { jobId },
  selectLatestPerTask: false,
})
const keys = filterManifestsBySessionActions(found, sessionActionIds)
console.log(`${keys.length} of ${found.length} manifests`)

const manifests = await Promise.all(keys.map((key) => orchestrator.downloadManifest(key)))
const plan = planDownload(
  manifests.map(({ manifest, metadata: { assetRoot, lastModified } }, index) => ({
    manifest,
    rootPath: assetRoot,
    sourcePathFormat,
    applier,
    lastModified: lastModified ?? 0,
    key: keys[index],
    jobId,
  })),
  { destinationPathFormat },
)
for (const { absoluteSourcePath, reason } of plan.unmapped(0, 20)) {
  console.warn(`${absoluteSourcePath}: ${reason.message}`)
}

const report = await orchestrator.download(plan, { conflictResolution: 'overwrite' })
console.log(`${report.filesTransferred} files, ${report.filesSkipped} were here already`)
