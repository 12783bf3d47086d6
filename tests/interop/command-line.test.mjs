// Our command line beside the reference's: set up by `deadline config set`, asked for the same job, equal trees.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

import { root } from '../../scripts/build.mjs'
import { startFarm } from '../../scripts/farm.mjs'
import { environment } from '../js/command-line.mjs'
import { runDeadline } from './cli.mjs'
import { tree } from './tree.mjs'

const program = join(root, 'dist/cli/main.js')

/** The options that a help lists, with their short forms: what stands first on a line, up to its description. */
function optionsOf(help) {
  const lines = help.split('\n').flatMap((line) => /^ {2,6}(-.*?)(?: {2}|$)/.exec(line)?.[1] ?? [])
  return new Set(lines.flatMap((line) => line.match(/(?<![\w-])--?[a-z][\w-]*/g)))
}

for (const [theirs, ours] of [
  [['job', 'download-output'], 'download'],
  [['queue', 'sync-output'], 'sync'],
]) {
  test(`\`${ours}\` has every option of \`deadline ${theirs.join(' ')}\`, with the same choices`, async (t) => {
    const home = mkdtempSync(join(tmpdir(), 'rusty-attachments-cli-'))
    t.after(() => rmSync(home, { recursive: true, force: true }))
    const nowhere = { endpoint: 'http://127.0.0.1:1', region: 'us-west-2', credentials: {} }
    const { output } = await runDeadline(nowhere, { home }, ...theirs, '--help')
    const own = execFileSync(process.execPath, [program, ours, '--help'], { encoding: 'utf8' })
    const wanted = optionsOf(output)
    assert.ok(wanted.size > 10 && wanted.has('--conflict-resolution'), output)
    const listed = optionsOf(own)
    assert.deepEqual(
      [...wanted].filter((option) => !listed.has(option)),
      [],
    )
    for (const [, option, choices] of output.matchAll(/(--[\w-]+) \[([\w|]+)\]/g)) {
      const description = own.slice(own.indexOf(option)).split(/\n +-/)[0]
      for (const choice of choices.split('|'))
        assert.match(description, new RegExp(`\\b${choice}\\b`), option)
    }
  })
}

test('what `deadline config set` writes, ours reads', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'rusty-attachments-cli-'))
  t.after(() => rmSync(home, { recursive: true, force: true }))
  const nowhere = { endpoint: 'http://127.0.0.1:1', region: 'us-west-2', credentials: {} }
  // In this order, for each is kept with those before it.
  const settings = {
    'defaults.aws_profile_name': 'stüdio 100%',
    'defaults.farm_id': 'farm-1',
    'defaults.farm_region': 'eu-central-1',
    'defaults.queue_id': 'queue-1',
    'defaults.job_id': 'job-1',
    'settings.storage_profile_id': 'sp-1',
    'settings.conflict_resolution': 'CREATE_COPY',
    'settings.auto_accept': 'True',
    'settings.https_proxy': 'http://ada:a%40b@proxy.example.com:8080',
    'settings.ca_bundle': '~/studio.pem',
  }
  for (const [name, value] of Object.entries(settings)) {
    const { code, output } = await runDeadline(
      nowhere,
      { home },
      'config',
      'set',
      name,
      value.replaceAll('%', '%%'),
    )
    assert.equal(code, 0, output)
  }
  process.env.DEADLINE_CONFIG_FILE_PATH = join(home, '.deadline/config')
  t.after(() => delete process.env.DEADLINE_CONFIG_FILE_PATH)
  const { Configuration } = await import('../../dist/cli/configuration.js')
  const read = Configuration.read()
  assert.deepEqual(
    {
      'defaults.aws_profile_name': read.profile(),
      'defaults.farm_id': read.farmId(),
      'defaults.farm_region': read.region('farm-1'),
      'defaults.queue_id': read.queueId('farm-1'),
      'defaults.job_id': read.jobId('farm-1', 'queue-1'),
      'settings.storage_profile_id': read.storageProfileId('farm-1'),
      'settings.conflict_resolution': read.conflictResolution(),
      'settings.auto_accept': String(read.autoAccept()),
      'settings.https_proxy': read.httpsProxy(),
      'settings.ca_bundle': read.caBundle(),
    },
    { ...settings, 'settings.auto_accept': 'true', 'settings.ca_bundle': join(homedir(), 'studio.pem') },
  )
})

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
    execFileSync(process.execPath, [program, 'download'], {
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
