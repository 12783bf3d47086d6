//! Keeps rendered pictures beside what cargo builds: they take seconds of all processors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs, io, process};

use bytes::{Buf, BufMut, Bytes};
use xxhash_rust::xxh3::xxh3_128;

/// What a picture depends on: pictures of other sources are other pictures.
const SOURCES: [&str; 7] = [
    include_str!("beacon.rs"),
    include_str!("frame.rs"),
    include_str!("island.rs"),
    include_str!("noise.rs"),
    include_str!("sea.rs"),
    include_str!("sky.rs"),
    include_str!("vector.rs"),
];

/// The pictures of these numbers (ascending), from disk if an earlier process rendered them.
pub(super) fn kept(
    name: &str,
    numbers: &[u32],
    render: impl FnOnce(&[u32]) -> BTreeMap<u32, Bytes>,
) -> BTreeMap<u32, Bytes> {
    let path = path(name);
    let found = path.as_ref().and_then(|path| decode(fs::read(path).ok()?.into()));
    if let Some(pictures) = found.filter(|pictures| pictures.keys().eq(numbers)) {
        return pictures;
    }
    let pictures = render(numbers);
    // What cannot be kept is rendered again.
    let _ = path.map(|path| keep(&path, &pictures));
    pictures
}

/// In cargo's target folder, which says by a file that it is a cache; a program elsewhere keeps nothing.
fn path(name: &str) -> Option<PathBuf> {
    let program = env::current_exe().ok()?;
    let target = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file())?;
    Some(target.join("show").join(format!("{name}-{:032x}", xxh3_128(SOURCES.concat().as_bytes()))))
}

fn keep(path: &Path, pictures: &BTreeMap<u32, Bytes>) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    // Renamed when it is whole, since other processes read and write the same file.
    let unfinished = path.with_extension(process::id().to_string());
    fs::write(&unfinished, encode(pictures))?;
    fs::rename(unfinished, path)
}

/// Each picture after its number and its length.
fn encode(pictures: &BTreeMap<u32, Bytes>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, picture) in pictures {
        bytes.put_u32(*number);
        bytes.put_u64(picture.len() as u64);
        bytes.put_slice(picture);
    }
    bytes
}

fn decode(mut bytes: Bytes) -> Option<BTreeMap<u32, Bytes>> {
    let mut pictures = BTreeMap::new();
    while !bytes.is_empty() {
        let number = bytes.try_get_u32().ok()?;
        let length = usize::try_from(bytes.try_get_u64().ok()?).ok()?;
        if length > bytes.len() {
            return None;
        }
        pictures.insert(number, bytes.split_to(length));
    }
    Some(pictures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_come_back_and_a_file_that_was_cut_short_is_none() {
        let pictures = BTreeMap::from([(1, Bytes::from_static(b"one")), (7, Bytes::new())]);
        let bytes = Bytes::from(encode(&pictures));
        assert_eq!(decode(bytes.clone()), Some(pictures));
        assert_eq!(decode(bytes.slice(..bytes.len() - 1)), None);
    }
}
