// What the JavaScript tests share: both faces, a farm, a folder that goes away, and a way to put objects.

import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import * as native from 'rusty-attachments'
import * as wasm from 'rusty-attachments/wasm'

export { root } from '../../scripts/build.mjs'
export { startFarm } from '../../scripts/farm.mjs'

await wasm.init()

/** The faces that must answer alike, by name. */
export const faces = { native, wasm }

/** A folder that is removed when the test ends. */
export async function folder(test) {
  const path = await mkdtemp(join(tmpdir(), 'rusty-attachments-'))
  test.after(() => rm(path, { recursive: true, force: true }))
  return path
}

/** Settings for the farm's bucket. */
export function s3Of({ bucket, rootPrefix, region, endpoint, credentials }) {
  return { bucket, rootPrefix, region, endpoint, credentials }
}

/** A storage profile of this machine with the show's projects at `path`. */
export function localStorageProfile(path) {
  return {
    storageProfileId: 'sp-local',
    displayName: 'Here',
    osFamily: 'LINUX',
    fileSystemLocations: [{ name: 'Projects', path, type: 'LOCAL' }],
  }
}

/** Expects an AttachmentsError: its code, and words in its message. */
export function coded(code, words = /./) {
  return (error) => {
    assert.equal(error.code, code, error.stack)
    assert.match(error.message, words)
    assert.ok(error instanceof native.AttachmentsError)
    return true
  }
}

/** Puts an object into the farm's bucket, signed with AWS Signature Version 4. */
export async function putObject(farm, key, body, metadata = {}) {
  const url = new URL(`/${farm.bucket}/${key.split('/').map(encodeURIComponent).join('/')}`, farm.endpoint)
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, '')
  const scope = `${date.slice(0, 8)}/${farm.region}/s3/aws4_request`
  const sha256 = (data) => createHash('sha256').update(data).digest('hex')
  const headers = { host: url.host, 'x-amz-content-sha256': sha256(body), 'x-amz-date': date }
  for (const [name, value] of Object.entries(metadata)) headers[`x-amz-meta-${name}`] = value
  const names = Object.keys(headers).sort()
  const canonical = ['PUT', url.pathname, '', ...names.map((name) => `${name}:${headers[name]}`), '']
    .concat(names.join(';'), headers['x-amz-content-sha256'])
    .join('\n')
  const sign = (secret, text) => createHmac('sha256', secret).update(text).digest()
  const secret = [...scope.split('/')].reduce(sign, `AWS4${farm.credentials.secretAccessKey}`)
  const signature = sign(secret, ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n')).toString(
    'hex',
  )
  const authorization =
    `AWS4-HMAC-SHA256 Credential=${farm.credentials.accessKeyId}/${scope}, ` +
    `SignedHeaders=${names.join(';')}, Signature=${signature}`
  const { host: _, ...sent } = headers
  const response = await fetch(url, { method: 'PUT', body, headers: { ...sent, authorization } })
  assert.equal(response.status, 200, await response.text())
}

/** Puts one output manifest, as the only task of a job. */
export async function putManifest(farm, jobId, assetRoot, json, metadata = { 'asset-root': assetRoot }) {
  const session = `2025-05-01T00:00:00.000000Z_sessionaction-${'0'.repeat(32)}-1`
  const at = `Manifests/${farm.farmId}/${farm.queueId}/${jobId}/step-${'0'.repeat(32)}/task-${'0'.repeat(32)}-0`
  const name = `${native.rootPathHash(assetRoot)}_output`
  await putObject(farm, `${farm.rootPrefix}/${at}/${session}/${name}`, json, metadata)
}
