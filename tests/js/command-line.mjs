// What the tests of the command line share: the program as a person and as another program run it.

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, open, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

import pty from '@lydell/node-pty'

import { startQueue } from './queue.mjs'
import { root } from './support.mjs'

const program = join(root, 'dist/cli/main.js')

/** A queue as `startQueue` gives it, and what a person has set up to work with it. */
export async function startStudio(test, settings) {
  const queue = await startQueue(test, settings)
  const home = dirname(queue.projects)
  const { farm, storageProfiles } = queue
  await configure(home, farm, { storageProfileId: storageProfiles.here })
  return { ...queue, home, env: environment(home, farm) }
}

/** The environment of a person who works with the farm, and nothing of ours. */
export function environment(home, { endpoint, region, credentials }) {
  return {
    PATH: process.env.PATH,
    HOME: home,
    TERM: 'xterm-256color',
    AWS_ENDPOINT_URL_S3: endpoint,
    AWS_ENDPOINT_URL_DEADLINE: endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_EC2_METADATA_DISABLED: 'true',
  }
}

/** Writes the configuration of the deadline CLI as it writes it itself. */
export async function configure(
  home,
  { farmId, queueId },
  {
    profile = '(default)',
    region,
    storageProfileId,
    jobId,
    settings = '',
    file = join(home, '.deadline/config'),
  } = {},
) {
  const own = `profile-${profile}`
  const setting = (name, value) => (value ? `${name} = ${value}` : '')
  const sections = [
    ['defaults', setting('aws_profile_name', profile)],
    ['settings', settings],
    [`${own} defaults`, setting('farm_id', farmId)],
    [`${own} ${farmId} defaults`, `${setting('queue_id', queueId)}\n${setting('farm_region', region)}`],
    [`${own} ${farmId} settings`, setting('storage_profile_id', storageProfileId)],
    [`${own} ${farmId} ${queueId} defaults`, setting('job_id', jobId)],
  ]
  await mkdir(dirname(file), { recursive: true })
  await writeFile(file, sections.map(([section, lines]) => `[${section}]\n${lines}\n`).join('\n'))
}

/** Runs the program with its output piped. */
export function run(parameters, { env, cwd, input = '' } = {}) {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [program, ...parameters],
      { env, cwd },
      (error, stdout, stderr) => {
        resolve({ code: child.exitCode, stdout, stderr, lines: () => jsonLines(stdout) })
      },
    )
    child.stdin.end(input)
  })
}

/**
 * Runs the program for a reader that goes away, as `head` does: once something has come, or, with `beginning` false,
 * before anything has.
 */
export function runUnread(parameters, { env, cwd }, { beginning = true } = {}) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [program, ...parameters], { env, cwd })
    let stderr = ''
    child.stderr.on('data', (data) => (stderr += data))
    if (beginning) child.stdout.once('data', () => child.stdout.destroy())
    else child.stdout.destroy()
    child.once('close', (code) => resolve({ code, stderr }))
  })
}

/** Runs the program with an output that takes nothing. */
export async function runOntoFullDisk(parameters, { env, cwd }) {
  const full = await open('/dev/full', 'w')
  try {
    const child = spawn(process.execPath, [program, ...parameters], {
      env,
      cwd,
      stdio: ['ignore', full.fd, 'pipe'],
    })
    let stderr = ''
    child.stderr.on('data', (data) => (stderr += data))
    const [code] = await once(child, 'close')
    return { code, stderr }
  } finally {
    await full.close()
  }
}

/** Lines of JSON, each as a value. */
export function jsonLines(text) {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
}

/** The value of the last line of JSON on a screen, where the terminal may have put `^C` before it. */
export function lastLine(screen) {
  return JSON.parse(screen.trimEnd().split('\n').at(-1).replace('^C', ''))
}

/** Runs the program in a terminal of its own. */
export function runInTerminal(parameters, { env, cwd, columns = 120 } = {}) {
  const terminal = pty.spawn(process.execPath, [program, ...parameters], {
    env,
    cwd,
    cols: columns,
    rows: 50,
  })
  const session = { raw: '', seen: 0, code: undefined }
  const waiting = new Set()
  const changed = () => waiting.forEach((look) => look())
  terminal.onData((data) => {
    session.raw += data
    changed()
  })
  const ended = new Promise((resolve) => {
    terminal.onExit(({ exitCode }) => {
      session.code = exitCode
      changed()
      resolve({ code: exitCode, screen: screenOf(session.raw), raw: session.raw })
    })
  })
  return {
    ended,
    /** Waits until something stands there, beyond what the last call has found. */
    see(pattern) {
      return new Promise((resolve, reject) => {
        const over = (found) => {
          waiting.delete(look)
          clearTimeout(late)
          if (found) resolve(found)
          else reject(new Error(`never showed ${pattern} (${session.code}):\n${screenOf(session.raw)}`))
        }
        const look = () => {
          const found = pattern.exec(plain(session.raw).slice(session.seen))
          if (found) session.seen += found.index + found[0].length
          if (found || session.code !== undefined) over(found)
        }
        const late = setTimeout(over, 60_000)
        waiting.add(look)
        look()
      })
    },
    /** Types, as a person does: Enter is `\r`, Ctrl-C `\x03`. */
    type: (text) => terminal.write(text),
    screen: () => screenOf(session.raw),
  }
}

const escape = '\u001b'
const styles = new RegExp(`${escape}\\[[0-9;?]*[a-zA-Z]`, 'g')

const plain = (raw) => raw.replace(styles, '')

/** What stands on the screen at the end: lines that were replaced are gone. */
export function screenOf(raw) {
  return raw
    .replaceAll('\r\n', '\n')
    .split('\n')
    .map((line) => plain(line.split(`\r${escape}[2K`).at(-1)).replaceAll('\r', ''))
    .join('\n')
}
