// The preview page with a million files, in Chromium: how soon they are seen, mapped anew, searched and scrolled.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { startBrowser } from '../scripts/browser.mjs'
import { build } from '../scripts/build.mjs'
import { servePreview } from '../scripts/preview.mjs'
import { write } from './core.mjs'
import { mebibytes, median, spread, table } from './measure.mjs'

const files = 1_000_000
/** Beyond this a person notices that a page does not answer. */
const limit = 50

/** Prints what a person waits for, and the longest task of the main thread meanwhile. */
export async function browser({ runs }) {
  await build()
  const folder = mkdtempSync(join(tmpdir(), 'rusty-attachments-bench-'))
  const manifest = write(join(folder, 'million.json'), 0, files)
  const page = await servePreview()
  const chromium = await startBrowser()
  try {
    const results = []
    for (let run = 0; run < runs; run++) results.push(await once(chromium, page.url, manifest))
    const rows = Object.keys(results[0]).filter((name) => name !== 'memory')
    table(
      rows.map((name) => ({
        work: name,
        seconds: spread(results.map((result) => result[name].seconds)),
        'longest task, ms': longest(results.map((result) => result[name].longest)),
        [`tasks over ${limit} ms`]: median(results.map((result) => result[name].tasks)),
      })),
    )
    const memory = (which) => mebibytes(median(results.map(({ memory }) => memory[which])))
    console.log(
      `\nWebAssembly memory: ${memory('first')} MiB with one plan, ${memory('last')} MiB after ten more.`,
    )
  } finally {
    await chromium.close()
    await page.close()
    rmSync(folder, { recursive: true })
  }
}

/** Browsers tell of long tasks only. */
function longest(milliseconds) {
  const worst = Math.max(...milliseconds)
  return worst === 0 ? `under ${limit}` : worst.toFixed(0)
}

async function once(chromium, url, manifest) {
  const context = await chromium.newContext({ viewport: { width: 1280, height: 800 } })
  const page = await context.newPage()
  await page.goto(url)
  await page.evaluate(prepare)
  const result = {}
  const measure = async (name, work, ...parameters) => {
    result[name] = await page.evaluate(
      async ([work, parameters]) => globalThis.measure(globalThis.works[work], parameters),
      [work, parameters],
    )
  }
  // A file that a person picks: its bytes are the worker's to read.
  await page.evaluate(() => {
    const preview = document.querySelector('attachments-preview')
    preview.rules = globalThis.rules('/mnt/studio')
  })
  await page.evaluate(() => globalThis.begin())
  await page.locator('attachments-preview input[type=file][multiple]').setInputFiles(manifest)
  result['1,000,000 files: to the first row'] = await page.evaluate(() => globalThis.end('/mnt/studio'))
  result.memory = { first: await memory(page) }
  await measure('an edited rule: to the first row', 'remap', '/elsewhere')
  await measure('a search', 'search', 'sh00999/renders/beauty.0999')
  await measure('ordered by size', 'order', 'largest')
  await measure('in folders, and one opened', 'folders')
  await measure('scrolled for three seconds', 'scroll')
  await page.evaluate(async () => {
    for (let again = 0; again < 10; again++) await globalThis.works.remap(`/again${again}`)
  })
  result.memory.last = await memory(page)
  await context.close()
  return result
}

/** The size of the worker's WebAssembly memory, as the browser counts it. */
async function memory(page) {
  const [worker] = page.workers()
  return worker.evaluate(async () => {
    // Loaded already, so that it only gives the instance back.
    const glue = await import(`${location.origin}/dist/rusty_attachments.js`)
    return (await glue.default()).memory.buffer.byteLength
  })
}

/** What runs in the page: it works as a person does, and watches the main thread. */
function prepare() {
  const preview = document.querySelector('attachments-preview')
  const root = preview.shadowRoot
  const frame = () => new Promise((resolve) => requestAnimationFrame(resolve))
  const until = async (is) => {
    while (!is()) await frame()
  }
  const shown = (selector) =>
    [...root.querySelectorAll(`.row:not([hidden]) ${selector}`)].map((element) => element.textContent)
  const destinations = () => shown('.localPath .text')
  const type = (input, value) => {
    input.value = value
    input.dispatchEvent(new Event('input'))
  }

  // The first rule's source is what the page takes for the manifest's root.
  globalThis.rules = (place) => [
    { sourcePathFormat: 'windows', sourcePath: 'Z:\\Projects', destinationPath: place },
    ...Array.from({ length: 16 }, (_, i) => ({
      sourcePathFormat: 'windows',
      sourcePath: `Z:\\Other${i}\\Place`,
      destinationPath: `/mnt/place${i}`,
    })),
  ]

  let began = 0
  let observer
  let tasks = []
  globalThis.begin = () => {
    tasks = []
    observer = new PerformanceObserver((list) => tasks.push(...list.getEntries()))
    observer.observe({ entryTypes: ['longtask'] })
    began = performance.now()
  }
  const finish = () => {
    const seconds = (performance.now() - began) / 1000
    tasks.push(...observer.takeRecords())
    observer.disconnect()
    return { seconds, longest: Math.max(0, ...tasks.map(({ duration }) => duration)), tasks: tasks.length }
  }
  globalThis.end = async (place) => {
    await until(() => destinations()[0]?.startsWith(`${place}/`))
    return finish()
  }
  globalThis.measure = async (work, parameters) => {
    globalThis.begin()
    await work(...parameters)
    return finish()
  }
  globalThis.works = {
    async remap(place) {
      type(root.querySelector('[aria-label="Destination path of rule 1"]'), place)
      await until(() => destinations()[0]?.startsWith(`${place}/`))
    },
    async search(text) {
      const input = root.querySelector('input[type=search]')
      type(input, text)
      await until(() => destinations().length === 1)
      type(input, '')
      await until(() => destinations().length > 1)
    },
    async order(by) {
      const select = root.querySelector('select[aria-label=Order]')
      const before = shown('.size')[0]
      select.value = by
      select.dispatchEvent(new Event('change'))
      await until(() => shown('.size')[0] !== before)
    },
    async folders() {
      const button = [...root.querySelectorAll('.segments button')].find((b) => b.textContent === 'Folders')
      button.click()
      const folder = () => root.querySelector('.row[data-kind=folder]:not([hidden])')
      await until(folder)
      folder().click()
      await until(() => destinations().length > 2)
      root.querySelector('.segments button').click()
      await until(() => !folder())
    },
    async scroll() {
      const grid = root.querySelector('.grid')
      const end = performance.now() + 3_000
      for (let step = 0; performance.now() < end; step++) {
        // Mostly as a wheel does, now and then as a hand that drags the bar.
        if (step % 20 === 19) grid.scrollTop = ((step * 7919) % 1000) * (grid.scrollHeight / 1000)
        else grid.scrollTop += 120
        await frame()
      }
    },
  }
}
