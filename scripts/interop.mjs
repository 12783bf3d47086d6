// Makes the Python environment of the reference library, then runs the tests against it: all, or those that are named.

import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { build, install, python, root, run } from './build.mjs'
import { buildFarm } from './farm.mjs'

const environment = join(root, 'target/interop')
const windows = process.platform === 'win32'
const programs = join(environment, windows ? 'Scripts' : 'bin')
const requirements = join(root, 'tests/interop/requirements.txt')

function installReference() {
  const wanted = createHash('sha256').update(readFileSync(requirements)).digest('hex')
  const stamp = join(environment, 'requirements.sha256')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  rmSync(environment, { recursive: true, force: true })
  run(python, '-m', 'venv', environment)
  run(join(programs, 'python'), '-m', 'pip', 'install', '--quiet', '-r', requirements)
  writeFileSync(stamp, wanted)
}

install()
await build()
buildFarm()
installReference()
process.env.INTEROP_PROGRAMS = programs
const named = process.argv.slice(2)
const names = named.length > 0 ? named : ['interop', 'sync', 'beside', 'command-line']
const tests = names.map((name) => join(root, `tests/interop/${name}.test.mjs`))
run(process.execPath, '--test', '--test-reporter=spec', ...tests)
