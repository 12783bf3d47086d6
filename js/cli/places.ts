/** Where the asset roots of jobs go on this machine: by storage profiles, as they are, or where a person says. */

import { join, resolve } from 'node:path'

import type { PathFormat, StorageProfile } from '../types.js'
import { expandHome } from './configuration.js'
import { UsageError } from './failure.js'
import type { Job } from './queue.js'

/** The path format of this machine. */
export const hostFormat: PathFormat = process.platform === 'win32' ? 'windows' : 'posix'

const hostFamily =
  process.platform === 'win32' ? 'WINDOWS' : process.platform === 'darwin' ? 'MACOS' : 'LINUX'
const family = (format: PathFormat) => (format === 'windows' ? 'WINDOWS' : 'LINUX')

/** An asset root of one or more jobs. */
export type Root = { path: string; format: PathFormat }

/** The roots of some jobs, each once. */
export function rootsOf(jobs: Job[]): Root[] {
  const roots = jobs.flatMap(({ attachments }) => attachments?.manifests ?? [])
  return [...new Map(roots.map(({ rootPath, rootPathFormat }) => [rootPath, rootPathFormat]))].map(
    ([path, format]) => ({ path, format }),
  )
}

/** Local directories by asset root. */
export type Directories = ReadonlyMap<string, string>

/** What `--root OLD=NEW` says. */
export function directoriesOf(arguments_: string[], roots: Root[]): Directories {
  return new Map(arguments_.map((argument) => directoryOf(argument, roots)))
}

function directoryOf(argument: string, roots: Root[]): [root: string, directory: string] {
  if (!/.=./.test(argument)) throw new UsageError(`--root takes OLD=NEW; ${argument} is not of that form`)
  // Both sides may hold a `=`.
  const root = roots.find(({ path, format }) =>
    isSame(argument.slice(0, path.length + 1), `${path}=`, format),
  )
  if (root) return [root.path, localPath(argument.slice(root.path.length + 1))]
  const known = roots.map(({ path }) => path).join(', ') || 'none'
  throw new UsageError(`--root ${argument} names no asset root of what is downloaded; they are: ${known}`)
}

/** Whether a path is that of a folder, or lies below it. */
function isWithin(path: string, folder: string, format: PathFormat): boolean {
  const above = folder.replace(format === 'windows' ? /[\\/]+$/ : /\/+$/, '')
  const rest = path.slice(above.length)
  return isSame(path.slice(0, above.length), above, format) && /^(?:$|[\\/])/.test(rest)
}

function isSame(one: string, other: string, format: PathFormat): boolean {
  return format === 'windows'
    ? one.toLowerCase().replaceAll('/', '\\') === other.toLowerCase().replaceAll('/', '\\')
    : one === other
}

/** What `--to DIR` says: a single root's files go straight there, each of several into a folder of its name. */
export function directoriesBelow(directory: string, roots: Root[]): Directories {
  const below = localPath(directory)
  return roots.length === 1 ? new Map([[roots[0]!.path, below]]) : foldersBelow(below, roots)
}

/** A folder for each root, by the root's name, and none of them twice. */
export function foldersBelow(directory: string, roots: Root[]): Directories {
  const taken = new Set<string>()
  return new Map(
    roots.map((root) => {
      const name = nameOf(root)
      let free = name
      // Where names differ by case alone, one folder may be the other.
      for (let n = 2; taken.has(free.toLowerCase()); n++) free = `${name} (${n})`
      taken.add(free.toLowerCase())
      return [root.path, join(directory, free)]
    }),
  )
}

/** A name for a folder that takes the place of a root. */
function nameOf({ path, format }: Root): string {
  const parts = path.split(format === 'windows' ? /[\\/]/ : '/')
  const name = parts.filter((part) => !['', '.', '..'].includes(part)).at(-1) ?? ''
  return name.replace(/[<>:"/\\|?*]/g, '') || 'output'
}

/** A path that was typed: relative ones are meant from here, `~` is home. */
export function localPath(typed: string): string {
  return resolve(expandHome(typed))
}

/** The two sides that a job's paths are mapped between. */
export type Mapping = { jobProfiles: StorageProfile[]; localProfile: StorageProfile }

/** What {@link mappingOf} is told besides the jobs. */
export type MappingOptions = {
  /** Where somebody wants all files of a root, whatever storage profiles say. */
  directories: Directories
  /** Where those files of a root go that have no other place. */
  places: Directories
  /** The profiles that jobs were submitted with, by id; none where storage profiles are not used. */
  profiles: ReadonlyMap<string, StorageProfile>
  /** This machine's, where storage profiles are used. */
  localProfile: StorageProfile | undefined
}

/** The id under which a job's side of the mapping goes. */
export const sideOf = (job: Job) => `job ${job.jobId}`

/** The storage profile that a job was submitted with, where its paths are mapped by it. */
function profileOf(
  { storageProfileId }: Job,
  { profiles, localProfile }: Pick<MappingOptions, 'profiles' | 'localProfile'>,
): StorageProfile | undefined {
  return localProfile && profiles.get(storageProfileId ?? '')
}

/** The roots of another kind of machine that no storage profiles speak of. */
export function strangeRoots(
  jobs: Job[],
  mapping: Pick<MappingOptions, 'profiles' | 'localProfile'>,
): Root[] {
  return rootsOf(jobs.filter((job) => !profileOf(job, mapping))).filter(({ format }) => format !== hostFormat)
}

/**
 * Every root becomes a location that both sides have under the same name, beside the locations that their storage
 * profiles share. So one mechanism answers for profiles, `--root` and `--to`, for one job and for several.
 */
export function mappingOf(jobs: Job[], options: MappingOptions): Mapping {
  const { directories, places, localProfile } = options
  const name = (root: string) => `asset root ${root}`
  const location = (name: string, path: string) => ({ name, path, type: 'LOCAL' as const })
  const shared = localProfile?.fileSystemLocations ?? []
  const said = new Map([...places, ...directories])
  const local = [...shared, ...[...said].map(([root, directory]) => location(name(root), directory))]
  const jobProfiles = jobs.map((job) => {
    const profile = profileOf(job, options)
    const staysAsItIs = !profile || profile.storageProfileId === localProfile?.storageProfileId
    const own = rootsOf([job])
    const moved = own.filter(({ path }) => directories.has(path))
    // Of two rules the one with the longer path wins, so those of a profile have no say below a root that is moved.
    const mapped = (profile?.fileSystemLocations ?? []).filter(
      (location) => !moved.some(({ path, format }) => isWithin(location.path ?? '', path, format)),
    )
    const isMapped = ({ path, format }: Root) =>
      mapped.some(
        (location) =>
          shared.some(({ name }) => name === location.name) && isWithin(path, location.path ?? path, format),
      )
    const placed = own.filter(
      (root) =>
        directories.has(root.path) ||
        (places.has(root.path) && !isMapped(root)) ||
        (staysAsItIs && root.format === hostFormat),
    )
    for (const { path } of placed) {
      if (!local.some((known) => known.name === name(path))) local.push(location(name(path), path))
    }
    return {
      storageProfileId: sideOf(job),
      displayName: profile?.displayName ?? job.name,
      osFamily: profile?.osFamily ?? family(own[0]?.format ?? hostFormat),
      fileSystemLocations: [...mapped, ...placed.map(({ path }) => location(name(path), path))],
    }
  })
  return {
    jobProfiles,
    localProfile: {
      storageProfileId: 'this machine',
      displayName: localProfile?.displayName ?? 'this machine',
      osFamily: localProfile?.osFamily ?? hostFamily,
      fileSystemLocations: local,
    },
  }
}
