//! Manifests to canonical JSON, byte for byte as the reference writes it.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::wtf8::utf16;
use super::{Content, ContentRecord, Manifest, ManifestVersion};

pub(super) fn encode(manifest: &Manifest) -> String {
    let mut order: Vec<usize> = (0..manifest.files.len()).collect();
    order.sort_by(|&a, &b| utf16(name(manifest, a)).cmp(utf16(name(manifest, b))));
    let mut out = Json { text: String::with_capacity(manifest.text.len() + 100 * order.len()) };
    match manifest.version {
        ManifestVersion::V2023_03_03 => v2023_03_03(manifest, &order, &mut out),
        ManifestVersion::V2025_12 { .. } => v2025_12(manifest, &order, &mut out),
    }
    out.text
}

/// The file's name as WTF-8.
fn name(manifest: &Manifest, index: usize) -> &[u8] {
    manifest.wtf8(manifest.files[index].path)
}

fn v2023_03_03(manifest: &Manifest, order: &[usize], out: &mut Json) {
    out.raw(r#"{"hashAlg":"xxh128","manifestVersion":"2023-03-03","paths":["#);
    for (position, &index) in order.iter().enumerate() {
        out.separate(position);
        out.raw("{");
        if let Some(Content::Object { hash }) = manifest.content(index) {
            out.key("hash");
            out.string(hash.as_bytes());
            out.raw(",");
        }
        out.key("mtime");
        out.number(manifest.files[index].mtime);
        out.raw(",");
        out.key("path");
        out.string(name(manifest, index));
        out.raw(",");
        out.key("size");
        out.number(manifest.files[index].size);
        out.raw("}");
    }
    out.raw("],");
    out.key("totalSize");
    out.number(manifest.total_size);
    out.raw("}");
}

fn v2025_12(manifest: &Manifest, order: &[usize], out: &mut Json) {
    let dirs = Dirs::of(manifest);
    out.raw("{");
    out.key("dirs");
    out.raw("[");
    for (position, (path, deleted)) in dirs.all.iter().enumerate() {
        out.separate(position);
        out.raw(if *deleted { r#"{"delete":true,"# } else { "{" });
        out.key("name");
        out.string(&dirs.refer(path));
        out.raw("}");
    }
    out.raw("],");
    if let Some(size) = manifest.file_chunk_size_bytes {
        out.key("fileChunkSizeBytes");
        out.number(size);
        out.raw(",");
    }
    out.key("files");
    out.raw("[");
    for (position, &index) in order.iter().enumerate() {
        out.separate(position);
        draft_file(manifest, index, &dirs, out);
    }
    out.raw("],");
    out.key("hashAlg");
    out.string(manifest.hash_alg().as_bytes());
    if let Some(hash) = &manifest.parent_manifest_hash {
        out.raw(",");
        out.key("parentManifestHash");
        out.string(hash.as_bytes());
    }
    out.raw(",");
    out.key("specificationVersion");
    out.string(manifest.version.specification_version().unwrap_or_default().as_bytes());
    out.raw(",");
    out.key("totalSize");
    out.number(manifest.total_size);
    out.raw("}");
}

fn draft_file(manifest: &Manifest, index: usize, dirs: &Dirs<'_>, out: &mut Json) {
    let record = &manifest.files[index];
    let content = manifest.content(index);
    out.raw("{");
    match &content {
        None => out.raw(r#""delete":true,"#),
        Some(Content::Object { hash }) => {
            out.key("hash");
            out.string(hash.as_bytes());
            out.raw(",");
        }
        Some(Content::Chunks { hashes, .. }) => {
            out.key("chunkhashes");
            out.raw("[");
            for (position, hash) in hashes.iter().enumerate() {
                out.separate(position);
                out.string(hash.as_bytes());
            }
            out.raw("],");
        }
        Some(Content::Symlink { .. }) => {}
    }
    if manifest.has_bytes(index) {
        out.key("mtime");
        out.number(record.mtime);
        out.raw(",");
    }
    out.key("name");
    out.string(&dirs.refer(name(manifest, index)));
    if record.runnable {
        out.raw(r#","runnable":true"#);
    }
    if manifest.has_bytes(index) {
        out.raw(",");
        out.key("size");
        out.number(record.size);
    }
    if let ContentRecord::Symlink(target) = record.content {
        out.raw(r#","symlink":{"#);
        out.key("name");
        out.string(&dirs.refer(manifest.wtf8(target)));
        out.raw("}");
    }
    out.raw("}");
}

/// All directories in code point order, parents that nobody named among them.
struct Dirs<'a> {
    /// Each with whether a diff deletes it.
    all: BTreeMap<&'a [u8], bool>,
    index: BTreeMap<&'a [u8], usize>,
}

impl<'a> Dirs<'a> {
    fn of(manifest: &'a Manifest) -> Self {
        let mut all = BTreeMap::new();
        let targets = manifest.files.iter().filter_map(|file| match file.content {
            ContentRecord::Symlink(target) => Some(manifest.wtf8(target)),
            _ => None,
        });
        let named = manifest.dirs.iter().map(|dir| manifest.wtf8(dir.path));
        for mut path in manifest.files.iter().map(|file| manifest.wtf8(file.path)).chain(targets).chain(named)
        {
            while let Some((parent, _)) = split_last(path) {
                if all.insert(parent, false).is_some() {
                    break;
                }
                path = parent;
            }
        }
        all.extend(manifest.dirs.iter().map(|dir| (manifest.wtf8(dir.path), dir.deleted)));
        let index = all.keys().enumerate().map(|(index, path)| (*path, index)).collect();
        Self { all, index }
    }

    /// The name through its parent's index, where it has a parent.
    fn refer(&self, path: &[u8]) -> Vec<u8> {
        match split_last(path).and_then(|(parent, last)| Some((self.index.get(parent)?, last))) {
            Some((index, last)) => [format!("${index}/").as_bytes(), last].concat(),
            None => path.to_vec(),
        }
    }
}

/// Parent and last part; none where there is no parent.
fn split_last(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let slash = path.iter().rposition(|&b| b == b'/').filter(|&slash| slash > 0)?;
    Some((&path[..slash], &path[slash + 1..]))
}

struct Json {
    text: String,
}

impl Json {
    fn raw(&mut self, json: &str) {
        self.text.push_str(json);
    }

    fn separate(&mut self, position: usize) {
        if position > 0 {
            self.raw(",");
        }
    }

    fn key(&mut self, name: &str) {
        self.raw("\"");
        self.raw(name);
        self.raw("\":");
    }

    fn number(&mut self, number: impl std::fmt::Display) {
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{number}");
    }

    /// A string in WTF-8, in ASCII.
    fn string(&mut self, wtf8: &[u8]) {
        self.raw("\"");
        for unit in utf16(wtf8) {
            match unit {
                0x22 => self.raw("\\\""),
                0x5c => self.raw("\\\\"),
                0x08 => self.raw("\\b"),
                0x09 => self.raw("\\t"),
                0x0a => self.raw("\\n"),
                0x0c => self.raw("\\f"),
                0x0d => self.raw("\\r"),
                0x20..0x7f => self.text.push(char::from(unit as u8)),
                _ => {
                    let _ = write!(self.text, "\\u{unit:04x}");
                }
            }
        }
        self.raw("\"");
    }
}
