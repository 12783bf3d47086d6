// The file on the disk is meant, which Node reads; webpack would give the address that a page fetches it from.

/** Where the package keeps its WebAssembly. */
export const wasmFile = new URL(/* webpackIgnore: true */ './rusty_attachments_bg.wasm', import.meta.url)
/** The same for incremental sync. */
export const wasmSyncFile = new URL(
  /* webpackIgnore: true */ './rusty_attachments_sync_bg.wasm',
  import.meta.url,
)
