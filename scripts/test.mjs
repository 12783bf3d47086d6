// Everything that is checked: format, lint and types of both languages, then every test. Ends at the first failure.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

import { build, install, python, root, run } from './build.mjs'

const node = (script, ...parameters) => [process.execPath, join(root, 'node_modules', script), ...parameters]

/** Where there is no Python, there is no such CLI: then it says so. */
function besideDeadline() {
  const { status } = spawnSync(python, ['-c', 'import venv'])
  if (status === 0) run(process.execPath, join(root, 'scripts/interop.mjs'), 'command-line')
  else console.log('NOT TESTED: the `deadline` CLI needs Python 3 with venv, which is not here')
}

const steps = [
  ['install', install],
  ['format of JavaScript', ...node('prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.')],
  ['format of Rust', 'cargo', 'fmt', '--all', '--check'],
  ['types', ...node('typescript/bin/tsc', '--noEmit', '-p', '.')],
  ['lint of JavaScript', ...node('eslint/bin/eslint.js', '.')],
  ['lint of Rust', 'cargo', 'clippy', '--quiet', '--workspace', '--all-targets', '--', '--deny', 'warnings'],
  // It builds the farm too, whose own tests run the program.
  ['tests of Rust', 'cargo', 'test', '--workspace'],
  ['build', build],
  ['tests of JavaScript', process.execPath, '--test', join(root, 'tests', 'js')],
  ['command line beside the `deadline` CLI', besideDeadline],
]

const times = []
let failed
for (const [name, step, ...parameters] of steps) {
  console.log(`\n== ${name}`)
  const began = performance.now()
  if (typeof step === 'function') await step()
  else {
    const { status } = spawnSync(step, parameters, { cwd: root, stdio: 'inherit' })
    if (status !== 0) failed = name
  }
  times.push([name, (performance.now() - began) / 1000])
  if (failed) break
}

console.log('\n== seconds')
for (const [name, seconds] of times) console.log(`${seconds.toFixed(1).padStart(7)}  ${name}`)
if (failed) {
  console.error(`\nfailed: ${failed}`)
  process.exit(1)
}
