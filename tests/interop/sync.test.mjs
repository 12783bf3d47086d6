// The reference's CLI syncs a queue of the farm, pass after pass.

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import { startFarm } from '../../scripts/farm.mjs'
import { readCheckpoint, runSyncCli, startCheckpoint, syncFiles } from './cli.mjs'
import { everyday, PAUSE } from './histories.mjs'
import { tree } from './tree.mjs'

describe('the reference on our farm', () => {
  const directory = mkdtempSync(join(tmpdir(), 'rusty-attachments-sync-'))
  const projects = join(directory, 'projects')
  let farm
  let where
  before(async () => {
    mkdirSync(projects)
    farm = await startFarm()
  })
  after(async () => {
    await farm?.stop()
    rmSync(directory, { recursive: true })
  })

  for (const [number, { claim, events, files }] of everyday(projects).entries()) {
    test(claim, async () => {
      if (number > 0) await sleep(PAUSE * 1000)
      const { storageProfiles } = await farm.happen(...events)
      if (number === 0) {
        where = { farm, directory, storageProfileId: storageProfiles.here }
        startCheckpoint(where)
      }
      const { code, output } = await runSyncCli(where)
      assert.equal(code, 0, output)
      assert.deepEqual(hashes(tree(projects)), hashesOf(files), output)
      console.log(output, JSON.stringify(readCheckpoint(where), null, 1))
    })
  }
})

const hashes = (tree) => Object.fromEntries(Object.entries(tree).map(([path, { hash }]) => [path, hash]))
const hashesOf = (files) =>
  Object.fromEntries(
    Object.entries(files)
      .map(([path, text]) => [path, createHash('sha256').update(text).digest('hex')])
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )
