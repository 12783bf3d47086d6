// What the tests of the preview share: the page in a real Chromium, and how it is read and given files.

import assert from 'node:assert/strict'

import { startBrowser } from '../../scripts/browser.mjs'
import { servePreview } from '../../scripts/preview.mjs'

/** The preview page and a browser. */
export async function startPreview() {
  const server = await servePreview()
  const browser = await startBrowser()
  return {
    url: server.url,
    browser,
    async stop() {
      await browser.close()
      await server.close()
    },
  }
}

/**
 * Opens the page. When the test ends nothing must have gone wrong on it but what is `expected`, and nothing left its
 * own server.
 */
export async function openPage(
  test,
  { browser, url },
  { width = 1280, height = 800, colorScheme = 'light', expected = /^$/ } = {},
) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme })
  context.setDefaultTimeout(15_000)
  const page = await context.newPage()
  const problems = []
  page.on('pageerror', (error) => problems.push(error.stack))
  page.on('console', (message) => problems.push(message.text()))
  page.on('request', (request) => {
    const { protocol, origin } = new URL(request.url())
    if (protocol !== 'blob:' && origin !== new URL(url).origin) problems.push(`asked ${request.url()}`)
  })
  page.on('response', (response) => {
    if (response.status() >= 400) problems.push(`${response.status()} ${response.url()}`)
  })
  test.after(async () => {
    await context.close()
    assert.deepEqual(
      problems.filter((problem) => !expected.test(problem)),
      [],
    )
  })
  await page.goto(url)
  return page
}

/** Opens the page and shows its sample. */
export async function openSample(test, preview, options) {
  const page = await openPage(test, preview, options)
  await page.click('#sample')
  await amount(page, /^419 files/)
  return page
}

/** Waits until the page says how much it shows. */
export async function amount(page, words) {
  const element = page.locator('.amount')
  await element.filter({ hasText: words }).waitFor({ timeout: 30_000 })
  return element.textContent()
}

/** The rows that exist, from the top, as plain data. */
export function rows(page) {
  return page.evaluate(() => {
    const text = (row, selector) => row.querySelector(selector)?.textContent ?? ''
    const { shadowRoot } = document.querySelector('attachments-preview')
    const found = [...shadowRoot.querySelectorAll('.row:not([hidden])')].map((row) => ({
      index: Number(row.getAttribute('aria-rowindex')) - 2,
      level: Number(row.getAttribute('aria-level')),
      isOpen: row.getAttribute('aria-expanded'),
      kind: row.dataset.kind,
      status: text(row, '.label'),
      source: text(row, '.sourcePath .text'),
      destination: text(row, '.localPath .text'),
      reason: text(row, '.reason'),
      size: text(row, '.size'),
    }))
    // Elements are used again for whatever comes into sight, so their own order says nothing.
    return found.sort((a, b) => a.index - b.index)
  })
}

/** Waits until the rows are as `wanted` says, and gives them. */
export async function rowsWhere(page, wanted) {
  for (const end = performance.now() + 15_000; ;) {
    const found = await rows(page)
    if (found.every(({ kind }) => kind !== 'waiting') && wanted(found)) return found
    if (performance.now() > end) assert.fail(`the rows are ${JSON.stringify(found, null, 1)}`)
    await page.waitForTimeout(20)
  }
}

/** Drops files onto an element. */
export async function drop(page, selector, files) {
  const dataTransfer = await page.evaluateHandle((files) => {
    const transfer = new DataTransfer()
    for (const { name, text } of files) transfer.items.add(new File([text], name, { lastModified: 1_000 }))
    return transfer
  }, files)
  for (const type of ['dragenter', 'dragover', 'drop'])
    await page.dispatchEvent(selector, type, { dataTransfer })
}
