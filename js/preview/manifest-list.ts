/** The manifests by asset root: what each root holds, and where a person says what a root is. */

import type { PlanTotals } from '../types.js'
import { h, icon, type Icon, keepFocus, setAttribute, setChildren, setText } from './dom.js'
import { bytes, count, counted, sentence } from './format.js'
import type { Group, Item } from './given.js'
import { Totals } from './totals.js'

/** What the list asks of its page. */
export type ManifestHost = {
  /** A root was edited. */
  changed(): void
  remove(item: Item): void
  /** Gives a manifest a root of its own. */
  separate(item: Item): void
  /** Shows this root's entries alone, or again all. */
  only(rootPath: string): void
}

/** What stands for the number of files while it is not known. */
const stateNames: Record<string, string> = { unread: 'not read', reading: 'reading…' }

/** How many manifests of a root are shown; those that cannot be read come first where there are more. */
const mostLines = 400

export class ManifestList {
  readonly element = h('div', { class: 'manifests' })
  readonly #host: ManifestHost
  #cards = new Map<Group, Card>()

  constructor(host: ManifestHost) {
    this.#host = host
  }

  /** Shows other groups or items, or other states of them. */
  show(groups: Group[]): void {
    keepFocus(this.element, () => {
      this.#cards = new Map(
        groups.map((group) => [group, this.#cards.get(group) ?? new Card(group, this.#host)]),
      )
      setChildren(
        this.element,
        [...this.#cards.values()].map((card, index) => card.show(index + 1)),
      )
    })
  }

  /** Lets a person say the root of a group. */
  focus(group: Group): void {
    this.#cards.get(group)?.input.focus()
  }

  /** Shows roots that were set by other means than typing. */
  refreshRoots(): void {
    for (const card of this.#cards.values()) card.refreshRoot()
  }

  /** Shows what the plan holds of each root. */
  showTotals(totals: PlanTotals | null, only: string | undefined): void {
    for (const card of this.#cards.values()) card.showTotals(totals, only)
  }

  /** Says beside a root what is wrong with it. */
  showProblems(problemOf: (group: Group) => string | null): void {
    for (const [group, card] of this.#cards) card.showProblem(problemOf(group))
  }
}

/** One root with its manifests. */
class Card {
  static #count = 0
  readonly #number = ++Card.#count
  readonly #group: Group
  readonly #host: ManifestHost
  readonly #problem = h('p', { class: 'problem', id: `root-problem-${this.#number}`, hidden: true })
  readonly #guess = h('p', { class: 'notice', id: `root-guess-${this.#number}` })
  readonly input = h('input', {
    class: 'path',
    id: `root-${this.#number}`,
    spellcheck: 'false',
    autocomplete: 'off',
    placeholder: 'Z:\\Projects or /mnt/projects',
    'aria-describedby': `${this.#guess.id} ${this.#problem.id}`,
    input: () => {
      this.#group.rootPath = this.input.value.trim()
      this.#group.guessedFrom = null
      this.refreshRoot()
      this.#host.changed()
    },
  })
  readonly #root = h(
    'div',
    { class: 'root' },
    h(
      'label',
      { for: this.input.id, title: 'asset-root in the metadata of the manifest’s object' },
      'Asset root',
    ),
    this.input,
    this.#guess,
  )
  readonly #totals = new Totals(() => this.#host.only(this.#group.rootPath))
  readonly #files = h('ul', { class: 'files' })
  readonly #more = h('p', { class: 'muted', hidden: true })
  readonly #element = h(
    'section',
    { class: 'card' },
    this.#root,
    this.#problem,
    this.#totals.element,
    this.#files,
    this.#more,
  )
  #lines = new Map<Item, Line>()

  constructor(group: Group, host: ManifestHost) {
    this.#group = group
    this.#host = host
    this.refreshRoot()
  }

  show(number: number): HTMLElement {
    const { items } = this.#group
    setAttribute(this.#element, 'aria-label', `Asset root ${number}`)
    // Names that hold all their path need no root, and what is no manifest has none.
    this.#root.hidden = !items.some(({ hasAbsolutePaths, state }) =>
      state === 'ready' ? !hasAbsolutePaths : typeof state === 'string',
    )
    const shown = items.length > mostLines ? badFirst(items).slice(0, mostLines) : items
    this.#lines = new Map(shown.map((item) => [item, this.#lines.get(item) ?? new Line(item, this.#host)]))
    setChildren(
      this.#files,
      [...this.#lines.values()].map((line) => line.show(items.length > 1)),
    )
    this.#more.hidden = shown.length === items.length
    setText(this.#more, `and ${count(items.length - shown.length)} more`)
    return this.#element
  }

  refreshRoot(): void {
    const { rootPath, guessedFrom } = this.#group
    // Left alone while it is typed: a space at the end may be followed by more.
    if (this.input.value.trim() !== rootPath) this.input.value = rootPath
    const words = `Taken from ${guessedFrom ?? ''}; change it if the job’s root was another.`
    setText(this.#guess, guessedFrom === null ? '' : words)
    this.#guess.hidden = guessedFrom === null
  }

  showTotals(totals: PlanTotals | null, only: string | undefined): void {
    const { rootPath } = this.#group
    const of = totals?.roots.find((root) => root.rootPath === rootPath)
    const parts = of && of.fileCount > 0 ? [counted(of.fileCount, 'file'), bytes(of.totalSize)] : []
    if (of && of.hazardCount > 0) parts.push(counted(of.hazardCount, 'hazard'))
    if (of && of.unmappedCount > 0) parts.push(`${count(of.unmappedCount)} unmapped`)
    this.#totals.show(of ? parts.join(' · ') : null, `files of ${rootPath}`, only === rootPath)
  }

  showProblem(words: string | null): void {
    setText(this.#problem, words ?? '')
    this.#problem.hidden = words === null
    setAttribute(this.input, 'aria-invalid', words === null ? undefined : 'true')
  }
}

function badFirst(items: Item[]): Item[] {
  const isBad = ({ state }: Item) => typeof state === 'object'
  return [...items.filter(isBad), ...items.filter((item) => !isBad(item))]
}

/** One manifest. */
class Line {
  readonly #item: Item
  readonly #state = h('span', { class: 'muted' })
  readonly #problem = h('p', { class: 'problem', role: 'alert' })
  readonly #separate: HTMLElement
  readonly #element: HTMLElement
  #shown: unknown[] = []

  constructor(item: Item, host: ManifestHost) {
    this.#item = item
    const { name, key } = item
    const button = (does: Icon, label: string, click: () => void) =>
      h(
        'button',
        { type: 'button', class: 'quiet', 'data-does': does, 'aria-label': label, title: label, click },
        icon(does),
      )
    this.#separate = button('separate', `Give ${name} another asset root`, () => host.separate(item))
    this.#element = h(
      'li',
      {},
      h('span', { class: 'file-name', title: key ?? name }, name),
      this.#state,
      this.#separate,
      button('remove', `Remove ${name}`, () => host.remove(item)),
    )
  }

  show(canBeSeparate: boolean): HTMLElement {
    const { state, fileCount } = this.#item
    // Most are as they were: of thousands a few change between two frames.
    const now = [state, fileCount, canBeSeparate]
    if (now.every((value, index) => value === this.#shown[index])) return this.#element
    this.#shown = now
    const problem = typeof state === 'object' ? state.problem : null
    this.#element.className = problem === null ? '' : 'bad'
    setText(this.#state, typeof state === 'object' ? '' : (stateNames[state] ?? counted(fileCount, 'file')))
    this.#separate.hidden = problem !== null || !canBeSeparate
    setText(this.#problem, sentence(problem ?? ''))
    if (problem === null) this.#problem.remove()
    else if (!this.#problem.parentNode) this.#element.append(this.#problem)
    return this.#element
  }
}
