//! Puts manifests together: the one place where the rules of both formats are enforced, whether the
//! parts come from a document or from a caller.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;

use super::{ContentRecord, DirRecord, FileRecord, HASH_ALG, Manifest, ManifestVersion, Span};
use crate::error::{Error, ErrorCode, Result};
use crate::hash::from_hex;

/// Numbers cross into JavaScript, which holds integers exactly up to this.
pub(super) const MAX_SAFE_INTEGER: i64 = (1 << 53) - 1;

/// Directories above a file of a draft manifest.
const MAX_DEPTH: usize = 1_000;
/// Bytes of a path in a draft manifest: what Windows' 32,767 units take in UTF-8 at the most.
const MAX_LENGTH: usize = 3 * 32_767;

/// The parts of a manifest to be made.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewManifest {
    /// One of the four of `2025-12`; without it the manifest is a `2023-03-03` one.
    pub specification_version: Option<String>,
    /// The files.
    pub files: Vec<NewManifestFile>,
    /// The directories; parents of files and directories are added. Only for `2025-12`.
    pub dirs: Option<Vec<NewManifestDir>>,
    /// Bytes of a chunk, −1 for files that are never chunked. Only for `2025-12`.
    pub file_chunk_size_bytes: Option<i64>,
    /// The hash of the manifest that a diff is against. Only for `2025-12`.
    pub parent_manifest_hash: Option<String>,
    /// Bytes of all files; their sum where absent.
    pub total_size: Option<i64>,
}

/// A file of a manifest to be made.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewManifestFile {
    /// `/` separates.
    pub path: String,
    /// Alphanumeric.
    pub hash: Option<String>,
    /// Bytes.
    pub size: Option<i64>,
    /// Microseconds since the epoch.
    pub mtime: Option<i64>,
    /// Instead of `hash`, for a file in chunks.
    pub chunk_hashes: Option<Vec<String>>,
    /// Instead of `hash`, for a symbolic link.
    pub symlink_target: Option<String>,
    /// Whether the file is to be executable.
    #[serde(default)]
    pub runnable: Option<bool>,
    /// Whether a diff deletes it.
    #[serde(default)]
    pub deleted: Option<bool>,
}

/// A directory of a manifest to be made.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NewManifestDir {
    /// `/` separates.
    pub path: String,
    /// Whether a diff deletes it.
    #[serde(default)]
    pub deleted: Option<bool>,
}

/// A file as it comes from a document or a caller, before any rule is checked.
pub(super) struct Draft<'a> {
    /// WTF-8: UTF-8 that may hold lone surrogates.
    pub path: Cow<'a, [u8]>,
    pub hash: Option<Cow<'a, str>>,
    pub size: Option<i64>,
    pub mtime: Option<i64>,
    pub chunk_hashes: Option<Vec<String>>,
    pub symlink_target: Option<Cow<'a, [u8]>>,
    pub runnable: bool,
    pub deleted: bool,
}

/// Collects validated files and directories. Its errors are words; the caller knows the place.
pub(super) struct Builder {
    manifest: Manifest,
}

/// Why a part was refused.
pub(super) type Refusal = String;

impl Builder {
    /// `text` and `files` are guesses at the bytes of all names and the number of files.
    pub(super) fn new(version: ManifestVersion, text: usize, files: usize) -> Self {
        Self {
            manifest: Manifest {
                version,
                total_size: 0,
                text: String::with_capacity(text),
                files: Vec::with_capacity(files),
                dirs: Vec::new(),
                chunks: Vec::new(),
                ill_formed: BTreeMap::new(),
                file_chunk_size_bytes: None,
                parent_manifest_hash: None,
            },
        }
    }

    pub(super) fn chunking(&mut self, file_chunk_size_bytes: Option<i64>) -> Result<(), Refusal> {
        if file_chunk_size_bytes.is_some_and(|size| size == 0 || size < -1) {
            return Err("fileChunkSizeBytes must be positive, or -1 for files that are never chunked".into());
        }
        self.manifest.file_chunk_size_bytes = file_chunk_size_bytes;
        Ok(())
    }

    pub(super) fn parent(&mut self, parent_manifest_hash: Option<String>) -> Result<(), Refusal> {
        if let Some(hash) = &parent_manifest_hash {
            alphanumeric(hash, "parentManifestHash")?;
            if !matches!(self.manifest.version, ManifestVersion::V2025_12 { diff: true, .. }) {
                return Err("only a diff has a parentManifestHash".into());
            }
        }
        self.manifest.parent_manifest_hash = parent_manifest_hash;
        Ok(())
    }

    pub(super) fn file(&mut self, draft: Draft<'_>) -> Result<(), Refusal> {
        if draft.path.is_empty() {
            return Err("a file has an empty path".into());
        }
        let content = self.content(&draft)?;
        let has_bytes = !matches!(content, ContentRecord::Deleted | ContentRecord::Symlink(_));
        let size = match draft.size {
            Some(size) => {
                u64::try_from(size).map_err(|_| format!("size must not be negative, it is {size}"))?
            }
            None if has_bytes => return Err("a file lacks its size".into()),
            None => 0,
        };
        if has_bytes && draft.mtime.is_none() {
            return Err("a file lacks its mtime".into());
        }
        if let ContentRecord::Chunks(chunks) = content {
            self.check_chunk_count(size, self.manifest.chunks[chunks as usize].len())?;
        }
        if self.manifest.version != ManifestVersion::V2023_03_03 {
            check_depth(&draft.path)?;
            check_depth(draft.symlink_target.as_deref().unwrap_or_default())?;
        }
        let path = self.intern_wtf8(&draft.path)?;
        self.manifest.files.push(FileRecord {
            path,
            content,
            size,
            mtime: draft.mtime.unwrap_or(0),
            runnable: draft.runnable,
        });
        Ok(())
    }

    pub(super) fn dir(&mut self, path: &[u8], deleted: bool) -> Result<(), Refusal> {
        if path.is_empty() {
            return Err("a directory has an empty path".into());
        }
        check_depth(path)?;
        let path = self.intern_wtf8(path)?;
        self.manifest.dirs.push(DirRecord { path, deleted });
        Ok(())
    }

    pub(super) fn finish(mut self, total_size: Option<i64>) -> Result<Manifest, Refusal> {
        let manifest = &mut self.manifest;
        if manifest.version == ManifestVersion::V2023_03_03 && manifest.files.is_empty() {
            return Err("paths must hold at least one file".into());
        }
        manifest.total_size = match total_size {
            Some(size) if size <= MAX_SAFE_INTEGER => {
                u64::try_from(size).map_err(|_| format!("totalSize must not be negative, it is {size}"))?
            }
            Some(_) => return Err("totalSize is beyond 2^53 and cannot be held exactly".into()),
            None => {
                let sum = manifest.files.iter().try_fold(0u64, |sum, file| sum.checked_add(file.size));
                sum.filter(|sum| *sum <= MAX_SAFE_INTEGER as u64)
                    .ok_or("the files' sizes add up to over 2^53")?
            }
        };
        manifest.text.shrink_to_fit();
        manifest.files.shrink_to_fit();
        Ok(self.manifest)
    }

    fn content(&mut self, draft: &Draft<'_>) -> Result<ContentRecord, Refusal> {
        let given = usize::from(draft.hash.is_some())
            + usize::from(draft.chunk_hashes.is_some())
            + usize::from(draft.symlink_target.is_some())
            + usize::from(draft.deleted);
        if given != 1 {
            return Err(match self.manifest.version {
                ManifestVersion::V2023_03_03 => "a file lacks its hash".into(),
                _ => "a file must have just one of hash, chunkhashes, symlink and delete".to_owned(),
            });
        }
        if self.manifest.version == ManifestVersion::V2023_03_03 && draft.hash.is_none() {
            return Err("a 2023-03-03 manifest knows only whole files, each with a hash".into());
        }
        if draft.deleted {
            if !matches!(self.manifest.version, ManifestVersion::V2025_12 { diff: true, .. }) {
                return Err("only a diff deletes files".into());
            }
            return Ok(ContentRecord::Deleted);
        }
        if let Some(hash) = &draft.hash {
            return Ok(match from_hex(hash) {
                Some(bytes) => ContentRecord::Hash(bytes),
                None => {
                    alphanumeric(hash, "hash")?;
                    ContentRecord::HashText(self.intern(hash)?)
                }
            });
        }
        if let Some(hashes) = &draft.chunk_hashes {
            for hash in hashes {
                alphanumeric(hash, "a chunk's hash")?;
            }
            self.manifest.chunks.push(hashes.clone());
            let index =
                u32::try_from(self.manifest.chunks.len() - 1).map_err(|_| "too many chunked files")?;
            return Ok(ContentRecord::Chunks(index));
        }
        let target = draft.symlink_target.as_deref().unwrap_or_default();
        if target.is_empty() {
            return Err("a symlink has an empty target".into());
        }
        Ok(ContentRecord::Symlink(self.intern_wtf8(target)?))
    }

    fn check_chunk_count(&self, size: u64, count: usize) -> Result<(), Refusal> {
        let Some(chunk_size) = self.manifest.chunk_size() else {
            return Err("a file has chunk hashes, but fileChunkSizeBytes is -1".into());
        };
        let expected = size.div_ceil(chunk_size);
        if count as u64 != expected || expected < 2 {
            return Err(format!(
                "a file of {size} bytes in chunks of {chunk_size} cannot have {count} chunk hashes"
            ));
        }
        Ok(())
    }

    fn intern(&mut self, text: &str) -> Result<Span, Refusal> {
        let start = u32::try_from(self.manifest.text.len());
        let length = u32::try_from(text.len());
        let (Ok(start), Ok(length)) = (start, length) else {
            return Err("the names take over 4 GiB".into());
        };
        self.manifest.text.push_str(text);
        Ok(Span { start, length })
    }

    fn intern_wtf8(&mut self, text: &[u8]) -> Result<Span, Refusal> {
        if let Ok(text) = std::str::from_utf8(text) {
            return self.intern(text);
        }
        let span = self.intern(&String::from_utf8_lossy(text))?;
        self.manifest.ill_formed.insert(span.start, text.to_vec());
        Ok(span)
    }
}

fn alphanumeric(hash: &str, what: &str) -> Result<(), Refusal> {
    if hash.is_empty() || !hash.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(format!("{what} must be alphanumeric, it is {hash:?}"));
    }
    Ok(())
}

pub(super) fn create(parts: NewManifest) -> Result<Manifest> {
    let version = match parts.specification_version.as_deref() {
        None => ManifestVersion::V2023_03_03,
        Some(name) => ManifestVersion::from_specification_version(name).ok_or_else(|| unsupported(name))?,
    };
    assemble(version, parts).map_err(|refusal| Error::new(ErrorCode::InvalidManifest, refusal))
}

fn assemble(version: ManifestVersion, parts: NewManifest) -> Result<Manifest, Refusal> {
    let is_draft = version != ManifestVersion::V2023_03_03;
    let mut builder = Builder::new(version, 0, parts.files.len());
    if is_draft {
        let chunk_size = parts.file_chunk_size_bytes.unwrap_or(super::DEFAULT_FILE_CHUNK_SIZE_BYTES);
        builder.chunking(Some(chunk_size))?;
        builder.parent(parts.parent_manifest_hash)?;
        for (path, deleted) in with_parents(&parts.files, parts.dirs.as_deref().unwrap_or_default())? {
            builder.dir(path.as_bytes(), deleted)?;
        }
    } else {
        let beyond = [
            ("dirs", parts.dirs.is_some_and(|dirs| !dirs.is_empty())),
            ("parentManifestHash", parts.parent_manifest_hash.is_some()),
            ("fileChunkSizeBytes", parts.file_chunk_size_bytes.is_some()),
            ("runnable", parts.files.iter().any(|file| file.runnable == Some(true))),
        ];
        if let Some((name, _)) = beyond.iter().find(|(_, is_given)| *is_given) {
            return Err(format!("{name} needs a specificationVersion of 2025-12"));
        }
    }
    for file in parts.files {
        for (name, value) in [("size", file.size), ("mtime", file.mtime)] {
            if value.is_some_and(|value| value.abs() > MAX_SAFE_INTEGER) {
                return Err(format!("{name} is beyond 2^53 and cannot be held exactly"));
            }
        }
        builder.file(Draft {
            path: Cow::Owned(file.path.into_bytes()),
            hash: file.hash.map(Cow::Owned),
            size: file.size,
            mtime: file.mtime,
            chunk_hashes: file.chunk_hashes,
            symlink_target: file.symlink_target.map(|target| Cow::Owned(target.into_bytes())),
            runnable: file.runnable.unwrap_or(false),
            deleted: file.deleted.unwrap_or(false),
        })?;
    }
    builder.finish(parts.total_size)
}

/// Every directory that is named or is the parent of something, in code point order: parents come first.
fn with_parents<'a>(
    files: &'a [NewManifestFile],
    dirs: &'a [NewManifestDir],
) -> Result<BTreeMap<&'a str, bool>, Refusal> {
    let mut all = BTreeMap::new();
    let named = dirs.iter().map(|dir| dir.path.as_str());
    let targets = files.iter().filter_map(|file| file.symlink_target.as_deref());
    for path in named.chain(targets).chain(files.iter().map(|file| file.path.as_str())) {
        check_depth(path.as_bytes())?;
        let mut rest = path;
        while let Some((parent, _)) = rest.rsplit_once('/').filter(|(parent, _)| !parent.is_empty()) {
            if all.insert(parent, false).is_some() {
                break;
            }
            rest = parent;
        }
    }
    all.extend(dirs.iter().map(|dir| (dir.path.as_str(), dir.deleted.unwrap_or(false))));
    Ok(all)
}

/// The draft names every directory in full in memory, so a path may be no deeper and no longer than a real one:
/// else a small document would fill the memory.
fn check_depth(path: &[u8]) -> Result<(), Refusal> {
    let depth = path.iter().filter(|&&b| b == b'/').count();
    if depth > MAX_DEPTH || path.len() > MAX_LENGTH {
        return Err(format!(
            "a path has {depth} directories in {} bytes, which no file system holds",
            path.len()
        ));
    }
    Ok(())
}

pub(super) fn unsupported(version: &str) -> Error {
    Error::new(
        ErrorCode::UnsupportedManifestVersion,
        format!("manifest version {version:?} is not known; known are 2023-03-03 and the four of 2025-12"),
    )
    .with("version", version)
}

/// The only algorithm there is.
pub(super) fn check_hash_alg(name: &str) -> Result<(), Refusal> {
    if name == HASH_ALG { Ok(()) } else { Err(format!("hashAlg must be {HASH_ALG:?}, it is {name:?}")) }
}
