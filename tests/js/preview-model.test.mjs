// The parts of the preview that need no page: what its worker holds, and how its list scrolls.

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { createManifest } from 'rusty-attachments/wasm'

import instance from '../../dist/rusty_attachments.js'
import { PlanModel } from '../../dist/preview/model.js'
import { barOf, placeOf } from '../../dist/preview/scroll.js'
import { Session } from '../../dist/preview/session.js'
import './support.mjs'

const rule = (destinationPath) => ({ sourcePathFormat: 'posix', sourcePath: '/p', destinationPath })

test('plans and views that are replaced leave no memory behind', async () => {
  const files = Array.from({ length: 20_000 }, (_, index) => ({
    path: `shots/sh${index % 50}/frame.${index}.exr`,
    hash: index.toString(16).padStart(32, '0'),
    size: index,
    mtime: index,
  }))
  const model = new PlanModel()
  const data = new Blob([createManifest({ files }).encode()])
  const sources = [{ id: 1, rootPath: '/p', sourcePathFormat: 'posix', lastModified: 0 }]
  // Loaded already: it gives the instance back.
  const { memory } = await instance()
  const round = async (again) => {
    await model.load(1, data)
    const settings = { sources, rules: [rule(`/round${again}`)], destinationPathFormat: 'posix' }
    assert.equal(model.plan(settings).fileCount, 20_000)
    model.show({ layout: 'folders' })
    const [{ folder }] = model.rows(0, 1)
    model.toggle(folder.path)
    model.show({ layout: 'list', search: 'frame.1' })
    assert.throws(() => model.plan({ ...settings, destinationPathFormat: 'neither' }))
    assert.match(model.rows(0, 1)[0].entry.localPath, new RegExp(`^/round${again}/`))
    await model.exported('csv')
  }
  for (let again = 0; again < 5; again++) await round(again)
  const before = memory.buffer.byteLength
  for (let again = 5; again < 60; again++) await round(again)
  assert.equal(memory.buffer.byteLength, before)
})

test('the scroll bar and the list lead to each other, to both ends', () => {
  const [room, height, margin] = [8_000_000, 50_000_000, 4_000]
  for (const place of [0, 1, margin, 25_000_000, height - margin, height - 1, height]) {
    const bar = barOf(place, room, height, margin)
    assert.ok(bar >= 0 && bar <= room)
    assert.ok(Math.abs(placeOf(bar, room, height, margin) - place) < 1e-3, String(place))
  }
  // Near the ends, and in lists that fit, a pixel is a pixel.
  assert.equal(placeOf(100, room, height, margin), 100)
  assert.equal(placeOf(room - 100, room, height, margin), height - 100)
  assert.equal(placeOf(1_234, 5_000, 5_000, margin), 1_234)
})

test('a name that a spreadsheet would take for a formula is exported as text', async () => {
  const model = new PlanModel()
  const paths = ['=1+1', '+a', '-a', '@a', 'a=1', '\ta', '\ra']
  const files = paths.map((path) => ({ path, hash: 'a'.repeat(32), size: 1, mtime: 1 }))
  await model.load(1, new Blob([createManifest({ files }).encode()]))
  const sources = [{ id: 1, rootPath: '/p', sourcePathFormat: 'posix', lastModified: 0 }]
  model.plan({ sources, rules: [rule('/q')], destinationPathFormat: 'posix' })
  const [names, ...lines] = (await (await model.exported('csv')).document.text()).trimEnd().split('\r\n')
  const cells = lines.map((line) => line.split(',')[names.split(',').indexOf('path')])
  assert.deepEqual(cells.sort(), [`"'\ra"`, "'\ta", "'+a", "'-a", "'=1+1", "'@a", 'a=1'])
  await assert.rejects(model.exported('xml'), /no export as xml/)
})

test('a worker that stopped answers no later call either, but refuses it', async (t) => {
  const workers = []
  globalThis.Worker = class extends EventTarget {
    constructor() {
      super()
      workers.push(this)
    }
    postMessage() {}
    terminate() {}
  }
  t.after(() => delete globalThis.Worker)
  const session = new Session()
  const underWay = session.call('copied')
  workers[0].dispatchEvent(new Event('error'))
  await assert.rejects(underWay, /worker stopped/)
  await assert.rejects(session.call('copied'), /worker stopped/)
})
