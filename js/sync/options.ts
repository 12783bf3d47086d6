/** What callers may ask of a sync. */

import {
  abortSignal,
  amount,
  boolean,
  callback,
  type Check,
  invalid,
  list,
  oneOf,
  optional,
  options,
  string,
} from '../arguments.js'
import { matchPathsBy } from '../face.js'
import { concurrency, credentialsOrProvider, s3Fields } from '../orchestrate.js'
import type * as Types from '../types.js'

/** Ids become parts of file names and of addresses. */
const id: Check<string> = (value, name) => {
  const text = string(value, name)
  if (!/^[A-Za-z0-9_-]+$/.test(text)) {
    throw invalid(`${name} must be an id of letters, digits, '-' and '_'`, name)
  }
  return text
}

/** Long enough that a watcher never turns into a loop without a pause. */
const interval: Check<number> = (value, name) => {
  const seconds = amount(value, name)
  if (seconds < 0.01 || seconds > 1_000_000) throw invalid(`${name} must be from 0.01 to 1,000,000`, name)
  return seconds
}

const client: Check<Types.DeadlineClient> = (value, name) => {
  const { send, config } = (value ?? {}) as Partial<Types.DeadlineClient>
  if (typeof send === 'function' && typeof config === 'object') return value as Types.DeadlineClient
  throw invalid(`${name} must be a DeadlineClient of @aws-sdk/client-deadline`, name)
}

/** Which queue, and who asks Deadline Cloud. */
const queueFields = {
  farmId: id,
  queueId: id,
  region: optional(string),
  profile: optional(string),
  credentials: optional(credentialsOrProvider),
  deadline: optional(client),
  signal: optional(abortSignal),
}

const fields = {
  ...queueFields,
  localStorageProfileId: optional(id),
  ignoreStorageProfiles: optional(boolean),
  checkpointDirectory: optional(string),
  bootstrapLookbackMinutes: optional(amount),
  forceBootstrap: optional(boolean),
  conflictResolution: optional(oneOf('skip', 'overwrite', 'createCopy')),
  verify: optional(oneOf('size', 'hash')),
  include: optional(list(string)),
  matchPathsBy: optional(matchPathsBy),
  concurrency: optional(concurrency),
  s3: optional(options({ bucket: optional(string), rootPrefix: optional(string), ...s3Fields })),
  onProgress: optional(callback<[Types.TransferProgress]>),
}

const onePass = options({
  ...fields,
  dryRun: optional(boolean),
  onEvent: optional(callback<[Types.SyncEvent]>),
})

const manyPasses = options({ ...fields, intervalSeconds: optional(interval) })

const queueOptions = options(queueFields)

/** The options of `queueS3Settings`, clean. */
export function queueSettings(given: Types.QueueS3SettingsOptions) {
  return queueOptions(given, '')
}

/** What a sync goes by. */
export type SyncSettings = ReturnType<typeof onePass>

/** The options of `syncOutputs`, clean. */
export function syncSettings(given: Types.SyncOptions): SyncSettings {
  return withOneProfile(onePass(given, ''))
}

/** The options of `watchOutputs`, clean. */
export function watchSettings(given: Types.WatchOptions) {
  return withOneProfile(manyPasses(given, ''))
}

/** Whether profiles are used decides where files land, so nobody gets there by leaving something out. */
function withOneProfile<Settings extends ReturnType<typeof manyPasses>>(settings: Settings): Settings {
  const { localStorageProfileId, ignoreStorageProfiles } = settings
  if ((localStorageProfileId === undefined) === (ignoreStorageProfiles !== true)) {
    throw invalid(
      'give either localStorageProfileId, the storage profile of this machine, or ignoreStorageProfiles: true, ' +
        'to write every file to the path that its job has for it',
      'localStorageProfileId',
    )
  }
  return settings
}
