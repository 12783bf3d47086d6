/** A download as a program follows it: lines of JSON with the message types of `deadline job download-output`. */

import type { TransferProgress } from '../types.js'
import type { Downloaded } from './download-in-words.js'
import type { Outputs } from './outputs.js'
import type { Terminal } from './terminal.js'
import { inOptions } from './trouble.js'
import { count } from './words.js'

export class DownloadInJson {
  readonly #terminal: Terminal
  #percent = -1
  #last: TransferProgress | undefined

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  looking(): void {
    // A program wants to know what was found.
  }

  title({ jobs, warnings }: Outputs): void {
    this.#line('title', jobs.map(({ name }) => name).join(', '), { jobIds: jobs.map(({ jobId }) => jobId) })
    for (const warning of warnings) this.#line('warning', warning)
  }

  readonly progress = (progress: TransferProgress): void => {
    const { phase, bytesDone, bytesTotal, filesDone, filesTotal, bytesPerSecond, secondsLeft } = progress
    if (phase !== 'downloading') return
    this.#last = progress
    const done = bytesTotal > 0 ? bytesDone / bytesTotal : filesTotal > 0 ? filesDone / filesTotal : 1
    const percent = Math.floor(done * 100)
    if (percent === this.#percent) return
    this.#percent = percent
    this.#line('progress', String(percent), {
      filesDone,
      filesTotal,
      bytesDone,
      bytesTotal,
      bytesPerSecond,
      secondsLeft,
    })
  }

  progressEnds(): void {
    // Each line is whole by itself.
  }

  done({ plan, stats, failures }: Downloaded): void {
    for (const unmapped of plan.unmapped().map((file) => inOptions(file))) {
      this.#line('warning', `${unmapped.absoluteSourcePath}: ${unmapped.reason.message}`, { unmapped })
    }
    for (const hazard of plan.hazards()) {
      this.#line('warning', `${hazard.localPath}: ${hazard.message}`, { hazard })
    }
    for (const failure of failures) {
      this.#line('error', `${failure.localPath}: ${failure.message}`, { failure })
    }
    this.#line('summary', `Downloaded ${count(stats.filesTransferred, 'file')}`, {
      fileCount: stats.filesTransferred,
      stats,
      unmappedCount: plan.unmappedCount,
      failureCount: failures.length,
    })
  }

  /** Says how far it came. */
  stopped(): void {
    const { filesDone = 0, filesTotal = 0, bytesDone = 0, bytesTotal = 0 } = this.#last ?? {}
    const value = `Stopped after ${filesDone} of ${count(filesTotal, 'file')}`
    this.#line('stopped', value, { filesDone, filesTotal, bytesDone, bytesTotal })
  }

  #line(messageType: string, value: string, more: object = {}): void {
    this.#terminal.say(JSON.stringify({ messageType, value, ...more }))
  }
}
