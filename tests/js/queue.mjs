// What the tests of incremental sync share: a farm with a queue, a machine that syncs it, and what is there afterwards.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { DeadlineClient } from '@aws-sdk/client-deadline'

import { folder, startFarm } from './support.mjs'

/** A queue that nothing has happened in, with two storage profiles: this machine's and that of a Windows workstation. */
export async function startQueue(test, { farm: parameters = [] } = {}) {
  const farm = await startFarm(...parameters)
  test.after(() => farm.stop())
  const directory = await folder(test)
  const projects = join(directory, 'projects')
  const { storageProfiles } = await farm.happen(
    // Sessions and tasks of the tests are minutes old, and passes a moment apart.
    {
      event: 'storageProfile',
      name: 'here',
      osFamily: 'LINUX',
      locations: [{ name: 'Projects', path: projects, type: 'LOCAL' }],
    },
    {
      event: 'storageProfile',
      name: 'workstation',
      osFamily: 'WINDOWS',
      locations: [{ name: 'Projects', path: 'P:\\Projects', type: 'LOCAL' }],
    },
    {
      event: 'storageProfile',
      name: 'stranger',
      osFamily: 'WINDOWS',
      locations: [{ name: 'Elsewhere', path: 'E:\\', type: 'LOCAL' }],
    },
  )
  const checkpointDirectory = join(directory, 'checkpoints')
  const options = {
    farmId: farm.farmId,
    queueId: farm.queueId,
    localStorageProfileId: storageProfiles.here,
    checkpointDirectory,
    bootstrapLookbackMinutes: 60,
    deadline: clientOf(farm),
    s3: { endpoint: farm.endpoint },
  }
  return { farm, projects, storageProfiles, checkpointDirectory, options }
}

/** The SDK's client for the farm. */
export function clientOf({ endpoint, region, credentials }, more = {}) {
  return new DeadlineClient({ endpoint, region, credentials, disableHostPrefix: true, ...more })
}

/** A job of a Windows workstation, its root being one show of the projects. */
export function job(name, more = {}) {
  const roots = [{ path: `P:\\Projects\\${name}`, format: 'windows' }]
  return { event: 'job', name, storageProfile: 'workstation', roots, ...more }
}

/** A task of a job that wrote these files, by their text. */
export function task(jobName, number, files, more = {}) {
  const written = Object.entries(files).map(([path, text]) => ({ path, text }))
  return { event: 'task', job: jobName, session: 'one', task: number, files: written, ...more }
}

/** The session actions of a session begin with its inputs and its environment. */
export const firstTaskIndex = 2

/** A session named "one". */
export function session(jobName, name = 'one') {
  return { event: 'session', job: jobName, name }
}

/** Everything below a folder: paths and texts. */
export function tree(path) {
  let entries
  try {
    entries = readdirSync(path, { recursive: true, withFileTypes: true })
  } catch {
    return {}
  }
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  return Object.fromEntries(
    files.sort().map((file) => [file.slice(path.length + 1), readFileSync(file, 'utf8')]),
  )
}

/** How often each operation was asked for; S3's requests count as `S3`. */
export async function operations(farm) {
  const counts = {}
  for (const { operation } of await farm.requests())
    counts[operation ?? 'S3'] = (counts[operation ?? 'S3'] ?? 0) + 1
  return counts
}

/**
 * A pass as a process of its own, which says what happens, a line for each event, and copies each checkpoint once it is
 * written; its argument is what `plainOptions` gives.
 */
export const passProgram = `
  import { copyFileSync } from 'node:fs'
  import { DeadlineClient } from '@aws-sdk/client-deadline'
  import { syncOutputs } from 'rusty-attachments'
  const { client, checkpointCopies, ...options } = JSON.parse(process.argv[1])
  let copies = 0
  const onEvent = ({ type, checkpointPath }) => {
    console.log(type)
    if (type === 'checkpoint' && checkpointCopies) copyFileSync(checkpointPath, checkpointCopies + '/' + copies++)
  }
  await syncOutputs({ ...options, deadline: new DeadlineClient(client), onEvent })`

/** The options as text. */
export function plainOptions({ endpoint, region, credentials }, options) {
  const { deadline: _, ...plain } = options
  return JSON.stringify({ ...plain, client: { endpoint, region, credentials, disableHostPrefix: true } })
}
