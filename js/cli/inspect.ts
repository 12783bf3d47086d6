/** `rusty-attachments inspect` */

import type { DownloadedManifest, Manifest, ManifestFile } from '../types.js'
import type { Interruption } from './interruption.js'
import { status } from './failure.js'
import { findManifest } from './manifest-files.js'
import { type Format, formatOf } from './settings.js'
import { clean, type Terminal } from './terminal.js'
import { bytes, count, dateAndTime } from './words.js'

export type InspectOptions = { profile?: string; region?: string; output?: Format }

const pageRows = 1000

export async function inspect(
  name: string,
  options: InspectOptions,
  terminal: Terminal,
  interruption: Interruption,
): Promise<number> {
  const { manifest, metadata } = await findManifest(name, options, interruption.signal)
  await interruption.listen()
  if (formatOf(options.output) === 'json') inJson(manifest, metadata, terminal)
  else await inWords(name, manifest, metadata, terminal, interruption)
  return status.done
}

function inJson(
  manifest: Manifest,
  metadata: Partial<DownloadedManifest['metadata']>,
  terminal: Terminal,
): void {
  const { version, specificationVersion, hashAlg, totalSize, fileCount, manifestHash } = manifest
  const about = { version, specificationVersion, hashAlg, totalSize, fileCount, manifestHash, ...metadata }
  terminal.say(JSON.stringify({ ...about, dirs: manifest.dirs(), files: manifest.files() }))
}

async function inWords(
  name: string,
  manifest: Manifest,
  { assetRoot, fileSystemLocationName, lastModified }: Partial<DownloadedManifest['metadata']>,
  terminal: Terminal,
  interruption: Interruption,
): Promise<void> {
  const { paint } = terminal
  const { version, specificationVersion, fileCount, totalSize, hashAlg, manifestHash } = manifest
  const facts: [string, string | null | undefined][] = [
    ['asset root', assetRoot],
    ['location', fileSystemLocationName],
    ['version', specificationVersion ?? version],
    ['files', `${count(fileCount, 'file')}, ${bytes(totalSize)}`],
    ['hash', `${manifestHash} (${hashAlg})`],
    ['written', lastModified == null ? null : dateAndTime(lastModified)],
  ]
  terminal.say(paint('bold', clean(name)))
  for (const [fact, value] of facts) {
    if (value != null) terminal.say(`  ${paint('dim', fact.padEnd(10))}  ${clean(value)}`)
  }
  terminal.say()
  for (const { path, deleted } of manifest.dirs()) {
    terminal.say(row('', '', '', `${clean(path)}/${deleted ? '  (deleted)' : ''}`))
  }
  terminal.say(paint('dim', row('size', 'changed', 'xxh128', 'path')))
  for (let offset = 0; offset < fileCount; offset += pageRows) {
    for (const file of manifest.files(offset, pageRows)) terminal.say(rowOf(file))
    await interruption.listen()
  }
}

function rowOf({
  path,
  size,
  mtime,
  hash,
  chunkHashes,
  symlinkTarget,
  runnable,
  deleted,
}: ManifestFile): string {
  const notes = [
    symlinkTarget === undefined ? '' : ` → ${clean(symlinkTarget)}`,
    runnable ? '  (executable)' : '',
    deleted ? '  (deleted)' : '',
  ]
  const content = hash ?? (chunkHashes ? count(chunkHashes.length, 'chunk') : '')
  return row(
    size === undefined ? '' : bytes(size),
    mtime === undefined ? '' : dateAndTime(mtime / 1000),
    content,
    clean(path) + notes.join(''),
  )
}

function row(size: string, changed: string, hash: string, path: string): string {
  return `${size.padStart(9)}  ${changed.padEnd(19)}  ${hash.padEnd(32)}  ${path}`
}
