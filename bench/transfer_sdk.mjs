// AWS SDK for JS v3 at the works of `bench/transfer.mjs`: 32 objects at once. Prints JSON.

import { createWriteStream, mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'

import { target } from '../scripts/build.mjs'
import { measured } from './measure.mjs'

const { GetObjectCommand, S3Client } = createRequire(join(target, 'peers/'))('@aws-sdk/client-s3')

const [bucket, list, directory] = process.argv.slice(2)
const objects = readFileSync(list, 'utf8')
  .trim()
  .split('\n')
  .map((line) => line.split('\t'))

async function download() {
  const client = new S3Client({ forcePathStyle: true })
  for (const folder of new Set(objects.map(([, path]) => dirname(path))))
    mkdirSync(join(directory, folder), { recursive: true })
  const next = objects.values()
  const worker = async () => {
    for (const [Key, path] of next) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key }))
      await pipeline(Body, createWriteStream(join(directory, path)))
    }
  }
  await Promise.all(Array.from({ length: 32 }, worker))
}

console.log(JSON.stringify(await measured(download)))
