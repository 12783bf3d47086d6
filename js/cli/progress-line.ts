/** How a run stands, in one line. */

import type { TransferProgress } from '../types.js'
import type { Terminal } from './terminal.js'
import { bytes, duration } from './words.js'

/** Between two lines where a line cannot change in place. */
const quietSeconds = 10

const widestBar = 30
const eighths = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉']

/** Shows progress as a bar, or, where no bar can be, as a line from time to time. */
export class ProgressLine {
  readonly #terminal: Terminal
  #said = performance.now()

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  readonly show = (progress: TransferProgress): void => {
    if (this.#terminal.canRedraw) {
      this.#terminal.status(withBar(progress, this.#terminal))
    } else if (performance.now() - this.#said > quietSeconds * 1000) {
      this.#said = performance.now()
      this.#terminal.note(inWords(progress))
    }
  }

  /** Takes the bar away. */
  end(): void {
    this.#terminal.status('')
  }
}

function inWords(progress: TransferProgress): string {
  const { phase, filesDone, filesTotal, bytesDone, bytesTotal, bytesPerSecond, secondsLeft } = progress
  if (phase === 'discovering') {
    return filesTotal > 0 ? `Reading manifests: ${filesDone} of ${filesTotal}` : 'Looking for manifests …'
  }
  if (phase === 'planning') return 'Planning …'
  const isOver = filesDone >= filesTotal
  return [
    `${filesDone}/${filesTotal} files`,
    `${bytes(bytesDone)} of ${bytes(bytesTotal)}`,
    `${bytes(bytesPerSecond)}/s`,
    ...(secondsLeft === null || isOver ? [] : [`${duration(Math.ceil(secondsLeft))} left`]),
  ].join('  ')
}

function withBar(progress: TransferProgress, { columns, paintNote }: Terminal): string {
  const words = inWords(progress)
  const width = Math.min(widestBar, columns - words.length - 2)
  if (progress.phase !== 'downloading' || width < 4) return words.slice(0, columns)
  return `${paintNote('green', bar(portion(progress), width))}  ${words}`
}

function portion({ bytesDone, bytesTotal, filesDone, filesTotal }: TransferProgress): number {
  if (bytesTotal > 0) return Math.min(bytesDone / bytesTotal, 1)
  return filesTotal > 0 ? filesDone / filesTotal : 1
}

function bar(portion: number, width: number): string {
  const full = Math.floor(portion * width * 8)
  const begun = Math.floor(full / 8) < width ? eighths[full % 8]! : ''
  return ('█'.repeat(Math.floor(full / 8)) + begun).padEnd(width, '░')
}
