/**
 * One sync at a time for a checkpoint: a file with the process id of whoever holds it. The `deadline` CLI takes and
 * respects the same file.
 */

import { link, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { threadId } from 'node:worker_threads'

import { AttachmentsError } from '../errors.js'
import { fileError, isFileError } from './file-error.js'

let taken = 0

/** When this process began, by the clock of then: that may be set, or stand still while a machine sleeps. */
const began = Date.now() - process.uptime() * 1000

/** Locks of ours that could not be given back. */
const abandoned = new Set<string>()

/**
 * Takes the lock `file`, from a process that is no more if need be.
 *
 * @returns gives it back
 * @throws `CHECKPOINT` where another process holds it, with its `pid` in the details
 */
export async function lock(file: string): Promise<() => Promise<void>> {
  // A link appears with its whole text at once, and only where nothing is yet.
  const own = `${file}.${process.pid}.${threadId}.${taken++}~tmp`
  try {
    await writeFile(own, String(process.pid))
    while (!(await linked(own, file))) await takeOver(file, own)
  } catch (thrown) {
    throw fileError(thrown, file)
  } finally {
    await rm(own, { force: true }).catch(() => {})
  }
  abandoned.delete(file)
  return () => release(file)
}

/** Removes a stale lock. Of several that find it stale only one may, or a later one would remove a fresh lock. */
async function takeOver(file: string, own: string): Promise<void> {
  await refuseHeld(file)
  const turn = `${file}.takeover`
  if (!(await linked(own, turn))) {
    if (await isStale(turn)) await rm(turn, { force: true })
    return delay(20)
  }
  try {
    await refuseHeld(file)
    await rm(file, { force: true })
  } finally {
    await rm(turn, { force: true })
  }
}

async function refuseHeld(file: string): Promise<void> {
  const pid = await holder(file)
  if (pid === null) return
  const who = pid === process.pid ? 'another sync in this process' : `process ${pid}`
  throw new AttachmentsError(
    'CHECKPOINT',
    `${who} is syncing with the checkpoint of ${file}; wait until it ends, or, if it is no sync, remove that file`,
    { path: file, pid },
  )
}

async function isStale(file: string): Promise<boolean> {
  return (await holder(file)) === null
}

/** The living process that a lock names; `null` where there is none. */
async function holder(file: string): Promise<number | null> {
  try {
    const text = (await readFile(file, 'utf8')).trim()
    const pid = /^[0-9]{1,10}$/.test(text) ? Number(text) : 0
    return pid > 0 && lives(pid) && !(await isOver(file, pid)) ? pid : null
  } catch (thrown) {
    if (isFileError(thrown, 'ENOENT')) return null
    throw thrown
  }
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (thrown) {
    return isFileError(thrown, 'EPERM')
  }
}

/** A lock with our id that nobody holds: from before we began, since containers give each run the same id, or ours. */
async function isOver(file: string, pid: number): Promise<boolean> {
  if (pid !== process.pid) return false
  if (abandoned.has(file)) return true
  return (await stat(file)).mtimeMs < began - 1000
}

async function linked(own: string, file: string): Promise<boolean> {
  try {
    await link(own, file)
    return true
  } catch (thrown) {
    if (isFileError(thrown, 'EEXIST')) return false
    throw thrown
  }
}

/** Never fails: that would hide how the pass has ended. */
async function release(file: string): Promise<void> {
  try {
    if ((await readFile(file, 'utf8')) === String(process.pid)) await rm(file)
  } catch (thrown) {
    if (!isFileError(thrown, 'ENOENT')) abandoned.add(file)
  }
}
