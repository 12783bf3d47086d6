// Serves the preview page on this machine: `npm run preview`, or another port with `npm run preview -- 9000`.

import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, normalize, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

import { build, install, root } from './build.mjs'

const types = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.map': 'application/json',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
}

/** All that the page may do: its own scripts, styles and files, and WebAssembly. */
export const policy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ')

/** What is served: the page with its sample, and the built package. */
const folders = ['preview', 'dist']

/** The path that a request is for; `undefined` where it is none. */
function pathOf(address) {
  try {
    return decodeURIComponent(new URL(address, 'http://localhost').pathname)
  } catch {
    return undefined
  }
}

/** Starts the server; `close` ends it. */
export async function servePreview(port = 0) {
  const server = createServer(async (request, response) => {
    const pathname = pathOf(request.url)
    if (pathname === undefined) {
      response.writeHead(400).end()
      return
    }
    if (pathname === '/') {
      response.writeHead(302, { location: '/preview/' }).end()
      return
    }
    const path = normalize(pathname.endsWith('/') ? `${pathname}index.html` : pathname)
    const isOurs = folders.includes(path.split(sep)[1])
    const body = isOurs ? await readFile(join(root, path)).catch(() => undefined) : undefined
    const type = types[extname(path)] ?? 'application/octet-stream'
    response.writeHead(body === undefined ? 404 : 200, {
      'cache-control': 'no-store',
      'content-security-policy': policy,
      'content-type': /^text|json|svg/.test(type) ? `${type}; charset=utf-8` : type,
    })
    response.end(body)
  })
  await new Promise((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${server.address().port}/preview/`,
    close: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  install()
  await build()
  const { url } = await servePreview(Number(process.argv[2] ?? 8787))
  console.log(`The preview: ${url}\nStop it with Ctrl-C.`)
}
