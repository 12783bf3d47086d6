/** What answers in Node where no native addon fits. */

import { readFileSync } from 'node:fs'

import type { Backend } from './backend.js'
import { AttachmentsError } from './errors.js'
import { loadSync, wasmBackend } from './wasm-backend.js'
import { wasmFile } from './wasm-file.js'

/**
 * WebAssembly, loaded by the first call: who only imports the package must not fail where its files are elsewhere, as
 * beside a server that a bundler made.
 *
 * @param why why there is no addon
 */
export function fallback(why: string): Backend {
  const { name, pack, unpack } = wasmBackend
  return {
    name,
    pack,
    unpack,
    get bindings() {
      try {
        loadSync(() => readFileSync(wasmFile))
      } catch (cause) {
        const message =
          `neither the native addon of rusty-attachments nor its WebAssembly can be loaded: ${why}; ` +
          (cause instanceof Error ? cause.message : String(cause))
        throw new AttachmentsError('NATIVE_UNAVAILABLE', message, {}, { cause })
      }
      return wasmBackend.bindings
    },
  }
}
