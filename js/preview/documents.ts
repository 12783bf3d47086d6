/** Small JSON documents that people have at hand beside manifests: storage profiles and path mapping rules. */

import type { PathFormat, PathMappingRule, StorageProfile } from '../types.js'

/** Profiles and rules are small; whatever is larger can only be a manifest. */
export const largestDocument = 1 << 20

type Fields = Record<string, unknown>

const formats: PathFormat[] = ['windows', 'posix']

/** What a document holds, if it is one of ours; a manifest or anything else gives `null`. */
export function readDocument(
  document: unknown,
): { kind: 'profile'; profile: StorageProfile } | { kind: 'rules'; rules: PathMappingRule[] } | null {
  const list = Array.isArray(document) ? document : isFields(document) ? listOf(document) : undefined
  if (list) {
    const rules = list.map(readRule)
    return rules.every((rule) => rule !== null) && rules.length > 0 ? { kind: 'rules', rules } : null
  }
  if (!isFields(document) || !('osFamily' in document || 'fileSystemLocations' in document)) return null
  return { kind: 'profile', profile: readProfile(document) }
}

/** A storage profile as the service answers it. @throws Error that says what is missing */
export function readProfile(document: unknown): StorageProfile {
  const refuse = (what: string): never => {
    throw new Error(`This is no storage profile: ${what}. Give what GetStorageProfileForQueue answers.`)
  }
  if (!isFields(document)) return refuse('it is not a JSON object')
  const { storageProfileId, displayName, osFamily, fileSystemLocations } = document
  if (typeof storageProfileId !== 'string') return refuse('storageProfileId is missing')
  if (osFamily !== 'WINDOWS' && osFamily !== 'LINUX' && osFamily !== 'MACOS')
    return refuse('osFamily must be WINDOWS, LINUX or MACOS')
  if (fileSystemLocations !== undefined && !Array.isArray(fileSystemLocations))
    return refuse('fileSystemLocations must be a list')
  const locations = (fileSystemLocations ?? []).map((location: unknown, index) => {
    const { name, path, type } = isFields(location) ? location : {}
    if (typeof name !== 'string' || typeof path !== 'string')
      return refuse(`fileSystemLocations[${index}] needs a name and a path`)
    return { name, path, type: type === 'LOCAL' ? ('LOCAL' as const) : ('SHARED' as const) }
  })
  const name = typeof displayName === 'string' ? displayName : storageProfileId
  return { storageProfileId, displayName: name, osFamily, fileSystemLocations: locations }
}

/** The list in the documents that hold rules: our own, and Open Job Description's. */
function listOf({ rules, path_mapping_rules: openJobDescription }: Fields): unknown[] | undefined {
  const list = rules ?? openJobDescription
  return Array.isArray(list) ? list : undefined
}

function readRule(rule: unknown): PathMappingRule | null {
  if (!isFields(rule)) return null
  const format = rule.sourcePathFormat ?? rule.source_path_format
  const sourcePath = rule.sourcePath ?? rule.source_path
  const destinationPath = rule.destinationPath ?? rule.destination_path
  if (typeof format !== 'string' || typeof sourcePath !== 'string' || typeof destinationPath !== 'string')
    return null
  const sourcePathFormat = formats.find((name) => name === format.toLowerCase())
  return sourcePathFormat ? { sourcePathFormat, sourcePath, destinationPath } : null
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
