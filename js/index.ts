/** The face in Node: the native addon, or, where none fits, WebAssembly for everything that is pure. */

import { readFile } from 'node:fs/promises'

import { createDownloads } from './downloads.js'
import { createFace } from './face.js'
import { fallback } from './fallback.js'
import { loadAddon } from './native.js'
import { createSync } from './sync/sync.js'
import { createSyncPass } from './sync/sync-pass.js'
import { createWasmSyncPass } from './sync/wasm-sync.js'
import type * as Types from './types.js'
import { unavailable } from './unavailable.js'
import { wasmSyncFile } from './wasm-file.js'

function face(): typeof Types {
  const init = async () => {}
  const addon = loadAddon()
  if ('backend' in addon) {
    const { backend } = addon
    const SyncPass = createSyncPass(backend, init)
    return {
      ...createFace(backend),
      ...createDownloads(backend),
      ...createSync(backend, SyncPass),
      SyncPass,
      init,
    }
  }
  const why = addon.reason instanceof Error ? addon.reason.message : String(addon.reason)
  const SyncPass = createWasmSyncPass(() => readFile(wasmSyncFile))
  return { ...createFace(fallback(why)), ...unavailable(why, addon.reason), SyncPass, init }
}

export const {
  AttachmentsError,
  DownloadOrchestrator,
  DownloadPlan,
  Manifest,
  PathMappingApplier,
  PlanView,
  ResolvedManifestPaths,
  SyncPass,
  assetRootFromMetadata,
  createManifest,
  decodeManifest,
  downloadJobOutputs,
  downloadMultipleJobs,
  extractSessionActionId,
  filterManifestsBySessionActions,
  filterOutputManifestKeys,
  generatePathMappingRules,
  init,
  joinPath,
  matchManifestsToRoots,
  matchesIncludeFilters,
  mergeManifestsChronologically,
  outputManifestPrefix,
  parseOutputManifestKey,
  planDownload,
  queueS3Settings,
  resolveManifestPaths,
  rootPathHash,
  syncOutputs,
  watchOutputs,
} = face()
