/** Manifests as a person names them: a file, or an object in S3. */

import { readFile, stat } from 'node:fs/promises'

import { defaultProvider } from '../credentials.js'
import { AttachmentsError, decodeManifest, DownloadOrchestrator } from '../index.js'
import { unlessAborted } from '../sync/cancelling.js'
import type { DownloadedManifest, Manifest, S3Settings } from '../types.js'
import { Configuration, expandHome } from './configuration.js'
import { CommandError, UsageError } from './failure.js'
import { Queue } from './queue.js'
import { type QueueOptions, useNetworkOf } from './settings.js'

/** A manifest and what its place says about it. */
export type FoundManifest = { manifest: Manifest; metadata: Partial<DownloadedManifest['metadata']> }

/** Reads `s3://bucket/key`, or a file. */
export function findManifest(
  name: string,
  options: Pick<QueueOptions, 'profile' | 'region'>,
  signal: AbortSignal,
): Promise<FoundManifest> {
  return name.startsWith('s3:') ? fromS3(name, options, signal) : fromFile(name)
}

async function fromFile(name: string): Promise<FoundManifest> {
  const path = expandHome(name)
  const [bytes, { mtimeMs }] = await Promise.all([readFile(path), stat(path)]).catch((cause: unknown) => {
    const { code, message } = cause as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : message
    throw new CommandError(`${name} cannot be read: ${why}`, { cause })
  })
  try {
    return { manifest: decodeManifest(bytes), metadata: { lastModified: Math.floor(mtimeMs) } }
  } catch (cause) {
    if (!(cause instanceof AttachmentsError)) throw cause
    throw new AttachmentsError(cause.code, `${name}: ${cause.message}`, cause.details, { cause })
  }
}

async function fromS3(
  name: string,
  { profile, region }: Pick<QueueOptions, 'profile' | 'region'>,
  signal: AbortSignal,
): Promise<FoundManifest> {
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/.exec(name) ?? []
  if (bucket === undefined || key === undefined) {
    throw new UsageError(`${name} is not of the form s3://BUCKET/KEY`)
  }
  const configuration = Configuration.read()
  useNetworkOf(configuration)
  const s3 = await bucketOf(bucket, key, profile, region, configuration, signal)
  return unlessAborted(new DownloadOrchestrator({ s3 }).downloadManifest(key), signal)
}

/** A queue's manifest names its queue, whose role may read it. Others are read as whoever asks. */
async function bucketOf(
  bucket: string,
  key: string,
  typedProfile: string | undefined,
  region: string | undefined,
  configuration: Configuration,
  signal: AbortSignal,
): Promise<S3Settings> {
  const profile = configuration.profile(typedProfile)
  const [, farmId, queueId] = /(?:^|\/)Manifests\/(farm-[^/]+)\/(queue-[^/]+)\//.exec(key) ?? []
  if (farmId === undefined || queueId === undefined) {
    return { bucket, rootPrefix: '', region, credentials: defaultProvider(profile) }
  }
  const farmRegion = region ?? configuration.region(farmId, typedProfile)
  const queue = await Queue.connect({ farmId, queueId, profile, region: farmRegion }, signal)
  return { ...(await queue.bucket()), bucket, rootPrefix: '' }
}
