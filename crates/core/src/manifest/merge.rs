//! Merging the manifests of one root: the later manifest wins for each path.

use std::collections::HashMap;
use std::sync::Arc;

use super::build::{Builder, Draft};
use super::{Content, ContentRecord, DEFAULT_FILE_CHUNK_SIZE_BYTES, Manifest, ManifestVersion};
use crate::error::{Error, ErrorCode, Result};

/// Merges manifests by path, oldest first; equal times in input order. In a `2025-12` diff a deletion
/// removes what came before; diffs alone make a diff that deletes it still. None for no manifests; a single one
/// is returned as it is.
///
/// # Errors
/// `UNSUPPORTED_MANIFEST_VERSION` where the versions differ in more than snapshot and diff; `INVALID_MANIFEST`
/// where the chunk sizes differ, or the sizes add up to over 2^53.
pub fn merge_manifests_chronologically(manifests: &[(i64, Arc<Manifest>)]) -> Result<Option<Arc<Manifest>>> {
    let mut sorted: Vec<&(i64, Arc<Manifest>)> = manifests.iter().collect();
    sorted.sort_by_key(|(last_modified, _)| *last_modified);
    let (first, rest) = match sorted.as_slice() {
        [] => return Ok(None),
        [(_, only)] => return Ok(Some(Arc::clone(only))),
        [(_, first), rest @ ..] => (first, rest),
    };
    for (_, other) in rest {
        if family(other.version) != family(first.version) {
            return Err(Error::new(
                ErrorCode::UnsupportedManifestVersion,
                format!(
                    "manifests of the versions {} and {} cannot be merged into one; plan the download of \
                     both instead",
                    describe(first.version),
                    describe(other.version)
                ),
            ));
        }
    }
    merge(&sorted).map(|manifest| Some(Arc::new(manifest)))
}

/// What two manifests must share to become one.
fn family(version: ManifestVersion) -> (&'static str, bool) {
    (version.name(), version.is_absolute())
}

fn describe(version: ManifestVersion) -> &'static str {
    version.specification_version().unwrap_or(version.name())
}

fn merge(sorted: &[&(i64, Arc<Manifest>)]) -> Result<Manifest> {
    let is_diff =
        |manifest: &Manifest| matches!(manifest.version, ManifestVersion::V2025_12 { diff: true, .. });
    let stays_diff = sorted.iter().all(|(_, manifest)| is_diff(manifest));
    // Where each path was last written, in the order in which the paths first came.
    let mut winners: Vec<Option<(&Manifest, usize)>> = Vec::new();
    let mut positions: HashMap<&[u8], usize> = HashMap::new();
    let mut dirs: Vec<(&[u8], bool)> = Vec::new();
    let mut dir_positions: HashMap<&[u8], usize> = HashMap::new();
    for (_, manifest) in sorted {
        for index in 0..manifest.file_count() {
            let winner = (stays_diff || !manifest.is_deleted(index)).then_some((manifest.as_ref(), index));
            let position =
                *positions.entry(manifest.wtf8(manifest.files[index].path)).or_insert(winners.len());
            match winners.get_mut(position) {
                Some(slot) => *slot = winner,
                None => winners.push(winner),
            }
        }
        for dir in &manifest.dirs {
            let path = manifest.wtf8(dir.path);
            let position = *dir_positions.entry(path).or_insert(dirs.len());
            match dirs.get_mut(position) {
                Some(slot) => slot.1 = dir.deleted,
                None => dirs.push((path, dir.deleted)),
            }
        }
    }
    let version = match sorted.first().map(|(_, manifest)| manifest.version) {
        // What changes say of a whole state is a whole state; changes alone stay changes.
        Some(ManifestVersion::V2025_12 { absolute, .. }) => {
            ManifestVersion::V2025_12 { absolute, diff: stays_diff }
        }
        _ => ManifestVersion::V2023_03_03,
    };
    let refused = |words: String| Error::new(ErrorCode::InvalidManifest, words);
    let chunk_size =
        |manifest: &Manifest| manifest.file_chunk_size_bytes.unwrap_or(DEFAULT_FILE_CHUNK_SIZE_BYTES);
    if sorted.windows(2).any(|pair| chunk_size(&pair[0].1) != chunk_size(&pair[1].1)) {
        return Err(refused("manifests with different fileChunkSizeBytes cannot be merged into one".into()));
    }
    let mut builder = Builder::new(version, 0, winners.len());
    builder
        .chunking(sorted.iter().find_map(|(_, manifest)| manifest.file_chunk_size_bytes))
        .map_err(refused)?;
    if stays_diff {
        let parent = sorted.first().and_then(|(_, manifest)| manifest.parent_manifest_hash.clone());
        builder.parent(parent).map_err(refused)?;
    }
    dirs.sort_unstable();
    for (path, deleted) in dirs.into_iter().filter(|(_, deleted)| stays_diff || !deleted) {
        builder.dir(path, deleted).map_err(refused)?;
    }
    let mut total_size = 0u64;
    for (manifest, index) in winners.into_iter().flatten() {
        total_size = total_size.saturating_add(manifest.size(index).unwrap_or(0));
        builder.file(draft(manifest, index)).map_err(refused)?;
    }
    builder.finish(Some(i64::try_from(total_size).unwrap_or(i64::MAX))).map_err(refused)
}

fn draft(manifest: &Manifest, index: usize) -> Draft<'_> {
    let mut draft = Draft {
        path: manifest.wtf8(manifest.files[index].path).into(),
        hash: None,
        size: manifest.size(index).and_then(|size| i64::try_from(size).ok()),
        mtime: manifest.mtime(index),
        chunk_hashes: None,
        symlink_target: None,
        runnable: manifest.is_runnable(index),
        deleted: false,
    };
    match (&manifest.files[index].content, manifest.content(index)) {
        (ContentRecord::Symlink(target), _) => draft.symlink_target = Some(manifest.wtf8(*target).into()),
        (_, Some(Content::Object { hash })) => draft.hash = Some(hash.into()),
        (_, Some(Content::Chunks { hashes, .. })) => draft.chunk_hashes = Some(hashes.to_vec()),
        _ => draft.deleted = true,
    }
    draft
}
