/** What a root or a rule has, with a button that shows it alone. The button stays while numbers change: it may have the focus. */

import { h, setAttribute, setText } from './dom.js'

export class Totals {
  readonly element: HTMLElement
  readonly #words = h('span')
  readonly #button: HTMLButtonElement

  /** @param only shows these alone, or again all */
  constructor(only: () => void) {
    this.#button = h('button', { type: 'button', class: 'link', click: only })
    this.element = h('div', { class: 'totals', hidden: true }, this.#words, this.#button)
  }

  /** @param words `null`: there is nothing to tell  @param of whose these are */
  show(words: string | null, of: string, isOnly: boolean, canBeOnly = true): void {
    this.element.hidden = words === null
    setText(this.#words, words ?? '')
    const does = isOnly ? 'Show all' : 'Only these'
    setText(this.#button, does)
    setAttribute(this.#button, 'aria-pressed', String(isOnly))
    setAttribute(this.#button, 'aria-label', `${does}: ${of}`)
    this.#button.hidden = !canBeOnly && !isOnly
  }
}
