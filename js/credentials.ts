/** Where credentials come from when the caller gives none. */

import { AttachmentsError } from './errors.js'
import type { Credentials } from './types.js'

const optionalPeer = '@aws-sdk/credential-providers'

/**
 * `undefined` where the environment holds credentials, which the engine reads by itself; otherwise the AWS SDK's
 * default chain: profiles, SSO, web identity, containers, instances.
 */
export function defaultProvider(): (() => Promise<Credentials>) | undefined {
  if (process.env.AWS_ACCESS_KEY_ID && process.env.AWS_SECRET_ACCESS_KEY) return undefined
  let chain: Promise<() => Promise<Credentials>> | undefined
  return async () => {
    chain ??= defaultChain()
    return (await chain)()
  }
}

async function defaultChain(): Promise<() => Promise<Credentials>> {
  try {
    const { fromNodeProviderChain } = (await import(optionalPeer)) as {
      fromNodeProviderChain: () => () => Promise<Credentials>
    }
    return fromNodeProviderChain()
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
