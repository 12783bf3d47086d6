/** `rusty-attachments plan` */

import { readFile } from 'node:fs/promises'

import { generatePathMappingRules, PathMappingApplier, planDownload } from '../index.js'
import type { DownloadPlan, PathFormat, PathMappingRule, StorageProfile } from '../types.js'
import { expandHome } from './configuration.js'
import type { Interruption } from './interruption.js'
import { CommandError, status, UsageError } from './failure.js'
import { findManifest } from './manifest-files.js'
import { type OutputOptions, Outputs } from './outputs.js'
import { directoriesBelow, directoriesOf, type Directories, hostFormat } from './places.js'
import { ProgressLine } from './progress-line.js'
import { formatOf } from './settings.js'
import { clean, type Terminal } from './terminal.js'
import { inOptions, sayHazards, sayUnmapped } from './trouble.js'
import { bytes, count, dateAndTime } from './words.js'

export type PlanOptions = OutputOptions & { assetRoot?: string; jobProfile?: string; localProfile?: string }

/** Rows that are read at once. */
const pageRows = 1000

/** What a download would do: of a queue's jobs, or, where some are named, of manifests. */
export async function plan(
  manifests: string[],
  options: PlanOptions,
  terminal: Terminal,
  interruption: Interruption,
): Promise<number> {
  const { signal } = interruption
  const say = formatOf(options.output) === 'json' ? inJson : inWords
  if (manifests.length > 0) {
    if (options.jobId) throw new UsageError('manifests and --job-id exclude each other: either is planned')
    const plan = await planOfFiles(manifests, options, signal)
    await interruption.listen()
    await say(plan, undefined, terminal, interruption)
    return status.done
  }
  const line = new ProgressLine(terminal)
  terminal.status('Asking Deadline Cloud …')
  try {
    const outputs = await Outputs.find(options, signal)
    const { plan, stats } = await outputs.plan(line.show)
    line.end()
    for (const warning of outputs.warnings) terminal.warn(clean(warning))
    await say(plan, stats.filesSkipped, terminal, interruption)
    return status.done
  } finally {
    line.end()
  }
}

/** Maps manifests from one machine to another, neither of which need be this one. */
async function planOfFiles(
  names: string[],
  options: PlanOptions,
  signal: AbortSignal,
): Promise<DownloadPlan> {
  const [job, local, found] = await Promise.all([
    options.jobProfile === undefined ? undefined : readProfile(options.jobProfile),
    options.localProfile === undefined ? undefined : readProfile(options.localProfile),
    Promise.all(names.map((name) => findManifest(name, options, signal))),
  ])
  if ((job === undefined) !== (local === undefined)) {
    throw new UsageError(
      '--job-profile and --local-profile go together: paths are mapped from the one to the other',
    )
  }
  const { include, matchPathsBy } = options
  const manifests = found.map(({ manifest, metadata: { assetRoot, lastModified } }) => {
    const rootPath = assetRoot ?? options.assetRoot
    if (rootPath === undefined) {
      throw new UsageError(
        'a manifest on disk does not say where its files were; name the folder with --asset-root',
      )
    }
    const sourcePathFormat = job ? formatOfFamily(job) : formatOfRoot(rootPath)
    return { manifest, rootPath, sourcePathFormat, lastModified: lastModified ?? 0 }
  })
  const roots = [...new Map(manifests.map((one) => [one.rootPath, one.sourcePathFormat]))]
  const known = roots.map(([path, format]) => ({ path, format }))
  const below = options.to === undefined ? [] : directoriesBelow(options.to, known)
  const directories: Directories = new Map([...below, ...directoriesOf(options.root ?? [], known)])

  const isMapped = local !== undefined || directories.size > 0
  const destinationPathFormat = local
    ? formatOfFamily(local)
    : isMapped
      ? hostFormat
      : manifests[0]!.sourcePathFormat
  const rules = job && local ? generatePathMappingRules(job, local) : []
  const sources = manifests.map(({ rootPath, sourcePathFormat, ...rest }) => {
    const directory = directories.get(rootPath)
    const own: PathMappingRule[] =
      directory === undefined
        ? rules
        : [{ sourcePathFormat, sourcePath: rootPath, destinationPath: directory }]
    const applier = isMapped ? new PathMappingApplier(own, destinationPathFormat) : undefined
    return { ...rest, rootPath, sourcePathFormat, applier }
  })
  return planDownload(sources, {
    destinationPathFormat,
    include,
    matchPathsBy,
  })
}

async function readProfile(path: string): Promise<StorageProfile> {
  try {
    const profile = JSON.parse(await readFile(expandHome(path), 'utf8')) as StorageProfile
    // Both sides are checked at once, and the message would not say which file it is.
    generatePathMappingRules(profile, profile)
    return profile
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    const why =
      code === 'ENOENT'
        ? 'there is no such file'
        : `${message}; it should be what \`aws deadline get-storage-profile-for-queue\` answers`
    throw new CommandError(`${path} cannot be used as a storage profile: ${why}`, { cause })
  }
}

function formatOfFamily({ osFamily }: StorageProfile): PathFormat {
  return osFamily === 'WINDOWS' ? 'windows' : 'posix'
}

function formatOfRoot(root: string): PathFormat {
  return root.startsWith('/') ? 'posix' : 'windows'
}

/** @param here how many of the files are there already, where that is known */
async function inJson(
  plan: DownloadPlan,
  here: number | undefined,
  terminal: Terminal,
  interruption: Interruption,
): Promise<void> {
  const line = (type: string, row: object) => {
    terminal.say(JSON.stringify({ type, ...row }))
  }
  for (let offset = 0; offset < plan.fileCount; offset += pageRows) {
    for (const file of plan.files(offset, pageRows)) line('file', file)
    await interruption.listen()
  }
  for (const file of plan.unmapped()) line('unmapped', inOptions(file))
  for (const file of plan.hazards()) line('hazard', file)
  const { fileCount, totalSize, objectCount, unmappedCount, hazardCount } = plan
  line('summary', { fileCount, totalSize, objectCount, unmappedCount, hazardCount, filesHere: here ?? null })
}

async function inWords(
  plan: DownloadPlan,
  here: number | undefined,
  terminal: Terminal,
  interruption: Interruption,
): Promise<void> {
  const { paint } = terminal
  const { fileCount, totalSize, objectCount } = plan
  if (fileCount > 0) terminal.say(paint('dim', row('size', 'changed', 'file')))
  for (let offset = 0; offset < fileCount; offset += pageRows) {
    for (const { localPath, size, mtime, symlinkTarget } of plan.files(offset, pageRows)) {
      const changed = mtime === undefined ? '' : dateAndTime(mtime / 1000)
      const target = symlinkTarget === undefined ? '' : ` → ${clean(symlinkTarget)}`
      terminal.say(row(size === undefined ? '' : bytes(size), changed, clean(localPath) + target))
    }
    await interruption.listen()
  }
  if (fileCount > 0) terminal.say()
  const contents = objectCount < fileCount ? ` in ${count(objectCount, 'different content')}` : ''
  const already = here === undefined || here === 0 ? '' : `; ${here.toLocaleString('en-US')} here already`
  terminal.say(paint('bold', `${count(fileCount, 'file')}, ${bytes(totalSize)}${contents}${already}`))
  sayUnmapped(terminal, plan)
  sayHazards(terminal, plan, [])
}

function row(size: string, changed: string, path: string): string {
  return `${size.padStart(9)}  ${changed.padEnd(19)}  ${path}`
}
