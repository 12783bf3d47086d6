/** Connections to Deadline Cloud by the proxy and with the certificates that the environment names, as those to S3. */

import { readFileSync } from 'node:fs'
import { type ClientRequestArgs, request as httpRequest } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import type { Duplex } from 'node:stream'
import { connect, type ConnectionOptions } from 'node:tls'

import { invalid } from '../arguments.js'
import { fileError } from './file-error.js'

type Connected = (error: Error | null, socket?: Duplex) => void

/** The agent for `HTTPS_PROXY`, `NO_PROXY` and `AWS_CA_BUNDLE`; undefined where none of them is set. */
export function httpsAgent(environment = process.env): Agent | undefined {
  const proxy = environment['HTTPS_PROXY'] || environment['https_proxy']
  const bundle = environment['AWS_CA_BUNDLE']
  if (!proxy && !bundle) return undefined
  const options = { keepAlive: true, ...(bundle && { ca: read(bundle) }) }
  if (!proxy) return new Agent(options)
  return new ProxyAgent(proxyUrl(proxy), environment['NO_PROXY'] || environment['no_proxy'] || '', options)
}

/** A proxy is often named without a scheme, and then speaks HTTP. */
function proxyUrl(proxy: string): URL {
  const text = proxy.includes('://') ? proxy : `http://${proxy}`
  // Not repeated: it may hold a password.
  if (!URL.canParse(text)) throw invalid('HTTPS_PROXY must be the address of a proxy', 'HTTPS_PROXY')
  return new URL(text)
}

function read(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (thrown) {
    throw fileError(thrown, `AWS_CA_BUNDLE=${path}`)
  }
}

/** Asks a proxy for a tunnel, and speaks TLS through it. */
class ProxyAgent extends Agent {
  readonly #proxy: URL
  readonly #exceptions: string[]

  constructor(proxy: URL, exceptions: string, options: object) {
    super(options)
    this.#proxy = proxy
    this.#exceptions = exceptions.split(/[\s,]+/).filter(Boolean)
  }

  override createConnection(
    options: ClientRequestArgs & { servername?: string },
    connected: Connected,
  ): Duplex | undefined {
    const host = options.host ?? 'localhost'
    const secure = { ...options, servername: options.servername ?? host } as ConnectionOptions
    if (this.#exceptions.some((exception) => isExcepted(host, exception))) return connect(secure)
    const { protocol, hostname, port, username, password } = this.#proxy
    const secret = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`)
    const request = (protocol === 'https:' ? httpsRequest : httpRequest)({
      hostname,
      port: port || (protocol === 'https:' ? 443 : 80),
      method: 'CONNECT',
      path: `${host}:${options.port ?? 443}`,
      headers: username ? { 'proxy-authorization': `Basic ${secret.toString('base64')}` } : {},
    })
    request.once('connect', ({ statusCode }, socket) => {
      if (statusCode === 200) {
        connected(null, connect({ ...secure, socket }))
        return
      }
      socket.destroy()
      connected(new Error(`the proxy ${hostname} answers ${statusCode ?? 'nothing'} to CONNECT`))
    })
    request.once('error', connected)
    request.end()
    return undefined
  }
}

/** `*`, a host, or a domain with all below it. */
function isExcepted(host: string, exception: string): boolean {
  const domain = exception.replace(/^\*?\./, '')
  return exception === '*' || host === domain || host.endsWith(`.${domain}`)
}
