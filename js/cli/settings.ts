/** What a command goes by: what was typed, else what the `deadline` CLI has been told. */

import type { ConflictResolution } from '../types.js'
import { Configuration } from './configuration.js'
import { CommandError, UsageError } from './failure.js'

/** What can be typed with every command that asks Deadline Cloud. */
export type QueueOptions = {
  profile?: string
  region?: string
  farmId?: string
  queueId?: string
}

/** Which queue, and who asks. */
export type QueueSettings = {
  configuration: Configuration
  farmId: string
  queueId: string
  profile: string | undefined
  region: string | undefined
  /** The storage profile that this machine is configured with. */
  storageProfileId: string | undefined
}

/** @throws UsageError where nothing says which farm or queue */
export function queueSettings(options: QueueOptions): QueueSettings {
  const configuration = Configuration.read()
  useNetworkOf(configuration)
  const { profile } = options
  const farmId =
    options.farmId ?? configuration.farmId(profile) ?? missing('farm', '--farm-id', 'defaults.farm_id')
  const queueId =
    options.queueId ??
    configuration.queueId(farmId, profile) ??
    missing('queue', '--queue-id', 'defaults.queue_id')
  return {
    configuration,
    farmId,
    queueId,
    profile: configuration.profile(profile),
    region: options.region ?? configuration.region(farmId, profile),
    storageProfileId: configuration.storageProfileId(farmId, profile),
  }
}

/** The error for what nobody has said. */
export function missing(what: string, option: string, setting: string): never {
  throw new UsageError(
    `no ${what} is given; name it with ${option}, or once with \`deadline config set ${setting}\``,
  )
}

/** What is configured wins over the environment, as in the `deadline` CLI. Whoever opens connections reads it there. */
export function useNetworkOf(configuration: Configuration): void {
  const proxy = configuration.httpsProxy()
  if (proxy !== undefined) {
    for (const name of ['HTTPS_PROXY', 'https_proxy']) process.env[name] = proxy
  }
  const bundle = configuration.caBundle()
  if (bundle !== undefined) process.env['AWS_CA_BUNDLE'] = bundle
}

/** How conflicts are resolved, by the names of the `deadline` CLI. */
export const conflictResolutions = ['skip', 'overwrite', 'create_copy'] as const

const byName: Record<string, ConflictResolution> = {
  skip: 'skip',
  overwrite: 'overwrite',
  create_copy: 'createCopy',
}

/** The API's name for it. */
export function conflictResolution(name: string | undefined): ConflictResolution | undefined {
  if (name === undefined) return undefined
  const found = byName[name.toLowerCase()]
  if (found) return found
  throw new CommandError(
    `settings.conflict_resolution is configured as ${name}; set it to SKIP, OVERWRITE or CREATE_COPY`,
  )
}

/** The form of what is printed. */
export type Format = 'verbose' | 'json'

/** The form that is asked for, else words for a person and JSON for a program. */
export function formatOf(output: Format | undefined): Format {
  return output ?? (process.stdout.isTTY ? 'verbose' : 'json')
}
