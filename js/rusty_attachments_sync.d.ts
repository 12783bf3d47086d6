/** How to start what wasm-bindgen writes into `dist/` for incremental sync; beside it it exports `SyncBindings`. */

export default function init(options: { module_or_path: unknown } | undefined): Promise<unknown>
