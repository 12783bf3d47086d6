// The product at the works of `bench/transfer.mjs`, in a process of its own. Prints JSON.

import { writeFileSync } from 'node:fs'

import { DownloadOrchestrator, downloadJobOutputs } from 'rusty-attachments'

import { measured } from './measure.mjs'

const { what, job, directory, list } = JSON.parse(process.argv[2])
const { s3, farmId, queueId, jobId, rootPath } = job

/** Credentials and certificates are those of the environment. */
const options = (directory) => ({
  s3,
  farmId,
  queueId,
  jobId,
  rootOverrides: { [rootPath]: directory },
  conflictResolution: 'overwrite',
})

const tasks = {
  /** Writes what the floor is to fetch: each object's key and its path. */
  async list() {
    const { plan } = await downloadJobOutputs({ ...options('/list'), dryRun: true })
    const line = ({ hash, localPath }) => `${s3.rootPrefix}/Data/${hash}.xxh128\t${localPath.slice(6)}\n`
    writeFileSync(list, plan.files().map(line).join(''))
    return { files: plan.fileCount, bytes: plan.totalSize }
  },
  /** The same for the job's manifests. */
  async keys() {
    const location = { rootPrefix: s3.rootPrefix, farmId, queueId }
    const selection = { scope: { jobId }, selectLatestPerTask: true }
    const keys = await new DownloadOrchestrator({ s3 }).discoverOutputManifestKeys(location, selection)
    writeFileSync(list, keys.map((key) => `${key}\t\n`).join(''))
    return { files: keys.length }
  },
  async download() {
    const { failures, ...result } = await measured(() => downloadJobOutputs(options(directory)))
    if (failures.length > 0) throw new Error(JSON.stringify(failures[0]))
    return result
  },
  async manifests() {
    const { plan, ...result } = await measured(() =>
      downloadJobOutputs({ ...options(directory), dryRun: true }),
    )
    return { ...result, files: plan.fileCount }
  },
  async again() {
    const { plan } = await downloadJobOutputs({ ...options(directory), dryRun: true })
    const requests = `${s3.endpoint}/_farm/requests`
    await fetch(requests, { method: 'DELETE' })
    const orchestrator = new DownloadOrchestrator({ s3 })
    const { filesSkipped, ...result } = await measured(() =>
      orchestrator.download(plan, { conflictResolution: 'overwrite' }),
    )
    if (filesSkipped !== plan.fileCount) throw new Error(`only ${filesSkipped} files were skipped`)
    return { ...result, requests: (await (await fetch(requests)).json()).length }
  },
}

const { seconds, idle, peak, cpu, files, bytes, requests } = await tasks[what]()
console.log(JSON.stringify({ seconds, idle, peak, cpu, files, bytes, requests }))
