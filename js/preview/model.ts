/** What the worker holds: the manifests, the plan, and what is shown of it. Whatever is replaced is freed. */

import type {
  DownloadPlan,
  Manifest,
  PathMappingRule,
  PlanView,
  PlanViewOptions,
  StorageProfile,
} from '../types.js'
import { decodeManifest, generatePathMappingRules, PathMappingApplier, planDownload } from '../wasm.js'
import { largestDocument, readDocument } from './documents.js'
import { csv, json, lines } from './export.js'
import { FolderRows, ListRows, type Rows } from './rows.js'
import type { Loaded, Model, Query, Row, Settings, Shown } from './protocol.js'
import type { PreviewSummary } from './types.js'

/** A clipboard with more lines than this helps nobody. */
const mostCopied = 100_000

/** How what is shown is written; a script may ask for what there is not. */
const writers = new Map<string, (view: PlanView, plan: DownloadPlan) => Promise<Blob>>([
  ['csv', csv],
  ['json', (view, plan) => json(view, plan.totals())],
])

export class PlanModel implements Model {
  readonly #manifests = new Map<number, Manifest>()
  readonly #open = new Set<string>()
  #plan: DownloadPlan | null = null
  #view: PlanView | null = null
  #rows: Rows | null = null
  #query: Query = { layout: 'list' }

  async load(id: number, data: Blob): Promise<Loaded> {
    if (!/^\s*[[{]/.test(await data.slice(0, 100).text())) {
      throw new Error('This is not JSON, so it is no manifest, storage profile or list of rules.')
    }
    if (data.size <= largestDocument) {
      const document = readDocument(parsed(await data.text()))
      if (document) return document
    }
    const manifest = decodeManifest(new Uint8Array(await data.arrayBuffer()))
    this.#manifests.get(id)?.free()
    this.#manifests.set(id, manifest)
    const { fileCount, totalSize, specificationVersion } = manifest
    const hasAbsolutePaths = specificationVersion?.startsWith('absolute-') === true
    return { kind: 'manifest', fileCount, totalSize, hasAbsolutePaths }
  }

  forget(ids: number[]): void {
    for (const id of ids) {
      this.#manifests.get(id)?.free()
      this.#manifests.delete(id)
    }
  }

  rulesBetween(job: StorageProfile, local: StorageProfile): PathMappingRule[] | null {
    return job.storageProfileId === local.storageProfileId ? null : generatePathMappingRules(job, local)
  }

  plan({ sources, rules, destinationPathFormat, caseInsensitive }: Settings): PreviewSummary {
    const applier = rules === null ? undefined : new PathMappingApplier(rules, destinationPathFormat)
    const known = sources.flatMap(({ id, ...source }) => {
      const manifest = this.#manifests.get(id)
      return manifest ? [{ ...source, manifest, applier }] : []
    })
    try {
      const plan = planDownload(known, { destinationPathFormat, caseInsensitive })
      // Only now: where the settings are refused, what is shown stays.
      this.#release()
      this.#plan = plan
    } finally {
      applier?.free()
    }
    const { fileCount, totalSize, objectCount, hazardCount, unmappedCount } = this.#plan
    return { fileCount, totalSize, objectCount, hazardCount, unmappedCount, totals: this.#plan.totals() }
  }

  show(query: Query): Shown {
    this.#query = query
    this.#releaseView()
    return this.#shown()
  }

  rows(offset: number, limit: number): Row[] {
    return this.#rows?.read(offset, limit) ?? []
  }

  toggle(path: string): Shown {
    if (!this.#open.delete(path)) this.#open.add(path)
    this.#rows?.toggle(path)
    return this.#shown()
  }

  async exported(format: 'csv' | 'json'): Promise<{ document: Blob; entryCount: number }> {
    const write = writers.get(format)
    if (!write) throw new Error(`There is no export as ${format}: it is csv or json.`)
    if (!this.#plan) throw new Error('There is nothing to export yet: add a manifest first.')
    // A view of its own: the one that is shown may be replaced while this is written.
    const view = this.#plan.view(optionsOf(this.#query))
    try {
      return { document: await write(view, this.#plan), entryCount: view.entryCount }
    } finally {
      view.free()
    }
  }

  copied(): { text: string | null; entryCount: number } {
    const view = this.#viewed()
    if (!view) return { text: '', entryCount: 0 }
    const { entryCount } = view
    return { text: entryCount > mostCopied ? null : lines(view.entries()), entryCount }
  }

  #shown(): Shown {
    const view = this.#viewed()
    const { layout } = this.#query
    if (!view || !this.#plan) return { layout, rowCount: 0, entryCount: 0, totalSize: 0 }
    this.#rows ??=
      layout === 'list'
        ? new ListRows(view)
        : new FolderRows(this.#plan, view, optionsOf(this.#query), this.#open)
    return { layout, rowCount: this.#rows.count, entryCount: view.entryCount, totalSize: view.totalSize }
  }

  #viewed(): PlanView | null {
    if (this.#plan) this.#view ??= this.#plan.view(optionsOf(this.#query))
    return this.#view
  }

  #release(): void {
    this.#releaseView()
    this.#plan?.free()
    this.#plan = null
  }

  #releaseView(): void {
    this.#rows?.free()
    this.#rows = null
    this.#view?.free()
    this.#view = null
  }
}

function optionsOf({ search, status, rootPath, rule, orderBy, descending }: Query): PlanViewOptions {
  return { search, status, rootPath, rule, orderBy, descending }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    // The decoder says where and why.
    return null
  }
}
