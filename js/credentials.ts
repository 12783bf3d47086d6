/**
 * What comes from the environment when the caller does not say. It is read here and not by the engine: a worker's
 * `process.env` may be its own.
 */

import { AttachmentsError } from './errors.js'
import type { Credentials } from './types.js'

const optionalPeer = '@aws-sdk/credential-providers'

/** The first of the variables that is set and not empty. */
function variable(...names: string[]): string | undefined {
  return names.map((name) => process.env[name]).find(Boolean)
}

/** Region and endpoint; where the environment names none, empty ones, which keep the engine from looking again. */
export function environment(): { region: string; endpoint: string } {
  return {
    region: variable('AWS_REGION', 'AWS_DEFAULT_REGION') ?? '',
    endpoint: variable('AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL') ?? '',
  }
}

/**
 * The environment's credentials, where it holds some and no profile is asked for; otherwise the AWS SDK's default
 * chain: profiles, SSO, web identity, containers, instances.
 */
export function defaultProvider(profile?: string): () => Promise<Credentials> {
  let chain: Promise<() => Promise<Credentials>> | undefined
  return async () => {
    const accessKeyId = variable('AWS_ACCESS_KEY_ID')
    const secretAccessKey = variable('AWS_SECRET_ACCESS_KEY')
    if (profile === undefined && accessKeyId && secretAccessKey) {
      return { accessKeyId, secretAccessKey, sessionToken: variable('AWS_SESSION_TOKEN') }
    }
    chain ??= defaultChain(profile)
    return (await chain)()
  }
}

async function defaultChain(profile: string | undefined): Promise<() => Promise<Credentials>> {
  try {
    const { fromNodeProviderChain } = (await import(/* webpackIgnore: true */ optionalPeer)) as {
      fromNodeProviderChain: (options: { profile?: string }) => () => Promise<Credentials>
    }
    return fromNodeProviderChain(profile === undefined ? {} : { profile })
  } catch (cause) {
    throw new AttachmentsError(
      'CREDENTIALS',
      'no credentials were given and AWS_ACCESS_KEY_ID is not set; pass `s3.credentials`, or run ' +
        `\`npm install ${optionalPeer}\` to use profiles, SSO and roles`,
      {},
      { cause },
    )
  }
}
