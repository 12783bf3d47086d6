// Our command line beside the reference's: set up by `deadline config set`, asked for the same job, equal trees.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { root } from '../../scripts/build.mjs'
import { startFarm } from '../../scripts/farm.mjs'
import { environment } from '../js/command-line.mjs'
import { runDeadline } from './cli.mjs'
import { tree } from './tree.mjs'

test('what the deadline CLI is set up for, ours downloads to an equal tree', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'rusty-attachments-cli-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const farm = await startFarm()
  t.after(() => farm.stop())
  const [home, projects] = [join(folder, 'home'), join(folder, 'projects')]
  const profile = (name, osFamily, path) => ({
    event: 'storageProfile',
    name,
    osFamily,
    locations: [{ name: 'Projects', path, type: 'LOCAL' }],
  })
  const written = (task, ...files) => ({ event: 'task', job: 'Lighthouse', session: 'one', task, files })
  const { jobs, storageProfiles } = await farm.happen(
    profile('here', 'LINUX', projects),
    profile('workstation', 'WINDOWS', 'P:\\Projects'),
    {
      event: 'job',
      name: 'Lighthouse',
      storageProfile: 'workstation',
      roots: [{ path: 'P:\\Projects\\Lighthouse', format: 'windows' }],
      steps: [{ name: 'render', tasks: 3 }],
    },
    { event: 'session', job: 'Lighthouse', name: 'one' },
    written(0, { path: 'beauty/0001.exr', bytes: 300_000, seed: 1, mtime: 1_760_000_000_123_457 }),
    written(1, { path: 'beauty/0002.exr', bytes: 9_000_000, seed: 2 }, { path: 'empty', text: '' }),
    written(2, { path: 'ümläut/😀 & co.txt', text: 'names beyond ASCII', mtime: 999_999_999_999_999 }),
  )

  const settings = {
    'defaults.farm_id': farm.farmId,
    'defaults.queue_id': farm.queueId,
    'defaults.job_id': jobs.Lighthouse.jobId,
    'settings.storage_profile_id': storageProfiles.here,
    'settings.conflict_resolution': 'OVERWRITE',
  }
  for (const [name, value] of Object.entries(settings)) {
    const { code, output } = await runDeadline(farm, { home }, 'config', 'set', name, value)
    assert.equal(code, 0, output)
  }

  mkdirSync(projects)
  const theirs = await runDeadline(farm, { home }, 'job', 'download-output', '--yes')
  assert.equal(theirs.code, 0, theirs.output)
  const expected = tree(projects)
  assert.equal(Object.keys(expected).length, 4, theirs.output)
  renameSync(projects, join(folder, 'theirs'))

  mkdirSync(projects)
  const ours = () =>
    execFileSync(process.execPath, [join(root, 'dist/cli/main.js'), 'download'], {
      env: environment(home, farm),
      cwd: '/',
      encoding: 'utf8',
    })
  assert.match(ours(), /"value":"Downloaded 4 files"/)
  assert.deepEqual(tree(projects), expected)

  renameSync(projects, join(folder, 'ours'))
  renameSync(join(folder, 'theirs'), projects)
  assert.match(ours(), /"filesSkipped":4/, 'what the reference wrote is as whole to us as what we wrote')
})
