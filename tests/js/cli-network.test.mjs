// The proxy and the certificates that the deadline CLI is configured with: all connections go by them.

import assert from 'node:assert/strict'
import { copyFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'

import { configure, environment, run } from './command-line.mjs'
import { job, session, task, tree } from './queue.mjs'
import { folder, startFarm } from './support.mjs'

/** A farm that speaks TLS with a certificate that nobody trusts, and a job in it. */
async function privateStudio(test) {
  const home = await folder(test)
  const projects = join(home, 'projects')
  const profile = (name, osFamily, path) => ({
    event: 'storageProfile',
    name,
    osFamily,
    locations: [{ name: 'Projects', path, type: 'LOCAL' }],
  })
  const history = join(home, 'history.json')
  const step = [
    profile('here', 'LINUX', projects),
    profile('workstation', 'WINDOWS', 'P:\\Projects'),
    job('cat'),
    session('cat'),
    task('cat', 0, { 'a.png': 'a' }),
  ]
  await writeFile(history, JSON.stringify({ steps: [step] }))
  const farm = await startFarm('--tls', '--history', history)
  test.after(() => farm.stop())
  await copyFile(farm.caBundle, join(home, 'studio.pem'))
  const set = (settings) =>
    configure(home, farm, {
      storageProfileId: farm.storageProfiles.here,
      jobId: farm.jobs.cat.jobId,
      settings,
    })
  return { home, projects, farm, set, at: { env: environment(home, farm), cwd: home } }
}

/** A proxy that only tunnels, and remembers where to. */
async function startProxy(test) {
  const tunnels = []
  const server = createServer((_, response) => response.writeHead(400).end())
  server.on('connect', ({ url, headers }, socket) => {
    tunnels.push({ to: url, authorization: headers['proxy-authorization'] })
    const [host, port] = url.split(':')
    const there = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      there.pipe(socket).pipe(there)
    })
    for (const [one, other] of [
      [socket, there],
      [there, socket],
    ])
      one.on('error', () => other.destroy())
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  test.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { port: server.address().port, tunnels }
}

test('everything goes through the configured proxy, and trusts the configured certificates', async (t) => {
  const { projects, farm, set, at } = await privateStudio(t)
  const { port, tunnels } = await startProxy(t)
  await set(`https_proxy = http://ada:se%%40cret@127.0.0.1:${port}\nca_bundle = ~/studio.pem`)
  const { code, stderr } = await run(['download'], at)
  assert.equal(code, 0, stderr)
  assert.deepEqual(tree(projects), { 'cat/a.png': 'a' })
  const authorization = `Basic ${Buffer.from('ada:se@cret').toString('base64')}`
  assert.ok(tunnels.length >= 2, 'Deadline Cloud and S3')
  for (const tunnel of tunnels) assert.deepEqual(tunnel, { to: new URL(farm.endpoint).host, authorization })
})

test('a proxy without a scheme is one that speaks HTTP, and what is no address is refused', async (t) => {
  const { projects, set, at } = await privateStudio(t)
  const { port, tunnels } = await startProxy(t)
  await set(`https_proxy = 127.0.0.1:${port}\nca_bundle = ~/studio.pem`)
  const { code, stderr } = await run(['download'], at)
  assert.equal(code, 0, stderr)
  assert.deepEqual(tree(projects), { 'cat/a.png': 'a' })
  assert.ok(tunnels.length >= 2, 'Deadline Cloud and S3')
  await set(`https_proxy = ada:secret@/no address`)
  const refused = await run(['download'], at)
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /^error: HTTPS_PROXY must be the address of a proxy\n$/)
})

test('a host that NO_PROXY names is asked without it', async (t) => {
  const { set, at } = await privateStudio(t)
  const { port, tunnels } = await startProxy(t)
  await set(`https_proxy = http://127.0.0.1:${port}\nca_bundle = ~/studio.pem`)
  const { code, stderr } = await run(['download'], {
    ...at,
    env: { ...at.env, NO_PROXY: '127.0.0.1,localhost' },
  })
  assert.equal(code, 0, stderr)
  assert.deepEqual(tunnels, [])
})

test('without its certificate the farm is not trusted, and a bundle that is not there is named', async (t) => {
  const { set, at } = await privateStudio(t)
  await set('')
  const untrusted = await run(['download'], at)
  assert.equal(untrusted.code, 1)
  assert.match(untrusted.stderr, /^error: Deadline Cloud cannot be reached .*certificate.*\n$/)
  await set('ca_bundle = /nowhere.pem')
  const missing = await run(['download'], at)
  assert.equal(missing.code, 1)
  assert.match(missing.stderr, /^error: AWS_CA_BUNDLE=\/nowhere\.pem cannot be used: .*\n$/)
})
