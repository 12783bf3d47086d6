// Starts the embedded farm of tests/farm as a process of its own.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

import { cargo, exe, target } from './build.mjs'

const program = (profile) => join(target, profile, `farm${exe}`)

/** Builds the `farm` program where it is missing or stale. Benchmarks want it in `'release'`. */
export function buildFarm(profile = 'debug') {
  const optimised = profile === 'release' ? ['--release'] : []
  const first = !existsSync(program(profile))
  cargo(first, 'build', ...optimised, '--workspace', '--bin', 'farm')
}

/** Starts it on a free port; what it says about itself comes back with `stop`. */
export function startFarm(...parameters) {
  return start('debug', parameters)
}

/** The same with the program that `buildFarm('release')` built. */
export function startReleaseFarm(...parameters) {
  return start('release', parameters)
}

async function start(profile, parameters) {
  const child = spawn(program(profile), parameters, { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = new Promise((resolve) => child.once('close', resolve))
  const introduced = new Promise((resolve, reject) => {
    createInterface(child.stdout).once('line', resolve)
    child.once('error', reject)
    child.once('close', (code) => reject(new Error(`the farm ended with ${code} before it was ready`)))
  })
  return {
    ...JSON.parse(await introduced),
    /** The farm ends with its standard input, so that it never outlives us. */
    stop() {
      child.stdin.end()
      return ended
    },
  }
}
