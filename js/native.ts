/** Finds and loads the native addon of this platform. */

// Not by its name: webpack would take `createRequire` for its own and look for the addon among its modules.
import module from 'node:module'

import type { Backend } from './backend.js'
import type { NativeBindings } from './orchestrate.js'

/** The addon, or why there is none. */
export type Addon = { backend: Backend<NativeBindings> } | { reason: unknown }

/** JSON text is this binding's wire form. */
export function loadAddon(): Addon {
  const file = `./rusty-attachments.${process.platform}-${process.arch}.node`
  try {
    const bindings = module.createRequire(import.meta.url)(file) as NativeBindings
    return {
      backend: {
        name: 'native',
        bindings,
        pack: JSON.stringify,
        unpack: (wire) => JSON.parse(wire as string) as unknown,
      },
    }
  } catch (reason) {
    return { reason }
  }
}
