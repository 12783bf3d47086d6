/** A place for one storage profile: chosen, dropped or pasted. */

import type { StorageProfile } from '../types.js'
import { largestDocument, readProfile } from './documents.js'
import { h, icon, keepFocus } from './dom.js'
import { bytes, counted } from './format.js'

const systems = { WINDOWS: 'Windows', LINUX: 'Linux', MACOS: 'macOS' }

export class ProfileSlot {
  readonly element: HTMLElement
  readonly #title: string
  readonly #changed: (profile: StorageProfile | null) => void
  readonly #body = h('div')
  readonly #problem = h('p', { class: 'problem', role: 'alert', hidden: true })
  #isPasting = false

  /** @param changed called when a person gives or takes a profile */
  constructor(title: string, changed: (profile: StorageProfile | null) => void) {
    this.#title = title
    this.#changed = changed
    this.element = h(
      'section',
      {
        class: 'card slot',
        'aria-label': title,
        drop: (event: DragEvent) => this.#dropped(event),
      },
      this.#body,
      this.#problem,
    )
    this.show(null)
  }

  /** Shows a profile, or that there is none. */
  show(profile: StorageProfile | null): void {
    this.#isPasting = false
    this.#say(null)
    this.#fill(profile ? this.#filled(profile) : this.#empty())
  }

  #fill(nodes: Node[]): void {
    keepFocus(this.element, () => this.#body.replaceChildren(...nodes))
  }

  #filled({ displayName, storageProfileId, osFamily, fileSystemLocations }: StorageProfile): Node[] {
    const locations = fileSystemLocations ?? []
    return [
      this.#heading(
        h(
          'button',
          {
            type: 'button',
            class: 'quiet',
            'aria-label': `Remove ${this.#title}`,
            title: `Remove ${this.#title}`,
            click: () => this.#changed(null),
          },
          icon('remove'),
        ),
      ),
      h(
        'p',
        { class: 'profile-name', title: storageProfileId ?? '' },
        displayName || (storageProfileId ?? ''),
        h('span', { class: 'tag' }, osFamily ? systems[osFamily] : ''),
      ),
      h(
        'details',
        {},
        h('summary', {}, counted(locations.length, 'location')),
        h(
          'dl',
          { class: 'locations' },
          ...locations.flatMap(({ name, path }) => [h('dt', {}, name ?? ''), h('dd', {}, path ?? '')]),
        ),
      ),
    ]
  }

  #empty(): Node[] {
    const file = h('input', {
      type: 'file',
      hidden: true,
      change: () => {
        const chosen = file.files?.[0]
        if (chosen) void this.#read(chosen)
        file.value = ''
      },
    })
    const button = (text: string, click: () => void) =>
      h('button', { type: 'button', 'aria-label': `${text}: ${this.#title}`, click }, text)
    const nodes: Node[] = [
      this.#heading(),
      h(
        'div',
        { class: 'buttons' },
        button('Choose file', () => file.click()),
        button('Paste JSON', () => {
          this.#isPasting = !this.#isPasting
          this.#fill(this.#empty())
          this.#body.querySelector('textarea')?.focus()
        }),
        file,
      ),
    ]
    if (this.#isPasting) nodes.push(this.#pasting())
    return nodes
  }

  #heading(...actions: Node[]): HTMLElement {
    return h('div', { class: 'heading' }, h('h3', {}, this.#title), ...actions)
  }

  #pasting(): HTMLElement {
    const text = h('textarea', {
      rows: 5,
      spellcheck: 'false',
      'aria-label': `${this.#title} as JSON`,
      placeholder: '{ "storageProfileId": "sp-…", "osFamily": "LINUX", "fileSystemLocations": […] }',
      input: () => this.#take(text.value),
    })
    return text
  }

  #dropped(event: DragEvent): void {
    const file = event.dataTransfer?.files[0]
    if (!file || event.dataTransfer.files.length > 1) return
    // Dropped elsewhere, the page has to find out what it is.
    event.preventDefault()
    event.stopPropagation()
    this.element.dispatchEvent(new Event('dropped', { bubbles: true }))
    void this.#read(file)
  }

  async #read(file: File): Promise<void> {
    if (file.size > largestDocument) {
      this.#say(
        `${file.name}: This is no storage profile: it has ${bytes(file.size)}. Add manifests to the list.`,
      )
      return
    }
    try {
      this.#take(await file.text(), file.name)
    } catch (error) {
      this.#say(`${file.name}: This cannot be read; is it a folder? ${(error as Error).message}`)
    }
  }

  #take(json: string, from?: string): void {
    const where = from === undefined ? '' : `${from}: `
    let document: unknown
    try {
      document = JSON.parse(json)
    } catch {
      this.#say(json.trim() === '' ? null : `${where}This is not JSON, or not all of it.`)
      return
    }
    try {
      this.#changed(readProfile(document))
    } catch (error) {
      this.#say(where + (error as Error).message)
    }
  }

  #say(problem: string | null): void {
    this.#problem.textContent = problem
    this.#problem.hidden = problem === null
  }
}
