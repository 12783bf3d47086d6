// The preview page as a person uses it, in a real Chromium.

import assert from 'node:assert/strict'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'

import { createManifest } from 'rusty-attachments'

import { amount, drop, openPage, openSample, rowsWhere, startPreview } from './preview-page.mjs'
import { root } from './support.mjs'

let preview

before(async () => {
  preview = await startPreview()
})
after(() => preview.stop())

const manifest = (...paths) =>
  createManifest({
    files: paths.map((path, index) => ({ path, hash: 'a'.repeat(32), size: 1000 + index, mtime: 1e15 })),
  }).encode()

const profile = (storageProfileId, osFamily, locations) => ({
  storageProfileId,
  displayName: storageProfileId,
  osFamily,
  fileSystemLocations: Object.entries(locations).map(([name, path]) => ({ name, path, type: 'SHARED' })),
})

const json = (name, value) => ({ name, text: JSON.stringify(value) })

describe('what it shows', () => {
  test('what has no place is on top, then what is hazardous, each with its reason', async (t) => {
    const page = await openSample(t, preview)
    const top = await rowsWhere(page, (rows) => rows[0]?.status === 'Unmapped')
    assert.deepEqual(
      top.slice(0, 8).map(({ status }) => status),
      ['Unmapped', 'Unmapped', 'Unmapped', 'Hazard', 'Hazard', 'Hazard', 'Hazard', 'Ready'],
    )
    assert.match(top[0].reason, /^No path mapping rule applies/)
    const device = top.find(({ source }) => source.endsWith('aux.exr'))
    assert.equal(device.destination, 'P:\\Lighthouse\\renders\\sh020\\aux.exr')
    assert.match(device.reason, /name of a device on Windows/)
    assert.deepEqual(
      [top[7].source, top[7].destination],
      ['/mnt/projects/Lighthouse/comp/sh010_comp_v003.nk', 'P:\\Lighthouse\\comp\\sh010_comp_v003.nk'],
    )
  })

  test('totals stand beside each root and each rule, and lead to what they count', async (t) => {
    const page = await openSample(t, preview)
    const rule = page.locator('.rule').nth(1)
    assert.match(await rule.locator('.totals').innerText(), /72 files · 7\.0 GB/)
    await rule.getByRole('button', { name: /^Only these: what the rule/ }).click()
    assert.match(
      await amount(page, /^72 of/),
      /^72 of 419 files · 7\.0 GB · only what the rule for \/mnt\/cache caught/,
    )
    await rule.getByText('Show all').click()
    await amount(page, /^419 files/)
    const rootCard = page.locator('.manifests .card').nth(2)
    assert.match(await rootCard.innerText(), /3 unmapped/)
    await rootCard.getByText('Only these').click()
    const isOfRoot = ({ source }) => source.startsWith('/scratch/worker-03/')
    await rowsWhere(page, (rows) => rows.length === 3 && rows.every(isOfRoot))
  })

  test('a search finds either path whatever its case and separators, and a status filters', async (t) => {
    const page = await openSample(t, preview)
    const search = page.getByRole('searchbox')
    await search.fill('p:/LIGHTHOUSE/comp')
    const isFound = ({ destination }) => destination.startsWith('P:\\Lighthouse\\comp\\')
    await rowsWhere(page, (rows) => rows.length === 2 && rows.every(isFound))
    await search.fill('nothing has this name')
    await amount(page, /^0 of 419 files/)
    await search.fill('')
    await page.getByRole('button', { name: /^Hazards/ }).click()
    await rowsWhere(page, (rows) => rows.length === 4 && rows.every(({ status }) => status === 'Hazard'))
    assert.equal(await page.getByRole('button', { name: /^Hazards/ }).getAttribute('aria-pressed'), 'true')
  })

  test('the columns order the list, one way and the other', async (t) => {
    const page = await openSample(t, preview)
    const size = page.getByRole('columnheader', { name: 'Size' })
    await size.getByRole('button').click()
    await rowsWhere(page, ([first]) => first?.size === '2.1 kB')
    await size.getByRole('button').click()
    await rowsWhere(page, ([first]) => first?.size === '412.0 MB')
    assert.equal(await size.getAttribute('aria-sort'), 'descending')
    await page.getByRole('combobox', { name: 'Order' }).selectOption('source')
    await rowsWhere(page, ([first]) => first?.source.startsWith('/mnt/cache/'))
  })

  test('folders open and close by keyboard, and end at the files', async (t) => {
    const page = await openSample(t, preview)
    await page.getByRole('button', { name: 'Folders' }).click()
    const names = (rows) => rows.map(({ level, destination }) => `${level} ${destination}`)
    const top = await rowsWhere(page, (rows) => rows.length === 3)
    assert.deepEqual(names(top), [
      '1 No place on this machine',
      '1 D:\\Cache\\Lighthouse',
      '1 P:\\Lighthouse',
    ])
    await page.getByRole('treegrid').focus()
    for (const key of ['Home', 'ArrowDown', 'ArrowRight', 'ArrowDown', 'Enter'])
      await page.keyboard.press(key)
    const open = await rowsWhere(page, (rows) => rows.length > 8)
    assert.deepEqual(names(open).slice(1, 4), ['1 D:\\Cache\\Lighthouse', '2 sea', '3 foam.1001.vdb'])
    assert.equal(open[3].source, '/mnt/cache/Lighthouse/sea/foam.1001.vdb')
    await page.keyboard.press('ArrowLeft')
    await page.keyboard.press('ArrowLeft')
    await page.keyboard.press('ArrowLeft')
    assert.deepEqual(names(await rowsWhere(page, (rows) => rows.length === 3)), names(top))
    await page.keyboard.press('Home')
    await page.keyboard.press(' ')
    await rowsWhere(page, (rows) => rows.length === 6 && rows[1].reason.startsWith('No path mapping rule'))
  })

  test('files in a POSIX root stand in a folder of that name, beside the root’s folders', async (t) => {
    const page = await openPage(t, preview)
    await page.evaluate(
      async (text) => {
        const preview = document.querySelector('attachments-preview')
        preview.rules = [{ sourcePathFormat: 'windows', sourcePath: 'Z:\\', destinationPath: '/' }]
        await preview.add([{ name: 'one', data: text, rootPath: 'Z:\\' }])
      },
      manifest('notes.txt', 'mnt/show/a.exr'),
    )
    await page.getByRole('button', { name: 'Folders' }).click()
    const shown = async (...wanted) => {
      const names = (rows) => rows.map(({ level, destination }) => `${level} ${destination}`)
      await rowsWhere(page, (rows) => names(rows).join() === wanted.join())
    }
    await shown('1 /')
    await page.getByRole('treegrid').focus()
    await page.keyboard.press('Home')
    await page.keyboard.press('Enter')
    await shown('1 /', '2 mnt/show', '2 notes.txt')
  })

  test('rows change at once: no old one ever stands among the new', async (t) => {
    const page = await openSample(t, preview)
    await page.evaluate(() => {
      const grid = document.querySelector('attachments-preview').shadowRoot.querySelector('.grid')
      globalThis.seen = []
      const look = () => {
        const rows = [...grid.querySelectorAll('.row:not([hidden])')].map(
          ({ dataset, ariaLevel }) => `${dataset.kind} ${ariaLevel}`,
        )
        const state = `${grid.dataset.order}: ${[...new Set(rows)].sort().join(', ')}`
        if (globalThis.seen.at(-1) !== state) globalThis.seen.push(state)
      }
      look()
      new MutationObserver(look).observe(grid, { subtree: true, childList: true, attributes: true })
    })
    const folder = (name) => page.locator('.row:not([hidden])').filter({ hasText: name })
    await page.getByRole('button', { name: 'Folders' }).click()
    await folder('No place').click()
    await rowsWhere(page, (rows) => rows.length === 6)
    await folder('No place').click()
    await rowsWhere(page, (rows) => rows.length === 3)
    await page.getByRole('button', { name: 'List', exact: true }).click()
    await rowsWhere(page, (rows) => rows.length > 6)
    assert.deepEqual(await page.evaluate(() => globalThis.seen), [
      'list: entry 1',
      'folders: folder 1',
      'folders: entry 2, folder 1',
      'folders: folder 1',
      'list: entry 1',
    ])
  })

  test('each row that keys lead to is another element, so that a screen reader hears of it', async (t) => {
    const page = await openSample(t, preview)
    const grid = page.getByRole('treegrid')
    await grid.focus()
    const heard = []
    for (let index = 0; index < 30; index++) {
      await page.keyboard.press('ArrowDown')
      await page.locator(`.row[aria-rowindex="${index + 2}"][aria-selected=true]`).waitFor()
      const id = await grid.getAttribute('aria-activedescendant')
      assert.equal(await page.locator(`#${id}:not([hidden])`).getAttribute('aria-selected'), 'true')
      heard.push(id)
    }
    assert.equal(new Set(heard).size, 30)
    // In a list there is no folder to return to.
    await page.keyboard.press('ArrowLeft')
    await page.keyboard.press('ArrowDown')
    await page.locator('.row[aria-rowindex="32"][aria-selected=true]').waitFor()
  })

  test('a file that is looked at shows its paths in full, its rule and its exact time', async (t) => {
    const page = await openSample(t, preview)
    await page.getByRole('treegrid').focus()
    await page.keyboard.press('End')
    const details = page.getByRole('region', { name: 'Selected file' })
    await details.waitFor()
    const text = await details.innerText()
    assert.match(text, /D:\\Cache\\Lighthouse\\sky\\clouds\.0024\.vdb/)
    assert.match(text, /\/mnt\/cache → D:\\Cache/)
    assert.match(text, /\(2025-05-01T\d\d:\d\d:\d\d\.\d{6}Z\)/)
    await page.keyboard.press('Escape')
    await details.waitFor({ state: 'hidden' })
  })
})

describe('what a person gives it', () => {
  test('manifests, profiles and rules are dropped, and each finds its place', async (t) => {
    const page = await openPage(t, preview)
    await drop(page, 'attachments-preview', [
      { name: 'frames_output', text: manifest('a.png', 'b.png') },
      json('job.json', profile('sp-job', 'WINDOWS', { Projects: 'Z:\\P' })),
    ])
    await drop(page, 'section[aria-label="This machine’s storage profile"]', [
      json('mine.json', profile('sp-mine', 'MACOS', { Projects: '/Volumes/P' })),
    ])
    const [first] = await rowsWhere(page, ([row]) => row?.status === 'Ready')
    assert.deepEqual([first.source, first.destination], ['Z:\\P\\a.png', '/Volumes/P/a.png'])
    await drop(page, 'attachments-preview', [
      json('rules.json', {
        version: 'pathmapping-1.0',
        path_mapping_rules: [
          { source_path_format: 'WINDOWS', source_path: 'Z:\\P', destination_path: '/elsewhere' },
        ],
      }),
    ])
    await rowsWhere(page, ([row]) => row?.destination === '/elsewhere/a.png')
    await page.getByRole('button', { name: 'Use the profiles’ rules' }).click()
    await rowsWhere(page, ([row]) => row?.destination === '/Volumes/P/a.png')
    await page.getByRole('button', { name: 'Start over' }).click()
    await page.getByText('Drop manifests here').waitFor()
  })

  test('files are chosen, and a profile is pasted', async (t) => {
    const page = await openPage(t, preview)
    const [chooser] = await Promise.all([
      page.waitForEvent('filechooser'),
      page.getByRole('button', { name: 'Choose files' }).click(),
    ])
    await chooser.setFiles([{ name: 'm', mimeType: '', buffer: Buffer.from(manifest('a')) }])
    await page.getByLabel('Asset root', { exact: true }).fill('/p/root')
    for (const [name, given] of [
      ['The job’s storage profile', profile('sp-1', 'LINUX', { P: '/p' })],
      ['This machine’s storage profile', profile('sp-2', 'WINDOWS', { P: 'P:\\' })],
    ]) {
      await page.getByRole('button', { name: `Paste JSON: ${name}` }).click()
      await page.getByLabel(`${name} as JSON`).fill(JSON.stringify(given))
    }
    await rowsWhere(page, ([row]) => row?.destination === 'P:\\root\\a')
  })

  test('an edited rule, a new one and an edited root count at once', async (t) => {
    const page = await openSample(t, preview)
    await page.getByLabel('Destination path of rule 1').fill('Q:\\New')
    await rowsWhere(page, (rows) => rows[7]?.destination === 'Q:\\New\\Lighthouse\\comp\\sh010_comp_v003.nk')
    await page.getByRole('button', { name: 'Add a rule' }).click()
    await page.getByLabel('Source path of rule 3').fill('/scratch')
    await page.getByLabel('Destination path of rule 3').fill('S:\\')
    await page.getByRole('button', { name: /^Unmapped 1/ }).waitFor()
    await rowsWhere(page, ([row]) => row?.status === 'Unmapped' && row.source.endsWith('blender:crash.txt'))
    await page.getByRole('button', { name: 'Remove rule 3' }).click()
    await page.getByRole('button', { name: /^Unmapped 3/ }).waitFor()
    await page.getByLabel('Asset root', { exact: true }).nth(2).fill('/mnt/cache/logs')
    await page.getByRole('button', { name: /^Unmapped 1/ }).waitFor()
  })

  test('a person’s rules stay, whichever profiles come and go, until they are let go', async (t) => {
    const page = await openPage(t, preview)
    const given = [
      profile('sp-1', 'LINUX', { P: '/p' }),
      profile('sp-2', 'LINUX', { P: '/mnt/p' }),
      manifest('a'),
    ]
    await page.evaluate(async ([, , text]) => {
      const preview = document.querySelector('attachments-preview')
      await preview.add([{ name: 'one', data: text, rootPath: '/p' }])
    }, given)
    await page.getByRole('button', { name: 'Add a rule' }).click()
    await page.getByLabel('Source path of rule 1').fill('/p')
    await page.getByLabel('Destination path of rule 1').fill('/mine')
    await rowsWhere(page, ([row]) => row?.destination === '/mine/a')
    await drop(page, 'attachments-preview', [json('job.json', given[0])])
    await page.getByText('This machine’s profile is missing').waitFor()
    assert.equal(await page.getByLabel('Destination path of rule 1').inputValue(), '/mine')
    await drop(page, 'attachments-preview', [json('mine.json', given[1])])
    await page.getByRole('button', { name: 'Use the profiles’ rules' }).waitFor()
    await rowsWhere(page, ([row]) => row?.destination === '/mine/a')
    await page.getByRole('button', { name: 'Use the profiles’ rules' }).click()
    await rowsWhere(page, ([row]) => row?.destination === '/mnt/p/a')
    // Rules between profiles that are no longer there go with them.
    await page.getByRole('button', { name: 'Remove This machine’s storage profile' }).click()
    await rowsWhere(page, ([row]) => row?.status === 'Unmapped')
  })

  test('rules that a script sets right after the profiles are not overtaken by theirs', async (t) => {
    const page = await openPage(t, preview)
    await page.evaluate(
      async ([job, local, text]) => {
        const preview = document.querySelector('attachments-preview')
        preview.jobStorageProfile = job
        preview.localStorageProfile = local
        preview.rules = [{ sourcePathFormat: 'posix', sourcePath: '/p', destinationPath: '/script' }]
        // Behind the profiles' answer, since the worker gives one after another.
        await preview.add([{ name: 'one', data: text, rootPath: '/p' }])
      },
      [profile('sp-1', 'LINUX', { P: '/p' }), profile('sp-2', 'LINUX', { P: '/mnt/p' }), manifest('a')],
    )
    await rowsWhere(page, ([row]) => row?.destination === '/script/a')
  })

  test('a root that was guessed says so and whence, until it is changed', async (t) => {
    const page = await openPage(t, preview)
    await drop(page, 'attachments-preview', [
      json('job.json', profile('sp-job', 'LINUX', { Projects: '/projects' })),
      { name: 'frames_output', text: manifest('a') },
    ])
    const input = page.getByLabel('Asset root', { exact: true })
    const words = 'Taken from the job’s storage profile; change it if the job’s root was another.'
    await page.getByText(words).waitFor()
    assert.equal(await input.inputValue(), '/projects')
    // What it was taken from goes, and it with that.
    await page.getByRole('button', { name: 'Swap the two profiles' }).click()
    await drop(page, 'attachments-preview', [
      json('other.json', profile('sp-2', 'LINUX', { Projects: '/other' })),
    ])
    await page.getByText(words).waitFor()
    assert.equal(await input.inputValue(), '/other')
    await input.fill('/projects/Lighthouse')
    await page.getByText(words).waitFor({ state: 'hidden' })
    await page.evaluate(async (text) => {
      const preview = document.querySelector('attachments-preview')
      preview.clear()
      preview.rules = [{ sourcePathFormat: 'posix', sourcePath: '/p', destinationPath: '/q' }]
      await preview.add([
        { name: 'told', data: text, rootPath: '/p' },
        { name: 'guessed', data: text },
      ])
    }, manifest('a'))
    const cards = page.locator('.manifests .card')
    await cards.nth(1).getByText('Taken from the first rule;').waitFor()
    assert.equal(await cards.nth(0).locator('.notice').isVisible(), false)
    await page.getByLabel('Source path of rule 1').fill('/r')
    assert.equal(await input.nth(0).inputValue(), '/p')
    assert.equal(await input.nth(1).inputValue(), '/r')
  })

  test('on a Mac names that differ in case alone are one', async (t) => {
    const page = await openPage(t, preview)
    const hazards = async (osFamily) => {
      await page.evaluate(
        async ([job, local, text]) => {
          const preview = document.querySelector('attachments-preview')
          preview.clear()
          preview.jobStorageProfile = job
          preview.localStorageProfile = local
          await preview.add([{ name: 'one', data: text, rootPath: '/p' }])
        },
        [
          profile('sp-1', 'LINUX', { P: '/p' }),
          profile('sp-2', osFamily, { P: '/mnt/p' }),
          manifest('A', 'a'),
        ],
      )
      const found = await rowsWhere(
        page,
        (rows) => rows.length === 2 && rows.every(({ destination }) => destination.startsWith('/mnt/p/')),
      )
      return found.filter(({ status }) => status === 'Hazard').length
    }
    assert.equal(await hazards('MACOS'), 1)
    assert.equal(await hazards('LINUX'), 0)
  })

  test('a script gives the same, hears of every plan, and may move the element', async (t) => {
    const page = await openPage(t, preview)
    const heard = await page.evaluate(
      async (text) => {
        const preview = document.querySelector('attachments-preview')
        const heard = []
        document.addEventListener('attachments-plan', ({ detail }) =>
          heard.push([detail.fileCount, detail.unmappedCount]),
        )
        preview.rules = [{ sourcePathFormat: 'posix', sourcePath: '/p', destinationPath: '/q' }]
        await preview.add([{ name: 'one', data: text, rootPath: '/p' }])
        preview.rules = [{ sourcePathFormat: 'posix', sourcePath: '/x', destinationPath: '/q' }]
        await new Promise((resolve) => document.addEventListener('attachments-plan', resolve, { once: true }))
        const parent = preview.parentElement
        preview.remove()
        await new Promise((resolve) => setTimeout(resolve, 50))
        parent.append(preview)
        return heard
      },
      manifest('a', 'b'),
    )
    assert.deepEqual(heard, [
      [2, 0],
      [0, 2],
    ])
    await rowsWhere(page, (rows) => rows.length === 2)
  })
})

describe('while a person works', () => {
  /** The name of what has the focus. */
  const focused = (page) =>
    page.evaluate(() => {
      const element = document.querySelector('attachments-preview').shadowRoot.activeElement
      return element?.getAttribute('aria-label') ?? element?.textContent
    })
  const press = async (page, name) => {
    await page.getByRole('button', { name, exact: true }).focus()
    await page.keyboard.press('Enter')
  }
  const isFocused = async (page, name) => {
    const end = performance.now() + 10_000
    while ((await focused(page)) !== name && performance.now() < end) await page.waitForTimeout(20)
    assert.equal(await focused(page), name)
  }

  test('the focus goes on to the next rule when one is removed, and rules count from one', async (t) => {
    const page = await openSample(t, preview)
    await press(page, 'Remove rule 1')
    await isFocused(page, 'Remove rule 1')
    assert.equal(await page.getByLabel('Source path of rule 1').inputValue(), '/mnt/cache')
    assert.equal(await page.getByRole('region', { name: /^Rule \d/ }).count(), 1)
    await page.keyboard.press('Enter')
    await isFocused(page, 'Add a rule')
    await page.keyboard.press('Enter')
    await isFocused(page, 'Source path of rule 1')
  })

  test('the focus goes on when manifests are removed, separated and shown alone', async (t) => {
    const page = await openSample(t, preview)
    await press(page, 'Only these: files of /mnt/cache/Lighthouse')
    await amount(page, /^72 of 419 files/)
    await isFocused(page, 'Show all: files of /mnt/cache/Lighthouse')
    await press(page, 'Give rerun_output another asset root')
    await page.keyboard.type('/mnt/projects/Again')
    assert.equal(
      await page.getByLabel('Asset root', { exact: true }).last().inputValue(),
      '/mnt/projects/Again',
    )
    await press(page, 'Remove renders_output')
    await isFocused(page, 'Remove sims_output')
    for (const next of ['Remove logs_output', 'Remove rerun_output', 'Add files']) {
      await page.keyboard.press('Enter')
      await isFocused(page, next)
    }
  })

  test('the focus stays in its panel when profiles go and everything starts over', async (t) => {
    const page = await openSample(t, preview)
    await press(page, 'Remove The job’s storage profile')
    await isFocused(page, 'Paste JSON: The job’s storage profile')
    await page.keyboard.press('Enter')
    await isFocused(page, 'The job’s storage profile as JSON')
    await press(page, 'Start over')
    await isFocused(page, 'Add files')
  })

  test('keys move in the list after a column was clicked or a folder opened', async (t) => {
    const page = await openSample(t, preview)
    await page.getByRole('columnheader', { name: 'Size' }).getByRole('button').click()
    await rowsWhere(page, ([first]) => first?.size === '2.1 kB')
    await page.keyboard.press('ArrowDown')
    await page.locator('.row[aria-rowindex="2"][aria-selected=true]').waitFor()
    await page.getByRole('button', { name: 'Folders' }).click()
    await rowsWhere(page, (rows) => rows.length === 3)
    await page.locator('.row[aria-rowindex="2"]').click()
    await rowsWhere(page, (rows) => rows.length === 6)
    await page.keyboard.press('ArrowDown')
    await page.locator('.row[aria-rowindex="3"][aria-selected=true]').waitFor()
  })

  test('the details stay with their file when an edit moves it, and keys go on from where they were closed', async (t) => {
    const page = await openSample(t, preview)
    const row = page.locator('.row:not([hidden])').filter({ hasText: 'aux.exr' })
    await row.click()
    const before = await row.getAttribute('aria-rowindex')
    await page.getByRole('button', { name: 'Add a rule' }).click()
    await page.getByLabel('Source path of rule 3').fill('/scratch')
    await page.getByLabel('Destination path of rule 3').fill('S:\\')
    await page.getByRole('button', { name: /^Unmapped 1/ }).waitFor()
    await page.locator('.row[aria-selected=true]').filter({ hasText: 'aux.exr' }).waitFor()
    assert.notEqual(await row.getAttribute('aria-rowindex'), before)
    const details = page.getByRole('region', { name: 'Selected file' })
    assert.match(await details.innerText(), /aux\.exr/)
    await page.getByRole('treegrid').focus()
    for (const key of ['Home', 'ArrowDown', 'ArrowDown', 'Escape']) await page.keyboard.press(key)
    await details.waitFor({ state: 'hidden' })
    await page.keyboard.press('ArrowDown')
    await page.locator('.row[aria-rowindex="5"][aria-selected=true]').waitFor()
    await page.getByRole('combobox', { name: 'Order' }).selectOption('Smallest first')
    await rowsWhere(page, ([first]) => first?.size === '2.1 kB')
  })

  test('a rule that is shown alone stays so when it moves up or is edited, until it is removed', async (t) => {
    const page = await openSample(t, preview)
    const second = page.getByRole('region', { name: 'Rule 2' })
    await second.getByRole('button', { name: /^Only these/ }).click()
    await amount(page, /^72 of 419 files .* for \/mnt\/cache caught/)
    await page.getByRole('button', { name: 'Remove rule 1' }).click()
    // What two manifests hold of one file is one only where it has a place.
    await page.getByRole('button', { name: 'Unmapped 359' }).waitFor()
    await amount(page, /^72 of 431 files .* for \/mnt\/cache caught/)
    await page.getByLabel('Destination path of rule 1').fill('E:\\')
    const isMoved = ({ destination }) => destination.startsWith('E:\\Lighthouse\\')
    await rowsWhere(page, (rows) => rows.length > 5 && rows.every(isMoved))
    // Also when it catches nothing any more there is a way back.
    await page.getByLabel('Source path of rule 1').fill('/mnt/nothing')
    await amount(page, /^0 of 431 files/)
    await page.getByRole('button', { name: /^Show all: what the rule/ }).click()
    await amount(page, /^431 files/)
    await page.getByLabel('Source path of rule 1').fill('/mnt/cache')
    await page.getByRole('button', { name: /^Only these: what the rule/ }).click()
    await amount(page, /^72 of 431 files/)
    await page.getByRole('button', { name: 'Remove rule 1' }).click()
    await amount(page, /^431 files/)
  })

  test('of many manifests at once the list changes once a frame, not once a manifest', async (t) => {
    const page = await openPage(t, preview)
    const { changes, frames } = await page.evaluate(async (text) => {
      const preview = document.querySelector('attachments-preview')
      preview.rules = [{ sourcePathFormat: 'posix', sourcePath: '/p', destinationPath: '/q' }]
      await new Promise((resolve) => setTimeout(resolve, 100))
      let [changes, frames, isDone] = [0, 0, false]
      const count = () => {
        frames += 1
        if (!isDone) requestAnimationFrame(count)
      }
      requestAnimationFrame(count)
      // What says of each manifest that it has been read, not what a new plan says of all.
      const isState = ({ target }) => target.parentElement?.closest('.totals') === null
      new MutationObserver((records) => {
        if (records.some(isState)) changes += 1
      }).observe(preview.shadowRoot.querySelector('.manifests'), {
        subtree: true,
        childList: true,
        characterData: true,
      })
      const add = Array.from({ length: 400 }, (_, i) => ({ name: `task ${i}`, data: text, rootPath: '/p' }))
      await preview.add(add)
      isDone = true
      return { changes, frames }
    }, manifest('a'))
    await page.getByRole('region', { name: 'Asset root 1' }).getByText('1 file · 1.0 kB').waitFor()
    assert.equal(await page.locator('.files li').filter({ hasText: '1 file' }).count(), 400)
    // The first one says that they are being read, the last one that all have been.
    assert.ok(changes <= frames + 3, `${changes} changes in ${frames} frames`)
  })
})

describe('what a person takes along', () => {
  test('what is exported right behind a search is what that finds, and so many are told', async (t) => {
    const page = await openSample(t, preview)
    const found = await page.evaluate(async () => {
      const preview = document.querySelector('attachments-preview')
      const search = preview.shadowRoot.querySelector('input[type=search]')
      for (const words of ['sh010', 'sh020_comp']) {
        search.value = words
        search.dispatchEvent(new Event('input'))
      }
      preview.shadowRoot.querySelector('[aria-label="Export the shown files as CSV"]').click()
      return JSON.parse(await (await preview.exportEntries('json')).text()).entries.length
    })
    assert.equal(found, 1)
    await page.getByRole('status').filter({ hasText: '1 file exported.' }).waitFor()
  })

  test('text that is marked with the mouse is copied, not its row', async (t) => {
    const page = await openSample(t, preview)
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    const { x, y, width, height } = await page.locator('.row .sourcePath .name').nth(2).boundingBox()
    await page.mouse.move(x + 1, y + height / 2)
    await page.mouse.down()
    await page.mouse.move(x + width / 2, y + height / 2, { steps: 5 })
    await page.mouse.up()
    const marked = await page.evaluate(() => String(getSelection()))
    assert.ok(marked.length > 1, marked)
    await page.getByRole('region', { name: 'Selected file' }).waitFor()
    await page.keyboard.press('Control+c')
    const end = performance.now() + 5_000
    const copied = () => page.evaluate(() => navigator.clipboard.readText())
    while ((await copied()) === '' && performance.now() < end) await page.waitForTimeout(20)
    assert.equal(await copied(), marked)
  })

  test('what is shown is exported as CSV and as JSON', async (t) => {
    const page = await openSample(t, preview)
    await page.getByRole('button', { name: /^Hazards/ }).click()
    await amount(page, /^4 of/)
    const save = async (name) => {
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name }).click(),
      ])
      return [download.suggestedFilename(), await readFile(await download.path(), 'utf8')]
    }
    const [csvName, csv] = await save('Export the shown files as CSV')
    assert.equal(csvName, 'attachments-preview.csv')
    const lines = csv.trimEnd().split('\r\n')
    assert.equal(lines.length, 5)
    // By the mark at its beginning a spreadsheet knows it as UTF-8.
    assert.match(lines[0], /^\ufeffstatus,sourcePath,localPath,size,modified,reasonCode,reason,/)
    assert.ok(lines.some((line) => line.includes('"""aux.exr"" is the name of a device')))
    const [, document] = await save('Export the shown files as JSON')
    const { entries, totals } = JSON.parse(document)
    assert.deepEqual([entries.length, entries[0].status, totals.rules.length], [4, 'hazard', 2])
  })

  test('paths are copied: those of the list, those of a row, and one alone', async (t) => {
    const page = await openSample(t, preview)
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    const clipboard = () => page.evaluate(() => navigator.clipboard.readText())
    const copied = async (words) => page.getByRole('status').filter({ hasText: words }).waitFor()
    await page.getByRole('searchbox').fill('sh020_comp')
    await amount(page, /^1 of/)
    await page.getByRole('button', { name: 'Copy the shown paths' }).click()
    await copied('1 path copied')
    const line = '/mnt/projects/Lighthouse/comp/sh020_comp_v001.nk\tP:\\Lighthouse\\comp\\sh020_comp_v001.nk'
    assert.equal(await clipboard(), line)
    await page.locator('.row').first().click()
    await page.getByRole('button', { name: 'Copy destination' }).click()
    await copied('Destination copied')
    assert.equal(await clipboard(), line.split('\t')[1])
    await page.getByRole('treegrid').focus()
    await page.keyboard.press('Control+c')
    await copied('The row copied')
    assert.equal(await clipboard(), line)
  })
})

describe('a page that is not the usual one', () => {
  test('what a framework wraps and what was set before the element was defined are taken as they are', async (t) => {
    const page = await openPage(t, preview)
    await page.addInitScript(
      ([job, local]) => {
        const wrapped = (value) =>
          new Proxy(value, {
            get(target, name) {
              const held = Reflect.get(target, name)
              return typeof held === 'object' && held !== null ? wrapped(held) : held
            },
          })
        new MutationObserver((_, observer) => {
          const preview = document.querySelector('attachments-preview')
          if (!preview) return
          observer.disconnect()
          globalThis.wasEarly = customElements.get('attachments-preview') === undefined
          preview.jobStorageProfile = wrapped(job)
          preview.localStorageProfile = wrapped(local)
        }).observe(document, { childList: true, subtree: true })
      },
      [profile('sp-1', 'LINUX', { P: '/p' }), profile('sp-2', 'LINUX', { P: '/mnt/p' })],
    )
    await page.reload()
    // As a file's time on a disk is told, with a fraction.
    const add = async (text) => {
      await customElements.whenDefined('attachments-preview')
      await document
        .querySelector('attachments-preview')
        .add([{ name: 'one', data: text, rootPath: '/p', lastModified: 1.5 }])
    }
    await page.evaluate(add, manifest('a'))
    assert.equal(await page.evaluate(() => globalThis.wasEarly), true)
    await rowsWhere(page, ([row]) => row?.destination === '/mnt/p/a')
  })

  test('a file is removed while it is read, and is then not taken on', async (t) => {
    const page = await openPage(t, preview)
    const given = profile('sp-1', 'LINUX', { P: '/p' })
    const taken = await page.evaluate(async (text) => {
      const preview = document.querySelector('attachments-preview')
      const added = preview.add([{ name: 'job.json', data: text }])
      preview.shadowRoot.querySelector('[aria-label="Remove job.json"]').click()
      await added
      return preview.jobStorageProfile
    }, JSON.stringify(given))
    assert.equal(taken, null)
  })

  test('of a thousand manifests some hundreds are listed, those that cannot be read first', async (t) => {
    const page = await openPage(t, preview)
    await page.evaluate(async (text) => {
      const preview = document.querySelector('attachments-preview')
      const add = Array.from({ length: 1_000 }, (_, i) => ({ name: `task ${i}`, data: text, rootPath: '/p' }))
      await preview.add([...add, { name: 'bad', data: '{}', rootPath: '/p' }])
    }, manifest('a'))
    await page.getByText('and 601 more').waitFor()
    assert.equal(await page.locator('.files li').count(), 400)
    assert.match(await page.locator('.files li').first().innerText(), /^bad/)
    await page.getByRole('button', { name: 'Remove bad' }).click()
    await page.getByText('and 600 more').waitFor()
  })

  test('a file that is dropped beside the element does nothing, and a folder on a profile’s place is refused', async (t) => {
    const page = await openPage(t, preview)
    const devtools = await page.context().newCDPSession(page)
    const dropped = async (locator, path) => {
      const { x, y } = await locator.boundingBox()
      for (const type of ['dragEnter', 'dragOver', 'drop']) {
        const data = { items: [], files: [path], dragOperationsMask: 1 }
        await devtools.send('Input.dispatchDragEvent', { type, x: x + 5, y: y + 5, data })
      }
    }
    const slot = page.getByRole('region', { name: 'The job’s storage profile' })
    await dropped(slot, join(root, 'docs'))
    await slot.getByText('docs: This cannot be read; is it a folder?').waitFor()
    await drop(page, 'section[aria-label="The job’s storage profile"]', [
      { name: 'large', text: '{}'.padEnd(2_000_000) },
    ])
    await slot.getByText('large: This is no storage profile: it has 2.0 MB.').waitFor()
    // A browser without a window stays on its page anyway; one with a window does where the page has refused the drag.
    await page.evaluate(() => {
      globalThis.heard = new Set()
      window.addEventListener('dragover', (event) => {
        globalThis.heard.add(event.defaultPrevented)
      })
    })
    await dropped(page.locator('body > header'), join(root, 'package.json'))
    assert.deepEqual(await page.evaluate(() => [...globalThis.heard]), [true])
    await dropped(page.locator('.plan'), join(root, 'package.json'))
    await page.getByRole('button', { name: 'Remove package.json' }).waitFor()
  })
})

describe('bad input is said where the person is looking, and nothing else breaks', () => {
  test('what is no manifest', async (t) => {
    const page = await openSample(t, preview)
    await drop(page, 'attachments-preview', [
      { name: 'notes.txt', text: 'Dear diary' },
      json('old_output', { hashAlg: 'xxh128', manifestVersion: '1999-01-01', paths: [], totalSize: 0 }),
      json('profile.json', { storageProfileId: 'sp-1', osFamily: 'BEOS', fileSystemLocations: [] }),
    ])
    const said = async (name) =>
      page.locator('.files li').filter({ hasText: name }).locator('.problem').innerText()
    assert.match(await said('notes.txt'), /JSON/)
    assert.match(await said('old_output'), /1999-01-01/)
    assert.match(await said('profile.json'), /osFamily must be WINDOWS, LINUX or MACOS/)
    await amount(page, /^419 files/)
    await page.getByRole('button', { name: 'Remove notes.txt' }).click()
    await page.locator('.files li').filter({ hasText: 'notes.txt' }).waitFor({ state: 'detached' })
  })

  test('what is no storage profile', async (t) => {
    const page = await openPage(t, preview)
    const slot = page.getByRole('region', { name: 'The job’s storage profile' })
    await drop(page, 'section[aria-label="The job’s storage profile"]', [{ name: 'x', text: '{' }])
    await slot
      .getByRole('alert')
      .filter({ hasText: /^x: This is not JSON/ })
      .waitFor()
    await drop(page, 'section[aria-label="The job’s storage profile"]', [json('y', { osFamily: 'LINUX' })])
    await slot
      .getByRole('alert')
      .filter({ hasText: /^y: .*storageProfileId is missing/ })
      .waitFor()
  })

  test('profiles that share no location name, or only one of them', async (t) => {
    const page = await openPage(t, preview)
    const given = [
      profile('sp-1', 'LINUX', { Projects: '/p', Cache: '/c' }),
      profile('sp-2', 'WINDOWS', { Assets: 'P:\\' }),
    ]
    const panel = page.getByRole('region', { name: 'Storage profiles' })
    await page.evaluate(([job]) => {
      document.querySelector('attachments-preview').jobStorageProfile = job
    }, given)
    await panel.getByText('This machine’s profile is missing').waitFor()
    await page.evaluate(
      async ([, local, text]) => {
        const preview = document.querySelector('attachments-preview')
        preview.localStorageProfile = local
        await preview.add([{ name: 'one', data: text }])
      },
      [...given, manifest('a')],
    )
    await panel.getByText('share no location name').waitFor()
    assert.match(await panel.innerText(), /The job’s: Projects, Cache\. This machine’s: Assets\./)
    await rowsWhere(page, ([row]) => row?.status === 'Unmapped')
  })

  test('one profile on both sides', async (t) => {
    const page = await openPage(t, preview)
    await page.evaluate(
      async ([profile, text]) => {
        const preview = document.querySelector('attachments-preview')
        preview.jobStorageProfile = preview.localStorageProfile = profile
        await preview.add([{ name: 'one', data: text, rootPath: '/p' }])
      },
      [profile('sp-1', 'LINUX', {}), manifest('a')],
    )
    await page.getByText('Both are one profile, so paths stay as they are.').waitFor()
    await rowsWhere(page, ([row]) => row?.destination === '/p/a')
  })

  test('a rule with a relative path, and rules of several formats', async (t) => {
    const page = await openSample(t, preview)
    const rule = page.getByRole('region', { name: 'Rule 1' })
    const destination = page.getByLabel('Destination path of rule 1')
    await destination.fill('renders')
    await rule.getByText('“renders” is not an absolute Windows path').waitFor()
    assert.equal(await destination.getAttribute('aria-invalid'), 'true')
    await rowsWhere(page, (rows) => rows.every(({ status }) => status === 'Unmapped'))
    await destination.fill('P:\\')
    await page.getByLabel('Source path format of rule 1').selectOption('windows')
    const panel = page.getByRole('region', { name: 'Mapping rules' })
    await panel.getByText('These rules mix Windows and POSIX source paths').waitFor()
    await panel.getByText('Until then the list shows what the rules before gave.').waitFor()
    await page.getByRole('searchbox').fill('foam.1001')
    await amount(page, /^1 of 419/)
    await page.getByLabel('Source path format of rule 1').selectOption('posix')
    await panel.getByText('These rules mix').waitFor({ state: 'hidden' })
    await page.getByLabel('Asset root', { exact: true }).first().fill('Projects')
    await page.getByText('“Projects” is not an absolute POSIX path').waitFor()
  })

  test('rules for paths of another kind than the job’s', async (t) => {
    const page = await openPage(t, preview)
    await drop(page, 'attachments-preview', [
      json('job.json', profile('sp-job', 'LINUX', { Projects: '/projects' })),
      { name: 'frames_output', text: manifest('a') },
    ])
    await amount(page, /^1 file /)
    await page.getByRole('button', { name: 'Add a rule' }).click()
    await page.getByLabel('Source path of rule 1').fill('Z:\\')
    const panel = page.getByRole('region', { name: 'Mapping rules' })
    const words =
      'These rules map Windows paths, but below /projects there are POSIX paths. Change the format'
    await panel.getByText(words).waitFor()
    await page.getByLabel('Source path of rule 1').fill('/projects')
    await page.getByLabel('Destination path of rule 1').fill('/here')
    await rowsWhere(page, ([row]) => row?.destination === '/here/a')
    await panel.getByText('These rules map').waitFor({ state: 'hidden' })
  })
})

describe('a worker that is gone', () => {
  test('is said, and replaced for what is asked next', async (t) => {
    const page = await openPage(t, preview, { expected: /ERR_FAILED/ })
    const add = (name) =>
      page.evaluate(
        async ([name, text]) => {
          const preview = document.querySelector('attachments-preview')
          await preview.add([{ name, data: text, rootPath: '/p' }])
        },
        [name, manifest(name)],
      )
    await page.route('**/preview/worker.js', (route) => route.abort(), { times: 1 })
    await add('one')
    const banner = page.locator('.banner')
    await banner.filter({ hasText: 'the preview’s worker stopped: its script could not be loaded' }).waitFor()
    await page.locator('.files li').filter({ hasText: 'not read' }).waitFor()
    await add('two')
    await amount(page, /^2 files/)
    await banner.waitFor({ state: 'hidden' })
    assert.equal(await page.locator('.files .problem').count(), 0)
  })

  test('is said where its WebAssembly cannot be had, and had the next time', async (t) => {
    const page = await openPage(t, preview, { expected: /ERR_FAILED/ })
    await page.route('**/*.wasm', (route) => route.abort(), { times: 1 })
    await drop(page, 'attachments-preview', [{ name: 'one', text: manifest('a') }])
    const banner = page.locator('.banner')
    await banner.filter({ hasText: /its WebAssembly could not be loaded .* 'wasm-unsafe-eval'\?/ }).waitFor()
    await page.locator('.files li').filter({ hasText: 'not read' }).waitFor()
    await page.getByLabel('Asset root', { exact: true }).fill('/p')
    await amount(page, /^1 file /)
    await banner.waitFor({ state: 'hidden' })
  })

  test('is said where none may be started, as from another origin', async (t) => {
    const page = await openPage(t, preview)
    // In a sandbox the page is of no origin, so its own files are from another.
    await page.route('**', async (route) => {
      const response = await route.fetch()
      const headers = {
        'access-control-allow-origin': '*',
        'content-security-policy': 'sandbox allow-scripts',
      }
      await route.fulfill({ response, headers: { ...response.headers(), ...headers } })
    })
    await page.addInitScript(() => {
      globalThis.started = 0
      globalThis.Worker = new Proxy(Worker, {
        construct(target, given) {
          globalThis.started += 1
          return new target(...given)
        },
      })
    })
    await page.reload()
    await page.evaluate(
      async ([profile, text]) => {
        const preview = document.querySelector('attachments-preview')
        preview.jobStorageProfile = preview.localStorageProfile = profile
        await preview.add([{ name: 'one', data: text }])
      },
      [profile('sp-1', 'LINUX', { P: '/p' }), manifest('a')],
    )
    await page
      .locator('.banner')
      .filter({
        hasText: /Failed to construct 'Worker'.*; a worker’s script must come from where the page does/,
      })
      .waitFor()
    await page.locator('.files li').filter({ hasText: 'not read' }).waitFor()
    // It is tried again for what is asked next, not again and again.
    await page.waitForTimeout(200)
    const started = await page.evaluate(() => globalThis.started)
    assert.ok(started < 5, `${started} were asked for`)
  })

  test('has left nothing behind when it dies later: the next one reads the files again', async (t) => {
    const page = await openSample(t, preview, { expected: /gone/ })
    const [worker] = page.workers()
    await worker.evaluate(() => {
      setTimeout(() => {
        throw new Error('gone')
      })
    })
    await page.waitForTimeout(300)
    const replaced = page.waitForEvent('worker')
    await page.locator('.setup').getByLabel('Destination path of rule 1').fill('Q:\\')
    await replaced
    await rowsWhere(page, (rows) => rows.length > 7 && rows[7].destination.startsWith('Q:\\Lighthouse'))
    await page.locator('.banner').waitFor({ state: 'hidden' })
    await amount(page, /^419 files/)
  })
})

test('an address that is none is refused, and the page is served on', async () => {
  assert.equal((await fetch(new URL('/%', preview.url))).status, 400)
  assert.equal((await fetch(preview.url)).status, 200)
})

/** A manifest of so many files, made in the page: it is too large to be handed to it. */
function manifestFile(page, count) {
  return page.evaluateHandle((count) => {
    const entry = (i) => {
      const path = `shots/sh${String(i).padStart(6, '0')}/renders/beauty.exr`
      return `{"hash":"${i.toString(16).padStart(32, '0')}","mtime":${1.7e15 + i},"path":"${path}","size":${i}}`
    }
    const part = 10_000
    const parts = Array.from({ length: count / part }, (_, at) =>
      Array.from({ length: part }, (_, i) => entry(at * part + i)).join(','),
    )
    const entries = parts.flatMap((text, at) => (at === 0 ? [text] : [',', text]))
    const head = '{"hashAlg":"xxh128","manifestVersion":"2023-03-03","paths":['
    return new File([head, ...entries, `],"totalSize":${count}}`], 'large_output')
  }, count)
}

test('a manifest of a million files', { timeout: 180_000 }, async (t) => {
  const count = 1_000_000
  const page = await openPage(t, preview)
  const grid = page.getByRole('treegrid')

  await t.test('is decoded and planned in the worker, while the page answers', async () => {
    const file = await manifestFile(page, count)
    const beats = await page.evaluate(async (file) => {
      const preview = document.querySelector('attachments-preview')
      preview.rules = [{ sourcePathFormat: 'posix', sourcePath: '/p', destinationPath: '/q' }]
      const transfer = new DataTransfer()
      transfer.items.add(file)
      const planned = new Promise((resolve) =>
        document.addEventListener('attachments-plan', resolve, { once: true }),
      )
      preview.dispatchEvent(
        new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }),
      )
      let isPlanned = false
      void planned.then(() => (isPlanned = true))
      let beats = 0
      for (; !isPlanned; beats++) await new Promise((resolve) => setTimeout(resolve))
      return beats
    }, file)
    // On the main thread the bytes would be read in some twenty turns, and the rest be one task.
    assert.ok(beats > 60, `the page had ${beats} turns`)
    const fetched = () =>
      performance
        .getEntriesByType('resource')
        .filter(({ name }) => name.endsWith('.wasm'))
        .map(({ name }) => new URL(name).pathname)
    assert.deepEqual(await page.evaluate(fetched), [])
    assert.deepEqual(await page.workers()[0].evaluate(fetched), ['/dist/rusty_attachments_bg.wasm'])
    await amount(page, /^1,000,000 files/)
    await rowsWhere(page, ([row]) => row?.destination === '/q/shots/sh000000/renders/beauty.exr')
  })

  await t.test('scrolls to the very end with a screenful of elements', async (t) => {
    await grid.focus()
    await page.keyboard.press('End')
    await rowsWhere(page, (rows) => rows.at(-1)?.index === count - 1)
    await page.keyboard.press('Home')
    await rowsWhere(page, ([row]) => row?.index === 0)
    // A wheel moves as far as it says, though the list is taller than an element may be.
    const box = await grid.boundingBox()
    await page.mouse.move(box.x + 100, box.y + 100)
    await page.mouse.wheel(0, 1000)
    await rowsWhere(page, ([row]) => row?.index === 20)
    // The scroll bar's middle is the list's middle.
    await grid.evaluate((element) => element.scrollTo(0, (element.scrollHeight - element.clientHeight) / 2))
    const middle = await rowsWhere(page, ([row]) => row?.index > count / 4)
    assert.ok(Math.abs(middle[0].index - count / 2) < 50, String(middle[0].index))
    const tasks = await grid.evaluate(async (element) => {
      const tasks = []
      const observer = new PerformanceObserver((list) => tasks.push(...list.getEntries()))
      observer.observe({ entryTypes: ['longtask'] })
      for (let step = 0; step < 120; step++) {
        if (step % 20 === 19) element.scrollTop = ((step * 7919) % 1000) * (element.scrollHeight / 1000)
        else element.scrollTop += 120
        await new Promise(requestAnimationFrame)
      }
      tasks.push(...observer.takeRecords())
      return tasks.map(({ duration }) => duration)
    })
    // How long tasks take is the machine's too; `npm run bench -- browser` measures it where nothing else runs.
    t.diagnostic(`tasks over 50 ms while scrolling: ${tasks.join(', ') || 'none'}`)
    await grid.evaluate((element) => element.scrollTo(0, element.scrollHeight))
    await rowsWhere(page, (rows) => rows.at(-1)?.index === count - 1)
    const elements = await grid.locator('.row').count()
    assert.ok(elements < 40, `${elements} rows exist`)
  })

  await t.test('is searched', async () => {
    await page.getByRole('searchbox').fill('SH123456')
    const wanted = '/q/shots/sh123456/renders/beauty.exr'
    await rowsWhere(page, (rows) => rows.length === 1 && rows[0].destination === wanted)
    await page.getByRole('searchbox').fill('')
    await amount(page, /^1,000,000 files/)
  })
})

test('plans that are replaced leave no memory behind in the worker', async (t) => {
  const page = await openPage(t, preview)
  await page.evaluate(
    async (file) => {
      const preview = document.querySelector('attachments-preview')
      preview.rules = [{ sourcePathFormat: 'posix', sourcePath: '/p', destinationPath: '/q' }]
      await preview.add([{ name: file.name, data: file, rootPath: '/p' }])
    },
    await manifestFile(page, 100_000),
  )
  const [worker] = page.workers()
  const memory = () =>
    worker.evaluate(async () => {
      // Loaded already, so that it gives the instance back.
      const { default: instance } = await import(`${location.origin}/dist/rusty_attachments.js`)
      return (await instance()).memory.buffer.byteLength
    })
  const remap = async (place) => {
    await page.getByLabel('Destination path of rule 1').fill(place)
    await rowsWhere(page, ([row]) => row?.destination.startsWith(`${place}/`))
  }
  // For a moment there are two plans, the one that is shown and the one that takes its place.
  for (const place of ['/a', '/b']) await remap(place)
  const before = await memory()
  for (let again = 0; again < 10; again++) await remap(`/${again}`)
  assert.equal(await memory(), before)
})

describe('for everybody', () => {
  const screenshots = join(root, 'target/screenshots')

  for (const colorScheme of ['light', 'dark']) {
    for (const [width, height] of [
      [1280, 800],
      [400, 850],
    ]) {
      test(`axe finds nothing, ${colorScheme} at ${width} pixels`, async (t) => {
        await mkdir(screenshots, { recursive: true })
        const page = await openPage(t, preview, { width, height, colorScheme })
        const axe = await readFile(join(root, 'node_modules/axe-core/axe.min.js'), 'utf8')
        // Its last value is itself, which nobody needs back.
        await page.evaluate(`${axe}; 0`)
        const check = async (name) => {
          await page.screenshot({
            path: join(screenshots, `${name}-${width}-${colorScheme}.png`),
            fullPage: width < 860,
          })
          const { violations } = await page.evaluate(() =>
            globalThis.axe.run({ resultTypes: ['violations'], preload: false }),
          )
          const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
          assert.deepEqual(found, [], name)
          const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
          assert.ok(overflow <= 0, `${name} is ${overflow} pixels too wide`)
        }
        await check('empty')
        await page.click('#sample')
        await rowsWhere(page, (rows) => rows.length > 5)
        await check('list')
        await page.locator('.row').nth(4).click()
        await page.getByLabel('Destination path of rule 1').fill('renders')
        await page.getByText('is not an absolute Windows path').waitFor()
        await drop(page, 'attachments-preview', [{ name: 'notes.txt', text: 'Dear diary' }])
        await page.getByRole('button', { name: 'Remove notes.txt' }).waitFor()
        await check('problems')
        await page.getByLabel('Destination path of rule 1').fill('P:\\')
        await page.getByRole('button', { name: /^Only these: what the rule for .mnt.cache/ }).click()
        await amount(page, /^72 of /)
        await page.getByLabel('Source path format of rule 1').selectOption('windows')
        await page.getByText('These rules mix').waitFor()
        await check('refused')
        await page.getByRole('button', { name: /^Show all: what the rule/ }).click()
        await page.getByLabel('Source path format of rule 1').selectOption('posix')
        await page.getByText('These rules mix').waitFor({ state: 'hidden' })
        await page.getByRole('button', { name: 'Folders' }).click()
        for (const name of ['No place on this machine', 'P:\\Lighthouse', 'editorial']) {
          const folder = (rows) => rows.find(({ destination }) => destination === name)
          const { index } = folder(await rowsWhere(page, folder))
          await page.locator(`.row[aria-rowindex="${index + 2}"]:not([hidden])`).click()
          await rowsWhere(page, (rows) => folder(rows)?.isOpen === 'true')
        }
        await rowsWhere(page, (rows) => rows.some(({ level }) => level === 3))
        await check('folders')
      })
    }
  }
})
