/** `rusty-attachments sync` */

import { syncOutputs, watchOutputs } from '../index.js'
import type { SyncOptions as SyncOptionsOfApi } from '../types.js'
import { expandHome } from './configuration.js'
import type { Interruption } from './interruption.js'
import { status, UsageError } from './failure.js'
import { conflictResolution, type QueueOptions, queueSettings } from './settings.js'
import { SyncInJson } from './sync-in-json.js'
import { SyncInWords } from './sync-in-words.js'
import type { Terminal } from './terminal.js'

export type SyncOptions = QueueOptions & {
  storageProfileId?: string
  json?: boolean
  bootstrapLookbackMinutes?: number
  checkpointDir?: string
  forceBootstrap?: boolean
  ignoreStorageProfiles?: boolean
  conflictResolution?: string
  dryRun?: boolean
  verbose?: boolean
  /** Seconds between the starts of passes; true for the usual ones. */
  watch?: number | true
}

const usualInterval = 60

export async function sync(
  options: SyncOptions,
  terminal: Terminal,
  interruption: Interruption,
): Promise<number> {
  const settings = apiOptions(options)
  const { signal } = interruption
  const report = options.json
    ? new SyncInJson(terminal)
    : new SyncInWords(terminal, options, settings.queueId)
  try {
    report.looking()
    if (options.watch === undefined) {
      const { failureCount, outstandingTaskRuns } = await syncOutputs({
        ...settings,
        dryRun: options.dryRun,
        onEvent: report.event,
        onProgress: report.progress,
        signal,
      })
      return failureCount + outstandingTaskRuns > 0 ? status.failed : status.done
    }
    const intervalSeconds = options.watch === true ? usualInterval : options.watch
    report.watching(intervalSeconds)
    const events = watchOutputs({ ...settings, intervalSeconds, onProgress: report.progress, signal })
    for await (const event of events) report.event(event)
    return interruption.status ?? status.done
  } finally {
    report.end(signal.aborted)
  }
}

function apiOptions(options: SyncOptions): SyncOptionsOfApi {
  const { dryRun, watch, ignoreStorageProfiles, checkpointDir } = options
  if (ignoreStorageProfiles && options.storageProfileId !== undefined) {
    throw new UsageError('--storage-profile-id and --ignore-storage-profiles exclude each other')
  }
  if (dryRun && watch !== undefined) {
    throw new UsageError('--watch and --dry-run exclude each other: every pass would be the same')
  }
  const { farmId, queueId, region, profile, storageProfileId } = queueSettings(options)
  const localStorageProfileId = options.storageProfileId ?? storageProfileId
  if (!ignoreStorageProfiles && localStorageProfileId === undefined) {
    throw new UsageError(
      'no storage profile is given, which says where files belong on this machine; name it with ' +
        '--storage-profile-id, or once with `deadline config set settings.storage_profile_id`, or, where all ' +
        'machines see the same paths, give --ignore-storage-profiles',
    )
  }
  return {
    farmId,
    queueId,
    region,
    profile,
    localStorageProfileId: ignoreStorageProfiles ? undefined : localStorageProfileId,
    ignoreStorageProfiles,
    checkpointDirectory: checkpointDir === undefined ? undefined : expandHome(checkpointDir),
    bootstrapLookbackMinutes: options.bootstrapLookbackMinutes,
    forceBootstrap: options.forceBootstrap,
    conflictResolution: conflictResolution(options.conflictResolution),
  }
}
