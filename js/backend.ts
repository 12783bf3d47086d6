/**
 * What both bindings offer to JavaScript, name by name: `crates/node` and `crates/wasm` implement this file.
 * Structured values cross as `Wire`, which is whatever is cheapest for the binding: JSON text for the addon,
 * plain objects for WebAssembly.
 */

/** A structured value in the binding's own form. */
export type Wire = unknown

/** A value that Rust owns. */
export interface Freed {
  free(): void
}

export interface ManifestHandle extends Freed {
  readonly version: string
  readonly specificationVersion: string | null | undefined
  readonly hashAlg: string
  readonly totalSize: number
  readonly fileCount: number
  manifestHash(): string
  files(offset: number, limit: number): Wire
  dirs(): Wire
  encode(): string
}

export interface ApplierHandle extends Freed {
  readonly sourcePathFormat: Wire
  transform(path: string): string | null | undefined
  strictTransform(path: string): string
  transformAll(paths: Wire): Wire
}

export interface ResolvedHandle extends Freed {
  readonly resolvedCount: number
  readonly unmappedCount: number
  readonly totalSize: number
  resolved(offset: number, limit: number): Wire
  unmapped(offset: number, limit: number): Wire
}

export interface PlanHandle extends Freed {
  readonly fileCount: number
  readonly totalSize: number
  readonly objectCount: number
  readonly unmappedCount: number
  readonly hazardCount: number
  files(offset: number, limit: number): Wire
  unmapped(offset: number, limit: number): Wire
  hazards(offset: number, limit: number): Wire
  totals(): Wire
  view(options: Wire): ViewHandle
}

export interface ViewHandle extends Freed {
  readonly entryCount: number
  readonly ownCount: number
  readonly totalSize: number
  entries(offset: number, limit: number): Wire
  folders(): Wire
  below(folder: string): ViewHandle
}

/** Manifests with their times, on the way to a merge: lists of handles do not cross. */
export interface MergeHandle extends Freed {
  add(manifest: ManifestHandle, lastModified: number): void
  merge(): ManifestHandle | null | undefined
}

/** Sources on the way to a plan. */
export interface PlannerHandle extends Freed {
  /** `source`: rootPath, sourcePathFormat, lastModified and jobId. */
  add(manifest: ManifestHandle, source: Wire): void
  addMapped(manifest: ManifestHandle, source: Wire, applier: ApplierHandle): void
  plan(options: Wire): PlanHandle
}

/** One pass of incremental sync. */
export interface SyncPassHandle extends Freed {
  /** The questions that have become ready, each once. */
  requests(): Wire
  /** The service's JSON text as it came: a Date would lose the microseconds of its times. */
  answer(id: number, body: string): void
  /** What was asked for does not exist. */
  notFound(id: number): void
  /** Whether everything is answered. */
  isReady(): boolean
  report(): Wire
  /** What to download; the indexes below are of this list. */
  sources(): Wire
  /** What earlier passes have written, which older sources must not write again. */
  writtenSince(): Wire
  storageProfiles(): Wire
  /** A list of source, files, lastModified and isOverwritten. */
  planned(planned: Wire): void
  /** A list of source and localPath: files that are whole and flushed. */
  landed(landed: Wire): void
  /** A list of source, localPath (none for the manifest itself) and message. */
  failed(failed: Wire): void
  /** Of how many task runs something has failed and is not made good. */
  outstandingTaskRuns(): number
  /** The texts of failedJobs, sidecar and checkpoint, to be written in this order. */
  save(finished: boolean): Wire
  /** Those of the last save are on disk. */
  saved(): void
}

/** The decisions of incremental sync: in the addon, and in a WebAssembly file of their own. */
export interface SyncBindings {
  createSyncPass(settings: Wire): SyncPassHandle
}

/** The pure functions, as the bindings export them. */
export interface Bindings {
  decodeManifest(json: Uint8Array): ManifestHandle
  createManifest(manifest: Wire): ManifestHandle
  generatePathMappingRules(source: Wire, destination: Wire): Wire
  createApplier(rules: Wire, destinationPathFormat: Wire): ApplierHandle
  joinPath(root: string, path: string, format: Wire): string
  resolveManifestPaths(manifest: ManifestHandle, rootPath: string, sourcePathFormat: Wire): ResolvedHandle
  resolveMappedManifestPaths(
    manifest: ManifestHandle,
    rootPath: string,
    sourcePathFormat: Wire,
    applier: ApplierHandle,
  ): ResolvedHandle
  createMerge(): MergeHandle
  createPlanner(): PlannerHandle
  outputManifestPrefix(location: Wire, scope: Wire): string
  parseOutputManifestKey(key: string, rootPrefix?: string): Wire
  filterOutputManifestKeys(objects: Wire, selectLatestPerTask: boolean, rootPrefix?: string): Wire
  extractSessionActionId(key: string): string | null | undefined
  filterManifestsBySessionActions(keys: Wire, sessionActionIds: Wire): Wire
  rootPathHash(rootPath: string, fileSystemLocationName?: string): string
  matchManifestsToRoots(keys: Wire, roots: Wire): Wire
  assetRootFromMetadata(metadata: Wire): string | null | undefined
  matchesIncludeFilters(path: string, filters: Wire): boolean
}

/** The way to and from a binding's wire form. */
export interface Wiring {
  readonly name: 'native' | 'wasm'
  readonly pack: (value: unknown) => Wire
  readonly unpack: (wire: Wire) => unknown
}

/** A binding with the way to and from its wire form. */
export interface Backend<B extends Bindings | SyncBindings = Bindings> extends Wiring {
  readonly bindings: B
}
