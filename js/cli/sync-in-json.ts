/** A sync as a program follows it: its events, one on each line. */

import type { SyncEvent } from '../types.js'
import type { Terminal } from './terminal.js'

export class SyncInJson {
  readonly #terminal: Terminal
  readonly progress = undefined
  #filesLanded = 0

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  looking(): void {
    // The first event says so.
  }

  watching(): void {
    // The first event says so.
  }

  readonly event = (event: SyncEvent): void => {
    if (event.type === 'file') this.#filesLanded++
    if (event.type !== 'pass-finished') {
      this.#line(event)
      return
    }
    // The plan is a handle; its files are those that have landed.
    const { plan, ...result } = event.result
    plan?.free()
    this.#line({ type: event.type, result })
  }

  /** @param isInterrupted whether somebody ended it, who wants to know how far it came */
  end(isInterrupted: boolean): void {
    if (isInterrupted) this.#line({ type: 'stopped', filesLanded: this.#filesLanded })
  }

  #line(event: object): void {
    this.#terminal.say(JSON.stringify(event))
  }
}
