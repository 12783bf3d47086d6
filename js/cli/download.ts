/** `rusty-attachments download` */

import { stat } from 'node:fs/promises'

import { DownloadOrchestrator } from '../index.js'
import type { ConflictResolution, DownloadPlan, PlannedFile, TransferProgress } from '../types.js'
import { DownloadInJson } from './download-in-json.js'
import { DownloadInWords } from './download-in-words.js'
import type { Interruption } from './interruption.js'
import { CommandError, status } from './failure.js'
import { type OutputOptions, Outputs, type Placeless } from './outputs.js'
import { type Directories, foldersBelow, localPath } from './places.js'
import { ask } from './questions.js'
import { conflictResolution, formatOf } from './settings.js'
import { clean, type Terminal } from './terminal.js'
import { count } from './words.js'

export type DownloadOptions = OutputOptions & { conflictResolution?: string; yes?: boolean }

/** How many planned files are looked at at once. */
const pageRows = 1000

export async function download(
  options: DownloadOptions,
  terminal: Terminal,
  interruption: Interruption,
): Promise<number> {
  const { signal } = interruption
  const format = formatOf(options.output)
  // Once it is stopped, what was under way is given up, and would be counted as done.
  const onProgress = (progress: TransferProgress) => {
    if (!signal.aborted) report.progress(progress)
  }
  const report = format === 'json' ? new DownloadInJson(terminal) : new DownloadInWords(terminal)
  try {
    report.looking()
    const outputs = await Outputs.find(options, signal)
    const { configuration } = outputs.settings
    const isYes = options.yes === true || configuration.autoAccept()
    const canAsk = terminal.isInteractive && format === 'verbose' && !isYes
    report.title(outputs)

    let planned = await outputs.plan(onProgress)
    const { places, leftOut } = canAsk
      ? await askForPlaces(planned.placeless, outputs, terminal, report, signal)
      : placesUnasked(planned.placeless, outputs, isYes)
    if (places.size > 0) {
      outputs.place(places)
      planned = await outputs.plan(onProgress)
    }

    const { plan } = planned
    const decided = conflictResolution(options.conflictResolution ?? configuration.conflictResolution())
    report.progressEnds()
    const resolution =
      decided ?? (canAsk ? await askForConflicts(plan, terminal, interruption) : 'createCopy')
    const orchestrator = new DownloadOrchestrator({ s3: outputs.s3 })
    const { failures, ...stats } = await orchestrator.download(plan, {
      conflictResolution: resolution,
      onProgress,
      signal,
    })
    report.done({ plan, stats, failures, outputs })
    const isShort = plan.unmappedCount > (plan.fileCount > 0 ? leftOut : 0)
    return failures.length > 0 || isShort ? status.failed : status.done
  } catch (thrown) {
    if (signal.aborted) report.stopped()
    throw thrown
  }
}

/** Where roots go that had no place, and how many of their files somebody leaves out. */
type Placed = { places: Directories; leftOut: number }

/** Folders here for roots of another kind of machine, unless storage profiles say what has a place and what not. */
function suggestedPlaces({ strangeRoots }: Outputs): Directories {
  // Of all of them, so that each has the same folder whatever part of the outputs is asked for.
  return foldersBelow(process.cwd(), strangeRoots)
}

function placesUnasked(placeless: Placeless[], outputs: Outputs, isYes: boolean): Placed {
  const suggested = suggestedPlaces(outputs)
  const places = new Map<string, string>()
  let leftOut = 0
  for (const { root, files } of placeless) {
    const directory = suggested.get(root.path)
    if (directory === undefined) leftOut += files
    else places.set(root.path, directory)
  }
  if (isYes) return { places, leftOut }
  for (const [root, directory] of places) {
    throw new CommandError(
      `${clean(root)} is a path of another kind of machine; say where its files go with --to DIR or ` +
        `--root '${clean(root)}=DIR', or take ${clean(directory)} with --yes`,
    )
  }
  return { places, leftOut: 0 }
}

async function askForPlaces(
  placeless: Placeless[],
  outputs: Outputs,
  terminal: Terminal,
  report: DownloadInJson | DownloadInWords,
  signal: AbortSignal,
): Promise<Placed> {
  report.progressEnds()
  const suggested = suggestedPlaces(outputs)
  const places = new Map<string, string>()
  let leftOut = 0
  for (const { root, files } of placeless) {
    const fallback = suggested.get(root.path)
    terminal.note()
    terminal.note(`${terminal.paintNote('bold', clean(root.path))} has no place on this machine.`)
    const otherwise = fallback === undefined ? 'leave them out' : clean(fallback)
    const question = `Where should its ${count(files, 'file')} go? [${otherwise}] `
    const answer = await ask(question, (answer) => answer, signal)
    const directory = answer === '' ? fallback : localPath(answer)
    if (directory === undefined) leftOut += files
    else places.set(root.path, directory)
  }
  return { places, leftOut }
}

/** Asks what to do with files that are there and differ, if there are any. */
async function askForConflicts(
  plan: DownloadPlan,
  terminal: Terminal,
  interruption: Interruption,
): Promise<ConflictResolution> {
  terminal.status('Comparing with what is there …')
  const { differing, first } = await conflicts(plan, interruption)
  terminal.status('')
  if (differing === 0) return 'createCopy'
  const others = differing > 1 ? ` and ${count(differing - 1, 'other file')}` : ''
  const are = differing > 1 ? 'are there already and differ' : 'is there already and differs'
  const words: Record<string, ConflictResolution> = {
    copy: 'createCopy',
    overwrite: 'overwrite',
    skip: 'skip',
  }
  const understand = (answer: string) => {
    const word = answer.toLowerCase() || 'copy'
    return words[Object.keys(words).find((known) => known === word || known[0] === word) ?? '']
  }
  return ask(
    `\n${clean(first)}${others} ${are}.\n[c]opy beside, [o]verwrite, [s]kip? [c] `,
    understand,
    interruption.signal,
  )
}

async function conflicts(
  plan: DownloadPlan,
  interruption: Interruption,
): Promise<{ differing: number; first: string }> {
  let differing = 0
  let first = ''
  for (let offset = 0; offset < plan.fileCount; offset += pageRows) {
    const files = plan.files(offset, pageRows)
    const differs = await Promise.all(files.map(isThereAndDiffers))
    differing += differs.filter(Boolean).length
    first ||= files[differs.indexOf(true)]?.localPath ?? ''
    await interruption.listen()
  }
  return { differing, first }
}

/** By size and time: the time was set from a float of seconds, if the reference wrote it. */
async function isThereAndDiffers({ localPath, size, mtime }: PlannedFile): Promise<boolean> {
  const there = await stat(localPath, { bigint: true }).catch(() => undefined)
  if (!there?.isFile()) return false
  const microseconds = Number(there.mtimeNs / 1000n)
  return Number(there.size) !== size || (mtime !== undefined && Math.abs(microseconds - mtime) > 1)
}
