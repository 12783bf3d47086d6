//! WebAssembly binding of `rusty_attachments_core::sync`: conversion only. `js/backend.ts` documents what stands
//! here. It is a file of its own, so that a page that only previews does not fetch it.
//!
//! Structured values cross as JSON text: most of what comes in is a service's JSON already.
#![allow(missing_docs)]

use rusty_attachments_core::sync::{Planned, SyncPass};
use rusty_attachments_core::{self as core, ErrorCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;

/// A structured value as JSON text.
type Wire = String;
type Result<T> = std::result::Result<T, JsError>;

/// An error as data, in the message of a plain `Error`; `js/errors.ts` makes it an `AttachmentsError`.
fn raise(error: core::Error) -> JsError {
    let data = serde_json::json!({ "code": error.code, "details": error.details, "message": error.message });
    JsError::new(&data.to_string())
}

fn unpack<T: DeserializeOwned>(wire: &str) -> Result<T> {
    serde_json::from_str(wire)
        .map_err(|error| raise(core::Error::new(ErrorCode::InvalidArgument, error.to_string())))
}

fn pack<T: Serialize + ?Sized>(value: &T) -> Result<Wire> {
    serde_json::to_string(value)
        .map_err(|error| raise(core::Error::new(ErrorCode::InvalidArgument, error.to_string())))
}

/// One pass of incremental sync.
#[wasm_bindgen]
pub struct SyncPassHandle(SyncPass);

#[wasm_bindgen(js_name = createSyncPass)]
pub fn create_sync_pass(settings: &str) -> Result<SyncPassHandle> {
    SyncPass::begin(unpack(settings)?).map(SyncPassHandle).map_err(raise)
}

#[wasm_bindgen]
impl SyncPassHandle {
    pub fn requests(&mut self) -> Result<Wire> {
        pack(&self.0.requests())
    }

    pub fn answer(&mut self, id: u32, body: &str) -> Result<()> {
        self.0.answer(id, body).map_err(raise)
    }

    #[wasm_bindgen(js_name = notFound)]
    pub fn not_found(&mut self, id: u32) -> Result<()> {
        self.0.not_found(id).map_err(raise)
    }

    #[wasm_bindgen(js_name = isReady)]
    pub fn is_ready(&self) -> bool {
        self.0.is_ready()
    }

    pub fn report(&self) -> Result<Wire> {
        pack(&self.0.report())
    }

    pub fn sources(&self) -> Result<Wire> {
        pack(&self.0.sources())
    }

    #[wasm_bindgen(js_name = writtenSince)]
    pub fn written_since(&self) -> Result<Wire> {
        pack(self.0.written_since())
    }

    #[wasm_bindgen(js_name = storageProfiles)]
    pub fn storage_profiles(&self) -> Result<Wire> {
        pack(&self.0.storage_profiles())
    }

    pub fn planned(&mut self, planned: &str) -> Result<()> {
        self.0.planned(&unpack::<Vec<Planned>>(planned)?);
        Ok(())
    }

    pub fn landed(&mut self, landed: &str) -> Result<()> {
        self.0.landed(unpack(landed)?);
        Ok(())
    }

    pub fn failed(&mut self, failed: &str) -> Result<()> {
        self.0.failed(unpack(failed)?);
        Ok(())
    }

    #[wasm_bindgen(js_name = outstandingTaskRuns)]
    pub fn outstanding_task_runs(&self) -> usize {
        self.0.outstanding_task_runs()
    }

    pub fn save(&mut self, finished: bool) -> Result<Wire> {
        pack(&self.0.save(finished))
    }

    pub fn saved(&mut self) {
        self.0.saved();
    }
}
