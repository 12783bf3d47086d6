/** Where the package keeps its WebAssembly. */
export const wasmFile = new URL('./rusty_attachments_bg.wasm', import.meta.url)
/** The same for incremental sync. */
export const wasmSyncFile = new URL('./rusty_attachments_sync_bg.wasm', import.meta.url)
