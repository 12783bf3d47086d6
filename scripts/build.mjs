// Builds what is missing or stale: the addon, the WebAssembly with its glue, and the JavaScript, into dist/.
//
// Cargo and the time stamps of files decide what is stale, so a second build costs a second.

import { execFileSync, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

export const root = fileURLToPath(new URL('..', import.meta.url))
const dist = join(root, 'dist')
export const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target')
const wasmTarget = 'wasm32-unknown-unknown'

/**
 * The WebAssembly by the names of its files, with what calls into it as wasm-bindgen writes it. What a browser has to
 * fetch before the first answer has a budget, in bytes after gzip.
 */
const modules = [
  { crate: 'rusty-attachments-wasm', name: 'rusty_attachments', budget: 200 * 1024 },
  { crate: 'rusty-attachments-wasm-sync', name: 'rusty_attachments_sync', budget: 160 * 1024 },
]
const glue = modules.map(({ name }) => `${name}.js`)

/** What the names of programs end in. */
export const exe = process.platform === 'win32' ? '.exe' : ''

/** The machine's own Python, which only the reference needs. */
export const python = process.platform === 'win32' ? 'python' : 'python3'

/** Runs a program in the project's folder, and ends with its status where it fails: it has said why. */
export function run(command, ...parameters) {
  const { error, status } = spawnSync(command, parameters, {
    cwd: root,
    stdio: 'inherit',
    // npm is a script there; a shell would take the path of anything else apart at its spaces.
    shell: process.platform === 'win32' && command === 'npm',
  })
  if (error) console.error(`${command} cannot be started: ${error.message}`)
  if (status !== 0) process.exit(status ?? 1)
}

/** Runs cargo, which shows its long first build and keeps later ones to itself. */
export function cargo(first, command, ...parameters) {
  run('cargo', command, ...(first ? [] : ['--quiet']), ...parameters)
}

/** Runs `npm ci` where node_modules does not hold what the lock file says. */
export function install() {
  const installed = join(root, 'node_modules', '.package-lock.json')
  if (stale([installed], [join(root, 'package-lock.json')])) run('npm', 'ci', '--no-audit', '--no-fund')
}

/** Whether an output is missing or older than an input. */
function stale(outputs, inputs) {
  if (!outputs.every(existsSync)) return true
  const oldest = Math.min(...outputs.map((file) => statSync(file).mtimeMs))
  return inputs.some((file) => statSync(file).mtimeMs > oldest)
}

function addon() {
  const names = { win32: 'rusty_attachments_node.dll', darwin: 'librusty_attachments_node.dylib' }
  const built = join(target, 'release', names[process.platform] ?? 'librusty_attachments_node.so')
  const file = join(dist, `rusty-attachments.${process.platform}-${process.arch}.node`)
  cargo(!existsSync(file), 'build', '--release', '-p', 'rusty-attachments-node')
  if (!stale([file], [built])) return
  // Copied beside and renamed: a process that has the old one loaded must keep it.
  copyFileSync(built, `${file}.new`)
  renameSync(`${file}.new`, file)
}

async function wasm() {
  const installed = execFileSync('rustup', ['target', 'list', '--installed'], { cwd: root, encoding: 'utf8' })
  if (!installed.includes(wasmTarget)) run('rustup', 'target', 'add', wasmTarget)
  const first = !existsSync(join(dist, glue[0]))
  const crates = modules.flatMap(({ crate }) => ['-p', crate])
  cargo(first, 'build', '--profile', 'wasm', ...crates, '--target', wasmTarget)
  for (const module of modules) await wasmModule(module, first)
}

async function wasmModule({ crate, name, budget }, first) {
  const built = join(target, wasmTarget, 'wasm', `${crate.replaceAll('-', '_')}.wasm`)
  const file = join(dist, `${name}_bg.wasm`)
  const gluePath = join(dist, `${name}.js`)
  if (!stale([file, gluePath], [built, join(root, 'Cargo.lock'), join(root, 'package-lock.json')])) return

  const folder = join(target, 'bindgen')
  // With the whole workspace's features, which are those that the tests are built with: one build serves both.
  cargo(first, 'build', '--workspace', '--bin', 'rusty-attachments-bindgen')
  run(join(target, 'debug', `rusty-attachments-bindgen${exe}`), built, folder, name)
  const { default: binaryen } = await import('binaryen')
  const module = binaryen.readBinary(readFileSync(join(folder, `${name}_bg.wasm`)))
  binaryen.setOptimizeLevel(2)
  binaryen.setShrinkLevel(2)
  module.optimize()
  const bytes = module.emitBinary()
  const size = gzipSync(bytes, { level: 9 }).length
  const kib = (n) => `${(n / 1024).toFixed(1)} KiB`
  console.log(`WebAssembly: ${kib(bytes.length)}, ${kib(size)} gzipped`)
  if (size > budget) throw new Error(`${name}.wasm is ${kib(size)} gzipped; it may have ${kib(budget)}`)
  copyFileSync(join(folder, `${name}.js`), gluePath)
  writeFileSync(file, bytes)
}

function javascript() {
  const files = (folder, ending) =>
    readdirSync(folder, { recursive: true }).filter((name) => ending.test(name))
  const sources = files(join(root, 'js'), /\.ts$/)
  const outputs = sources
    .filter((name) => !name.endsWith('.d.ts'))
    .flatMap((name) => ['.js', '.js.map', '.d.ts'].map((ending) => name.slice(0, -'.ts'.length) + ending))
  // What a source that is no more has left behind would be published.
  for (const name of files(dist, /\.(js|js\.map|d\.ts)$/)) {
    if (!glue.includes(name) && !outputs.includes(name)) rmSync(join(dist, name))
  }
  const inputs = [...sources.map((name) => join(root, 'js', name)), join(root, 'tsconfig.json')]
  const made = outputs.map((name) => join(dist, name))
  if (stale(made, inputs)) run(process.execPath, join(root, 'node_modules/typescript/bin/tsc'), '-p', root)
}

/** Builds the package. */
export async function build() {
  mkdirSync(dist, { recursive: true })
  addon()
  await wasm()
  javascript()
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  install()
  await build()
}
