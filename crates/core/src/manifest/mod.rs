//! Manifests of both formats in one compact form: one text for all names, one fixed-size record a file.

mod build;
mod canonical;
mod decode;
mod encode;
mod merge;
mod wtf8;

use std::collections::BTreeMap;

use serde::Serialize;

pub use build::{NewManifest, NewManifestDir, NewManifestFile};
pub use merge::merge_manifests_chronologically;

use crate::error::Result;

/// The one hash algorithm of both formats: xxh3-128, written as 32 lowercase hex digits.
pub const HASH_ALG: &str = "xxh128";

/// `fileChunkSizeBytes` of a `2025-12` manifest that does not say: 256 MiB.
pub const DEFAULT_FILE_CHUNK_SIZE_BYTES: i64 = 256 * 1024 * 1024;

/// The formats of a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ManifestVersion {
    /// `2023-03-03`, the stable format.
    V2023_03_03,
    /// `2025-12`, the draft, in one of its four specification versions.
    V2025_12 {
        /// Names are absolute paths, else relative to the asset root.
        absolute: bool,
        /// Changes against a parent manifest, else a whole state.
        diff: bool,
    },
}

impl ManifestVersion {
    const DRAFTS: [(&'static str, Self); 4] = [
        ("absolute-manifest-snapshot-beta-2025-12", Self::V2025_12 { absolute: true, diff: false }),
        ("absolute-manifest-diff-beta-2025-12", Self::V2025_12 { absolute: true, diff: true }),
        ("relative-manifest-snapshot-beta-2025-12", Self::V2025_12 { absolute: false, diff: false }),
        ("relative-manifest-diff-beta-2025-12", Self::V2025_12 { absolute: false, diff: true }),
    ];

    /// The short name: `2023-03-03` or `2025-12`.
    pub fn name(self) -> &'static str {
        match self {
            Self::V2023_03_03 => "2023-03-03",
            Self::V2025_12 { .. } => "2025-12",
        }
    }

    /// The draft's `specificationVersion`; none for `2023-03-03`.
    pub fn specification_version(self) -> Option<&'static str> {
        Self::DRAFTS.iter().find(|(_, version)| *version == self).map(|(name, _)| *name)
    }

    fn from_specification_version(name: &str) -> Option<Self> {
        Self::DRAFTS.iter().find(|(known, _)| *known == name).map(|(_, version)| *version)
    }

    /// Whether names are absolute paths.
    pub fn is_absolute(self) -> bool {
        matches!(self, Self::V2025_12 { absolute: true, .. })
    }
}

/// A decoded and validated manifest.
#[derive(Debug, Clone)]
pub struct Manifest {
    version: ManifestVersion,
    total_size: u64,
    /// All names and link targets, end to end.
    text: String,
    files: Vec<FileRecord>,
    dirs: Vec<DirRecord>,
    chunks: Vec<Vec<String>>,
    /// The names that are no Unicode text, as WTF-8, by where they start in `text`, which holds U+FFFD for them.
    ill_formed: BTreeMap<u32, Vec<u8>>,
    file_chunk_size_bytes: Option<i64>,
    parent_manifest_hash: Option<String>,
}

/// A piece of [`Manifest::text`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Span {
    start: u32,
    length: u32,
}

#[derive(Debug, Clone)]
struct FileRecord {
    path: Span,
    content: ContentRecord,
    size: u64,
    /// Microseconds since the epoch.
    mtime: i64,
    runnable: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum ContentRecord {
    /// 32 lowercase hex digits, packed: nearly every hash that exists.
    Hash([u8; 16]),
    /// Any other alphanumeric hash.
    HashText(Span),
    /// Index into [`Manifest::chunks`].
    Chunks(u32),
    Symlink(Span),
    Deleted,
}

#[derive(Debug, Clone)]
struct DirRecord {
    path: Span,
    deleted: bool,
}

/// One file of a manifest, as JavaScript sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestFile {
    /// `/` separates; relative to the asset root unless the manifest is an absolute one.
    pub path: String,
    /// The hash of the whole content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Microseconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtime: Option<i64>,
    /// The hashes of a chunked file's chunks, in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chunk_hashes: Option<Vec<String>>,
    /// What a symbolic link points at, relative to the asset root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symlink_target: Option<String>,
    /// Whether the file is to be executable.
    pub runnable: bool,
    /// Whether a diff deletes the file.
    pub deleted: bool,
}

/// One directory of a `2025-12` manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestDir {
    /// `/` separates.
    pub path: String,
    /// Whether a diff deletes the directory; only an empty one goes.
    pub deleted: bool,
}

/// What a file is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content<'a> {
    /// One object.
    Object {
        /// Its hash, which names it.
        hash: String,
    },
    /// Several objects, one after another.
    Chunks {
        /// Their hashes, in order.
        hashes: &'a [String],
        /// Bytes of every chunk but the last.
        chunk_size: u64,
    },
    /// A symbolic link.
    Symlink {
        /// What it points at: in a manifest relative to the asset root, in a plan a local absolute path.
        target: &'a str,
    },
}

impl Manifest {
    /// Decodes a manifest of any known version from JSON in UTF-8.
    ///
    /// # Errors
    /// `INVALID_MANIFEST` with the place in the document (`offset` in bytes, `line`, `column`), or
    /// `UNSUPPORTED_MANIFEST_VERSION`.
    pub fn decode(json: &[u8]) -> Result<Self> {
        decode::decode(json)
    }

    /// Makes a manifest from its parts.
    ///
    /// # Errors
    /// `INVALID_MANIFEST` where a part breaks the format's rules, or `UNSUPPORTED_MANIFEST_VERSION`.
    pub fn create(parts: NewManifest) -> Result<Self> {
        build::create(parts)
    }

    /// The canonical JSON: sorted keys, no white space, ASCII.
    pub fn encode(&self) -> String {
        encode::encode(self)
    }

    /// The xxh3-128 of the canonical JSON, in hex: the name that the manifest goes by in S3.
    pub fn manifest_hash(&self) -> String {
        crate::hash::xxh128_hex(self.encode().as_bytes())
    }

    /// The format.
    pub fn version(&self) -> ManifestVersion {
        self.version
    }

    /// The algorithm of all hashes in it.
    pub fn hash_alg(&self) -> &'static str {
        HASH_ALG
    }

    /// Bytes of all files, as the document says.
    pub fn total_size(&self) -> u64 {
        self.total_size
    }

    /// The number of files, deleted ones among them.
    pub fn file_count(&self) -> usize {
        self.files.len()
    }

    /// The files from `offset` on, at most `limit` of them.
    pub fn files(&self, offset: usize, limit: usize) -> Vec<ManifestFile> {
        crate::page(self.files.len(), offset, limit).map(|index| self.file(index)).collect()
    }

    /// The directories, parents among them; empty for `2023-03-03`.
    pub fn dirs(&self) -> Vec<ManifestDir> {
        let dir = |dir: &DirRecord| ManifestDir { path: self.str(dir.path).to_owned(), deleted: dir.deleted };
        self.dirs.iter().map(dir).collect()
    }

    fn file(&self, index: usize) -> ManifestFile {
        let record = &self.files[index];
        let content = self.content(index);
        let mut file = ManifestFile {
            path: self.path(index).to_owned(),
            hash: None,
            size: self.size(index),
            mtime: self.mtime(index),
            chunk_hashes: None,
            symlink_target: None,
            runnable: record.runnable,
            deleted: content.is_none(),
        };
        match content {
            Some(Content::Object { hash }) => file.hash = Some(hash),
            Some(Content::Chunks { hashes, .. }) => file.chunk_hashes = Some(hashes.to_vec()),
            Some(Content::Symlink { target }) => file.symlink_target = Some(target.to_owned()),
            None => {}
        }
        file
    }

    pub(crate) fn path(&self, index: usize) -> &str {
        self.str(self.files[index].path)
    }

    /// Whether the name is Unicode text; the reference writes lone surrogates for names that are not.
    pub(crate) fn is_well_formed(&self, index: usize) -> bool {
        !self.ill_formed.contains_key(&self.files[index].path.start)
    }

    /// Whether the target of the file's link, if it is one, is Unicode text.
    pub(crate) fn has_well_formed_target(&self, index: usize) -> bool {
        match self.files[index].content {
            ContentRecord::Symlink(span) => !self.ill_formed.contains_key(&span.start),
            _ => true,
        }
    }

    /// A name or a link's target as it was read.
    fn wtf8(&self, span: Span) -> &[u8] {
        self.ill_formed.get(&span.start).map_or_else(|| self.str(span).as_bytes(), Vec::as_slice)
    }

    /// What the file is made of; none where it is deleted.
    pub(crate) fn content(&self, index: usize) -> Option<Content<'_>> {
        Some(match &self.files[index].content {
            ContentRecord::Hash(bytes) => Content::Object { hash: crate::hash::to_hex(bytes) },
            ContentRecord::HashText(span) => Content::Object { hash: self.str(*span).to_owned() },
            ContentRecord::Chunks(chunks) => Content::Chunks {
                hashes: &self.chunks[*chunks as usize],
                chunk_size: self.chunk_size().unwrap_or(u64::MAX),
            },
            ContentRecord::Symlink(span) => Content::Symlink { target: self.str(*span) },
            ContentRecord::Deleted => return None,
        })
    }

    /// The object that the file's content is, where it is one object with an ordinary hash.
    pub(crate) fn packed_hash(&self, index: usize) -> Option<[u8; 16]> {
        match self.files[index].content {
            ContentRecord::Hash(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub(crate) fn is_deleted(&self, index: usize) -> bool {
        self.files[index].content == ContentRecord::Deleted
    }

    pub(crate) fn symlink_target(&self, index: usize) -> Option<&str> {
        match self.files[index].content {
            ContentRecord::Symlink(span) => Some(self.str(span)),
            _ => None,
        }
    }

    fn has_bytes(&self, index: usize) -> bool {
        !matches!(self.files[index].content, ContentRecord::Symlink(_) | ContentRecord::Deleted)
    }

    pub(crate) fn size(&self, index: usize) -> Option<u64> {
        self.has_bytes(index).then(|| self.files[index].size)
    }

    pub(crate) fn mtime(&self, index: usize) -> Option<i64> {
        self.has_bytes(index).then(|| self.files[index].mtime)
    }

    pub(crate) fn is_runnable(&self, index: usize) -> bool {
        self.files[index].runnable
    }

    /// The directories that a diff deletes.
    pub(crate) fn deleted_dirs(&self) -> impl Iterator<Item = &str> {
        self.dirs.iter().filter(|dir| dir.deleted).map(|dir| self.str(dir.path))
    }

    /// Bytes of a chunk; none where files are never chunked.
    fn chunk_size(&self) -> Option<u64> {
        u64::try_from(self.file_chunk_size_bytes.unwrap_or(DEFAULT_FILE_CHUNK_SIZE_BYTES)).ok()
    }

    /// About how many bytes of memory it takes.
    pub fn memory(&self) -> usize {
        let chunks = self.chunks.iter().flatten().map(|hash| size_of::<String>() + hash.len());
        self.text.len()
            + size_of_val(self.files.as_slice())
            + size_of_val(self.dirs.as_slice())
            + chunks.sum::<usize>()
    }

    /// Bytes of all names.
    pub(crate) fn text_len(&self) -> usize {
        self.text.len()
    }

    fn str(&self, span: Span) -> &str {
        &self.text[span.start as usize..][..span.length as usize]
    }
}

#[cfg(test)]
mod tests;
