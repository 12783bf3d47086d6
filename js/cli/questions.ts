/** What a person is asked. */

import { createInterface } from 'node:readline/promises'

import { AttachmentsError } from '../errors.js'
import { CommandError } from './failure.js'

/** What ends the run. */
const refusals = ['n', 'no', 'cancel']

/**
 * Asks on the terminal until the answer is one that `understand` takes.
 *
 * @param understand gives what the answer means, or undefined to ask again
 * @throws `CANCELLED` where the signal aborts, or there is no answer: Ctrl-C, Ctrl-D; a CommandError where it is no
 */
export async function ask<T>(
  question: string,
  understand: (answer: string) => T | undefined,
  signal: AbortSignal,
): Promise<T> {
  signal.throwIfAborted()
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  const over = new AbortController()
  const end = () => {
    over.abort()
  }
  // While lines are edited Ctrl-C is a key and not a signal.
  lines.on('SIGINT', () => {
    process.emit('SIGINT')
  })
  lines.on('close', end)
  signal.addEventListener('abort', end)
  try {
    for (;;) {
      const answer = await lines.question(question, { signal: over.signal })
      if (refusals.includes(answer.trim().toLowerCase()))
        throw new CommandError('the answer was no, so nothing is downloaded')
      const understood = understand(answer.trim())
      if (understood !== undefined) return understood
    }
  } catch (cause) {
    if (cause instanceof CommandError) throw cause
    process.stderr.write('\n')
    throw new AttachmentsError('CANCELLED', 'there was no answer', {}, { cause })
  } finally {
    signal.removeEventListener('abort', end)
    lines.close()
  }
}
