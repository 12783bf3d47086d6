/** The list: only the rows in sight exist, and they are used again for whatever comes into sight. */

import type { PlanStatus } from '../types.js'
import { h, icon, type Icon, setAttribute, setIcon, setText } from './dom.js'
import { bytes, counted, isoTime, localTime, sentence, split } from './format.js'
import type { Row, Shown } from './protocol.js'
import { Scroll } from './scroll.js'

/** What the list can be ordered by, with the name of its column. */
export type Order = 'status' | 'sourcePath' | 'localPath' | 'size' | 'mtime'

/** How rows are laid out: what is on one line on a wide page has three on a narrow one. */
const layouts = { wide: 36, stacked: 50, narrow: 76 }
type Layout = keyof typeof layouts

/** Rows that are asked for at once, and how many such pages are kept. */
const pageRows = 100
const keptPages = 40

/** How far beyond the rows in sight the next ones are asked for. */
const ahead = 30

const statusNames: Record<PlanStatus, string> = { unmapped: 'Unmapped', hazard: 'Hazard', ready: 'Ready' }

/** What the list asks of its page. */
export type GridHost = {
  /** Where it fails the page has said why. */
  read(offset: number, limit: number): Promise<Row[]>
  /** Settles when the rows are shown that come of it. */
  toggle(path: string): Promise<void>
  /** A person looks at an entry. */
  chosen(row: Row | null): void
  copy(row: Row): void
  order(by: Order): void
}

export class Grid {
  readonly element: HTMLElement
  readonly #host: GridHost
  readonly #spacer = h('div', { class: 'spacer', role: 'presentation' })
  readonly #window = h('div', { class: 'window', role: 'rowgroup' })
  readonly #headers = new Map<Order, HTMLElement>()
  readonly #scroll: Scroll
  readonly #lines: Line[] = []
  #pages = new Map<number, Row[] | null>()
  readonly #readings = new Map<number, Promise<void>>()
  /** What keys have asked for: one thing after another, since a folder takes a moment to open. */
  #turn = Promise.resolve()
  #layout: Layout = 'stacked'
  #count = 0
  #active = -1
  /** What the active row is of, which says more than where it is. */
  #activeName = ''
  /** Where keys go on from while no row is active. */
  #left = -1
  #seen = { from: 0, to: 0 }
  /** Rises when rows change, so that answers about old ones are told apart. */
  #edition = 0
  /** Whether there are other rows already than those that are shown, which nobody can read any more. */
  #isChanging = false

  constructor(host: GridHost) {
    this.#host = host
    const header = (by: Order, name: string) => {
      const click = () => {
        host.order(by)
        // Keys go on in the list; for them there is the toolbar's order.
        this.element.focus()
      }
      const button = h('button', { type: 'button', tabindex: -1, click }, name)
      const cell = h('div', { role: 'columnheader', class: by }, button)
      this.#headers.set(by, cell)
      return cell
    }
    const headers = h(
      'div',
      { role: 'row', class: 'header', 'aria-rowindex': 1 },
      header('status', 'Status'),
      header('sourcePath', 'Source'),
      header('localPath', 'Destination'),
      header('size', 'Size'),
      header('mtime', 'Modified'),
    )
    this.#spacer.append(this.#window)
    this.element = h(
      'div',
      {
        class: 'grid',
        role: 'treegrid',
        tabindex: 0,
        'aria-label': 'Files and where they land',
        keydown: (event: KeyboardEvent) => this.#pressed(event),
      },
      h('div', { role: 'rowgroup', class: 'head' }, headers),
      this.#spacer,
    )
    this.#scroll = new Scroll(this.element, this.#spacer, () => this.#draw())
    new ResizeObserver(() => this.#measure()).observe(this.element)
  }

  /**
   * Shows other rows as soon as those have been read that will be in sight. Until then what was
   * shown before stays whole: an old row never stands among new ones. `keepPlace`: they are the same ones, more or
   * less. Settles when they are shown.
   */
  async show({ layout, rowCount }: Shown, keepPlace: boolean): Promise<void> {
    const edition = (this.#edition += 1)
    this.#isChanging = true
    const pages = new Map<number, Row[] | null>()
    try {
      const { from, to } = this.#sight(keepPlace ? this.#scroll.place : 0, rowCount)
      const needed = pagesOf(from, to)
      if (keepPlace && this.#active >= 0) needed.push(...pagesOf(this.#active, this.#active + 1))
      const read = async (page: number) => pages.set(page, await this.#host.read(page * pageRows, pageRows))
      await Promise.all([...new Set(needed)].map(read))
    } catch {
      // The page has said why, and what is shown stays.
      if (edition === this.#edition) this.#isChanging = false
      return
    }
    if (edition !== this.#edition) return
    this.#isChanging = false
    this.#readings.clear()
    this.#pages = pages
    this.#count = rowCount
    this.element.dataset.order = layout
    setAttribute(this.element, 'aria-rowcount', rowCount + 1)
    const place = keepPlace ? Math.min(this.#place, rowCount - 1) : -1
    this.#activate(keepPlace ? this.#whereabouts() : -1)
    this.#left = place
    const active = this.#row(this.#active)
    if (active) this.#host.chosen(active)
    this.#scroll.resize(rowCount * this.#rowHeight)
    if (keepPlace) this.#draw()
    else this.#scroll.go(0)
  }

  /** Marks the column that orders the rows. */
  ordered(by: Order, descending: boolean): void {
    for (const [order, header] of this.#headers) {
      const direction = descending ? 'descending' : 'ascending'
      setAttribute(header, 'aria-sort', order === by ? direction : undefined)
    }
  }

  /** Takes the mark from the row that was looked at. */
  release(): void {
    const place = this.#place
    this.#activate(-1)
    this.#left = place
    this.#draw()
  }

  /** The row that keys go on from. */
  get #place(): number {
    return this.#active < 0 ? this.#left : this.#active
  }

  get #rowHeight(): number {
    return layouts[this.#layout]
  }

  #measure(): void {
    const { clientWidth } = this.element
    const layout = clientWidth < 620 ? 'narrow' : clientWidth < 1180 ? 'stacked' : 'wide'
    const top = this.#scroll.place / this.#rowHeight
    const isActiveSeen = this.#active >= this.#seen.from && this.#active < this.#seen.to
    this.#layout = layout
    this.element.dataset.layout = layout
    this.element.style.setProperty('--row-height', `${this.#rowHeight}px`)
    this.#scroll.resize(this.#count * this.#rowHeight)
    this.#scroll.go(top * this.#rowHeight)
    if (isActiveSeen) this.#revealActive()
  }

  #revealActive(): void {
    this.#scroll.reveal(this.#active * this.#rowHeight, (this.#active + 1) * this.#rowHeight)
  }

  /** Which of some rows are seen at a place, or where they end before it. */
  #sight(place: number, count: number): { from: number; to: number } {
    const { view } = this.#scroll
    const last = Math.max(count * this.#rowHeight - view, 0)
    const from = Math.floor(Math.min(place, last) / this.#rowHeight)
    return { from, to: Math.min(from + Math.ceil(view / this.#rowHeight) + 1, count) }
  }

  #draw(): void {
    const { place, view } = this.#scroll
    const { from: first, to } = this.#sight(place, this.#count)
    const shown = to - first
    this.#window.style.height = `${Math.min(view, this.#count * this.#rowHeight)}px`
    while (this.#lines.length < shown) this.#addLine()
    // A ring: a row keeps its line for as long as it is in sight, so that a screen reader hears of the next one.
    for (let at = first; at < first + this.#lines.length; at++) {
      const line = this.#line(at)
      line.element.hidden = at >= first + shown
      if (line.element.hidden) continue
      line.element.style.transform = `translateY(${at * this.#rowHeight - place}px)`
      line.show(at, this.#row(at), at === this.#active)
    }
    this.#seen = { from: first, to }
    const isActiveShown = this.#active >= first && this.#active < to
    setAttribute(
      this.element,
      'aria-activedescendant',
      isActiveShown ? this.#line(this.#active).element.id : undefined,
    )
    this.#read(Math.max(first - ahead, 0), Math.min(to + ahead, this.#count))
  }

  #addLine(): void {
    const line = new Line()
    line.element.addEventListener('click', () => {
      this.#activate(line.index)
      const row = this.#row(line.index)
      if (row?.kind === 'folder') void this.#host.toggle(row.folder.path)
      this.#draw()
    })
    this.#lines.push(line)
    this.#window.append(line.element)
  }

  #line(index: number): Line {
    return this.#lines[index % this.#lines.length]!
  }

  #row(index: number): Row | undefined {
    const page = Math.floor(index / pageRows)
    return this.#pages.get(page)?.[index % pageRows]
  }

  /** Asks for the pages that are missing between two rows. */
  #read(from: number, to: number): void {
    if (this.#isChanging) return
    const edition = this.#edition
    for (const page of pagesOf(from, to)) {
      if (this.#pages.has(page)) continue
      this.#pages.set(page, null)
      const reading = this.#readPage(page, edition)
      this.#readings.set(page, reading)
    }
  }

  async #readPage(page: number, edition: number): Promise<void> {
    try {
      const rows = await this.#host.read(page * pageRows, pageRows)
      if (edition !== this.#edition) return
      this.#pages.set(page, rows)
      this.#forgetFarPages(page)
      this.#draw()
      const active = this.#row(this.#active)
      if (Math.floor(this.#active / pageRows) !== page || !active) return
      this.#activeName = nameOf(active)
      this.#host.chosen(active)
    } catch {
      // The page has said why; they are asked for again when they are next in sight.
      if (edition === this.#edition) this.#pages.delete(page)
    }
  }

  #forgetFarPages(near: number): void {
    if (this.#pages.size <= keptPages) return
    const byDistance = [...this.#pages.keys()].sort((a, b) => Math.abs(b - near) - Math.abs(a - near))
    for (const page of byDistance.slice(0, this.#pages.size - keptPages)) this.#pages.delete(page)
  }

  /** Where the active row's file or folder is among new rows, as far as they have been read; -1 where it is not. */
  #whereabouts(): number {
    const isUnknown = this.#activeName === '' && this.#active < this.#count
    if (isUnknown || nameOf(this.#row(this.#active)) === this.#activeName) return this.#active
    for (const [page, rows] of this.#pages) {
      const at = rows?.findIndex((row) => nameOf(row) === this.#activeName) ?? -1
      if (at >= 0) return page * pageRows + at
    }
    return -1
  }

  #activate(index: number): void {
    if (this.#active === index) return
    this.#active = index
    const row = this.#row(index)
    this.#activeName = nameOf(row)
    if (index < 0 || row) this.#host.chosen(row ?? null)
  }

  #pressed(event: KeyboardEvent): void {
    // The headers' buttons have keys of their own.
    if (event.target !== this.element || event.altKey) return
    if (event.ctrlKey || event.metaKey) {
      const row = this.#row(this.#active)
      // What a person has marked with the mouse is what is copied.
      if (event.key === 'c' && row && String(getSelection() ?? '') === '') this.#host.copy(row)
      return
    }
    const action = this.#keys[event.key]
    if (!action) return
    event.preventDefault()
    this.#turn = this.#turn.then(async () => {
      await this.#readings.get(Math.floor(this.#active / pageRows))
      await action()
    })
  }

  readonly #keys: Record<string, () => unknown> = {
    ArrowDown: () => this.#go(this.#place + 1),
    ArrowUp: () => this.#go(this.#place - 1),
    PageDown: () => this.#go(this.#place + this.#perView),
    PageUp: () => this.#go(this.#place - this.#perView),
    Home: () => this.#go(0),
    End: () => this.#go(this.#count - 1),
    ArrowRight: () => {
      const folder = this.#activeFolder
      if (folder?.isOpen === false) return this.#toggleActive()
      this.#go(this.#place + (folder ? 1 : 0))
      return undefined
    },
    ArrowLeft: () => (this.#activeFolder?.isOpen ? this.#toggleActive() : this.#go(this.#parent())),
    Enter: () => this.#toggleActive(),
    ' ': () => this.#toggleActive(),
    Escape: () => this.release(),
  }

  get #activeFolder() {
    const row = this.#row(this.#active)
    return row?.kind === 'folder' ? row : null
  }

  get #perView(): number {
    return Math.max(Math.floor(this.#scroll.view / this.#rowHeight) - 1, 1)
  }

  async #toggleActive(): Promise<void> {
    const folder = this.#activeFolder
    if (folder) await this.#host.toggle(folder.folder.path)
  }

  #go(index: number): void {
    if (this.#count === 0) return
    this.#activate(Math.max(Math.min(index, this.#count - 1), 0))
    this.#revealActive()
    this.#draw()
  }

  /** The folder of the active row, as far as it has been read. */
  #parent(): number {
    const level = this.#row(this.#place)?.level ?? 1
    if (level === 1) return this.#place
    for (let index = this.#place - 1; index >= 0; index--) {
      const row = this.#row(index)
      if (!row || row.level < level) return index
    }
    return this.#place
  }
}

/** What tells a row's file or folder from the others, in whichever plan. */
function nameOf(row: Row | undefined): string {
  if (!row) return ''
  return row.kind === 'folder' ? `folder ${row.folder.path}` : `file ${row.entry.sourcePath}`
}

/** The pages that hold the rows of a range. */
function pagesOf(from: number, to: number): number[] {
  const first = Math.floor(from / pageRows)
  return Array.from({ length: Math.max(Math.ceil(to / pageRows) - first, 0) }, (_, index) => first + index)
}

/** One row's elements. */
class Line {
  readonly element: HTMLElement
  index = -1
  readonly #icon = icon('ready')
  readonly #chevron = icon('closed')
  readonly #status = h('span', { class: 'label' })
  readonly #source = new PathText()
  readonly #destination = new PathText()
  readonly #reason = h('span', { class: 'reason' })
  readonly #size = h('div', { role: 'gridcell', class: 'size' })
  readonly #time = h('div', { role: 'gridcell', class: 'mtime' })

  constructor() {
    const arrow = icon('arrow')
    arrow.classList.add('arrow')
    this.#chevron.classList.add('chevron')
    this.element = h(
      'div',
      { role: 'row', class: 'row' },
      h('div', { role: 'gridcell', class: 'status' }, this.#chevron, this.#icon, this.#status),
      h('div', { role: 'gridcell', class: 'sourcePath path' }, this.#source.element),
      h('div', { role: 'gridcell', class: 'localPath path' }, arrow, this.#destination.element, this.#reason),
      this.#size,
      this.#time,
    )
  }

  show(index: number, row: Row | undefined, isActive: boolean): void {
    this.index = index
    const { element } = this
    element.id = `row-${index}`
    setAttribute(element, 'aria-rowindex', index + 2)
    setAttribute(element, 'aria-selected', String(isActive))
    setAttribute(element, 'aria-level', row?.level)
    setAttribute(element, 'aria-expanded', row?.kind === 'folder' ? String(row.isOpen) : undefined)
    element.style.setProperty('--level', String((row?.level ?? 1) - 1))
    element.dataset.kind = row?.kind ?? 'waiting'
    if (row?.kind === 'folder') this.#showFolder(row)
    else if (row) this.#showEntry(row)
    else this.#showNothing()
  }

  #showEntry({ entry, level }: Extract<Row, { kind: 'entry' }>): void {
    const { status, sourcePath, localPath, size, mtime, reason } = entry
    this.#mark(status, statusNames[status])
    this.#source.show(sourcePath)
    // In its folder a file needs no more than its name.
    this.#destination.show(level > 1 ? split(localPath ?? '').name : (localPath ?? ''), localPath ?? '')
    const why = sentence(reason?.message ?? '')
    // A row has room for what is wrong; what to do about it stands in the details.
    setText(this.#reason, why.split('; ', 1)[0]!)
    this.#reason.title = why
    setText(this.#size, size === undefined ? '' : bytes(size))
    setText(this.#time, mtime === undefined ? '' : localTime(mtime))
    this.#time.title = mtime === undefined ? '' : isoTime(mtime)
  }

  #showFolder({ name, folder, hasPlace, isOpen }: Extract<Row, { kind: 'folder' }>): void {
    setIcon(this.#chevron, isOpen ? 'open' : 'closed')
    this.#mark(hasPlace ? 'folder' : 'unmapped', '')
    this.#source.show('')
    this.#destination.show(hasPlace ? name : 'No place on this machine', folder.path)
    const hazards = folder.hazardCount > 0 ? `, ${counted(folder.hazardCount, 'hazard')}` : ''
    setText(this.#reason, counted(folder.fileCount, 'file') + hazards)
    this.#reason.title = ''
    setText(this.#size, bytes(folder.totalSize))
    setText(this.#time, '')
    this.#time.title = ''
  }

  #showNothing(): void {
    this.#mark('ready', '')
    this.#source.show('…')
    for (const cell of [this.#reason, this.#size, this.#time]) setText(cell, '')
    this.#destination.show('')
  }

  #mark(drawing: Icon, name: string): void {
    this.element.dataset.status = drawing
    setIcon(this.#icon, drawing)
    setText(this.#status, name)
  }
}

/** A path whose folder gives way where there is no room, so that the name stays. */
class PathText {
  readonly #folder = h('span', { class: 'folder' })
  readonly #name = h('span', { class: 'name' })
  readonly element = h('span', { class: 'text' }, this.#folder, this.#name)

  show(path: string, title = path): void {
    const { folder, name } = split(path)
    this.element.hidden = path === ''
    setText(this.#folder, folder)
    setText(this.#name, name)
    this.element.title = title
  }
}
