/** A download as a person follows it. */

import type { DownloadPlan, FileFailure, TransferProgress, TransferStatistics } from '../types.js'
import type { Outputs } from './outputs.js'
import { ProgressLine } from './progress-line.js'
import { clean, type Terminal } from './terminal.js'
import { sayHazards, sayUnmapped } from './trouble.js'
import { bytes, count, duration } from './words.js'

/** What a download came to. */
export type Downloaded = {
  plan: DownloadPlan
  stats: TransferStatistics
  failures: FileFailure[]
  outputs: Outputs
}

export class DownloadInWords {
  readonly #terminal: Terminal
  readonly #line: ProgressLine
  #last: TransferProgress | undefined

  constructor(terminal: Terminal) {
    this.#terminal = terminal
    this.#line = new ProgressLine(terminal)
  }

  looking(): void {
    this.#terminal.status('Asking Deadline Cloud …')
  }

  title({ jobs, step, localProfile, warnings }: Outputs): void {
    const { paint } = this.#terminal
    this.#line.end()
    for (const { name, jobId } of jobs) {
      const what = step === undefined ? name : `${name}, step ${step.name}`
      this.#terminal.say(`${paint('bold', clean(what))}  ${paint('dim', jobId)}`)
    }
    if (localProfile) {
      this.#terminal.say(
        paint('dim', `Mapped to the storage profile ${clean(localProfile.displayName ?? '')}`),
      )
    }
    for (const warning of warnings) this.#terminal.warn(clean(warning))
  }

  readonly progress = (progress: TransferProgress): void => {
    if (progress.phase === 'downloading') this.#last = progress
    this.#line.show(progress)
  }

  progressEnds(): void {
    this.#line.end()
    this.#last = undefined
  }

  done({ plan, stats, failures }: Downloaded): void {
    this.#line.end()
    const { paint } = this.#terminal
    const { filesTransferred, filesSkipped, filesTotal, bytesTransferred, elapsedSeconds } = stats
    const here = filesSkipped > 0 ? `; ${count(filesSkipped, 'file')} left as they are` : ''
    if (filesTotal === 0 && plan.unmappedCount === 0) {
      this.#terminal.say('There is nothing to download: no task has written output that matches.')
    } else if (filesTotal > 0 && filesSkipped === filesTotal) {
      this.#terminal.say(
        `${paint('green', 'Nothing to fetch:')} ${count(filesSkipped, 'file')} (${bytes(stats.bytesSkipped)}) here already.`,
      )
    } else if (filesTotal > 0) {
      this.#terminal.say(
        `${paint('green', 'Downloaded')} ${count(filesTransferred, 'file')}, ${bytes(bytesTransferred)}, ` +
          `in ${duration(elapsedSeconds)}${here}.`,
      )
    }
    for (const [folder, files] of folders(plan, failures)) {
      this.#terminal.say(`  ${clean(folder)}  ${paint('dim', count(files, 'file'))}`)
    }
    sayUnmapped(this.#terminal, plan)
    sayHazards(this.#terminal, plan, failures)
    if (failures.length > 0) {
      this.#terminal.error(`${count(failures.length, 'file')} could not be downloaded:`)
      for (const { localPath, code, message } of failures) {
        this.#terminal.note(`  ${clean(localPath)}  ${this.#terminal.paintNote('dim', code)}`)
        this.#terminal.note(`    ${clean(message)}`)
      }
      this.#terminal.note('The same command tries them again.')
    }
  }

  /** Says how far it came. */
  stopped(): void {
    this.#line.end()
    if (!this.#last) {
      this.#terminal.note('Stopped before anything was downloaded.')
      return
    }
    const { filesDone, filesTotal, bytesDone } = this.#last
    this.#terminal.note(
      `Stopped after ${filesDone} of ${count(filesTotal, 'file')}, ${bytes(bytesDone)}. ` +
        'The same command goes on from there.',
    )
  }
}

/** The folders that files have landed in, by the common start of each root's files. */
function folders(plan: DownloadPlan, failures: FileFailure[]): Map<string, number> {
  const failed = new Set(failures.map(({ localPath }) => localPath))
  const byRoot = new Map<string, { folder: string[]; separator: string; files: number }>()
  const rows = 10_000
  for (let offset = 0; offset < plan.fileCount; offset += rows) {
    for (const { rootPath, localPath } of plan.files(offset, rows)) {
      if (failed.has(localPath)) continue
      const separator = localPath.includes('\\') && !localPath.startsWith('/') ? '\\' : '/'
      const parts = localPath.split(separator).slice(0, -1)
      const known = byRoot.get(rootPath)
      if (!known) byRoot.set(rootPath, { folder: parts, separator, files: 1 })
      else {
        const differs = known.folder.findIndex((part, index) => part !== parts[index])
        if (differs >= 0) known.folder = known.folder.slice(0, differs)
        known.files++
      }
    }
  }
  return new Map(
    [...byRoot.values()].map(({ folder, separator, files }) => [folder.join(separator) || separator, files]),
  )
}
