/** The face in Node: the native addon, or, where none fits, WebAssembly for everything that is pure. */

import { readFileSync } from 'node:fs'

import { createDownloads } from './downloads.js'
import { createFace } from './face.js'
import { loadAddon } from './native.js'
import type * as Types from './types.js'
import { unavailable } from './unavailable.js'
import { loadSync, wasmBackend } from './wasm-backend.js'
import { wasmFile } from './wasm-file.js'

function face(): typeof Types {
  const init = async () => {}
  const addon = loadAddon()
  if ('backend' in addon) return { ...createFace(addon.backend), ...createDownloads(addon.backend), init }
  loadSync(readFileSync(wasmFile))
  const why = addon.reason instanceof Error ? addon.reason.message : String(addon.reason)
  return { ...createFace(wasmBackend), ...unavailable(why, addon.reason), init }
}

export const {
  AttachmentsError,
  DownloadOrchestrator,
  DownloadPlan,
  Manifest,
  PathMappingApplier,
  ResolvedManifestPaths,
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
  resolveManifestPaths,
  rootPathHash,
} = face()
