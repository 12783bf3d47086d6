//! What a pass downloads, output manifest by output manifest.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::path::PathFormat;

/// An output manifest to download.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncSource {
    /// Its key below `Manifests/`.
    pub output_manifest_path: String,
    /// The job.
    pub job_id: String,
    /// The session action that wrote it.
    pub session_action_id: String,
    /// The asset root, as the job has it.
    pub root_path: String,
    /// The format of the root.
    pub root_path_format: PathFormat,
    /// The profile that the job was submitted with.
    pub storage_profile_id: Option<String>,
    /// The only local paths that are wanted: what failed before.
    pub only: Option<BTreeSet<String>>,
}
