/** How the parts lie beside each other, and where files come in: dropped anywhere, or chosen. */

import { h, icon, setAttribute } from './dom.js'

/** What stands where. */
export type Parts = {
  /** The list with what is above and below it, from the top. */
  plan: { above: Node[]; below: Node[] }
  panels: { title: string; actions: Node[]; content: Node[] }[]
}

export class Frame {
  readonly element = h('div', { class: 'app' })
  readonly #taken: (files: File[]) => void
  readonly #input = h('input', {
    type: 'file',
    multiple: true,
    hidden: true,
    change: () => {
      this.#taken(Array.from(this.#input.files ?? []))
      this.#input.value = ''
    },
  })

  /** @param taken called with files that a person gives */
  constructor(taken: (files: File[]) => void) {
    this.#taken = taken
  }

  /** A button that lets a person choose files. */
  chooser(text: string, className = ''): HTMLButtonElement {
    return h('button', { type: 'button', class: className, click: () => this.#input.click() }, text)
  }

  fill({ plan, panels }: Parts): void {
    const empty = h(
      'div',
      { class: 'empty' },
      icon('drop'),
      h('h2', {}, 'Drop manifests here'),
      h('p', {}, 'See where every file will land before anything is fetched. Nothing leaves this page.'),
      h('div', { class: 'buttons' }, this.chooser('Choose files', 'primary'), h('slot', { name: 'empty' })),
    )
    const panel = ({ title, actions, content }: Parts['panels'][number]) =>
      h(
        'section',
        { class: 'panel', 'aria-label': title },
        h('div', { class: 'heading' }, h('h2', {}, title), ...actions),
        ...content,
      )
    this.element.append(
      h('section', { class: 'plan', 'aria-label': 'Plan' }, ...plan.above, empty, ...plan.below),
      h('section', { class: 'setup', 'aria-label': 'What is planned', tabindex: 0 }, ...panels.map(panel)),
      this.#input,
    )
  }

  /** Takes files that are dropped onto an element. */
  listen(host: HTMLElement): void {
    // Entering a child is told before leaving its parent, so depth counts.
    let depth = 0
    const dragging = (change: number) => {
      depth = change === 0 ? 0 : Math.max(depth + change, 0)
      setAttribute(this.element, 'data-dragging', depth > 0)
    }
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') === true
    host.addEventListener('dragenter', (event) => {
      if (hasFiles(event)) dragging(1)
    })
    host.addEventListener('dragleave', (event) => {
      if (hasFiles(event)) dragging(-1)
    })
    host.addEventListener('dragover', (event) => {
      if (hasFiles(event)) event.preventDefault()
    })
    this.element.addEventListener('dropped', () => dragging(0))
    host.addEventListener('drop', (event) => {
      dragging(0)
      if (!hasFiles(event)) return
      event.preventDefault()
      this.#taken(Array.from(event.dataTransfer?.files ?? []))
    })
  }
}
