/** The two streams that a person or another program reads, and the line that changes in place. */

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow'

const codes: Record<Style, [on: number, off: number]> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
}

/** Gives text a style where its stream shows styles. */
export type Paint = (style: Style, text: string) => string

function paintFor(stream: NodeJS.WriteStream): Paint {
  // Node knows NO_COLOR, FORCE_COLOR and dumb terminals.
  const hasColors = stream.isTTY && stream.hasColors()
  return (style, text) => (hasColors ? `\x1b[${codes[style][0]}m${text}\x1b[${codes[style][1]}m` : text)
}

/** Names come from elsewhere and may hold what drives a terminal; shown it is `\x1b`. */
export function clean(text: string): string {
  return text.replace(/[\0-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (character) => {
    const code = character.charCodeAt(0).toString(16)
    return code.length > 2 ? `\\u${code}` : `\\x${code.padStart(2, '0')}`
  })
}

/** Results go to standard output; what is said meanwhile, and what changes in place, to standard error. */
export class Terminal {
  /** Whether a person can be asked. */
  readonly isInteractive = process.stdin.isTTY && process.stderr.isTTY
  /** Whether a line can change in place. */
  readonly canRedraw = process.stderr.isTTY && process.env['TERM'] !== 'dumb'
  /** Styles of standard output. */
  readonly paint = paintFor(process.stdout)
  /** Styles of standard error. */
  readonly paintNote = paintFor(process.stderr)
  #status = ''

  /** A line of the result. */
  say(line = ''): void {
    this.#above(process.stdout, line)
  }

  /** A line beside the result. */
  note(line = ''): void {
    this.#above(process.stderr, line)
  }

  warn(line: string): void {
    this.note(`${this.paintNote('yellow', 'warning:')} ${line}`)
  }

  error(line: string): void {
    this.note(`${this.paintNote('red', 'error:')} ${line}`)
  }

  /** Shows a line that the next one replaces; an empty one takes it away. Nothing where lines cannot change. */
  status(line: string): void {
    if (!this.canRedraw || line === this.#status) return
    this.#status = line
    process.stderr.write(`\r\x1b[2K${line}`)
  }

  /** How many characters a status line may have. */
  get columns(): number {
    return (process.stderr.columns || 80) - 1
  }

  #above(stream: NodeJS.WriteStream, line: string): void {
    const status = this.#status
    this.status('')
    stream.write(`${line}\n`)
    this.status(status)
  }
}
