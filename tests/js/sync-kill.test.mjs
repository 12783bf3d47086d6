// A sync that is killed with no time to say goodbye: nothing is lost, and nothing that was whole is fetched twice.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'

import { syncOutputs } from 'rusty-attachments'

import { job, passProgram, plainOptions, session, startQueue, task, tree } from './queue.mjs'

const kills = 20

/** The same numbers in every run. */
function seeded(seed) {
  return () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return seed / 2 ** 32
  }
}

test('killed at twenty moments, the next pass goes on: right tree, nothing lost, no whole file fetched twice', async (t) => {
  const { farm, projects, options } = await startQueue(t)
  const given = plainOptions(farm, { ...options, concurrency: 2 })
  const random = seeded(20_261_122)
  await farm.setRules({ requests: { keyContains: '/Data/' }, effect: { delay: { milliseconds: 25 } } })

  const expected = {}
  const names = ['ant', 'bee', 'cat', 'dog']
  await farm.happen(
    ...names.flatMap((name) => [job(name, { steps: [{ name: 'render', tasks: kills }] }), session(name)]),
  )
  const wholeFiles = []
  for (let kill = 0; kill < kills; kill++) {
    const happened = names.map((name) => {
      const files = Object.fromEntries(
        Array.from({ length: 4 }, (_, n) => [`${kill}/${n}.txt`, `${name}, task ${kill}, file ${n}`]),
      )
      for (const [path, text] of Object.entries(files)) expected[`${name}/${path}`] = text
      return task(name, kill, files)
    })
    await farm.happen(...happened)
    const child = spawn(process.execPath, ['--input-type=module', '-e', passProgram, given], {
      cwd: import.meta.dirname,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout, 'data')
    await sleep(random() * 400)
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
    const requests = await farm.requests()
    wholeFiles.push({ paths: Object.keys(tree(projects)), requestsSoFar: requests.length })
  }

  await farm.setRules()
  const { failureCount, checkpointPath } = await syncOutputs(options)
  assert.equal(failureCount, 0)
  assert.deepEqual(tree(projects), expected)
  assert.ok(!existsSync(`${checkpointPath}.pid`))

  const { plan } = await syncOutputs({ ...options, forceBootstrap: true, dryRun: true })
  const keyOf = new Map(
    plan.files().map(({ localPath, hash }) => [localPath.slice(projects.length + 1), hash]),
  )
  const requests = await farm.requests()
  const interrupted = wholeFiles.filter(({ paths }) => paths.length < Object.keys(expected).length)
  assert.ok(interrupted.length > kills / 2, 'too few runs were cut off; make the delays longer')
  for (const { paths, requestsSoFar } of wholeFiles) {
    const later = new Set(requests.slice(requestsSoFar).map(({ key }) => key))
    for (const path of paths) {
      assert.ok(!later.has(`${farm.rootPrefix}/Data/${keyOf.get(path)}.xxh128`), `${path} was fetched again`)
    }
  }
})
