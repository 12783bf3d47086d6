// The documents' browser examples, in a real Chromium.

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { test } from 'node:test'

import { startBrowser } from '../../scripts/browser.mjs'
import { root } from './support.mjs'

const types = { '.js': 'text/javascript', '.wasm': 'application/wasm', '.html': 'text/html' }

/** Serves the built package at its place in node_modules, and `page` at `/`. */
async function serve(test, page) {
  const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://localhost').pathname))
    const file = path.replace(/^[\\/]node_modules[\\/]rusty-attachments[\\/]dist[\\/]/, '')
    const body = path === '/' ? page : await readFile(join(root, 'dist', file)).catch(() => undefined)
    const type = types[path === '/' ? '.html' : extname(file)] ?? 'text/plain'
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': `${type}; charset=utf-8` })
    response.end(body)
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  test.after(() => server.close())
  return `http://127.0.0.1:${server.address().port}/`
}

/** The first example in a language that a document shows. */
async function example(document, language) {
  const text = await readFile(join(root, document), 'utf8')
  return text.match(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``))[1]
}

const pages = {
  'README.md': () => example('README.md', 'html'),
  'docs/browser.md': async () => `<script type="module">${await example('docs/browser.md', 'js')}</script>`,
}

for (const [document, script] of Object.entries(pages)) {
  test(`the page in ${document} maps a path`, (t) => maps(t, script))
}

async function maps(t, script) {
  const imports = { 'rusty-attachments': '/node_modules/rusty-attachments/dist/wasm.js' }
  const url = await serve(
    t,
    `<!doctype html><script type="importmap">${JSON.stringify({ imports })}</script><body>${await script()}`,
  )
  const browser = await startBrowser()
  t.after(() => browser.close())
  const page = await browser.newPage()
  const problems = []
  page.on('pageerror', (error) => problems.push(error))
  await page.goto(url)
  await page
    .waitForFunction(() => document.body.innerText !== '', undefined, { timeout: 20_000 })
    .catch(() => assert.fail(`the page stays empty: ${problems.join('; ')}`))
  assert.equal(await page.innerText('body'), '/mnt/projects/Lighthouse/frame.0001.png')
}
