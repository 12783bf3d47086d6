//! Node and Electron addon of `rusty-attachments`: conversion only. `js/backend.ts` documents what stands here.
//!
//! Structured values cross as JSON text: V8 reads and writes it in one go, where an object would cross
//! property by property.
#![allow(missing_docs)]

pub mod downloads;

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use napi::bindgen_prelude::ObjectFinalize;
use napi::{Env, Result};
use napi_derive::napi;
use rusty_attachments_core as core;
use rusty_attachments_core::keys::{ListedObject, RootReference};
use rusty_attachments_core::{ErrorCode, PlanSource, PlanSourceFields};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A structured value as JSON text.
type Wire = String;

/// An error as data, in the message of a plain `Error`; `js/errors.ts` makes it an `AttachmentsError`.
fn raise(error: core::Error) -> napi::Error {
    let data = serde_json::json!({ "code": error.code, "details": error.details, "message": error.message });
    napi::Error::from_reason(data.to_string())
}

fn unpack<T: DeserializeOwned>(wire: Wire) -> Result<T> {
    serde_json::from_str(&wire)
        .map_err(|error| raise(core::Error::new(ErrorCode::InvalidArgument, error.to_string())))
}

fn pack<T: Serialize + ?Sized>(value: &T) -> Result<Wire> {
    serde_json::to_string(value)
        .map_err(|error| raise(core::Error::new(ErrorCode::InvalidManifest, error.to_string())))
}

/// What a handle holds until it is freed or collected. V8 sees a small object: unless it is told of the rest, it
/// lets garbage pile up.
struct Held<T> {
    value: Option<T>,
    bytes: i64,
}

impl<T> Held<T> {
    fn new(env: &Env, value: T, bytes: usize) -> Result<Self> {
        let bytes = bytes as i64;
        env.adjust_external_memory(bytes)?;
        Ok(Self { value: Some(value), bytes })
    }

    fn free(&mut self, env: &Env) -> Result<()> {
        if self.value.take().is_some() {
            env.adjust_external_memory(-self.bytes)?;
        }
        Ok(())
    }
}

/// The face never asks a handle that it has freed.
impl<T> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("the face lets go of a handle when it frees it")
    }
}

#[napi(custom_finalize)]
pub struct ManifestHandle(Held<Arc<core::Manifest>>);

impl ManifestHandle {
    fn new(env: &Env, manifest: Arc<core::Manifest>) -> Result<Self> {
        let bytes = manifest.memory();
        Held::new(env, manifest, bytes).map(Self)
    }
}

impl ObjectFinalize for ManifestHandle {
    fn finalize(mut self, env: Env) -> Result<()> {
        self.0.free(&env)
    }
}

#[napi]
impl ManifestHandle {
    #[napi]
    pub fn free(&mut self, env: &Env) -> Result<()> {
        self.0.free(env)
    }

    #[napi(getter)]
    pub fn version(&self) -> String {
        self.0.version().name().to_owned()
    }

    #[napi(getter)]
    pub fn specification_version(&self) -> Option<String> {
        self.0.version().specification_version().map(str::to_owned)
    }

    #[napi(getter)]
    pub fn hash_alg(&self) -> String {
        self.0.hash_alg().to_owned()
    }

    #[napi(getter)]
    pub fn total_size(&self) -> f64 {
        self.0.total_size() as f64
    }

    #[napi(getter)]
    pub fn file_count(&self) -> u32 {
        self.0.file_count() as u32
    }

    #[napi]
    pub fn manifest_hash(&self) -> String {
        self.0.manifest_hash()
    }

    #[napi]
    pub fn files(&self, offset: u32, limit: u32) -> Result<Wire> {
        pack(&self.0.files(offset as usize, limit as usize))
    }

    #[napi]
    pub fn dirs(&self) -> Result<Wire> {
        pack(&self.0.dirs())
    }

    #[napi]
    pub fn encode(&self) -> String {
        self.0.encode()
    }
}

#[napi]
pub struct ApplierHandle(Held<Arc<core::PathMappingApplier>>);

#[napi]
impl ApplierHandle {
    #[napi]
    pub fn free(&mut self, env: &Env) -> Result<()> {
        self.0.free(env)
    }

    #[napi(getter)]
    pub fn source_path_format(&self) -> Result<Wire> {
        pack(&self.0.source_path_format())
    }

    #[napi]
    pub fn transform(&self, path: String) -> Option<String> {
        self.0.transform(&path)
    }

    #[napi]
    pub fn strict_transform(&self, path: String) -> Result<String> {
        self.0.strict_transform(&path).map_err(raise)
    }

    #[napi]
    pub fn transform_all(&self, paths: Wire) -> Result<Wire> {
        let paths: Vec<String> = unpack(paths)?;
        pack(&paths.iter().map(|path| self.0.transform(path)).collect::<Vec<_>>())
    }
}

#[napi(custom_finalize)]
pub struct ResolvedHandle(Held<Arc<core::ResolvedManifestPaths>>);

impl ResolvedHandle {
    fn new(env: &Env, resolved: Arc<core::ResolvedManifestPaths>) -> Result<Self> {
        let bytes = resolved.memory();
        Held::new(env, resolved, bytes).map(Self)
    }
}

impl ObjectFinalize for ResolvedHandle {
    fn finalize(mut self, env: Env) -> Result<()> {
        self.0.free(&env)
    }
}

#[napi]
impl ResolvedHandle {
    #[napi]
    pub fn free(&mut self, env: &Env) -> Result<()> {
        self.0.free(env)
    }

    #[napi(getter)]
    pub fn resolved_count(&self) -> u32 {
        self.0.resolved_count() as u32
    }

    #[napi(getter)]
    pub fn unmapped_count(&self) -> u32 {
        self.0.unmapped_count() as u32
    }

    #[napi(getter)]
    pub fn total_size(&self) -> f64 {
        self.0.total_size() as f64
    }

    #[napi]
    pub fn resolved(&self, offset: u32, limit: u32) -> Result<Wire> {
        pack(&self.0.resolved(offset as usize, limit as usize))
    }

    #[napi]
    pub fn unmapped(&self, offset: u32, limit: u32) -> Result<Wire> {
        pack(&self.0.unmapped(offset as usize, limit as usize))
    }
}

#[napi(custom_finalize)]
pub struct PlanHandle(Held<Arc<core::DownloadPlan>>);

impl PlanHandle {
    fn new(env: &Env, plan: Arc<core::DownloadPlan>) -> Result<Self> {
        let bytes = plan.memory();
        Held::new(env, plan, bytes).map(Self)
    }
}

impl ObjectFinalize for PlanHandle {
    fn finalize(mut self, env: Env) -> Result<()> {
        self.0.free(&env)
    }
}

#[napi]
impl PlanHandle {
    #[napi]
    pub fn free(&mut self, env: &Env) -> Result<()> {
        self.0.free(env)
    }

    #[napi(getter)]
    pub fn file_count(&self) -> u32 {
        self.0.file_count() as u32
    }

    #[napi(getter)]
    pub fn total_size(&self) -> f64 {
        self.0.total_size() as f64
    }

    #[napi(getter)]
    pub fn object_count(&self) -> u32 {
        self.0.object_count() as u32
    }

    #[napi(getter)]
    pub fn unmapped_count(&self) -> u32 {
        self.0.unmapped_count() as u32
    }

    #[napi(getter)]
    pub fn hazard_count(&self) -> u32 {
        self.0.hazard_count() as u32
    }

    #[napi]
    pub fn files(&self, offset: u32, limit: u32) -> Result<Wire> {
        pack(&self.0.rows(offset as usize, limit as usize))
    }

    #[napi]
    pub fn unmapped(&self, offset: u32, limit: u32) -> Result<Wire> {
        pack(&self.0.unmapped(offset as usize, limit as usize))
    }

    #[napi]
    pub fn hazards(&self, offset: u32, limit: u32) -> Result<Wire> {
        pack(&self.0.hazards(offset as usize, limit as usize))
    }

    #[napi]
    pub fn totals(&self) -> Result<Wire> {
        pack(&self.0.totals())
    }

    #[napi]
    pub fn view(&self, env: &Env, options: Wire) -> Result<ViewHandle> {
        ViewHandle::new(env, core::PlanView::new(&self.0, &unpack(options)?))
    }
}

#[napi(custom_finalize)]
pub struct ViewHandle(Held<core::PlanView>);

impl ViewHandle {
    fn new(env: &Env, view: core::PlanView) -> Result<Self> {
        let bytes = view.memory();
        Held::new(env, view, bytes).map(Self)
    }
}

impl ObjectFinalize for ViewHandle {
    fn finalize(mut self, env: Env) -> Result<()> {
        self.0.free(&env)
    }
}

#[napi]
impl ViewHandle {
    #[napi]
    pub fn free(&mut self, env: &Env) -> Result<()> {
        self.0.free(env)
    }

    #[napi(getter)]
    pub fn entry_count(&self) -> u32 {
        self.0.entry_count() as u32
    }

    #[napi(getter)]
    pub fn own_count(&self) -> u32 {
        self.0.own_count() as u32
    }

    #[napi(getter)]
    pub fn total_size(&self) -> f64 {
        self.0.total_size() as f64
    }

    #[napi]
    pub fn entries(&self, offset: u32, limit: u32) -> Result<Wire> {
        pack(&self.0.entries(offset as usize, limit as usize))
    }

    #[napi]
    pub fn folders(&self) -> Result<Wire> {
        pack(&self.0.folders())
    }

    #[napi]
    pub fn below(&self, env: &Env, folder: String) -> Result<ViewHandle> {
        Self::new(env, self.0.below(&folder))
    }
}

#[napi]
#[derive(Default)]
pub struct MergeHandle(Vec<(i64, Arc<core::Manifest>)>);

#[napi]
impl MergeHandle {
    #[napi]
    pub fn add(&mut self, manifest: &ManifestHandle, last_modified: f64) {
        self.0.push((last_modified as i64, Arc::clone(&manifest.0)));
    }

    #[napi]
    pub fn merge(&self, env: &Env) -> Result<Option<ManifestHandle>> {
        let merged = core::merge_manifests_chronologically(&self.0).map_err(raise)?;
        merged.map(|merged| ManifestHandle::new(env, merged)).transpose()
    }

    #[napi]
    pub fn free(&mut self) {
        self.0 = Vec::new();
    }
}

#[napi]
#[derive(Default)]
pub struct PlannerHandle(Vec<PlanSource>);

impl PlannerHandle {
    fn push(
        &mut self,
        manifest: &ManifestHandle,
        source: Wire,
        applier: Option<&ApplierHandle>,
    ) -> Result<()> {
        let source: PlanSourceFields = unpack(source)?;
        self.0.push(source.of(Arc::clone(&manifest.0), applier.map(|applier| Arc::clone(&applier.0))));
        Ok(())
    }
}

#[napi]
impl PlannerHandle {
    #[napi]
    pub fn add(&mut self, manifest: &ManifestHandle, source: Wire) -> Result<()> {
        self.push(manifest, source, None)
    }

    #[napi]
    pub fn add_mapped(
        &mut self,
        manifest: &ManifestHandle,
        source: Wire,
        applier: &ApplierHandle,
    ) -> Result<()> {
        self.push(manifest, source, Some(applier))
    }

    #[napi]
    pub fn plan(&mut self, env: &Env, options: Wire) -> Result<PlanHandle> {
        let sources = std::mem::take(&mut self.0);
        let plan = core::plan_download(sources, &unpack(options)?).map_err(raise)?;
        PlanHandle::new(env, Arc::new(plan))
    }

    #[napi]
    pub fn free(&mut self) {
        self.0 = Vec::new();
    }
}

#[napi]
pub fn decode_manifest(env: &Env, json: &[u8]) -> Result<ManifestHandle> {
    ManifestHandle::new(env, Arc::new(core::Manifest::decode(json).map_err(raise)?))
}

#[napi]
pub fn create_manifest(env: &Env, manifest: Wire) -> Result<ManifestHandle> {
    ManifestHandle::new(env, Arc::new(core::Manifest::create(unpack(manifest)?).map_err(raise)?))
}

#[napi]
pub fn create_merge() -> MergeHandle {
    MergeHandle::default()
}

#[napi]
pub fn create_planner() -> PlannerHandle {
    PlannerHandle::default()
}

#[napi]
pub fn generate_path_mapping_rules(source: Wire, destination: Wire) -> Result<Wire> {
    pack(&core::generate_path_mapping_rules(&unpack(source)?, &unpack(destination)?))
}

#[napi]
pub fn create_applier(env: &Env, rules: Wire, destination_path_format: Wire) -> Result<ApplierHandle> {
    let rules: Vec<core::PathMappingRule> = unpack(rules)?;
    let applier = core::PathMappingApplier::new(&rules, unpack(destination_path_format)?).map_err(raise)?;
    Held::new(env, Arc::new(applier), 0).map(ApplierHandle)
}

#[napi]
pub fn join_path(root: String, path: String, format: Wire) -> Result<String> {
    Ok(core::join_path(&root, &path, unpack(format)?))
}

#[napi]
pub fn resolve_manifest_paths(
    env: &Env,
    manifest: &ManifestHandle,
    root_path: String,
    source_path_format: Wire,
) -> Result<ResolvedHandle> {
    resolve(env, manifest, &root_path, source_path_format, None)
}

#[napi]
pub fn resolve_mapped_manifest_paths(
    env: &Env,
    manifest: &ManifestHandle,
    root_path: String,
    source_path_format: Wire,
    applier: &ApplierHandle,
) -> Result<ResolvedHandle> {
    resolve(env, manifest, &root_path, source_path_format, Some(applier.0.as_ref()))
}

fn resolve(
    env: &Env,
    manifest: &ManifestHandle,
    root_path: &str,
    source_path_format: Wire,
    applier: Option<&core::PathMappingApplier>,
) -> Result<ResolvedHandle> {
    let resolved = core::resolve_manifest_paths(&manifest.0, root_path, unpack(source_path_format)?, applier);
    ResolvedHandle::new(env, Arc::new(resolved.map_err(raise)?))
}

#[napi]
pub fn output_manifest_prefix(location: Wire, scope: Wire) -> Result<String> {
    core::keys::output_manifest_prefix(&unpack(location)?, &unpack(scope)?).map_err(raise)
}

#[napi]
pub fn parse_output_manifest_key(key: String, root_prefix: Option<String>) -> Result<Wire> {
    pack(&core::keys::parse_output_manifest_key(&key, root_prefix.as_deref()))
}

#[napi]
pub fn filter_output_manifest_keys(
    objects: Wire,
    select_latest_per_task: bool,
    root_prefix: Option<String>,
) -> Result<Wire> {
    let objects: Vec<ListedObject> = unpack(objects)?;
    pack(&core::keys::filter_output_manifest_keys(&objects, select_latest_per_task, root_prefix.as_deref()))
}

#[napi]
pub fn extract_session_action_id(key: String) -> Option<String> {
    core::keys::extract_session_action_id(&key).map(str::to_owned)
}

#[napi]
pub fn filter_manifests_by_session_actions(keys: Wire, session_action_ids: Wire) -> Result<Wire> {
    let (keys, ids): (Vec<String>, Vec<String>) = (unpack(keys)?, unpack(session_action_ids)?);
    pack(&core::keys::filter_manifests_by_session_actions(&keys, &ids))
}

#[napi]
pub fn root_path_hash(root_path: String, file_system_location_name: Option<String>) -> String {
    core::keys::root_path_hash(&root_path, file_system_location_name.as_deref())
}

#[napi]
pub fn match_manifests_to_roots(keys: Wire, roots: Wire) -> Result<Wire> {
    let (keys, roots): (Vec<String>, Vec<RootReference>) = (unpack(keys)?, unpack(roots)?);
    pack(&core::keys::match_manifests_to_roots(&keys, &roots))
}

#[napi]
pub fn asset_root_from_metadata(metadata: Wire) -> Result<Option<String>> {
    core::keys::asset_root_from_metadata(&unpack::<BTreeMap<String, String>>(metadata)?).map_err(raise)
}

#[napi]
pub fn matches_include_filters(path: String, filters: Wire) -> Result<bool> {
    Ok(core::matches_include_filters(&path, &unpack::<Vec<String>>(filters)?))
}

/// One pass of incremental sync.
#[napi]
pub struct SyncPassHandle(Option<core::sync::SyncPass>);

impl SyncPassHandle {
    /// The face never asks a handle that it has freed.
    fn pass(&mut self) -> &mut core::sync::SyncPass {
        self.0.as_mut().expect("the face lets go of a handle when it frees it")
    }
}

#[napi]
pub fn create_sync_pass(settings: Wire) -> Result<SyncPassHandle> {
    core::sync::SyncPass::begin(unpack(settings)?).map(|pass| SyncPassHandle(Some(pass))).map_err(raise)
}

#[napi]
impl SyncPassHandle {
    #[napi]
    pub fn free(&mut self) {
        self.0 = None;
    }

    #[napi]
    pub fn requests(&mut self) -> Result<Wire> {
        pack(&self.pass().requests())
    }

    #[napi]
    pub fn answer(&mut self, id: u32, body: String) -> Result<()> {
        self.pass().answer(id, &body).map_err(raise)
    }

    #[napi]
    pub fn not_found(&mut self, id: u32) -> Result<()> {
        self.pass().not_found(id).map_err(raise)
    }

    #[napi]
    pub fn is_ready(&mut self) -> bool {
        self.pass().is_ready()
    }

    #[napi]
    pub fn report(&mut self) -> Result<Wire> {
        pack(&self.pass().report())
    }

    #[napi]
    pub fn sources(&mut self) -> Result<Wire> {
        pack(&self.pass().sources())
    }

    #[napi]
    pub fn written_since(&mut self) -> Result<Wire> {
        pack(self.pass().written_since())
    }

    #[napi]
    pub fn storage_profiles(&mut self) -> Result<Wire> {
        pack(&self.pass().storage_profiles())
    }

    #[napi]
    pub fn planned(&mut self, planned: Wire) -> Result<()> {
        let planned: Vec<core::sync::Planned> = unpack(planned)?;
        self.pass().planned(&planned);
        Ok(())
    }

    #[napi]
    pub fn landed(&mut self, landed: Wire) -> Result<()> {
        self.pass().landed(unpack(landed)?);
        Ok(())
    }

    #[napi]
    pub fn failed(&mut self, failed: Wire) -> Result<()> {
        self.pass().failed(unpack(failed)?);
        Ok(())
    }

    #[napi]
    pub fn outstanding_task_runs(&mut self) -> u32 {
        u32::try_from(self.pass().outstanding_task_runs()).unwrap_or(u32::MAX)
    }

    #[napi]
    pub fn save(&mut self, finished: bool) -> Result<Wire> {
        pack(&self.pass().save(finished))
    }

    #[napi]
    pub fn saved(&mut self) {
        self.pass().saved();
    }
}
