/** The WebAssembly face: what a browser gets, and `rusty-attachments/wasm` everywhere. */

import { createFace } from './face.js'
import { createWasmSyncPass } from './sync/wasm-sync.js'
import type * as Types from './types.js'
import { unavailable } from './unavailable.js'
import { load, wasmBackend } from './wasm-backend.js'

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
}: typeof Types = {
  ...createFace(wasmBackend),
  ...unavailable('this is the WebAssembly face; import `rusty-attachments` in Node'),
  SyncPass: createWasmSyncPass(),
  init: load,
}
