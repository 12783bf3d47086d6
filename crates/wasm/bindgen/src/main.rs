//! Writes the JavaScript glue of a WebAssembly binary: `rusty-attachments-bindgen INPUT.wasm OUTPUT_FOLDER NAME`.
//!
//! It is a crate of the workspace so that its version is the binding's own: both are pinned by Cargo.lock to
//! one `wasm-bindgen-shared`, whatever command-line tool happens to be on the machine.

use std::env;

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
    let mut arguments = env::args_os().skip(1);
    let input = arguments.next().context("usage: rusty-attachments-bindgen INPUT.wasm OUTPUT_FOLDER NAME")?;
    let output = arguments.next().context("no output folder given")?;
    let name = arguments.next().and_then(|name| name.into_string().ok()).context("no name given")?;
    Bindgen::new()
        .input_path(input)
        .web(true)?
        .typescript(false)
        // `init()` without an address takes the file beside the script.
        .omit_default_module_path(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .out_name(&name)
        .generate(output)
}
