/** Deadline Cloud, asked with the AWS SDK and answering in its own words. */

import { AttachmentsError } from '../errors.js'
import type { Credentials, DeadlineClient, ErrorCode } from '../types.js'
import { httpsAgent } from './https-agent.js'

const optionalPeer = '@aws-sdk/client-deadline'

/** How often the SDK asks in all where the service is busy or fails. */
const maxAttempts = 8

/** A client, as far as it is needed here. */
type Client = {
  config: {
    region: () => Promise<string>
    credentials: (how?: { forceRefresh: boolean }) => Promise<unknown>
  }
  send(command: Command, options: { abortSignal: AbortSignal }): Promise<unknown>
}

type Command = { middlewareStack: { add(middleware: Middleware, where: object): void } }

type Handler = (request: unknown) => Promise<{ response: Response }>

type Middleware = (next: Handler) => Handler

/** An HTTP response before anything has read it. */
type Response = { statusCode: number; body: Uint8Array | AsyncIterable<Uint8Array> }

/** What the SDK throws: its own errors, those of the service, and those of the network. */
type SdkError = Error & {
  code?: string
  $metadata?: { httpStatusCode?: number; requestId?: string }
}

/** How a {@link DeadlineService} is reached. */
export type ServiceSettings = {
  region?: string
  profile?: string
  credentials?: Credentials | (() => Promise<Credentials>)
  deadline?: DeadlineClient
}

/** Asks Deadline Cloud. */
export class DeadlineService {
  readonly #client: Client
  readonly #sdk: Record<string, new (input: object) => unknown>

  private constructor(sdk: Record<string, new (input: object) => unknown>, client: Client) {
    this.#sdk = sdk
    this.#client = client
  }

  /** @throws `INVALID_ARGUMENT` where the SDK's client is not installed */
  static async connect({
    deadline,
    region,
    profile,
    credentials,
  }: ServiceSettings): Promise<DeadlineService> {
    const sdk = await loadSdk()
    const Client = sdk['DeadlineClient'] as new (config: object) => unknown
    // The SDK reads the variables itself, but would put `scheduling.` before the host.
    const isElsewhere = Boolean(process.env['AWS_ENDPOINT_URL_DEADLINE'] || process.env['AWS_ENDPOINT_URL'])
    const given = Object.entries({ region, profile, credentials }).filter(([, value]) => value !== undefined)
    const agent = httpsAgent()
    const config = {
      retryMode: 'adaptive',
      maxAttempts,
      disableHostPrefix: isElsewhere,
      requestHandler: {
        // Without these a connection that went silent would hold a pass, and its lock, for ever.
        connectionTimeout: 10_000,
        socketTimeout: 60_000,
        // The SDK knows neither proxies nor certificates of one's own.
        ...(agent && { httpsAgent: agent }),
      },
    }
    const client = deadline ?? new Client({ ...config, ...Object.fromEntries(given) })
    return new DeadlineService(sdk, client as Client)
  }

  /** The SDK's client that asks. */
  get client(): DeadlineClient {
    return this.#client as unknown as DeadlineClient
  }

  /** The farm's region. */
  region(): Promise<string> {
    return this.#client.config.region()
  }

  /**
   * The JSON text of an answer. Not what the SDK makes of it: a Date would lose microseconds.
   *
   * @throws AttachmentsErrors, such as `NOT_FOUND` where the service says that there is no such resource
   */
  async ask(operation: string, input: object, signal: AbortSignal): Promise<string> {
    try {
      return await this.#send(operation, input, signal)
    } catch (thrown) {
      const error = understood(thrown, operation, input, signal)
      if (error.code !== 'CREDENTIALS') throw error
    }
    // What the SDK remembers may have expired: once more with credentials that are fetched now.
    try {
      await this.#client.config.credentials({ forceRefresh: true })
      return await this.#send(operation, input, signal)
    } catch (thrown) {
      throw understood(thrown, operation, input, signal)
    }
  }

  async #send(operation: string, input: object, signal: AbortSignal): Promise<string> {
    const command = new this.#sdk[`${operation}Command`]!(input) as Command
    let text = ''
    const keepText: Middleware = (next) => async (request) => {
      const result = await next(request)
      const body = await collect(result.response.body)
      const isAnswer = result.response.statusCode < 300
      if (isAnswer) text = new TextDecoder().decode(body)
      // Nobody reads what the SDK makes of an answer; of a refusal it makes the error.
      result.response.body = isAnswer ? new TextEncoder().encode('{}') : body
      return result
    }
    // Nearer to the network than the SDK's deserializer, which is in the same step.
    command.middlewareStack.add(keepText, { step: 'deserialize', priority: 'low' })
    await this.#client.send(command, { abortSignal: signal })
    return text
  }
}

async function loadSdk(): Promise<Record<string, new (input: object) => unknown>> {
  try {
    return (await import(/* webpackIgnore: true */ optionalPeer)) as Record<
      string,
      new (input: object) => unknown
    >
  } catch (cause) {
    throw new AttachmentsError(
      'INVALID_ARGUMENT',
      `Deadline Cloud is asked with ${optionalPeer}, which is not installed; run ` +
        `\`npm install ${optionalPeer}\``,
      { package: optionalPeer },
      { cause },
    )
  }
}

async function collect(body: Response['body']): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return body
  const chunks: Uint8Array[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** What the SDK threw, in our words. */
function understood(
  something: unknown,
  operation: string,
  input: object,
  signal: AbortSignal,
): AttachmentsError {
  // A provider of credentials may throw whatever it likes.
  const thrown: SdkError = something instanceof Error ? something : new Error(String(something))
  const { httpStatusCode: status, requestId } = thrown.$metadata ?? {}
  // Of a wrong signature the service goes on with what should have been signed, the session token included.
  const [said] = thrown.message.split('\n', 1).map((line) => line.replace(/\.?\s*$/, '')) as [string]
  const cause = /Signature/.test(thrown.name) ? undefined : thrown
  const [code, message] = signal.aborted
    ? (['CANCELLED', 'it was cancelled'] as const)
    : meaning(thrown, status, operation, said)
  const details: Record<string, unknown> = { operation, error: thrown.name, ...input }
  if (status !== undefined) details['status'] = status
  if (requestId !== undefined) details['requestId'] = requestId
  return new AttachmentsError(code, message, details, { cause: signal.aborted ? signal.reason : cause })
}

function meaning(
  { name, code }: SdkError,
  status: number | undefined,
  operation: string,
  said: string,
): [ErrorCode, string] {
  if (/Expired|UnrecognizedClient|InvalidClientToken|InvalidSignature|IncompleteSignature/.test(name)) {
    return ['CREDENTIALS', `Deadline Cloud did not accept the credentials (${said}); renew them`]
  }
  if (/CredentialsProvider|TokenProvider/.test(name)) {
    return ['CREDENTIALS', `no credentials for Deadline Cloud: ${said}; pass \`credentials\`, or sign in`]
  }
  if (status === 401) {
    return ['CREDENTIALS', `Deadline Cloud did not accept the credentials (${said}); renew them`]
  }
  if (name === 'AccessDeniedException' || status === 403) {
    return ['ACCESS_DENIED', `${operation} was refused: ${said}; allow deadline:${operation} on the queue`]
  }
  if (name === 'ResourceNotFoundException' || status === 404) {
    return ['NOT_FOUND', `${operation} found nothing: ${said}; check the ids and the region`]
  }
  if (/Throttl|TooManyRequests|Quota/.test(name) || status === 429) {
    return ['THROTTLED', `Deadline Cloud is asked too often (${operation}: ${said}); try again later`]
  }
  // The SDK calls a connection that broke a timeout too.
  const isBroken = code === 'ECONNRESET' || code === 'EPIPE'
  if ((/Timeout/i.test(name) && !isBroken) || code === 'ETIMEDOUT' || status === 408) {
    return ['TIMEOUT', `Deadline Cloud did not answer ${operation} in time; try again later`]
  }
  const isInBetween = status !== undefined && ((status >= 300 && status < 400) || status === 407)
  if (isInBetween) {
    return [
      'NETWORK',
      `something between here and Deadline Cloud answered ${operation} with ${status}: ${said}`,
    ]
  }
  if (status !== undefined && status >= 500) {
    return ['NETWORK', `Deadline Cloud failed at ${operation}: ${said}; try again later`]
  }
  const isOfNetwork = /^E[A-Z]+/.test(code ?? '') || /IDPCommunication/.test(name)
  if (!isOfNetwork && (status !== undefined || /Region|Endpoint/i.test(said))) {
    return ['INVALID_ARGUMENT', `${operation} was not understood: ${said}`]
  }
  return ['NETWORK', `Deadline Cloud cannot be reached for ${operation}: ${said || (code ?? name)}`]
}
