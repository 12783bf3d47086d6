// Downloads what some session actions of a job wrote, step by step: `node js/examples/session-actions.mjs
// options.json`.
//
// The file holds s3, farmId, queueId, jobId, sessionActionIds, jobStorageProfile and localStorageProfile.
// downloadJobOutputs with sessionActionIds does the same in one call; here every step can be looked at.

import { readFileSync } from 'node:fs'

import {
  DownloadOrchestrator,
  filterManifestsBySessionActions,
  generatePathMappingRules,
  PathMappingApplier,
  planDownload,
} from 'rusty-attachments'

const { s3, farmId, queueId, jobId, sessionActionIds, ...profiles } = JSON.parse(
  readFileSync(process.argv[2], 'utf8'),
)
const { jobStorageProfile, localStorageProfile } = profiles
const formatOf = ({ osFamily }) => (osFamily === 'WINDOWS' ? 'windows' : 'posix')

const orchestrator = new DownloadOrchestrator({ s3 })
const location = { rootPrefix: s3.rootPrefix, farmId, queueId }
const keys = await orchestrator.discoverOutputManifestKeys(location, {
  scope: { jobId },
  selectLatestPerTask: false,
})

const rules = generatePathMappingRules(jobStorageProfile, localStorageProfile)
const applier = new PathMappingApplier(rules, formatOf(localStorageProfile))
const sources = []
for (const key of filterManifestsBySessionActions(keys, sessionActionIds)) {
  const { manifest, metadata } = await orchestrator.downloadManifest(key)
  sources.push({
    manifest,
    rootPath: metadata.assetRoot,
    sourcePathFormat: formatOf(jobStorageProfile),
    applier,
    lastModified: metadata.lastModified,
  })
}

const plan = planDownload(sources, { destinationPathFormat: formatOf(localStorageProfile) })
for (const { absoluteSourcePath, reason } of plan.unmapped())
  console.error(`no place for ${absoluteSourcePath}: ${reason.message}`)
const stats = await orchestrator.download(plan, { conflictResolution: 'overwrite' })
console.log(JSON.stringify(stats, null, 2))
process.exitCode = stats.filesFailed > 0 ? 1 : 0
