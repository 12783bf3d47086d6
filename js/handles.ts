/** The classes whose values live in Rust. They are the same on both faces; only what they hold differs. */

import { boolean, count, invalid, oneOf, optional, options, string } from './arguments.js'
import type {
  Freed,
  ManifestHandle,
  PlanHandle,
  ResolvedHandle,
  ViewHandle,
  Wire,
  Wiring,
} from './backend.js'
import { AttachmentsError, calling } from './errors.js'
import type * as Types from './types.js'

/** Rows that cross at once: of millions the JSON would be longer than a string can be. */
const pageRows = 50_000

/** Owns one value of a binding until it is freed or collected. */
export class Handle<H extends Freed> {
  readonly #backend: Wiring
  #held: H | null

  constructor(backend: Wiring, held: H) {
    // Callers may try `new Manifest()`, whatever the types say.
    if ((backend as Wiring | undefined)?.pack === undefined) {
      throw invalid(
        `${new.target.name} cannot be constructed; a function of this package makes it`,
        'constructor',
      )
    }
    this.#backend = backend
    this.#held = held
  }

  /** The value in Rust that `handle` holds; refuses what is no `type`, another face's, or freed. */
  static held<H extends Freed>(
    type: abstract new (...args: never[]) => Handle<H>,
    handle: unknown,
    backend: Wiring,
    name: string,
  ): H {
    // What only inherits from the class has nothing to hold.
    if (!(handle instanceof type && #backend in handle)) {
      throw invalid(`${name} must be a ${type.name} of this package`, name)
    }
    if (handle.#backend !== backend) {
      throw invalid(
        `${name} was made by the ${handle.#backend.name} face and this is the ${backend.name} face; make it here`,
        name,
      )
    }
    return handle.#use()
  }

  #use(): H {
    if (this.#held === null) throw invalid(`this ${this.constructor.name} has been freed`, 'this')
    return this.#held
  }

  /** Asks the value in Rust. */
  protected ask<T>(question: (held: H) => T): T {
    return calling(() => question(this.#use()))
  }

  /** A number from Rust, whose integers reach further than JavaScript's. */
  protected number(question: (held: H) => number, name: string): number {
    const n = this.ask(question)
    if (!Number.isSafeInteger(n)) {
      throw new AttachmentsError(
        'INVALID_MANIFEST',
        `${name} is beyond 2^53 - 1 and cannot be given exactly`,
        { name },
      )
    }
    return n
  }

  /** A structured answer. */
  protected read<T>(question: (held: H) => Wire): T {
    return this.#backend.unpack(this.ask(question)) as T
  }

  /** Asks with a structured question for a value that Rust owns as well. */
  protected derive<T, U>(
    question: (held: H, pack: Wiring['pack']) => T,
    make: new (backend: Wiring, held: T) => U,
  ): U {
    return new make(
      this.#backend,
      this.ask((held) => question(held, this.#backend.pack)),
    )
  }

  /** Rows `offset` to `offset + limit` of `total`. */
  protected page<T>(
    offset: number | undefined,
    limit: number | undefined,
    total: number,
    question: (held: H, offset: number, limit: number) => Wire,
  ): T[] {
    const from = Math.min(count(offset ?? 0, 'offset'), total)
    const rows = Math.min(count(limit ?? total, 'limit'), total - from)
    const pages: T[][] = []
    let read = 0
    do {
      pages.push(this.read((held) => question(held, from + read, Math.min(pageRows, rows - read))))
      read += pageRows
    } while (read < rows)
    return ([] as T[]).concat(...pages)
  }

  free(): void {
    this.#held?.free()
    this.#held = null
  }

  [Symbol.dispose](): void {
    this.free()
  }
}

export class Manifest extends Handle<ManifestHandle> implements Types.Manifest {
  get version(): string {
    return this.ask((held) => held.version)
  }

  get specificationVersion(): string | undefined {
    return this.ask((held) => held.specificationVersion) ?? undefined
  }

  get hashAlg(): string {
    return this.ask((held) => held.hashAlg)
  }

  get totalSize(): number {
    return this.number((held) => held.totalSize, 'totalSize')
  }

  get fileCount(): number {
    return this.ask((held) => held.fileCount)
  }

  get manifestHash(): string {
    return this.ask((held) => held.manifestHash())
  }

  files(offset?: number, limit?: number): Types.ManifestFile[] {
    return this.page(offset, limit, this.fileCount, (held, from, rows) => held.files(from, rows))
  }

  dirs(): Types.ManifestDir[] {
    return this.read((held) => held.dirs())
  }

  encode(): string {
    try {
      return this.ask((held) => held.encode())
    } catch (cause) {
      if (cause instanceof AttachmentsError) throw cause
      throw new AttachmentsError(
        'INVALID_MANIFEST',
        'the manifest is too large to be written as one string; split it where it is made',
        {},
        { cause },
      )
    }
  }
}

export class ResolvedManifestPaths extends Handle<ResolvedHandle> implements Types.ResolvedManifestPaths {
  get resolvedCount(): number {
    return this.ask((held) => held.resolvedCount)
  }

  get unmappedCount(): number {
    return this.ask((held) => held.unmappedCount)
  }

  get totalSize(): number {
    return this.number((held) => held.totalSize, 'totalSize')
  }

  resolved(offset?: number, limit?: number): Types.ResolvedPath[] {
    return this.page(offset, limit, this.resolvedCount, (held, from, rows) => held.resolved(from, rows))
  }

  unmapped(offset?: number, limit?: number): Types.UnmappedPath[] {
    return this.page(offset, limit, this.unmappedCount, (held, from, rows) => held.unmapped(from, rows))
  }
}

export class DownloadPlan extends Handle<PlanHandle> implements Types.DownloadPlan {
  get fileCount(): number {
    return this.ask((held) => held.fileCount)
  }

  get totalSize(): number {
    return this.number((held) => held.totalSize, 'totalSize')
  }

  get objectCount(): number {
    return this.ask((held) => held.objectCount)
  }

  get unmappedCount(): number {
    return this.ask((held) => held.unmappedCount)
  }

  get hazardCount(): number {
    return this.ask((held) => held.hazardCount)
  }

  files(offset?: number, limit?: number): Types.PlannedFile[] {
    return this.page(offset, limit, this.fileCount, (held, from, rows) => held.files(from, rows))
  }

  unmapped(offset?: number, limit?: number): Types.UnmappedPath[] {
    return this.page(offset, limit, this.unmappedCount, (held, from, rows) => held.unmapped(from, rows))
  }

  hazards(offset?: number, limit?: number): Types.PlanHazard[] {
    return this.page(offset, limit, this.hazardCount, (held, from, rows) => held.hazards(from, rows))
  }

  totals(): Types.PlanTotals {
    return this.read((held) => held.totals())
  }

  view(chosen: Types.PlanViewOptions = {}): PlanView {
    const clean = viewOptions(chosen, '')
    return this.derive((held, pack) => held.view(pack(clean)), PlanView)
  }
}

const viewOptions = options({
  search: optional(string),
  status: optional(oneOf('unmapped', 'hazard', 'ready')),
  rootPath: optional(string),
  rule: optional(count),
  orderBy: optional(oneOf('status', 'sourcePath', 'localPath', 'size', 'mtime')),
  descending: optional(boolean),
})

export class PlanView extends Handle<ViewHandle> implements Types.PlanView {
  get entryCount(): number {
    return this.ask((held) => held.entryCount)
  }

  get ownCount(): number {
    return this.ask((held) => held.ownCount)
  }

  get totalSize(): number {
    return this.number((held) => held.totalSize, 'totalSize')
  }

  entries(offset?: number, limit?: number): Types.PlanEntry[] {
    return this.page(offset, limit, this.entryCount, (held, from, rows) => held.entries(from, rows))
  }

  folders(): Types.PlanFolder[] {
    return this.read((held) => held.folders())
  }

  below(folder: string): PlanView {
    const path = string(folder, 'folder')
    return this.derive((held) => held.below(path), PlanView)
  }
}
