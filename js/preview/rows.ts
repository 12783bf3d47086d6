/** The lines of the list: entries one by one, or folders that open. Pages of them are made when they are asked for. */

import type { DownloadPlan, PlanFolder, PlanView, PlanViewOptions } from '../types.js'
import type { Row } from './protocol.js'

/** Lines that can be read in pages. */
export interface Rows {
  readonly count: number
  read(offset: number, limit: number): Row[]
  toggle(path: string): void
  free(): void
}

/** Every entry of a view. */
export class ListRows implements Rows {
  readonly #view: PlanView

  constructor(view: PlanView) {
    this.#view = view
  }

  get count(): number {
    return this.#view.entryCount
  }

  read(offset: number, limit: number): Row[] {
    return this.#view.entries(offset, limit).map((entry) => ({ kind: 'entry', level: 1, entry }))
  }

  toggle(): void {}

  /** The view is its maker's. */
  free(): void {}
}

/** The path of what stands in no folder at all. No real path is empty. */
export const nowhere = ''

type Node = {
  folder: PlanFolder
  name: string
  level: number
  parent: Node | null
  /** While it is open: what it shows. */
  open: { view: PlanView; folders: Node[]; own: number } | null
  /** The lines that it takes, its own among them. */
  lines: number
}

/** A view as a tree of destination folders, behind what has no place. */
export class FolderRows implements Rows {
  readonly #plan: DownloadPlan
  readonly #view: PlanView
  readonly #options: PlanViewOptions
  readonly #top: Node[]

  /** @param open the paths of open folders, also of those that are not there at the moment */
  constructor(plan: DownloadPlan, view: PlanView, options: PlanViewOptions, open: ReadonlySet<string>) {
    this.#plan = plan
    this.#view = view
    this.#options = options
    this.#top = this.#nodes(view.folders(), null)
    if (options.status === undefined || options.status === 'unmapped') {
      const unmapped = this.#unmapped()
      const { entryCount: fileCount, totalSize } = unmapped
      unmapped.free()
      const folder = { path: nowhere, fileCount, totalSize, hazardCount: 0 }
      if (fileCount > 0)
        this.#top.unshift({ folder, name: nowhere, level: 1, parent: null, open: null, lines: 1 })
    }
    this.#openAgain(this.#top, open)
  }

  get count(): number {
    return sum(this.#top)
  }

  read(offset: number, limit: number): Row[] {
    const rows: Row[] = []
    this.#collect(this.#top, offset, limit, rows)
    return rows
  }

  toggle(path: string): void {
    const node = this.#find(this.#top, path)
    if (node) this.#setOpen(node, !node.open)
  }

  free(): void {
    for (const node of this.#top) close(node)
  }

  #unmapped(): PlanView {
    return this.#plan.view({ ...this.#options, status: 'unmapped' })
  }

  #nodes(folders: PlanFolder[], parent: Node | null): Node[] {
    const level = parent ? parent.level + 1 : 1
    // A POSIX root ends in a separator, as no other folder does.
    const above = parent ? parent.folder.path.replace(/[/\\]$/, '').length + 1 : 0
    return folders
      .map((folder) => ({
        folder,
        name: folder.path.slice(above),
        level,
        parent,
        open: null,
        lines: 1,
      }))
      .sort((a, b) => byName.compare(a.name, b.name))
  }

  #openAgain(nodes: Node[], open: ReadonlySet<string>): void {
    for (const node of nodes) {
      if (!open.has(node.folder.path)) continue
      this.#setOpen(node, true)
      this.#openAgain(node.open?.folders ?? [], open)
    }
  }

  #setOpen(node: Node, open: boolean): void {
    const before = node.lines
    if (open) {
      const { path } = node.folder
      const view = path === nowhere ? this.#unmapped() : (node.parent?.open?.view ?? this.#view).below(path)
      const folders = path === nowhere ? [] : this.#nodes(view.folders(), node)
      const own = path === nowhere ? view.entryCount : view.ownCount
      node.open = { view, folders, own }
      node.lines = 1 + folders.length + own
    } else {
      close(node)
    }
    for (let above = node.parent; above; above = above.parent) above.lines += node.lines - before
  }

  #find(nodes: Node[], path: string): Node | undefined {
    for (const node of nodes) {
      if (node.folder.path === path) return node
      const found = node.open && this.#find(node.open.folders, path)
      if (found) return found
    }
    return undefined
  }

  /** Adds lines of `nodes` from `offset` on until there are `limit`; says how many were passed over. */
  #collect(nodes: Node[], offset: number, limit: number, rows: Row[]): void {
    let skip = offset
    for (const node of nodes) {
      if (rows.length >= limit) return
      if (skip >= node.lines) {
        skip -= node.lines
        continue
      }
      if (skip === 0) rows.push(line(node))
      const inside = Math.max(skip - 1, 0)
      skip = 0
      if (!node.open) continue
      const { view, folders, own } = node.open
      this.#collect(folders, inside, limit, rows)
      const from = Math.max(inside - sum(folders), 0)
      const entries = view.entries(from, Math.max(Math.min(limit - rows.length, own - from), 0))
      for (const entry of entries) rows.push({ kind: 'entry', level: node.level + 1, entry })
    }
  }
}

const byName = new Intl.Collator(undefined, { numeric: true })

function line({ level, name, folder, open }: Node): Row {
  return { kind: 'folder', level, name, folder, isOpen: open !== null, hasPlace: folder.path !== nowhere }
}

function sum(nodes: Node[]): number {
  return nodes.reduce((total, { lines }) => total + lines, 0)
}

function close(node: Node): void {
  for (const folder of node.open?.folders ?? []) close(folder)
  node.open?.view.free()
  node.open = null
  node.lines = 1
}
