/** The manifests by asset root: what each root holds, and where a person says what a root is. */

import type { PlanTotals } from '../types.js'
import { h, icon, setAttribute, setText } from './dom.js'
import { bytes, count, counted } from './format.js'
import type { Group, Item } from './given.js'

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

/** A group's elements that change while it is there. */
type Shown = {
  group: Group
  guess: HTMLElement
  problem: HTMLElement
  input: HTMLInputElement
  totals: HTMLElement
}

/** What stands for the number of files while it is not known. */
const stateNames: Record<string, string> = { unread: 'not read', reading: 'reading…' }

export class ManifestList {
  readonly element = h('div', { class: 'manifests' })
  readonly #host: ManifestHost
  #shown: Shown[] = []

  constructor(host: ManifestHost) {
    this.#host = host
  }

  /** Shows other groups or items. */
  show(groups: Group[]): void {
    this.#shown = []
    this.element.replaceChildren(...groups.map((group, index) => this.#group(group, index + 1)))
  }

  /** Shows roots that were set by other means than typing. */
  refreshRoots(): void {
    for (const { group, guess, input } of this.#shown) {
      if (input.value !== group.rootPath) input.value = group.rootPath
      showGuess(guess, group)
    }
  }

  /** Shows what the plan holds of each root. */
  showTotals(totals: PlanTotals | null, only: string | undefined): void {
    for (const { group, totals: element } of this.#shown) {
      const of = totals?.roots.find(({ rootPath }) => rootPath === group.rootPath)
      element.replaceChildren()
      if (!of) continue
      const parts = of.fileCount > 0 ? [counted(of.fileCount, 'file'), bytes(of.totalSize)] : []
      if (of.hazardCount > 0) parts.push(counted(of.hazardCount, 'hazard'))
      if (of.unmappedCount > 0) parts.push(`${count(of.unmappedCount)} unmapped`)
      const isOnly = only === group.rootPath
      element.append(
        h('span', {}, parts.join(' · ')),
        h(
          'button',
          {
            type: 'button',
            class: 'link',
            'aria-pressed': String(isOnly),
            'aria-label': `${isOnly ? 'Show all' : 'Only these'}: files of ${group.rootPath}`,
            click: () => this.#host.only(group.rootPath),
          },
          isOnly ? 'Show all' : 'Only these',
        ),
      )
    }
  }

  /** Says beside a root what is wrong with it. */
  showProblems(problemOf: (group: Group) => string | null): void {
    for (const { group, problem, input } of this.#shown) {
      const words = problemOf(group)
      setText(problem, words ?? '')
      problem.hidden = words === null
      setAttribute(input, 'aria-invalid', words === null ? undefined : 'true')
    }
  }

  #group(group: Group, number: number): HTMLElement {
    const problem = h('p', { class: 'problem', id: `root-problem-${number}`, hidden: true })
    const guess = h('p', { class: 'notice', id: `root-guess-${number}` })
    showGuess(guess, group)
    const input = h('input', {
      class: 'path',
      id: `root-${number}`,
      spellcheck: 'false',
      autocomplete: 'off',
      placeholder: 'Z:\\Projects or /mnt/projects',
      'aria-describedby': `${guess.id} ${problem.id}`,
      input: () => {
        group.rootPath = input.value.trim()
        group.guessedFrom = null
        showGuess(guess, group)
        this.#host.changed()
      },
    })
    input.value = group.rootPath
    const totals = h('div', { class: 'totals' })
    this.#shown.push({ group, guess, problem, input, totals })
    // Names that hold all their path need no root, and what is no manifest has none.
    const needsRoot = group.items.some(({ hasAbsolutePaths, state }) =>
      state === 'ready' ? !hasAbsolutePaths : typeof state === 'string',
    )
    return h(
      'section',
      { class: 'card', 'aria-label': `Asset root ${number}` },
      needsRoot &&
        h(
          'label',
          { for: input.id, title: 'asset-root in the metadata of the manifest’s object' },
          'Asset root',
        ),
      needsRoot && input,
      needsRoot && guess,
      problem,
      totals,
      h('ul', { class: 'files' }, ...group.items.map((item) => this.#item(item, group))),
    )
  }

  #item(item: Item, group: Group): HTMLElement {
    const { name, state, fileCount } = item
    const isBad = typeof state === 'object'
    const button = (label: string, text: Node | string, click: () => void) =>
      h('button', { type: 'button', class: 'quiet', 'aria-label': label, title: label, click }, text)
    return h(
      'li',
      { class: isBad ? 'bad' : '' },
      h('span', { class: 'file-name', title: item.key ?? name }, name),
      h(
        'span',
        { class: 'muted' },
        typeof state === 'object' ? '' : (stateNames[state] ?? counted(fileCount, 'file')),
      ),
      !isBad &&
        group.items.length > 1 &&
        button(`Give ${name} another asset root`, icon('separate'), () => this.#host.separate(item)),
      button(`Remove ${name}`, icon('remove'), () => this.#host.remove(item)),
      isBad && h('p', { class: 'problem', role: 'alert' }, state.problem),
    )
  }
}

/** Says where a root was taken from that nobody has told. */
function showGuess(element: HTMLElement, { guessedFrom }: Group): void {
  setText(
    element,
    guessedFrom === null ? '' : `Taken from ${guessedFrom}; change it if the job’s root was another.`,
  )
  element.hidden = guessedFrom === null
}
