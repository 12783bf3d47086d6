/** What cannot be downloaded, or may not be, in words. */

import type { DownloadPlan, FileFailure, UnmappedPath } from '../types.js'
import { clean, type Terminal } from './terminal.js'
import { count } from './words.js'

/** How many of a list are named; the rest is counted. */
const named = 20

/** What to type about a root that no rule maps. */
const withRoot = "no rule maps them; say where they go with --root 'OLD=NEW'"

/**
 * Names the files without a place, each reason once.
 *
 * @param advice what to do about those that no rule maps
 */
export function sayUnmapped(terminal: Terminal, plan: DownloadPlan, advice = withRoot): void {
  const { unmappedCount } = plan
  if (unmappedCount === 0) return
  const unmapped = plan.unmapped(0, named)
  terminal.warn(
    `${count(unmappedCount, 'file')} ${unmappedCount === 1 ? 'has' : 'have'} no place on this machine:`,
  )
  for (const { absoluteSourcePath } of unmapped) terminal.note(`  ${clean(absoluteSourcePath)}`)
  sayRest(terminal, unmappedCount)
  const reasons = new Set(unmapped.map((file) => inOptions(file, advice).reason.message))
  for (const reason of reasons) terminal.note(terminal.paintNote('dim', `  ${clean(reason)}`))
}

/** Names what the destination may not be able to hold, unless it has failed and is named as that. */
export function sayHazards(terminal: Terminal, plan: DownloadPlan, failures: FileFailure[]): void {
  const failed = new Set(failures.map(({ localPath }) => localPath))
  const hazards = plan.hazards().filter(({ localPath }) => !failed.has(localPath))
  if (hazards.length === 0) return
  terminal.warn(`${count(hazards.length, 'file')} may not be possible here:`)
  for (const { localPath, message } of hazards.slice(0, named)) {
    terminal.note(`  ${clean(localPath)}`)
    terminal.note(terminal.paintNote('dim', `    ${clean(message)}`))
  }
  sayRest(terminal, hazards.length)
}

function sayRest(terminal: Terminal, all: number): void {
  if (all > named) terminal.note(`  and ${(all - named).toLocaleString('en-US')} more`)
}

/** The same, its reason with what to type about it. */
export function inOptions(file: UnmappedPath, advice = withRoot): UnmappedPath {
  const { code, message } = file.reason
  return { ...file, reason: { code, message: code === 'NO_RULE_MATCHED' ? advice : message } }
}
