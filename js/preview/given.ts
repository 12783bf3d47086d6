/** What is given: the manifests by asset root, two storage profiles, and rules. What of it decides a plan. */

import type { PathFormat, PathMappingRule, StorageProfile } from '../types.js'
import { formatOf } from './format.js'
import type { Settings } from './protocol.js'
import type { PreviewManifest } from './types.js'

/** A manifest as the page knows it. Its bytes are the worker's. */
export type Item = {
  id: number
  name: string
  data: Blob
  sourcePathFormat: PathFormat | undefined
  lastModified: number
  key: string | undefined
  jobId: string | undefined
  /** `unread`: no worker has it, or only one that is gone. */
  state: 'unread' | 'reading' | 'ready' | { problem: string }
  fileCount: number
  hasAbsolutePaths: boolean
}

/** Manifests with one asset root, and where that was taken from while nobody has told it. */
export type Group = { rootPath: string; guessedFrom: string | null; items: Item[] }

export class Given {
  groups: Group[] = []
  jobProfile: StorageProfile | null = null
  localProfile: StorageProfile | null = null
  rules: PathMappingRule[] = []
  /** Whether the rules are a person's or a script's, no longer those between the profiles. */
  areRulesOwn = false
  /** Whether both profiles are one, so that paths stay as they are. */
  isOneProfile = false
  /** How local paths are written, where no profile says it. */
  wantedFormat: PathFormat | null = null
  #count = 0

  get items(): Item[] {
    return this.groups.flatMap(({ items }) => items)
  }

  get isEmpty(): boolean {
    return this.groups.length + this.rules.length === 0 && !this.jobProfile && !this.localProfile
  }

  clear(): void {
    this.groups = []
    this.jobProfile = this.localProfile = this.wantedFormat = null
    this.rules = []
    this.areRulesOwn = this.isOneProfile = false
  }

  has(state: Item['state']): boolean {
    return this.items.some((item) => item.state === state)
  }

  holds(item: Item): boolean {
    return this.groups.some(({ items }) => items.includes(item))
  }

  /** Takes a manifest in, beside those of its root. */
  add({ name, data, rootPath, ...rest }: PreviewManifest): void {
    const item: Item = {
      id: ++this.#count,
      name,
      data: data instanceof Blob ? data : new Blob([data as BlobPart]),
      sourcePathFormat: rest.sourcePathFormat,
      // A file's time on a disk has fractions.
      lastModified: Math.round(rest.lastModified ?? (data instanceof File ? data.lastModified : 0)),
      key: rest.key,
      jobId: rest.jobId,
      state: 'unread',
      fileCount: 0,
      hasAbsolutePaths: false,
    }
    const root = rootPath === undefined ? this.#likelyRoot() : { rootPath, guessedFrom: null }
    // What was told and what was guessed are not one, though they are the same.
    const group = this.groups.find(
      ({ rootPath, guessedFrom }) => rootPath === root.rootPath && guessedFrom === root.guessedFrom,
    )
    if (group) group.items.push(item)
    else this.groups.push({ ...root, items: [item] })
  }

  /** Takes an item out of its group, and the group with its last one. */
  drop(item: Item): void {
    for (const group of this.groups) group.items = group.items.filter((other) => other !== item)
    this.groups = this.groups.filter(({ items }) => items.length > 0)
  }

  /** Gives an item a root of its own, which is still to be told. */
  separate(item: Item): Group {
    this.drop(item)
    const group = { rootPath: '', guessedFrom: null, items: [item] }
    this.groups.push(group)
    return group
  }

  /** Gives a likely root to what has none that was told: what was guessed lasts as long as what it was taken from. */
  guessRoots(): void {
    const root = this.#likelyRoot()
    for (const group of this.groups)
      if (group.rootPath === '' || group.guessedFrom !== null) Object.assign(group, root)
  }

  /** What has been read is so no more: whoever read it is gone. */
  forgetRead(): void {
    for (const item of this.items) if (typeof item.state === 'string') item.state = 'unread'
  }

  get destinationPathFormat(): PathFormat {
    if (this.localProfile) return this.localProfile.osFamily === 'WINDOWS' ? 'windows' : 'posix'
    if (this.wantedFormat) return this.wantedFormat
    const told = this.rules
      .map(({ destinationPath }) => formatOf(destinationPath))
      .find((format) => format !== null)
    return told ?? (navigator.userAgent.includes('Windows') ? 'windows' : 'posix')
  }

  sourceFormat({ rootPath }: Group, item: Item | undefined): PathFormat {
    if (item?.sourcePathFormat) return item.sourcePathFormat
    if (this.jobProfile) return this.jobProfile.osFamily === 'WINDOWS' ? 'windows' : 'posix'
    return this.rules[0]?.sourcePathFormat ?? formatOf(rootPath) ?? 'posix'
  }

  /** What a plan is made of, as far as it has been read. */
  settings(): Settings {
    const sources = this.groups.flatMap((group) =>
      group.items
        .filter(({ state }) => state === 'ready')
        .map((item) => ({
          id: item.id,
          rootPath: group.rootPath,
          sourcePathFormat: this.sourceFormat(group, item),
          lastModified: item.lastModified,
          key: item.key,
          jobId: item.jobId,
        })),
    )
    const rules = this.isOneProfile && !this.areRulesOwn ? null : this.rules
    // As a download on a Mac does; elsewhere the format tells.
    const caseInsensitive = this.localProfile?.osFamily === 'MACOS' ? true : undefined
    return { sources, rules, destinationPathFormat: this.destinationPathFormat, caseInsensitive }
  }

  /** What a root is likely to be that nobody has told: where the rules begin. */
  #likelyRoot(): Omit<Group, 'items'> {
    const location = this.jobProfile?.fileSystemLocations?.[0]?.path
    if (location) return { rootPath: location, guessedFrom: 'the job’s storage profile' }
    const source = this.rules[0]?.sourcePath
    if (source) return { rootPath: source, guessedFrom: 'the first rule' }
    return { rootPath: '', guessedFrom: null }
  }
}
