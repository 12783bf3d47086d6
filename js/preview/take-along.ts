/** What a person takes along: text for the clipboard, documents for the disk; and the word that it has been done. */

import { h, setText } from './dom.js'

/** How long it is said. */
const moment = 6_000

/** How long a browser may take to begin with a document. */
const patience = 60_000

export class TakeAlong {
  readonly element = h('p', { class: 'said', role: 'status' })

  /** @param what what it is, as the person is told */
  async copy(text: string, what: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text)
      this.say(`${what} copied.`)
    } catch {
      this.say('The browser does not let this page use the clipboard; export instead.')
    }
  }

  save(document: Blob, name: string, what: string): void {
    const href = URL.createObjectURL(document)
    h('a', { href, download: name }).click()
    setTimeout(() => {
      URL.revokeObjectURL(href)
    }, patience)
    this.say(`${what} exported.`)
  }

  /** Says something for a moment. */
  say(words: string): void {
    setText(this.element, words)
    setTimeout(() => {
      if (this.element.textContent === words) setText(this.element, '')
    }, moment)
  }
}
