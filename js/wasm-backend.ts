/** WebAssembly as a backend. One instance answers for all who import it in a thread. */

import type { Backend, Bindings } from './backend.js'
import { AttachmentsError } from './errors.js'
import * as glue from './rusty_attachments.js'
import type { WasmInput } from './types.js'

let loading: Promise<unknown> | undefined
let loaded = false

/** Plain objects are this binding's wire form. */
export const wasmBackend: Backend = {
  name: 'wasm',
  get bindings() {
    if (!loaded) {
      throw new AttachmentsError(
        'INVALID_ARGUMENT',
        'WebAssembly is not loaded yet; call `await init()` first',
      )
    }
    return glue as unknown as Bindings
  },
  pack: (value) => value,
  unpack: (wire) => wire,
}

/** Loads it, once; after a failure the next call tries again. */
export async function load(input?: WasmInput): Promise<void> {
  if (loaded) return
  loading ??= glue.default(input === undefined ? undefined : { module_or_path: input })
  try {
    await loading
    loaded = true
  } finally {
    loading = undefined
  }
}

/** Loads it at once; browsers allow that only for tiny modules. */
export function loadSync(read: () => Uint8Array): void {
  if (loaded) return
  glue.initSync({ module: read() })
  loaded = true
}
