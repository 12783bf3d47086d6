/** What is above the list: how much there is of what, the search, and the ways out. */

import type { PlanStatus } from '../types.js'
import type { Order } from './grid.js'
import { h, icon, setAttribute, setText } from './dom.js'
import { bytes, count, counted } from './format.js'
import type { Query, Shown } from './protocol.js'
import type { PreviewSummary } from './types.js'

/** What the toolbar asks of its page. */
export type ToolbarHost = {
  /** A person wants to see something else. */
  chosen(change: Partial<Query>): void
  copy(): void
  save(format: 'csv' | 'json'): void
}

const orders: Record<string, [string, Order, boolean]> = {
  status: ['Needs attention first', 'status', false],
  ready: ['Needs attention last', 'status', true],
  source: ['Source path, A to Z', 'sourcePath', false],
  sourceBack: ['Source path, Z to A', 'sourcePath', true],
  destination: ['Destination, A to Z', 'localPath', false],
  destinationBack: ['Destination, Z to A', 'localPath', true],
  largest: ['Largest first', 'size', true],
  smallest: ['Smallest first', 'size', false],
  newest: ['Newest first', 'mtime', true],
  oldest: ['Oldest first', 'mtime', false],
}

const statuses: [PlanStatus | undefined, string][] = [
  [undefined, 'All'],
  ['unmapped', 'Unmapped'],
  ['hazard', 'Hazards'],
  ['ready', 'Ready'],
]

export class Toolbar {
  readonly element: HTMLElement
  /** Where a person searches. */
  readonly search: HTMLInputElement
  readonly #chips: { status: PlanStatus | undefined; button: HTMLElement; number: HTMLElement }[]
  readonly #layouts: { layout: Query['layout']; button: HTMLElement }[]
  readonly #order: HTMLSelectElement
  readonly #amount = h('p', { class: 'amount', role: 'status' })

  constructor(host: ToolbarHost) {
    this.#chips = statuses.map(([status, name]) => {
      const number = h('b', {}, '0')
      const button = h(
        'button',
        { type: 'button', class: 'chip', click: () => host.chosen({ status }) },
        status && icon(status),
        name,
        ' ',
        number,
      )
      button.dataset.status = status ?? 'all'
      return { status, button, number }
    })
    this.search = h('input', {
      type: 'search',
      placeholder: 'Search source or destination',
      'aria-label': 'Search source or destination',
      spellcheck: 'false',
      input: () => host.chosen({ search: this.search.value }),
    })
    this.#layouts = (['list', 'folders'] as const).map((layout) => ({
      layout,
      button: h(
        'button',
        { type: 'button', click: () => host.chosen({ layout }) },
        layout === 'list' ? 'List' : 'Folders',
      ),
    }))
    this.#order = h(
      'select',
      {
        'aria-label': 'Order',
        change: () => {
          const [, orderBy, descending] = orders[this.#order.value] ?? orders.status!
          host.chosen({ orderBy, descending })
        },
      },
      ...Object.entries(orders).map(([value, [name]]) => h('option', { value }, name)),
    )
    const action = (name: string, label: string, click: () => void) =>
      h('button', { type: 'button', 'aria-label': label, title: label, click }, name)
    this.element = h(
      'div',
      { class: 'toolbar' },
      h(
        'div',
        { class: 'chips', role: 'group', 'aria-label': 'Filter by status' },
        ...this.#chips.map(({ button }) => button),
      ),
      h(
        'div',
        { class: 'tools' },
        h('div', { class: 'search' }, icon('search'), this.search),
        h(
          'div',
          { class: 'segments', role: 'group', 'aria-label': 'Layout' },
          ...this.#layouts.map(({ button }) => button),
        ),
        this.#order,
        h(
          'div',
          { class: 'segments', role: 'group', 'aria-label': 'Take along' },
          action('Copy', 'Copy the shown paths', () => host.copy()),
          action('CSV', 'Export the shown files as CSV', () => host.save('csv')),
          action('JSON', 'Export the shown files as JSON', () => host.save('json')),
        ),
      ),
      this.#amount,
    )
  }

  /** Shows how much there is. */
  showSummary(summary: PreviewSummary | null): void {
    const { fileCount = 0, hazardCount = 0, unmappedCount = 0 } = summary ?? {}
    const numbers = {
      all: fileCount + unmappedCount,
      unmapped: unmappedCount,
      hazard: hazardCount,
      ready: fileCount - hazardCount,
    }
    for (const { status, button, number } of this.#chips) {
      const n = numbers[status ?? 'all']
      setText(number, count(n))
      button.classList.toggle('none', n === 0)
    }
  }

  /** Shows how much of it is seen at the moment. */
  showAmount(shown: Shown, summary: PreviewSummary, rest: string): void {
    const all = summary.fileCount + summary.unmappedCount
    const part =
      shown.entryCount === all
        ? counted(all, 'file')
        : `${count(shown.entryCount)} of ${counted(all, 'file')}`
    setText(this.#amount, `${part} · ${bytes(shown.totalSize)}${rest}`)
  }

  /** Shows what was chosen, by whichever means. */
  showQuery({ status, search = '', layout, orderBy = 'status', descending = false }: Query): void {
    for (const { status: own, button } of this.#chips)
      setAttribute(button, 'aria-pressed', String(own === status))
    for (const { layout: own, button } of this.#layouts)
      setAttribute(button, 'aria-pressed', String(own === layout))
    if (this.search.value !== search) this.search.value = search
    const known = Object.entries(orders).find(([, [, by, down]]) => by === orderBy && down === descending)
    this.#order.value = known?.[0] ?? ''
  }
}
