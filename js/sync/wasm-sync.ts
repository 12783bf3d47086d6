/** The decisions of sync in WebAssembly: a file of their own, which is loaded in `init` alone. */

import type { Backend, SyncBindings } from '../backend.js'
import { AttachmentsError } from '../errors.js'
import * as glue from '../rusty_attachments_sync.js'
import type { WasmInput } from '../types.js'
import { createSyncPass } from './sync-pass.js'

let bindings: SyncBindings | undefined

/** JSON text is this binding's wire form, as it is the service's. */
const backend: Backend<SyncBindings> = {
  name: 'wasm',
  get bindings() {
    if (bindings) return bindings
    throw new AttachmentsError(
      'INVALID_ARGUMENT',
      'the WebAssembly of sync is not loaded yet; call `await SyncPass.init()` first',
    )
  },
  pack: JSON.stringify,
  unpack: (wire) => JSON.parse(wire as string) as unknown,
}

/**
 * `SyncPass` over WebAssembly. Where `init` is not told what to load it asks `source`; without one it fetches.
 *
 * The glue is small and imported statically: a worker that a bundler writes as one file has no dynamic imports.
 */
export function createWasmSyncPass(source?: () => Promise<WasmInput>) {
  return createSyncPass(backend, async (input) => {
    if (bindings) return
    const from = input ?? (await source?.())
    await glue.default(from === undefined ? undefined : { module_or_path: from })
    bindings = glue as unknown as SyncBindings
  })
}
