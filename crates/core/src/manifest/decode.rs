//! JSON to manifests, straight into the compact form: no tree of JSON values is built.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::build::{Builder, Draft, MAX_SAFE_INTEGER, Refusal, check_hash_alg, unsupported};
use super::wtf8::Wtf8;
use super::{Manifest, ManifestVersion, canonical};
use crate::error::{Error, ErrorCode, Result};

/// Names written through `$N` may be longer than the document, but not by more than a real tree needs.
const EXPANSION_LIMIT: usize = 64;

/// The document's first level. A list that comes before the version that says how to read it is kept as text
/// and read afterwards; the reference writes the version of a `2023-03-03` manifest first.
#[derive(Default)]
struct Document<'a> {
    manifest_version: Option<String>,
    specification_version: Option<String>,
    hash_alg: Option<String>,
    total_size: Option<SafeInteger>,
    paths: Option<&'a RawValue>,
    files: Option<&'a RawValue>,
    dirs: Option<&'a RawValue>,
    file_chunk_size_bytes: Option<SafeInteger>,
    parent_manifest_hash: Option<String>,
    /// The files of `paths`, where its version was known in time.
    read_paths: Option<Builder>,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Field {
    ManifestVersion,
    SpecificationVersion,
    HashAlg,
    TotalSize,
    Paths,
    Files,
    Dirs,
    FileChunkSizeBytes,
    ParentManifestHash,
    #[serde(other)]
    Unknown,
}

impl<'de: 'a, 'a> Deserialize<'de> for Document<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FirstLevel;
        impl<'de> Visitor<'de> for FirstLevel {
            type Value = Document<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a manifest object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Document<'de>, A::Error> {
                let mut document = Document::default();
                while let Some(field) = map.next_key()? {
                    match field {
                        Field::ManifestVersion => once(&mut document.manifest_version, &mut map)?,
                        Field::SpecificationVersion => once(&mut document.specification_version, &mut map)?,
                        Field::HashAlg => once(&mut document.hash_alg, &mut map)?,
                        Field::TotalSize => once(&mut document.total_size, &mut map)?,
                        Field::Files => once(&mut document.files, &mut map)?,
                        Field::Dirs => once(&mut document.dirs, &mut map)?,
                        Field::FileChunkSizeBytes => once(&mut document.file_chunk_size_bytes, &mut map)?,
                        Field::ParentManifestHash => once(&mut document.parent_manifest_hash, &mut map)?,
                        Field::Paths if document.manifest_version.as_deref() == Some(V2023) => {
                            if document.read_paths.is_some() {
                                return Err(de::Error::custom("duplicate field"));
                            }
                            let mut builder = Builder::new(ManifestVersion::V2023_03_03, 0, 0);
                            map.next_value_seed(paths(&mut builder))?;
                            document.read_paths = Some(builder);
                        }
                        Field::Paths => once(&mut document.paths, &mut map)?,
                        Field::Unknown => drop(map.next_value::<de::IgnoredAny>()?),
                    }
                }
                Ok(document)
            }
        }
        deserializer.deserialize_map(FirstLevel)
    }
}

/// Reads a field's value, which a document may hold but once: of two, nobody could say which was meant.
fn once<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    slot: &mut Option<T>,
    map: &mut A,
) -> Result<(), A::Error> {
    if slot.is_some() {
        return Err(de::Error::custom("duplicate field"));
    }
    *slot = Some(map.next_value()?);
    Ok(())
}

/// Reads `paths` into a builder.
fn paths<'de>(builder: &mut Builder) -> impl DeserializeSeed<'de, Value = ()> {
    let each = |builder: &mut Builder, entry: PathEntry<'de>| {
        builder.file(Draft {
            path: entry.path.0,
            hash: Some(entry.hash),
            size: Some(entry.size.0),
            mtime: Some(entry.mtime.0),
            chunk_hashes: None,
            symlink_target: None,
            runnable: false,
            deleted: false,
        })
    };
    List { state: builder, each, entry: PhantomData }
}

const V2023: &str = "2023-03-03";

pub(super) fn decode(json: &[u8]) -> Result<Manifest> {
    let text = std::str::from_utf8(json).map_err(|error| {
        Error::new(ErrorCode::InvalidManifest, "the manifest is not UTF-8 text")
            .with("offset", error.valid_up_to())
            .caused_by(error)
    })?;
    if let Some(manifest) = canonical::read(text) {
        return Ok(manifest);
    }
    let source = Source { text };
    let mut document: Document = source.read(text)?;
    if let Some(name) = document.manifest_version.take() {
        return if name == V2023 { source.v2023_03_03(document) } else { Err(unsupported(&name)) };
    }
    let Some(name) = &document.specification_version else {
        return Err(invalid("the document has neither manifestVersion nor specificationVersion"));
    };
    let version = ManifestVersion::from_specification_version(name).ok_or_else(|| unsupported(name))?;
    source.v2025_12(version, document)
}

/// The whole document, so that an error in a part of it can say where in the whole it is.
struct Source<'a> {
    text: &'a str,
}

impl<'a> Source<'a> {
    fn read<T: Deserialize<'a>>(&self, fragment: &'a str) -> Result<T> {
        serde_json::from_str(fragment).map_err(|error| self.located(fragment, &error))
    }

    fn read_with<T: DeserializeSeed<'a>>(&self, fragment: &'a str, seed: T) -> Result<T::Value> {
        let mut json = serde_json::Deserializer::from_str(fragment);
        seed.deserialize(&mut json).map_err(|error| self.located(fragment, &error))
    }

    fn v2023_03_03(&self, document: Document<'a>) -> Result<Manifest> {
        check_hash_alg(&document.hash_alg.ok_or_else(|| lacks("hashAlg"))?).map_err(invalid)?;
        let total_size = document.total_size.ok_or_else(|| lacks("totalSize"))?;
        let builder = match (document.read_paths, document.paths) {
            (Some(builder), None) => builder,
            (None, Some(raw)) => {
                let mut builder = Builder::new(ManifestVersion::V2023_03_03, raw.get().len() / 2, 0);
                self.read_with(raw.get(), paths(&mut builder))?;
                builder
            }
            (Some(_), Some(_)) => return Err(invalid("not a manifest: duplicate field paths")),
            (None, None) => return Err(lacks("paths")),
        };
        builder.finish(Some(total_size.0)).map_err(invalid)
    }

    fn v2025_12(&self, version: ManifestVersion, document: Document<'a>) -> Result<Manifest> {
        check_hash_alg(&document.hash_alg.ok_or_else(|| lacks("hashAlg"))?).map_err(invalid)?;
        let total_size = document.total_size.ok_or_else(|| lacks("totalSize"))?;
        let mut builder = Builder::new(version, self.text.len() / 2, 0);
        builder.chunking(document.file_chunk_size_bytes.map(|size| size.0)).map_err(invalid)?;
        builder.parent(document.parent_manifest_hash).map_err(invalid)?;

        let mut names = Names { dirs: Vec::new(), budget: EXPANSION_LIMIT * self.text.len() };
        if let Some(dirs) = document.dirs {
            let mut state = (&mut builder, &mut names);
            let each = |(builder, names): &mut (&mut Builder, &mut Names), entry: DirEntry<'a>| {
                let path = names.expand(&entry.name.0)?.into_owned();
                builder.dir(&path, entry.delete)?;
                names.dirs.push(path);
                Ok(())
            };
            self.read_with(dirs.get(), List { state: &mut state, each, entry: PhantomData })?;
        }
        let mut state = (&mut builder, &mut names);
        let each = |(builder, names): &mut (&mut Builder, &mut Names), entry: FileEntry<'a>| {
            let symlink_target = match &entry.symlink {
                Some(Object(link)) => Some(names.expand(&link.name.0)?.into_owned().into()),
                None => None,
            };
            builder.file(Draft {
                path: names.expand(&entry.name.0)?,
                hash: entry.hash,
                size: entry.size.map(|size| size.0),
                mtime: entry.mtime.map(|mtime| mtime.0),
                chunk_hashes: entry.chunkhashes,
                symlink_target,
                runnable: entry.runnable,
                deleted: entry.delete,
            })
        };
        let files = document.files.ok_or_else(|| lacks("files"))?.get();
        self.read_with(files, List { state: &mut state, each, entry: PhantomData })?;
        builder.finish(Some(total_size.0)).map_err(invalid)
    }

    /// An error of the JSON reader, placed in the whole document.
    fn located(&self, fragment: &str, error: &serde_json::Error) -> Error {
        let before = fragment.as_ptr() as usize - self.text.as_ptr() as usize;
        let line_start = match error.line() {
            0 | 1 => 0,
            line => fragment.match_indices('\n').nth(line - 2).map_or(0, |(at, _)| at + 1),
        };
        let offset = (before + line_start + error.column().saturating_sub(1)).min(self.text.len());
        let head = &self.text.as_bytes()[..offset];
        let line = head.iter().filter(|&&b| b == b'\n').count() + 1;
        let column = offset - head.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1) + 1;
        let words = error.to_string();
        let words = words.split(" at line ").next().unwrap_or_default();
        Error::new(
            ErrorCode::InvalidManifest,
            format!("not a manifest: {words} (line {line}, column {column})"),
        )
        .with("offset", offset)
        .with("line", line)
        .with("column", column)
    }
}

/// Expands names of the form `$N/last`.
struct Names {
    /// The full names of the directories so far, WTF-8.
    dirs: Vec<Vec<u8>>,
    /// Bytes that may still be written, so that a small document cannot fill the memory.
    budget: usize,
}

impl Names {
    fn expand<'n>(&mut self, name: &Cow<'n, [u8]>) -> Result<Cow<'n, [u8]>, Refusal> {
        let Some((index, last)) = split_reference(name) else {
            // Without a parent there is no reference, even where the name starts with a dollar sign.
            return Ok(name.clone());
        };
        let shown = String::from_utf8_lossy(name).into_owned();
        let parent = index.and_then(|index| self.dirs.get(index)).ok_or_else(|| {
            format!("{shown:?} refers to a directory that is not among the {} before it", self.dirs.len())
        })?;
        let full = [parent, &b"/"[..], last].concat();
        self.budget = self
            .budget
            .checked_sub(full.len())
            .ok_or("the names are nested so deeply that they are far longer than the document")?;
        Ok(Cow::Owned(full))
    }
}

/// `$N/last` as N (none where it is no index) and what follows.
fn split_reference(name: &[u8]) -> Option<(Option<usize>, &[u8])> {
    let rest = name.strip_prefix(b"$")?;
    let slash = rest.iter().position(|&b| b == b'/')?;
    let digits = std::str::from_utf8(&rest[..slash]).ok().filter(|d| d.bytes().all(|b| b.is_ascii_digit()));
    Some((digits.and_then(|digits| digits.parse().ok()), &rest[slash + 1..]))
}

fn invalid(words: impl Into<String>) -> Error {
    Error::new(ErrorCode::InvalidManifest, words)
}

fn lacks(name: &str) -> Error {
    invalid(format!("the manifest lacks {name}"))
}

/// An entry of `paths`, `2023-03-03`.
#[derive(Deserialize)]
struct PathEntry<'a> {
    #[serde(borrow)]
    hash: Cow<'a, str>,
    mtime: SafeInteger,
    #[serde(borrow)]
    path: Wtf8<'a>,
    size: SafeInteger,
}

/// An entry of `dirs`, `2025-12`.
#[derive(Deserialize)]
struct DirEntry<'a> {
    #[serde(borrow)]
    name: Wtf8<'a>,
    #[serde(default)]
    delete: bool,
}

/// An entry of `files`, `2025-12`.
#[derive(Deserialize)]
struct FileEntry<'a> {
    #[serde(borrow)]
    name: Wtf8<'a>,
    #[serde(borrow)]
    hash: Option<Cow<'a, str>>,
    chunkhashes: Option<Vec<String>>,
    #[serde(borrow)]
    symlink: Option<Object<Link<'a>>>,
    size: Option<SafeInteger>,
    mtime: Option<SafeInteger>,
    #[serde(default)]
    runnable: bool,
    #[serde(default)]
    delete: bool,
}

#[derive(Deserialize)]
struct Link<'a> {
    #[serde(borrow)]
    name: Wtf8<'a>,
}

/// A JSON object. What serde derives would take a list of the fields' values as well.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(Fields(PhantomData))
    }
}

/// An integer that JavaScript can hold exactly.
struct SafeInteger(i64);

impl<'de> Deserialize<'de> for SafeInteger {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Integer;
        impl Visitor<'_> for Integer {
            type Value = SafeInteger;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an integer of at most 2^53")
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<SafeInteger, E> {
                if value < -MAX_SAFE_INTEGER {
                    return Err(E::invalid_value(de::Unexpected::Signed(value), &self));
                }
                Ok(SafeInteger(value))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<SafeInteger, E> {
                match i64::try_from(value) {
                    Ok(value) if value <= MAX_SAFE_INTEGER => Ok(SafeInteger(value)),
                    _ => Err(E::invalid_value(de::Unexpected::Unsigned(value), &self)),
                }
            }
        }
        deserializer.deserialize_i64(Integer)
    }
}

/// Reads a list, handing each entry on as it comes.
struct List<'s, S, F, E> {
    state: &'s mut S,
    each: F,
    entry: PhantomData<E>,
}

impl<'de, S, F, E> DeserializeSeed<'de> for List<'_, S, F, E>
where
    E: Deserialize<'de>,
    F: FnMut(&mut S, E) -> Result<(), Refusal>,
{
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, S, F, E> Visitor<'de> for List<'_, S, F, E>
where
    E: Deserialize<'de>,
    F: FnMut(&mut S, E) -> Result<(), Refusal>,
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        while let Some(Object(entry)) = list.next_element()? {
            (self.each)(self.state, entry).map_err(de::Error::custom)?;
        }
        Ok(())
    }
}
