/** What the page and its worker say to each other. The worker's methods are those of {@link Model}. */

import type {
  ErrorCode,
  PathFormat,
  PathMappingRule,
  PlanEntry,
  PlanFolder,
  PlanSource,
  PlanViewOptions,
  StorageProfile,
} from '../types.js'
import type { PreviewSummary } from './types.js'

/** What a dropped file turned out to be. */
export type Loaded =
  | { kind: 'manifest'; fileCount: number; totalSize: number; hasAbsolutePaths: boolean }
  | { kind: 'profile'; profile: StorageProfile }
  | { kind: 'rules'; rules: PathMappingRule[] }

/** Everything that decides a plan. */
export type Settings = {
  sources: (Omit<PlanSource, 'manifest' | 'applier'> & { id: number })[]
  /** `null`: paths stay as they are. */
  rules: PathMappingRule[] | null
  destinationPathFormat: PathFormat
  /** By default told from the format. */
  caseInsensitive: boolean | undefined
}

/** What is shown of the plan: a list, or folders with those that are open. */
export type Query = PlanViewOptions & { layout: 'list' | 'folders' }

/** How much is shown, and how: by the time of the answer a person may want another layout. */
export type Shown = { layout: Query['layout']; rowCount: number; entryCount: number; totalSize: number }

/** One line of the list. */
export type Row =
  | { kind: 'entry'; level: number; entry: PlanEntry }
  | { kind: 'folder'; level: number; name: string; folder: PlanFolder; isOpen: boolean; hasPlace: boolean }

/** What the worker does. */
export interface Model {
  /** Reads a file and finds out what it is; a manifest is kept under its number. */
  load(id: number, data: Blob): Promise<Loaded>
  /** Lets manifests go. */
  forget(ids: number[]): void
  /** The rules between two storage profiles; `null` where they are one. */
  rulesBetween(job: StorageProfile, local: StorageProfile): PathMappingRule[] | null
  plan(settings: Settings): PreviewSummary
  show(query: Query): Shown
  rows(offset: number, limit: number): Row[]
  /** Opens or closes a folder. */
  toggle(path: string): Shown
  /** What is shown as a document. */
  exported(format: 'csv' | 'json'): Promise<{ document: Blob; entryCount: number }>
  /** What is shown as lines of text; `null` where there is more than a clipboard should hold. */
  copied(): { text: string | null; entryCount: number }
}

/** A call. `id` numbers it. */
export type Request = { id: number; method: keyof Model; parameters: unknown[] }

/** Its answer. `isWorkers`: the worker itself is no good, whatever it is asked. */
export type Response = { id: number } & ({ result: unknown } | { problem: Problem; isWorkers: boolean })

/** Why a call failed, in words for a person. */
export type Problem = { code: ErrorCode | null; message: string }
