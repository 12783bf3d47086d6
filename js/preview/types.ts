/** The public surface of `rusty-attachments/preview`. */

/// <reference lib="dom" preserve="true" />

import type { PathFormat, PathMappingRule, PlanTotals, StorageProfile } from '../types.js'

/** A manifest to look at. What S3 says beside its bytes is passed along, since a file on disk does not have it. */
export type PreviewManifest = {
  /** What the page calls it. */
  name: string
  data: Blob | string | Uint8Array
  /** The asset root on the machine that made the files (`asset-root` in the object's metadata). */
  rootPath?: string | undefined
  /** By default the job storage profile's, else that of the rules, else told from the root. */
  sourcePathFormat?: PathFormat | undefined
  /** Milliseconds since the Unix epoch; by default a `File`'s own time, else 0. */
  lastModified?: number | undefined
  /** The object's key: of manifests with one time the later session folder wins. */
  key?: string | undefined
  jobId?: string | undefined
}

/** What the page shows at the moment. */
export type PreviewSummary = {
  /** Files with a place, those with a hazard among them. */
  fileCount: number
  totalSize: number
  /** How many different contents they have. */
  objectCount: number
  hazardCount: number
  unmappedCount: number
  totals: PlanTotals
}

/**
 * `<attachments-preview>`: shows where each file of some manifests will land, and what has no place. Importing
 * `rusty-attachments/preview` defines it; on a server the import does nothing.
 *
 * It dispatches `attachments-plan`, a `CustomEvent<PreviewSummary>` that bubbles, whenever a new plan is shown.
 * A child with `slot="empty"` stands where there is no manifest yet, below the place to drop them.
 */
export declare class AttachmentsPreview extends HTMLElement {
  /** The storage profile that the job was submitted with; goes with `localStorageProfile`. */
  jobStorageProfile: StorageProfile | null
  /** The storage profile of the machine that the files are for. */
  localStorageProfile: StorageProfile | null
  /** The rules in use: those between the two profiles, until somebody sets or edits them. */
  rules: PathMappingRule[]
  /** How local paths are written: the local profile's format, else what is set here, else told from the rules. */
  destinationPathFormat: PathFormat
  /** Adds manifests; each is read off the main thread. Rejects never: what cannot be read is said on the page. */
  add(manifests: PreviewManifest[]): Promise<void>
  /** Forgets the manifests, profiles and rules. */
  clear(): void
  /** The entries that are shown, with their totals, as a document. */
  exportEntries(format: 'csv' | 'json'): Promise<Blob>
}

declare global {
  interface HTMLElementTagNameMap {
    'attachments-preview': AttachmentsPreview
  }
  interface HTMLElementEventMap {
    'attachments-plan': CustomEvent<PreviewSummary>
  }
}
