/** How to start what wasm-bindgen writes into `dist/`; beside these it exports `Bindings`. */

export default function init(options: { module_or_path: unknown } | undefined): Promise<unknown>
export function initSync(options: { module: unknown }): unknown
