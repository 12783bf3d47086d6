//! Fetches small content in one go, proves it and puts it to all its places.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use rusty_attachments_core::{Error, ErrorCode, HASH_ALG, PlannedFile, Result, keys};
use xxhash_rust::xxh3::xxh3_128;

use super::check::is_same;
use super::content::{Part, parts};
use super::disk::{DiskContext, path_error};
use super::file::{Placed, Placement, TempFile};
use super::options::ConflictResolution;
use super::run::Run;
use crate::client::{ObjectReader, has_changed};
use crate::ended::{cancelled, concerns_all};
use crate::pace::Finished;

/// Content up to this size is held in memory and goes to disk in one step.
pub(crate) const SMALL: u64 = 256 * 1024;
/// How often content is fetched that does not have its hash.
pub(crate) const TRIES: u32 = 2;
/// Bytes of a file that are copied between two looks at whether the run goes on.
const COPIED: u64 = 4 * 1024 * 1024;
/// How often an object is begun again that changed while it was read.
pub(crate) const RESTARTS: u32 = 2;

/// What became of one file.
pub(crate) type Outcome = (u32, Result<Placed>);

/// Fetches what all `files` have in common, which is their content.
pub(crate) async fn fetch(run: Arc<Run>, files: Vec<u32>) -> Finished<Vec<Outcome>> {
    let first = files[0];
    run.progress.start(first);
    let mut received = 0;
    let outcomes = match fetch_small(&run, &files, &mut received).await {
        Ok(outcomes) => outcomes,
        Err(error) => files.iter().map(|&file| (file, Err(error.clone()))).collect(),
    };
    let placed = outcomes.iter().filter(|(_, outcome)| outcome.is_ok());
    let bytes: u64 = placed.map(|&(file, _)| run.file(file).size.unwrap_or(0)).sum();
    run.progress.count_bytes(bytes as i64 - received as i64);
    run.progress.finish(first);
    Finished { bytes: received, value: outcomes }
}

async fn fetch_small(run: &Arc<Run>, files: &[u32], received: &mut u64) -> Result<Vec<Outcome>> {
    let parts = parts(&run.file(files[0])).unwrap_or_default();
    let [part] = parts.as_slice() else {
        let file = run.file(files[0]);
        let message = format!("The manifest says nothing about the content of {}.", file.path);
        return Err(path_error(ErrorCode::InvalidManifest, message, Path::new(file.local_path)));
    };
    let (mut tries, mut restarts) = (1, 0);
    loop {
        let body = run.unless_cancelled(async {
            open(run, part, None, None, None).await?.read_to_end(part.size).await
        });
        let body = match body.await {
            Err(error) if has_changed(&error) && restarts < RESTARTS => {
                restarts += 1;
                continue;
            }
            body => body?,
        };
        *received += body.len() as u64;
        run.progress.received(body.len() as u64);
        check_size(run, part, body.len() as u64)?;
        if format!("{:032x}", xxh3_128(&body)) == part.hash {
            let (shared, files) = (run.clone(), files.to_vec());
            let place_all = move || {
                let run = shared;
                let place = |&index: &u32| {
                    let file = run.file(index);
                    let placed = create(&run, &file).and_then(|temp| {
                        temp.write(&body, Path::new(file.local_path))?;
                        place(&run, &temp, &file)
                    });
                    (index, placed)
                };
                files.iter().map(place).collect()
            };
            return run.placing.run(place_all).await;
        }
        if tries == TRIES {
            return Err(wrong_hash(run, part));
        }
        tries += 1;
    }
}

/// Begins to read a part or a range of it, under its key if that is known; very old data has no ending on its key.
pub(crate) async fn open<'a>(
    run: &'a Run,
    part: &Part,
    key: Option<&str>,
    range: Option<Range<u64>>,
    etag: Option<&str>,
) -> Result<ObjectReader<'a>> {
    let get = async |key: &str| match range.clone() {
        Some(range) => run.client.get_range(key, range, etag).await,
        None => run.client.get(key).await,
    };
    let usual = keys::content_key(&run.root_prefix, &part.hash, HASH_ALG);
    let reader = match get(key.unwrap_or(&usual)).await {
        Err(error) if key.is_none() && is_no_object(&error) => {
            let old = usual.strip_suffix(HASH_ALG).and_then(|key| key.strip_suffix('.')).unwrap_or(&usual);
            get(old).await.map_err(|second| if is_no_object(&second) { error } else { second })
        }
        reader => reader,
    };
    let reader =
        reader.map_err(|error| if is_no_range(&error) { wrong_size(run, part, None) } else { error })?;
    // The service knows the size before it sends: what has the wrong one is not worth receiving.
    if let Some(length) = reader.length() {
        check_size(run, part, length)?;
    }
    Ok(reader)
}

/// Whether the object ends before the range that was asked for.
fn is_no_range(error: &Error) -> bool {
    error.details.get("status").is_some_and(|status| *status == 416)
}

fn is_no_object(error: &Error) -> bool {
    error.code == ErrorCode::NotFound && !concerns_all(error)
}

/// Makes the directory of a file.
pub(crate) fn prepare(run: &Run, file: &PlannedFile<'_>) -> Result<()> {
    let (target, root) = (Path::new(file.local_path), Path::new(file.local_root));
    run.directories.prepare(target.parent().unwrap_or(root), root)
}

fn create(run: &Run, file: &PlannedFile<'_>) -> Result<TempFile> {
    // One object may be wanted at thousands of places.
    if run.cancel.is_cancelled() {
        return Err(cancelled());
    }
    prepare(run, file)?;
    TempFile::create(Path::new(file.local_path), file.runnable)
}

/// Gives a proven file its place.
pub(crate) fn place(run: &Run, temp: &TempFile, file: &PlannedFile<'_>) -> Result<Placed> {
    if run.cancel.is_cancelled() {
        return Err(cancelled());
    }
    let is_there = |path: &Path| match fs::metadata(path) {
        Ok(metadata) => is_same(file, path, &metadata, &run.cancel),
        Err(_) => Ok(false),
    };
    let is_kept = |_: &Path| Ok(true);
    let how = match run.options.conflict_resolution {
        ConflictResolution::Overwrite => Placement::Replace,
        ConflictResolution::CreateCopy => Placement::Beside(&is_there),
        ConflictResolution::Skip => Placement::Beside(&is_kept),
    };
    temp.place(Path::new(file.local_path), file.mtime, &how)
}

/// Copies what was just proven, within the system: Linux lets disks that can clone it do so.
pub(crate) fn copy(run: &Run, from: &TempFile, index: u32) -> Result<Placed> {
    let file = run.file(index);
    let target = Path::new(file.local_path);
    let temp = create(run, &file)?;
    from.file().seek(SeekFrom::Start(0)).at("read back for", target)?;
    while !run.cancel.is_cancelled() {
        let copied = io::copy(&mut from.file().take(COPIED), &mut temp.file()).at("write", target)?;
        if copied == 0 {
            break;
        }
    }
    place(run, &temp, &file)
}

fn check_size(run: &Run, part: &Part, size: u64) -> Result<()> {
    if part.size == size { Ok(()) } else { Err(wrong_size(run, part, Some(size))) }
}

/// `size` is what was found, where that is known.
pub(crate) fn wrong_size(run: &Run, part: &Part, size: Option<u64>) -> Error {
    let expected = part.size;
    let found = size.map_or("other than".into(), |size| format!("{size} bytes instead of"));
    about(run, part, ErrorCode::SizeMismatch, format!("has {found} the {expected} bytes of the manifest"))
        .with("expectedBytes", expected)
        .with("bytes", size)
}

pub(crate) fn wrong_hash(run: &Run, part: &Part) -> Error {
    about(run, part, ErrorCode::HashMismatch, "does not have the hash that it is named by".into())
}

fn about(run: &Run, part: &Part, code: ErrorCode, what: String) -> Error {
    let bucket = &run.client.settings().bucket;
    let key = keys::content_key(&run.root_prefix, &part.hash, HASH_ALG);
    let message = format!(
        "s3://{bucket}/{key} {what}: it was damaged after its upload. Render it again, or restore the object."
    );
    Error::new(code, message).with("bucket", bucket.as_str()).with("key", key)
}
