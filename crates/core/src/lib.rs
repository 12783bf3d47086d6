//! Manifests, path mapping and download plans of AWS Deadline Cloud job attachments: everything that needs
//! no I/O, no clock and no environment, so that a browser answers as a server does.
//!
//! The way through: [`keys`] find the manifests, [`Manifest::decode`] reads them, [`RootMapper`] says how an
//! asset root is mapped, [`resolve_manifest_paths`] gives every file its place, [`plan_download`] merges it all
//! into one plan that an engine carries out and a page shows.

mod error;
mod hash;
mod include_filter;
pub mod keys;
mod manifest;
mod path;
mod path_mapping;
mod plan;
mod resolve;
mod root_mapping;
mod storage_profile;
pub mod sync;

pub use error::{Error, ErrorCode, Result};
pub use hash::xxh128_hex;
pub use include_filter::matches_include_filters;
pub use manifest::{
    Content, DEFAULT_FILE_CHUNK_SIZE_BYTES, HASH_ALG, Manifest, ManifestDir, ManifestFile, ManifestVersion,
    NewManifest, NewManifestDir, NewManifestFile, merge_manifests_chronologically,
};
pub use path::{PathFormat, join_path};
pub use path_mapping::{PathMappingApplier, PathMappingRule};
pub use plan::{
    DownloadPlan, EntryReason, Hazard, HazardCode, MatchPathsBy, PlanEntry, PlanFolder, PlanOptions,
    PlanOrder, PlanSource, PlanSourceFields, PlanStatus, PlanTotals, PlanView, PlanViewOptions,
    PlannedDeletion, PlannedFile, PlannedFileRow, PlannedJob, RootTotals, RuleTotals, plan_download,
    plan_download_of,
};
pub use resolve::{
    Reason, ResolvedManifestPath, ResolvedManifestPaths, UnmappedPath, resolve_manifest_paths,
};
pub use root_mapping::{RootMapper, RootMapperOptions};
pub use storage_profile::{
    FileSystemLocation, FileSystemLocationType, StorageProfileOsFamily, StorageProfileWithId,
    generate_path_mapping_rules,
};

/// The indexes of a page of `count` rows.
fn page(count: usize, offset: usize, limit: usize) -> std::ops::Range<usize> {
    let start = offset.min(count);
    start..start.saturating_add(limit).min(count)
}
