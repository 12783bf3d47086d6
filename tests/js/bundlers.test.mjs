// The packed package, installed as anybody installs it, in what people make pages with.

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'

import { build, createServer as createViteServer, preview } from 'vite'
import webpack from 'webpack'

import { startBrowser } from '../../scripts/browser.mjs'
import { folder, root } from './support.mjs'

const windows = process.platform === 'win32'

/** Runs npm quietly, without a network. */
function npm(cwd, ...parameters) {
  const quiet = ['--offline', '--no-audit', '--no-fund', '--ignore-scripts']
  return promisify(execFile)(windows ? 'npm.cmd' : 'npm', [...parameters, ...quiet], { cwd, shell: windows })
}

/** What a page may do that allows no more than WebAssembly needs. */
const policy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; object-src 'none'"

// The main thread, a worker of the page's own, and the element with its worker: each plans a download.
const main = `
import { init, planDownload, createManifest, PathMappingApplier } from 'rusty-attachments'
import 'rusty-attachments/preview'

const rules = [{ sourcePathFormat: 'windows', sourcePath: 'Z:\\\\P', destinationPath: '/mnt/p' }]
const show = (id, text) => { document.getElementById(id).textContent = text }

await init()
const manifest = createManifest({ files: [{ path: 'in the page', hash: 'a'.repeat(32), size: 1, mtime: 1 }] })
const source = { manifest, rootPath: 'z:\\\\p', sourcePathFormat: 'windows', lastModified: 0 }
const applier = new PathMappingApplier(rules, 'posix')
const plan = planDownload([{ ...source, applier }], { destinationPathFormat: 'posix' })
show('page', plan.files()[0].localPath)

const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
worker.onmessage = ({ data }) => show('worker', data)
worker.postMessage({ rules, rootPath: 'z:\\\\p' })

const preview = document.querySelector('attachments-preview')
preview.rules = rules
const json = manifest.encode().replace('in the page', 'in the preview')
await preview.add([{ name: 'one', data: json, rootPath: 'Z:\\\\P' }])
const { entries } = JSON.parse(await (await preview.exportEntries('json')).text())
show('preview', entries[0].localPath)
`

const worker = `
import { init, planDownload, createManifest, PathMappingApplier } from 'rusty-attachments'

onmessage = async ({ data: { rules, rootPath } }) => {
  await init()
  const manifest = createManifest({ files: [{ path: 'in a worker', hash: 'a'.repeat(32), size: 1, mtime: 1 }] })
  const applier = new PathMappingApplier(rules, 'posix')
  const source = { manifest, rootPath, sourcePathFormat: 'windows', applier, lastModified: 0 }
  postMessage(planDownload([source], { destinationPathFormat: 'posix' }).files()[0].localPath)
}
`

const page = (head) => `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Test</title>
${head}</head><body><p id="page"></p><p id="worker"></p><p id="preview"></p>
<attachments-preview></attachments-preview></body></html>`

let tarball
let browser
const ended = []

before(async () => {
  const path = await folder({ after: (remove) => ended.push(remove) })
  const { stdout } = await npm(root, 'pack', '--json', '--pack-destination', path)
  tarball = join(path, JSON.parse(stdout)[0].filename)
  browser = await startBrowser()
})

after(async () => {
  await browser?.close()
  for (const remove of ended) await remove()
})

/** A new project with the package installed. */
async function project(test, files) {
  const path = await folder(test)
  await writeFile(join(path, 'package.json'), '{ "private": true, "type": "module" }')
  await npm(path, 'install', tarball)
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(path, name), text)))
  return path
}

/** What a page shows once all three paths are there; what went wrong otherwise. `route` answers its requests. */
async function shown(url, route) {
  const tab = await browser.newPage()
  if (route) await tab.route('**', route)
  const problems = []
  tab.on('pageerror', (error) => problems.push(error.message))
  tab.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
  tab.on('request', (request) => {
    const isOwn = ['data:', 'blob:'].includes(new URL(request.url()).protocol)
    if (!isOwn && new URL(request.url()).origin !== new URL(url).origin) problems.push(request.url())
  })
  try {
    await tab.goto(url)
    await tab
      .waitForFunction(
        () => [...document.querySelectorAll('body > p')].every((p) => p.textContent !== ''),
        undefined,
        {
          timeout: 30_000,
        },
      )
      .catch(() => problems.push('not all paths are there'))
    return { paths: await tab.locator('body > p').allTextContents(), problems }
  } finally {
    await tab.close()
  }
}

const mapped = { paths: ['/mnt/p/in the page', '/mnt/p/in a worker', '/mnt/p/in the preview'], problems: [] }

/** What a folder has at an address, under the policy. */
async function answer(path, address) {
  const types = { '.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm' }
  const name = normalize(new URL(address, 'http://localhost').pathname)
  const body = await readFile(join(path, name === '/' ? 'index.html' : name)).catch(() => undefined)
  const type = types[name === '/' ? '.html' : extname(name)] ?? 'text/plain'
  const headers = { 'content-type': type, 'content-security-policy': policy }
  return { status: body === undefined ? 404 : 200, headers, body }
}

/** Serves a folder. */
async function serve(test, path) {
  const server = createServer(async (request, response) => {
    const { status, headers, body } = await answer(path, request.url)
    response.writeHead(status, headers).end(body)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  test.after(() => server.close())
  return `http://127.0.0.1:${server.address().port}/`
}

test('a fresh Vite project runs it in development and builds it, both under a strict policy', async (t) => {
  const html = page(`<script type="module" src="/main.js"></script>`)
  const path = await project(t, { 'index.html': html, 'main.js': main, 'worker.js': worker })
  // A project without a configuration: Vite finds everything by itself.
  const common = { root: path, configFile: false, logLevel: 'error' }
  const local = { host: '127.0.0.1', port: 0, headers: { 'content-security-policy': policy } }
  const server = await createViteServer({ ...common, server: local })
  t.after(() => server.close())
  await server.listen()
  assert.deepEqual(await shown(server.resolvedUrls.local[0]), mapped, 'in development')

  await build(common)
  const built = await preview({ ...common, preview: local })
  t.after(() => built.close())
  assert.deepEqual(await shown(built.resolvedUrls.local[0]), mapped, 'built')
})

test('webpack 5 builds it, and the result runs under a strict policy', async (t) => {
  const path = await project(t, { 'main.js': main, 'worker.js': worker })
  const compiler = webpack({
    context: path,
    mode: 'production',
    entry: './main.js',
    experiments: { topLevelAwait: true },
    output: { path: join(path, 'dist'), publicPath: 'auto' },
    performance: { hints: false },
  })
  const stats = await promisify(compiler.run.bind(compiler))()
  await promisify(compiler.close.bind(compiler))()
  assert.deepEqual(stats.toJson({ all: false, errors: true, warnings: true }), { errors: [], warnings: [] })
  await writeFile(join(path, 'dist/index.html'), page('<script defer src="main.js"></script>'))
  assert.deepEqual(await shown(await serve(t, join(path, 'dist'))), mapped)
})

/** A project whose page names the package's files by relative addresses. */
async function plainProject(test) {
  const path = await project(test, {})
  const plain = (script) =>
    script
      .replace("'rusty-attachments'", "'./node_modules/rusty-attachments/dist/wasm.js'")
      .replace("'rusty-attachments/preview'", "'./node_modules/rusty-attachments/dist/preview/index.js'")
  await writeFile(join(path, 'index.html'), page('<script type="module" src="main.js"></script>'))
  await writeFile(join(path, 'main.js'), plain(main))
  await writeFile(join(path, 'worker.js'), plain(worker))
  return path
}

test('a page without a bundler runs it under a strict policy, by relative addresses', async (t) => {
  assert.deepEqual(await shown(await serve(t, await plainProject(t))), mapped)
})

test('a page whose files a program hands to the browser needs no server, as in Electron', async (t) => {
  const path = await plainProject(t)
  const route = async (route) => route.fulfill(await answer(path, route.request().url()))
  assert.deepEqual(await shown('https://app.invalid/', route), mapped)
})

test('a server that webpack bundles imports it without a warning, and calls it while its files are there', async (t) => {
  const path = await project(t, {
    'server.js': `
      import { joinPath } from 'rusty-attachments'
      import 'rusty-attachments/preview'
      console.log('imported')
      try { console.log(joinPath('C:\\\\a', '../b', 'windows')) } catch ({ code }) { console.log(code) }
    `,
  })
  const compiler = webpack({
    context: path,
    mode: 'production',
    target: 'node',
    entry: './server.js',
    // As Next.js has it.
    output: { path: join(path, 'dist'), publicPath: '/_next/' },
    performance: { hints: false },
  })
  const stats = await promisify(compiler.run.bind(compiler))()
  await promisify(compiler.close.bind(compiler))()
  assert.deepEqual(stats.toJson({ all: false, errors: true, warnings: true }), { errors: [], warnings: [] })
  // The result is no module.
  await rm(join(path, 'package.json'))
  const served = async () =>
    (await promisify(execFile)(process.execPath, [join(path, 'dist/main.js')])).stdout
  assert.equal(await served(), 'imported\nC:\\b\n')
  await rm(join(path, 'node_modules'), { recursive: true })
  assert.equal(await served(), 'imported\nNATIVE_UNAVAILABLE\n')
})
