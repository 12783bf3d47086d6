/** Where the package keeps its WebAssembly. */
export const wasmFile = new URL('./rusty_attachments_bg.wasm', import.meta.url)
