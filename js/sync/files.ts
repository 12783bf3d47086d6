/** The files that a sync continues from: read as text, and replaced so that each is always whole. */

import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'

import type { SyncFiles } from '../types.js'
import { fileError, isFileError } from './file-error.js'

/** The names are those of the `deadline` CLI, which continues from the same files. */
const endings = {
  failedJobs: '_failed_jobs.json',
  sidecar: '_rusty_attachments.json',
  checkpoint: '_download_checkpoint.json',
} satisfies Record<keyof SyncFiles, string>

/** The order in which a save replaces them: with the checkpoint, all of it counts. */
const order = ['failedJobs', 'sidecar', 'checkpoint'] as const

/** The files of one queue and storage profile. */
export class CheckpointFiles {
  readonly #stem: string
  /** What the files hold, as far as we know. */
  readonly #known = new Map<keyof SyncFiles, string | null>()

  constructor(directory: string | undefined, queueId: string, localStorageProfileId: string | undefined) {
    const folder = directory ?? join(homedir(), '.deadline', 'incremental_download')
    this.#stem = join(folder, `${queueId}_${localStorageProfileId ?? 'ignore-storage-profiles'}`)
  }

  path(file: keyof SyncFiles): string {
    return this.#stem + endings[file]
  }

  get lockPath(): string {
    return `${this.path('checkpoint')}.pid`
  }

  /** Makes the folder. */
  async prepare(): Promise<void> {
    const folder = dirname(this.#stem)
    try {
      await mkdir(folder, { recursive: true })
    } catch (thrown) {
      throw fileError(thrown, folder)
    }
  }

  /** Their texts; `null` for those that do not exist. */
  async read(): Promise<Record<keyof SyncFiles, string | null>> {
    const texts = await Promise.all(order.map((file) => this.#read(file)))
    order.forEach((file, index) => this.#known.set(file, texts[index]!))
    return Object.fromEntries(this.#known) as Record<keyof SyncFiles, string | null>
  }

  /** Replaces those that are to hold something else, durably and one after the other. */
  async write(texts: SyncFiles): Promise<void> {
    for (const file of order) {
      if (this.#known.get(file) === texts[file]) continue
      await replace(this.path(file), texts[file])
      this.#known.set(file, texts[file])
    }
  }

  async #read(file: keyof SyncFiles): Promise<string | null> {
    try {
      return await readFile(this.path(file), 'utf8')
    } catch (thrown) {
      if (isFileError(thrown, 'ENOENT')) return null
      throw fileError(thrown, this.path(file))
    }
  }
}

/** Whoever reads `path`, even after the power failed, finds the old text or the new one. Needs the lock. */
async function replace(path: string, text: string): Promise<void> {
  const beside = `${path}.rusty-attachments~tmp`
  try {
    await flushed(beside, 'w', text)
    await rename(beside, path)
  } catch (thrown) {
    await rm(beside, { force: true }).catch(() => {})
    throw fileError(thrown, path)
  }
  // The rename itself; Windows flushes no directories, and needs not.
  await flushed(dirname(path), 'r').catch(() => {})
}

async function flushed(path: string, flags: string, text?: string): Promise<void> {
  const file = await open(path, flags)
  try {
    if (text !== undefined) await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}
