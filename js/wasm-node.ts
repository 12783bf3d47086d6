/** The WebAssembly face in Node, where `fetch` reads no files: by default it is loaded from the disk. */

import { readFile } from 'node:fs/promises'

import { createWasmSyncPass } from './sync/wasm-sync.js'
import type { WasmInput } from './types.js'
import { load } from './wasm-backend.js'
import { wasmFile, wasmSyncFile } from './wasm-file.js'

export * from './wasm.js'

export const SyncPass = createWasmSyncPass(() => readFile(wasmSyncFile))

export async function init(input?: WasmInput): Promise<void> {
  await load(input ?? (await readFile(wasmFile)))
}
