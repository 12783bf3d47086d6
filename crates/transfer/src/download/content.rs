//! What a file is made of: one object or several in order, each proven by its hash.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rusty_attachments_core::{Content, PlannedFile};
use tokio_util::sync::CancellationToken;
use xxhash_rust::xxh3::Xxh3;

const BUFFER: usize = 256 * 1024;

/// One object of a file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    pub hash: String,
    /// Bytes.
    pub size: u64,
}

/// The parts of a file, in order; `None` for a symbolic link.
pub(crate) fn parts(file: &PlannedFile<'_>) -> Option<Vec<Part>> {
    // No manifest is accepted that keeps a file's size to itself.
    let size = file.size.unwrap_or_default();
    match &file.content {
        Content::Object { hash } => Some(vec![Part { hash: hash.clone(), size }]),
        Content::Chunks { hashes, chunk_size } => {
            let part = |(index, hash): (usize, &String)| {
                let before = chunk_size.saturating_mul(index as u64);
                Part { hash: hash.clone(), size: size.saturating_sub(before).min(*chunk_size) }
            };
            Some(hashes.iter().enumerate().map(part).collect())
        }
        Content::Symlink { .. } => None,
    }
}

pub(crate) fn hex(hasher: &Xxh3) -> String {
    format!("{:032x}", hasher.digest128())
}

/// Whether the file at `path` has exactly these parts. Who is cancelled never knows.
pub(crate) fn has_parts(path: &Path, parts: &[Part], cancel: &CancellationToken) -> io::Result<bool> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; BUFFER];
    for (number, part) in parts.iter().enumerate() {
        let is_last = number + 1 == parts.len();
        // The last takes all there is, so that a longer file does not pass.
        let mut left = if is_last { u64::MAX } else { part.size };
        let mut hasher = Xxh3::new();
        while left > 0 {
            if cancel.is_cancelled() {
                return Ok(false);
            }
            let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            match file.read(&mut buffer[..most]) {
                Ok(0) => break,
                Ok(count) => {
                    hasher.update(&buffer[..count]);
                    left -= count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if hex(&hasher) != part.hash {
            return Ok(false);
        }
    }
    Ok(true)
}
