/** Everything about the row that a person looks at, with its paths in full. */

import type { PlanTotals } from '../types.js'
import { h, icon } from './dom.js'
import { bytes, count, counted, isoTime, localTime, sentence } from './format.js'
import type { Row } from './protocol.js'

/** What the details ask of their page. */
export type DetailsHost = { copy(text: string, what: string): void; close(): void }

export class Details {
  readonly element = h('section', { class: 'details', 'aria-label': 'Selected file', hidden: true })
  readonly #host: DetailsHost

  constructor(host: DetailsHost) {
    this.#host = host
  }

  show(row: Row | null, totals: PlanTotals | null): void {
    this.element.hidden = row === null
    if (row) this.element.replaceChildren(this.#closing(), h('dl', {}, ...this.#facts(row, totals)))
  }

  #closing(): HTMLElement {
    const label = 'Close details'
    return h(
      'button',
      {
        type: 'button',
        class: 'quiet close',
        'aria-label': label,
        title: label,
        click: () => this.#host.close(),
      },
      icon('remove'),
    )
  }

  #facts(row: Row, totals: PlanTotals | null): Node[] {
    if (row.kind === 'folder') {
      const { path, fileCount, totalSize } = row.folder
      return [
        ...this.#path('Folder', path || 'No place on this machine', path !== ''),
        ...fact('Holds', `${counted(fileCount, 'file')}, ${bytes(totalSize)}`),
      ]
    }
    const { sourcePath, localPath, size, mtime, rule, reason, hash, symlinkTarget, jobId } = row.entry
    const of = rule === null ? undefined : totals?.rules[rule]
    return [
      ...this.#path('Source', sourcePath, true),
      ...(localPath === null ? [] : this.#path('Destination', localPath, true)),
      ...(reason ? fact('Why', sentence(reason.message), `why ${row.entry.status}`) : []),
      ...(symlinkTarget === undefined ? [] : fact('Link to', symlinkTarget, 'path')),
      ...(of ? fact('Rule', `${of.sourcePath} → ${of.destinationPath}`, 'path') : []),
      ...(size === undefined
        ? []
        : fact('Size', `${bytes(size)}${size < 1000 ? '' : ` (${count(size)} bytes)`}`)),
      ...(mtime === undefined ? [] : fact('Modified', `${localTime(mtime)} (${isoTime(mtime)})`)),
      ...(hash === undefined ? [] : fact('Hash', hash, 'path')),
      ...(jobId === undefined ? [] : fact('Job', jobId, 'path')),
    ]
  }

  #path(name: string, path: string, canCopy: boolean): Node[] {
    const label = `Copy ${name.toLowerCase()}`
    const copy = h(
      'button',
      {
        type: 'button',
        class: 'quiet',
        'aria-label': label,
        title: label,
        click: () => this.#host.copy(path, name),
      },
      icon('copy'),
    )
    return [h('dt', {}, name), h('dd', { class: 'path' }, path, canCopy && copy)]
  }
}

function fact(name: string, value: string, kind = ''): Node[] {
  return [h('dt', {}, name), h('dd', { class: kind }, value)]
}
