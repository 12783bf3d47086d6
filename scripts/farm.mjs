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
  const introduction = JSON.parse(await introduced)
  const ask = async (method, address, body) => {
    const request = { method, body: body && JSON.stringify(body) }
    const response = await fetch(`${introduction.endpoint}/_farm/${address}`, request)
    const text = await response.text()
    if (!response.ok) throw new Error(`the farm says to ${address}: ${text || response.status}`)
    return text ? JSON.parse(text) : undefined
  }
  return {
    ...introduction,
    /** Lets events happen in the queue, as tests/farm/src/deadline lists them; comes back with names and ids. */
    happen: (...events) => ask('POST', 'events', events),
    /** The next step of `--history`. */
    step: () => ask('POST', 'history/step'),
    /** The names and ids of all jobs and storage profiles. */
    names: () => ask('GET', 'history'),
    /** What was asked since the start, or since it was forgotten. */
    requests: () => ask('GET', 'requests'),
    forgetRequests: () => ask('DELETE', 'requests'),
    /** Which requests meet which trouble; without rules, none. */
    setRules: (...rules) => ask('PUT', 'rules', rules),
    /** The farm ends with its standard input, so that it never outlives us. */
    stop() {
      child.stdin.end()
      return ended
    },
  }
}
