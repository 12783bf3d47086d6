// Incremental sync beside the real `deadline queue sync-output`: an idle pass, one new action among many, and a
// whole queue. Farm and clients share the machine.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, sep } from 'node:path'

import { build, root } from '../scripts/build.mjs'
import { buildFarm, startReleaseFarm } from '../scripts/farm.mjs'
import { environment } from '../tests/interop/environment.mjs'
import { json, mebibytes, median, python, spread, table } from './measure.mjs'

/** Comes before the first byte of each answer, in milliseconds. */
const delay = 30
/** A contestant that takes longer than so many seconds runs once: its distance shows without a second time. */
const patience = 20
/** Nothing here should take longer, in milliseconds. */
const timeout = 1_800_000

const rows = {
  idle: {
    title: 'an idle pass, 10,000 known jobs',
    bulk: { jobs: 10_000, tasks: 1, files: 0, bytes: 0, running: true },
    isKnown: true,
  },
  one: {
    title: 'one new action, 100 jobs of 1,000 known',
    bulk: { jobs: 100, tasks: 1000, files: 1, bytes: 64, running: true },
    isKnown: true,
    happens: (number) => [
      { event: 'session', job: `bulk/${number}`, name: 'new' },
      // The task that every job has left.
      {
        event: 'task',
        job: `bulk/${number}`,
        session: 'new',
        task: 1000,
        files: [{ path: `new ${number}.exr`, bytes: 64, seed: number }],
      },
    ],
  },
  queue: {
    title: '200 jobs, 20,000 files',
    bulk: { jobs: 200, tasks: 10, files: 10, bytes: 4096 },
  },
}

/** Prints the rows, or only those that are named. */
export async function sync({ runs, rest }) {
  const names = rest[0]?.split(',') ?? Object.keys(rows)
  const unknown = names.find((name) => !(name in rows))
  if (unknown) throw new Error(`there is no row ${unknown}, only ${Object.keys(rows).join(', ')}`)
  await build()
  buildFarm('release')
  const lines = []
  for (const name of names) {
    const bench = await Bench.start(rows[name])
    try {
      lines.push(...(await bench.compare(runs)))
    } finally {
      await bench.stop()
    }
  }
  console.log(`\n${delay} ms before each answer\n`)
  table(lines)
  if (!python()) console.log('\n`deadline` is not here; `npm run test:interop` installs it')
}

/** One farm with one queue, and the ways to sync it. */
class Bench {
  static async start(row) {
    const farm = await startReleaseFarm()
    const folder = mkdtempSync(join(tmpdir(), 'rusty-attachments-bench-'))
    const projects = join(folder, 'projects')
    const profile = (name, path) => ({
      event: 'storageProfile',
      name,
      osFamily: 'LINUX',
      locations: [{ name: 'Bulk', path, type: 'SHARED' }],
    })
    const { storageProfiles } = await farm.happen(profile('farm', '/mnt/bulk'), profile('here', projects))
    await farm.happen({ event: 'bulk', name: 'bulk', storageProfile: 'farm', ...row.bulk })
    await farm.setRules({ effect: { delay: { milliseconds: delay } } })
    return Object.assign(new Bench(), { row, farm, folder, projects, storageProfileId: storageProfiles.here })
  }

  async stop() {
    await this.farm.stop()
    rmSync(this.folder, { recursive: true })
  }

  async compare(runs) {
    const { row, farm } = this
    // What is known already is known to both: they continue from each other's checkpoints.
    const known = join(this.folder, 'known')
    if (row.isKnown) this.ours(known)
    else this.bootstrap(known)
    const contestants = {
      ours: (place) => this.ours(place),
      theirs: python() && ((place) => this.theirs(place)),
    }
    const results = { ours: [], theirs: [] }
    const trees = {}
    let number = 0
    for (let run = 0; run < runs; run++) {
      await farm.happen(...(row.happens?.(number++) ?? []))
      for (const [name, contestant] of Object.entries(contestants)) {
        if (!contestant || results[name][0]?.seconds > patience) continue
        const place = join(this.folder, `${name} ${run}`)
        cpSync(known, place, { recursive: true })
        if (!row.isKnown) rmSync(this.projects, { recursive: true, force: true })
        await farm.forgetRequests()
        const result = contestant(place)
        const requests = await farm.requests()
        const searches = requests.filter(({ operation }) => operation === 'SearchJobs').length
        results[name].push({ ...result, requests: requests.length, searches })
        trees[name] = row.isKnown ? null : treeHash(this.projects)
      }
    }
    if (trees.theirs && trees.theirs !== trees.ours) throw new Error(`${row.title}: the trees differ`)
    return summary(row, results)
  }

  /** A checkpoint that has seen nothing. */
  bootstrap(place) {
    const start = new Date(Date.now() - 3_600_000).toISOString().replace('Z', '000+00:00')
    const state = {
      localStorageProfileId: this.storageProfileId,
      downloadsStartedTimestamp: start,
      eventualConsistencyMaxSeconds: 1,
      jobs: [],
      downloadsCompletedTimestamp: start,
    }
    mkdirSync(place, { recursive: true })
    const file = `${this.farm.queueId}_${this.storageProfileId}_download_checkpoint.json`
    writeFileSync(join(place, file), JSON.stringify(state))
  }

  ours(checkpointDirectory) {
    const { farmId, queueId, endpoint, region, credentials } = this.farm
    const options = {
      farmId,
      queueId,
      localStorageProfileId: this.storageProfileId,
      checkpointDirectory,
      bootstrapLookbackMinutes: 60,
      client: { endpoint, region, credentials, disableHostPrefix: true },
      s3: { endpoint },
    }
    const program = join(root, 'bench/sync_ours.mjs')
    const began = performance.now()
    const result = json(process.execPath, [program, JSON.stringify(options)], { timeout })
    if (result.failed > 0) throw new Error(`${result.failed} files failed`)
    // Of both the whole process counts.
    return { ...result, seconds: (performance.now() - began) / 1000 }
  }

  theirs(checkpointDirectory) {
    const { farmId, queueId } = this.farm
    const began = performance.now()
    const { status, stdout, stderr } = spawnSync(
      join(root, 'target/interop/bin/deadline'),
      // prettier-ignore
      [
        'queue', 'sync-output', '--farm-id', farmId, '--queue-id', queueId,
        '--storage-profile-id', this.storageProfileId, '--checkpoint-dir', checkpointDirectory,
        '--conflict-resolution', 'OVERWRITE',
      ],
      {
        cwd: '/',
        timeout,
        encoding: 'utf8',
        maxBuffer: 1 << 28,
        env: environment(this.farm, this.folder),
      },
    )
    if (status !== 0)
      throw new Error(`deadline ended with ${status}: ${stdout.slice(-2000)}${stderr.slice(-2000)}`)
    return { seconds: (performance.now() - began) / 1000 }
  }
}

/** Paths and bytes of a tree, but for what the reference notes for itself, in one hash. */
function treeHash(path) {
  if (!existsSync(path)) return 'nothing'
  const hash = createHash('sha256')
  const entries = readdirSync(path, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && !entry.parentPath.split(sep).includes('.deadline'),
  )
  for (const file of entries.map(({ parentPath, name }) => join(parentPath, name)).sort()) {
    hash.update(file).update(readFileSync(file))
  }
  return hash.digest('hex')
}

function summary({ title }, results) {
  const seconds = (name) => median(results[name].map((result) => result.seconds))
  return Object.entries(results)
    .filter(([, passes]) => passes.length > 0)
    .map(([name, passes]) => ({
      pass: name === 'ours' ? title : '',
      by: name === 'ours' ? 'ours' : 'deadline 0.60.10',
      'seconds (least–most)': spread(passes.map((result) => result.seconds)),
      ratio: (seconds(name) / seconds('ours')).toFixed(1),
      requests: passes.at(-1).requests,
      'of them SearchJobs': passes.at(-1).searches,
      'client CPU s': passes[0].cpu?.toFixed(2) ?? '',
      'peak MiB': passes[0].peak ? mebibytes(passes[0].peak) : '',
    }))
}
