/** What goes wrong with files, in our words. */

import { AttachmentsError } from '../errors.js'

/** Whether `thrown` is the file system's error of this name. */
export function isFileError(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && (thrown as NodeJS.ErrnoException).code === code
}

/** An error of the file system as an AttachmentsError; anything else comes back as it is. */
export function fileError(thrown: unknown, path: string): unknown {
  if (!(thrown instanceof Error) || thrown instanceof AttachmentsError) return thrown
  const { code } = thrown as NodeJS.ErrnoException
  const details = { path, error: code }
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new AttachmentsError('DISK_FULL', `no space left to write ${path}; free some`, details, {
      cause: thrown,
    })
  }
  return new AttachmentsError('IO', `${path} cannot be used: ${thrown.message}`, details, { cause: thrown })
}
