/** What is said about what was given: what is missing, what cannot be, and what to do. */

import type { PlanTotals, StorageProfile } from '../types.js'
import { sentence } from './format.js'
import type { Given, Group } from './given.js'
import type { Query } from './protocol.js'
import { formatNames, relative } from './rule-editor.js'

/** Of the two profiles. `problem`: why there are no rules between them. */
export function profileWords(given: Given, problem: string | null): string | null {
  const { jobProfile: job, localProfile: local } = given
  if (!job && !local) return null
  if (!job || !local) {
    const missing = job ? 'This machine’s' : 'The job’s'
    return `${missing} profile is missing: paths are mapped from the job’s to this machine’s.`
  }
  if (problem !== null) return problem
  if (given.isOneProfile && !given.areRulesOwn) return 'Both are one profile, so paths stay as they are.'
  const names = ({ fileSystemLocations }: StorageProfile) =>
    (fileSystemLocations ?? []).map(({ name }) => name).join(', ') || 'none'
  const isShared = job.fileSystemLocations?.some(({ name }) =>
    local.fileSystemLocations?.some((other) => other.name === name),
  )
  return isShared
    ? null
    : `These profiles share no location name, so they map nothing. The job’s: ${names(job)}. This machine’s: ` +
        `${names(local)}. Give a location one name in both, or add a rule below.`
}

/** Where there are no rules. */
export function ruleWords({ rules, jobProfile, localProfile, groups }: Given): string | null {
  if (rules.length > 0 || (jobProfile && localProfile) || groups.length === 0) return null
  return 'Without rules nothing has a place. Give both storage profiles, or add a rule.'
}

/** Of rules that were refused. `hasPlan`: the one before is still shown. */
export function refusalWords(given: Given, refusal: string | null, hasPlan: boolean): string | null {
  if (refusal === null) return null
  const words = formatWords(given) ?? `${sentence(refusal)}.`
  return hasPlan ? `${words} Until then the list shows what the rules before gave.` : words
}

/** Of formats that do not go together. */
function formatWords(given: Given): string | null {
  const formats = new Set(given.rules.map(({ sourcePathFormat }) => sourcePathFormat))
  const names = [...formats].map((format) => formatNames[format])
  if (names.length > 1) {
    return (
      `These rules mix ${names.join(' and ')} source paths, but a job’s paths are all of one kind. Change the ` +
      'format of a rule, or remove it.'
    )
  }
  for (const group of given.groups) {
    const format = given.sourceFormat(group, group.items[0])
    if (names.length === 0 || formats.has(format)) continue
    return (
      `These rules map ${names.join()} paths, but below ${group.rootPath} there are ${formatNames[format]} paths. ` +
      'Change the format of the rules, or the job’s storage profile.'
    )
  }
  return null
}

/** Of an asset root. */
export function rootWords(given: Given, group: Group): string | null {
  const ready = group.items.filter(({ state, hasAbsolutePaths }) => state === 'ready' && !hasAbsolutePaths)
  if (ready.length === 0) return null
  if (group.rootPath === '')
    return 'Say which folder the paths are below, on the machine that made the files.'
  return relative(group.rootPath, given.sourceFormat(group, ready[0]))
}

/** Of a root or rule whose files are shown alone, behind an amount. */
export function filterWords({ rule, rootPath }: Query, totals: PlanTotals): string {
  const source = rule === undefined ? undefined : totals.rules[rule]?.sourcePath
  if (source !== undefined) return ` · only what the rule for ${source} caught`
  return rootPath === undefined ? '' : ` · only below ${rootPath}`
}
