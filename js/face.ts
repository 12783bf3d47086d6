/** The pure half of the package over either binding: checks arguments, asks the binding, gives plain answers. */

import {
  boolean,
  bytes,
  type Check,
  count,
  integer,
  list,
  oneOf,
  optional,
  options,
  record,
  shape,
  string,
} from './arguments.js'
import type { ApplierHandle, Backend } from './backend.js'
import { allCalling, AttachmentsError, calling } from './errors.js'
import { DownloadPlan, Handle, Manifest, PlanView, ResolvedManifestPaths } from './handles.js'
import type * as Types from './types.js'

/** What reads or writes: the native face has it, the WebAssembly face refuses it. */
export type Downloads = Pick<
  typeof Types,
  | 'DownloadOrchestrator'
  | 'downloadJobOutputs'
  | 'downloadMultipleJobs'
  | 'queueS3Settings'
  | 'syncOutputs'
  | 'watchOutputs'
>

/** Everything pure but incremental sync, whose WebAssembly is a file of its own. */
export type PureFace = Omit<typeof Types, keyof Downloads | 'SyncPass' | 'init'>

export const pathFormat = oneOf('windows', 'posix')

export const storageProfile = shape({
  storageProfileId: string,
  displayName: optional(string),
  osFamily: oneOf('WINDOWS', 'LINUX', 'MACOS'),
  fileSystemLocations: optional(list(shape({ name: string, path: string, type: oneOf('LOCAL', 'SHARED') }))),
})

export const manifestLocation = options({ rootPrefix: string, farmId: string, queueId: string })

export const outputManifestScope = options({
  jobId: string,
  stepId: optional(string),
  taskId: optional(string),
})

export const matchPathsBy = oneOf('local', 'job')

const mappingRules = list(
  shape({ sourcePathFormat: pathFormat, sourcePath: string, destinationPath: string }),
)

const newManifest = options(
  {
    specificationVersion: optional(string),
    files: list(
      shape({
        path: string,
        hash: optional(string),
        size: optional(count),
        mtime: optional(integer),
        chunkHashes: optional(list(string)),
        symlinkTarget: optional(string),
        runnable: optional(boolean),
        deleted: optional(boolean),
      }),
    ),
    dirs: optional(list(shape({ path: string, deleted: optional(boolean) }))),
    fileChunkSizeBytes: optional(integer),
    parentManifestHash: optional(string),
    totalSize: optional(count),
  },
  'manifest',
)

const anything: Check<unknown> = (value) => value

const manifestsInTime = list(options({ manifest: anything, lastModified: integer }))

const planSources = list(
  options({
    manifest: anything,
    applier: anything,
    rootPath: string,
    sourcePathFormat: pathFormat,
    lastModified: integer,
    key: optional(string),
    jobId: optional(string),
  }),
)

const planOptions = options({
  destinationPathFormat: pathFormat,
  caseInsensitive: optional(boolean),
  include: optional(list(string)),
  matchPathsBy: optional(matchPathsBy),
})

const listedObject = shape({ key: string, lastModified: optional(integer) })

const listedObjects = list((value, name) =>
  typeof value === 'string' ? { key: string(value, name) } : listedObject(value, name),
)

const selection = options({ selectLatestPerTask: boolean, rootPrefix: optional(string) })

const rootReferences = list(shape({ rootPath: string, fileSystemLocationName: optional(string) }))

/** The pure half of the package over `backend`. */
export function createFace(backend: Backend): PureFace {
  const { pack, unpack } = backend

  class PathMappingApplier extends Handle<ApplierHandle> implements Types.PathMappingApplier {
    constructor(rules: Types.PathMappingRule[], destinationPathFormat: Types.PathFormat) {
      const wire = pack(mappingRules(rules, 'rules'))
      const format = pack(pathFormat(destinationPathFormat, 'destinationPathFormat'))
      super(
        backend,
        calling(() => backend.bindings.createApplier(wire, format)),
      )
    }

    get sourcePathFormat(): Types.PathFormat | null {
      return this.read((held) => held.sourcePathFormat)
    }

    transform(path: string): string | null {
      const clean = string(path, 'path')
      return this.ask((held) => held.transform(clean)) ?? null
    }

    strictTransform(path: string): string {
      const clean = string(path, 'path')
      return this.ask((held) => held.strictTransform(clean))
    }

    transformAll(paths: string[]): (string | null)[] {
      const clean = list(string)(paths, 'paths')
      return this.page(0, undefined, clean.length, (held, from, rows) =>
        held.transformAll(pack(clean.slice(from, from + rows))),
      )
    }
  }

  const manifestOf = (value: unknown, name = 'manifest') => Handle.held(Manifest, value, backend, name)
  const applierOf = (value: unknown, name = 'applier') =>
    Handle.held(PathMappingApplier, value, backend, name)

  const classes = {
    AttachmentsError,
    Manifest: Manifest as unknown as typeof Types.Manifest,
    ResolvedManifestPaths: ResolvedManifestPaths as unknown as typeof Types.ResolvedManifestPaths,
    DownloadPlan: DownloadPlan as unknown as typeof Types.DownloadPlan,
    PlanView: PlanView as unknown as typeof Types.PlanView,
    PathMappingApplier,
  }

  const functions: Omit<PureFace, keyof typeof classes> = {
    decodeManifest(json) {
      const utf8 = typeof json === 'string' ? new TextEncoder().encode(json) : bytes(json, 'json')
      return new Manifest(backend, backend.bindings.decodeManifest(utf8))
    },

    createManifest(manifest) {
      const wire = pack(newManifest(manifest, ''))
      return new Manifest(backend, backend.bindings.createManifest(wire))
    },

    mergeManifestsChronologically(manifests) {
      const merge = backend.bindings.createMerge()
      try {
        manifestsInTime(manifests, 'list').forEach(({ manifest, lastModified }, index) => {
          merge.add(manifestOf(manifest, `list[${index}].manifest`), lastModified)
        })
        const merged = merge.merge()
        return merged ? new Manifest(backend, merged) : null
      } finally {
        merge.free()
      }
    },

    generatePathMappingRules(source, destination) {
      const from = pack(storageProfile(source, 'source'))
      const to = pack(storageProfile(destination, 'destination'))
      return unpack(backend.bindings.generatePathMappingRules(from, to)) as Types.PathMappingRule[]
    },

    joinPath(root, path, format) {
      return backend.bindings.joinPath(
        string(root, 'root'),
        string(path, 'path'),
        pack(pathFormat(format, 'format')),
      )
    },

    resolveManifestPaths(manifest, rootPath, sourcePathFormat, applier) {
      const held = manifestOf(manifest)
      const root = string(rootPath, 'rootPath')
      const format = pack(pathFormat(sourcePathFormat, 'sourcePathFormat'))
      const resolved =
        applier == null
          ? backend.bindings.resolveManifestPaths(held, root, format)
          : backend.bindings.resolveMappedManifestPaths(held, root, format, applierOf(applier))
      return new ResolvedManifestPaths(backend, resolved)
    },

    planDownload(sources, planning) {
      const clean = planOptions(planning, '')
      const planner = backend.bindings.createPlanner()
      try {
        planSources(sources, 'sources').forEach(({ manifest, applier, ...source }, index) => {
          const held = manifestOf(manifest, `sources[${index}].manifest`)
          if (applier == null) planner.add(held, pack(source))
          else planner.addMapped(held, pack(source), applierOf(applier, `sources[${index}].applier`))
        })
        return new DownloadPlan(backend, planner.plan(pack(clean)))
      } finally {
        planner.free()
      }
    },

    outputManifestPrefix(location, scope) {
      const where = pack(manifestLocation(location, 'location'))
      const which = pack(outputManifestScope(scope, 'scope'))
      return backend.bindings.outputManifestPrefix(where, which)
    },

    parseOutputManifestKey(key, rootPrefix) {
      const prefix = optional(string)(rootPrefix, 'rootPrefix')
      return unpack(
        backend.bindings.parseOutputManifestKey(string(key, 'key'), prefix),
      ) as Types.OutputManifestKey | null
    },

    filterOutputManifestKeys(objects, how) {
      const listed = listedObjects(objects, 'objects')
      const { selectLatestPerTask, rootPrefix } = selection(how, '')
      const kept = backend.bindings.filterOutputManifestKeys(pack(listed), selectLatestPerTask, rootPrefix)
      return (unpack(kept) as number[]).map((index) => listed[index]!.key)
    },

    extractSessionActionId(key) {
      return backend.bindings.extractSessionActionId(string(key, 'key')) ?? null
    },

    filterManifestsBySessionActions(keys, sessionActionIds) {
      const given = list(string)(keys, 'keys')
      const ids = list(string)(sessionActionIds, 'sessionActionIds')
      const kept = unpack(
        backend.bindings.filterManifestsBySessionActions(pack(given), pack(ids)),
      ) as number[]
      return kept.map((index) => given[index]!)
    },

    rootPathHash(rootPath, fileSystemLocationName) {
      const name = optional(string)(fileSystemLocationName, 'fileSystemLocationName')
      return backend.bindings.rootPathHash(string(rootPath, 'rootPath'), name)
    },

    matchManifestsToRoots(keys, roots) {
      const given = pack(list(string)(keys, 'keys'))
      const references = pack(rootReferences(roots, 'roots'))
      return unpack(backend.bindings.matchManifestsToRoots(given, references)) as Record<
        string,
        (string | null)[]
      >
    },

    assetRootFromMetadata(metadata) {
      const wire = pack(record(string)(metadata, 'metadata'))
      return backend.bindings.assetRootFromMetadata(wire) ?? null
    },

    matchesIncludeFilters(path, filters) {
      return backend.bindings.matchesIncludeFilters(
        string(path, 'path'),
        pack(list(string)(filters, 'filters')),
      )
    },
  }

  return { ...classes, ...allCalling(functions) }
}
