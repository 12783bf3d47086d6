//! WebAssembly binding of `rusty-attachments-core`: conversion only. `js/backend.ts` documents what stands here.
#![allow(missing_docs)]

use std::collections::BTreeMap;
use std::sync::Arc;

use rusty_attachments_core as core;
use rusty_attachments_core::keys::{ListedObject, RootReference};
use rusty_attachments_core::{ErrorCode, PlanSource, PlanSourceFields};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;

type Result<T> = std::result::Result<T, JsError>;

/// An error as data, in the message of a plain `Error`; `js/errors.ts` makes it an `AttachmentsError`.
fn raise(error: core::Error) -> JsError {
    let data = serde_json::json!({ "code": error.code, "details": error.details, "message": error.message });
    JsError::new(&data.to_string())
}

fn unpack<T: DeserializeOwned>(value: JsValue) -> Result<T> {
    serde_wasm_bindgen::from_value(value)
        .map_err(|error| raise(core::Error::new(ErrorCode::InvalidArgument, error.to_string())))
}

fn pack<T: Serialize + ?Sized>(value: &T) -> Result<JsValue> {
    value
        .serialize(&serde_wasm_bindgen::Serializer::json_compatible())
        .map_err(|error| raise(core::Error::new(ErrorCode::InvalidManifest, error.to_string())))
}

#[wasm_bindgen]
pub struct ManifestHandle(Arc<core::Manifest>);

#[wasm_bindgen]
impl ManifestHandle {
    #[wasm_bindgen(getter)]
    pub fn version(&self) -> String {
        self.0.version().name().to_owned()
    }

    #[wasm_bindgen(getter, js_name = specificationVersion)]
    pub fn specification_version(&self) -> Option<String> {
        self.0.version().specification_version().map(str::to_owned)
    }

    #[wasm_bindgen(getter, js_name = hashAlg)]
    pub fn hash_alg(&self) -> String {
        self.0.hash_alg().to_owned()
    }

    #[wasm_bindgen(getter, js_name = totalSize)]
    pub fn total_size(&self) -> f64 {
        self.0.total_size() as f64
    }

    #[wasm_bindgen(getter, js_name = fileCount)]
    pub fn file_count(&self) -> usize {
        self.0.file_count()
    }

    #[wasm_bindgen(js_name = manifestHash)]
    pub fn manifest_hash(&self) -> String {
        self.0.manifest_hash()
    }

    pub fn files(&self, offset: usize, limit: usize) -> Result<JsValue> {
        pack(&self.0.files(offset, limit))
    }

    pub fn dirs(&self) -> Result<JsValue> {
        pack(&self.0.dirs())
    }

    pub fn encode(&self) -> String {
        self.0.encode()
    }
}

#[wasm_bindgen]
pub struct ApplierHandle(Arc<core::PathMappingApplier>);

#[wasm_bindgen]
impl ApplierHandle {
    #[wasm_bindgen(getter, js_name = sourcePathFormat)]
    pub fn source_path_format(&self) -> Result<JsValue> {
        pack(&self.0.source_path_format())
    }

    pub fn transform(&self, path: &str) -> Option<String> {
        self.0.transform(path)
    }

    #[wasm_bindgen(js_name = strictTransform)]
    pub fn strict_transform(&self, path: &str) -> Result<String> {
        self.0.strict_transform(path).map_err(raise)
    }

    #[wasm_bindgen(js_name = transformAll)]
    pub fn transform_all(&self, paths: JsValue) -> Result<JsValue> {
        let paths: Vec<String> = unpack(paths)?;
        pack(&paths.iter().map(|path| self.0.transform(path)).collect::<Vec<_>>())
    }
}

#[wasm_bindgen]
pub struct ResolvedHandle(core::ResolvedManifestPaths);

#[wasm_bindgen]
impl ResolvedHandle {
    #[wasm_bindgen(getter, js_name = resolvedCount)]
    pub fn resolved_count(&self) -> usize {
        self.0.resolved_count()
    }

    #[wasm_bindgen(getter, js_name = unmappedCount)]
    pub fn unmapped_count(&self) -> usize {
        self.0.unmapped_count()
    }

    #[wasm_bindgen(getter, js_name = totalSize)]
    pub fn total_size(&self) -> f64 {
        self.0.total_size() as f64
    }

    pub fn resolved(&self, offset: usize, limit: usize) -> Result<JsValue> {
        pack(&self.0.resolved(offset, limit))
    }

    pub fn unmapped(&self, offset: usize, limit: usize) -> Result<JsValue> {
        pack(&self.0.unmapped(offset, limit))
    }
}

#[wasm_bindgen]
pub struct PlanHandle(Arc<core::DownloadPlan>);

#[wasm_bindgen]
impl PlanHandle {
    #[wasm_bindgen(getter, js_name = fileCount)]
    pub fn file_count(&self) -> usize {
        self.0.file_count()
    }

    #[wasm_bindgen(getter, js_name = totalSize)]
    pub fn total_size(&self) -> f64 {
        self.0.total_size() as f64
    }

    #[wasm_bindgen(getter, js_name = objectCount)]
    pub fn object_count(&self) -> usize {
        self.0.object_count()
    }

    #[wasm_bindgen(getter, js_name = unmappedCount)]
    pub fn unmapped_count(&self) -> usize {
        self.0.unmapped_count()
    }

    #[wasm_bindgen(getter, js_name = hazardCount)]
    pub fn hazard_count(&self) -> usize {
        self.0.hazard_count()
    }

    pub fn files(&self, offset: usize, limit: usize) -> Result<JsValue> {
        pack(&self.0.rows(offset, limit))
    }

    pub fn unmapped(&self, offset: usize, limit: usize) -> Result<JsValue> {
        pack(&self.0.unmapped(offset, limit))
    }

    pub fn hazards(&self, offset: usize, limit: usize) -> Result<JsValue> {
        pack(&self.0.hazards(offset, limit))
    }

    pub fn totals(&self) -> Result<JsValue> {
        pack(&self.0.totals())
    }

    pub fn view(&self, options: JsValue) -> Result<ViewHandle> {
        Ok(ViewHandle(core::PlanView::new(&self.0, &unpack(options)?)))
    }
}

#[wasm_bindgen]
pub struct ViewHandle(core::PlanView);

#[wasm_bindgen]
impl ViewHandle {
    #[wasm_bindgen(getter, js_name = entryCount)]
    pub fn entry_count(&self) -> usize {
        self.0.entry_count()
    }

    #[wasm_bindgen(getter, js_name = ownCount)]
    pub fn own_count(&self) -> usize {
        self.0.own_count()
    }

    #[wasm_bindgen(getter, js_name = totalSize)]
    pub fn total_size(&self) -> f64 {
        self.0.total_size() as f64
    }

    pub fn entries(&self, offset: usize, limit: usize) -> Result<JsValue> {
        pack(&self.0.entries(offset, limit))
    }

    pub fn folders(&self) -> Result<JsValue> {
        pack(&self.0.folders())
    }

    pub fn below(&self, folder: &str) -> ViewHandle {
        ViewHandle(self.0.below(folder))
    }
}

#[wasm_bindgen]
#[derive(Default)]
pub struct MergeHandle(Vec<(i64, Arc<core::Manifest>)>);

#[wasm_bindgen]
impl MergeHandle {
    pub fn add(&mut self, manifest: &ManifestHandle, last_modified: f64) {
        self.0.push((last_modified as i64, manifest.0.clone()));
    }

    pub fn merge(&mut self) -> Result<Option<ManifestHandle>> {
        let merged = core::merge_manifests_chronologically(&std::mem::take(&mut self.0)).map_err(raise)?;
        Ok(merged.map(ManifestHandle))
    }
}

#[wasm_bindgen]
#[derive(Default)]
pub struct PlannerHandle(Vec<PlanSource>);

impl PlannerHandle {
    fn push(
        &mut self,
        manifest: &ManifestHandle,
        source: JsValue,
        applier: Option<&ApplierHandle>,
    ) -> Result<()> {
        let source: PlanSourceFields = unpack(source)?;
        self.0.push(source.of(manifest.0.clone(), applier.map(|applier| applier.0.clone())));
        Ok(())
    }
}

#[wasm_bindgen]
impl PlannerHandle {
    pub fn add(&mut self, manifest: &ManifestHandle, source: JsValue) -> Result<()> {
        self.push(manifest, source, None)
    }

    #[wasm_bindgen(js_name = addMapped)]
    pub fn add_mapped(
        &mut self,
        manifest: &ManifestHandle,
        source: JsValue,
        applier: &ApplierHandle,
    ) -> Result<()> {
        self.push(manifest, source, Some(applier))
    }

    pub fn plan(&mut self, options: JsValue) -> Result<PlanHandle> {
        let sources = std::mem::take(&mut self.0);
        let plan = core::plan_download(sources, &unpack(options)?).map_err(raise)?;
        Ok(PlanHandle(Arc::new(plan)))
    }
}

#[wasm_bindgen(js_name = decodeManifest)]
pub fn decode_manifest(json: &[u8]) -> Result<ManifestHandle> {
    core::Manifest::decode(json).map(|manifest| ManifestHandle(Arc::new(manifest))).map_err(raise)
}

#[wasm_bindgen(js_name = createManifest)]
pub fn create_manifest(manifest: JsValue) -> Result<ManifestHandle> {
    let created = core::Manifest::create(unpack(manifest)?).map_err(raise)?;
    Ok(ManifestHandle(Arc::new(created)))
}

#[wasm_bindgen(js_name = createMerge)]
pub fn create_merge() -> MergeHandle {
    MergeHandle::default()
}

#[wasm_bindgen(js_name = createPlanner)]
pub fn create_planner() -> PlannerHandle {
    PlannerHandle::default()
}

#[wasm_bindgen(js_name = generatePathMappingRules)]
pub fn generate_path_mapping_rules(source: JsValue, destination: JsValue) -> Result<JsValue> {
    pack(&core::generate_path_mapping_rules(&unpack(source)?, &unpack(destination)?))
}

#[wasm_bindgen(js_name = createApplier)]
pub fn create_applier(rules: JsValue, destination_path_format: JsValue) -> Result<ApplierHandle> {
    let rules: Vec<core::PathMappingRule> = unpack(rules)?;
    let applier = core::PathMappingApplier::new(&rules, unpack(destination_path_format)?).map_err(raise)?;
    Ok(ApplierHandle(Arc::new(applier)))
}

#[wasm_bindgen(js_name = joinPath)]
pub fn join_path(root: &str, path: &str, format: JsValue) -> Result<String> {
    Ok(core::join_path(root, path, unpack(format)?))
}

#[wasm_bindgen(js_name = resolveManifestPaths)]
pub fn resolve_manifest_paths(
    manifest: &ManifestHandle,
    root_path: &str,
    source_path_format: JsValue,
) -> Result<ResolvedHandle> {
    core::resolve_manifest_paths(&manifest.0, root_path, unpack(source_path_format)?, None)
        .map(ResolvedHandle)
        .map_err(raise)
}

#[wasm_bindgen(js_name = resolveMappedManifestPaths)]
pub fn resolve_mapped_manifest_paths(
    manifest: &ManifestHandle,
    root_path: &str,
    source_path_format: JsValue,
    applier: &ApplierHandle,
) -> Result<ResolvedHandle> {
    core::resolve_manifest_paths(
        &manifest.0,
        root_path,
        unpack(source_path_format)?,
        Some(applier.0.as_ref()),
    )
    .map(ResolvedHandle)
    .map_err(raise)
}

#[wasm_bindgen(js_name = outputManifestPrefix)]
pub fn output_manifest_prefix(location: JsValue, scope: JsValue) -> Result<String> {
    core::keys::output_manifest_prefix(&unpack(location)?, &unpack(scope)?).map_err(raise)
}

#[wasm_bindgen(js_name = parseOutputManifestKey)]
pub fn parse_output_manifest_key(key: &str, root_prefix: Option<String>) -> Result<JsValue> {
    pack(&core::keys::parse_output_manifest_key(key, root_prefix.as_deref()))
}

#[wasm_bindgen(js_name = filterOutputManifestKeys)]
pub fn filter_output_manifest_keys(
    objects: JsValue,
    select_latest_per_task: bool,
    root_prefix: Option<String>,
) -> Result<JsValue> {
    let objects: Vec<ListedObject> = unpack(objects)?;
    pack(&core::keys::filter_output_manifest_keys(&objects, select_latest_per_task, root_prefix.as_deref()))
}

#[wasm_bindgen(js_name = extractSessionActionId)]
pub fn extract_session_action_id(key: &str) -> Option<String> {
    core::keys::extract_session_action_id(key).map(str::to_owned)
}

#[wasm_bindgen(js_name = filterManifestsBySessionActions)]
pub fn filter_manifests_by_session_actions(keys: JsValue, session_action_ids: JsValue) -> Result<JsValue> {
    let (keys, ids): (Vec<String>, Vec<String>) = (unpack(keys)?, unpack(session_action_ids)?);
    pack(&core::keys::filter_manifests_by_session_actions(&keys, &ids))
}

#[wasm_bindgen(js_name = rootPathHash)]
pub fn root_path_hash(root_path: &str, file_system_location_name: Option<String>) -> String {
    core::keys::root_path_hash(root_path, file_system_location_name.as_deref())
}

#[wasm_bindgen(js_name = matchManifestsToRoots)]
pub fn match_manifests_to_roots(keys: JsValue, roots: JsValue) -> Result<JsValue> {
    let (keys, roots): (Vec<String>, Vec<RootReference>) = (unpack(keys)?, unpack(roots)?);
    pack(&core::keys::match_manifests_to_roots(&keys, &roots))
}

#[wasm_bindgen(js_name = assetRootFromMetadata)]
pub fn asset_root_from_metadata(metadata: JsValue) -> Result<Option<String>> {
    core::keys::asset_root_from_metadata(&unpack::<BTreeMap<String, String>>(metadata)?).map_err(raise)
}

#[wasm_bindgen(js_name = matchesIncludeFilters)]
pub fn matches_include_filters(path: &str, filters: JsValue) -> Result<bool> {
    Ok(core::matches_include_filters(path, &unpack::<Vec<String>>(filters)?))
}
