//! Fetches the content of one file or of several equal ones, proves it and puts it to all its places.

use std::fs;
use std::io::{self, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use rusty_attachments_core::{Error, ErrorCode, HASH_ALG, PlannedFile, Result, keys};
use tokio::task::JoinHandle;
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::check::is_same;
use super::content::{Part, hex, parts};
use super::disk::DiskContext;
use super::file::{Placement, TempFile};
use super::{ConflictResolution, Run, cancelled};
use crate::blocking::blocking;
use crate::client::ObjectReader;
use crate::pace::Finished;

/// Content up to this size is held in memory and goes to disk in one step.
pub(crate) const SMALL: u64 = 256 * 1024;
/// Larger content is written in pieces of this size, one being written while the next is received.
const PIECE: usize = 1024 * 1024;
/// How often content is fetched that does not have its hash.
const TRIES: u32 = 2;

/// What became of one file. `false` if it turned out to be there already.
pub(crate) type Outcome = (u32, Result<bool>);

/// What a job may hold in memory.
pub(crate) fn memory(size: Option<u64>) -> u64 {
    let most = 2 * PIECE as u64 + SMALL;
    size.map_or(most, |size| if size <= SMALL { size } else { most.min(size) })
}

/// Fetches what all `files` have in common, which is their content.
pub(crate) async fn fetch(run: Arc<Run>, files: Vec<u32>) -> Finished<Vec<Outcome>> {
    let first = files[0];
    run.progress.start(first);
    let mut received = 0;
    let outcomes = match fetch_parts(&run, &files, &mut received).await {
        Ok(outcomes) => outcomes,
        Err(error) => files.iter().map(|&file| (file, Err(error.clone()))).collect(),
    };
    let placed = outcomes.iter().filter(|(_, outcome)| outcome.is_ok());
    let bytes: u64 = placed.map(|&(file, _)| run.file(file).size.unwrap_or(0)).sum();
    run.progress.count_bytes(bytes as i64 - received as i64);
    run.progress.finish(first);
    Finished { bytes: received, value: outcomes }
}

async fn fetch_parts(run: &Arc<Run>, files: &[u32], received: &mut u64) -> Result<Vec<Outcome>> {
    let parts = parts(&run.file(files[0])).unwrap_or_default();
    match parts.as_slice() {
        [part @ Part { size: Some(size), .. }] if *size <= SMALL => {
            fetch_small(run, files, part, received).await
        }
        _ => fetch_large(run, files, &parts, received).await,
    }
}

async fn fetch_small(run: &Arc<Run>, files: &[u32], part: &Part, received: &mut u64) -> Result<Vec<Outcome>> {
    let mut tries = 1;
    loop {
        let body = run.unless_cancelled(async {
            let reader = open(run, part).await?;
            reader.read_to_end(part.size.unwrap_or(SMALL)).await
        });
        let body = body.await?;
        *received += body.len() as u64;
        run.progress.received(body.len() as u64);
        check_size(run, part, body.len() as u64)?;
        if format!("{:032x}", xxh3_128(&body)) == part.hash {
            let (shared, files) = (run.clone(), files.to_vec());
            let place_all = move || {
                let run = shared;
                let place = |&index: &u32| {
                    let file = run.file(index);
                    let placed = create(&run, &file).and_then(|mut temp| {
                        temp.write(&body, Path::new(file.local_path))?;
                        place(&run, temp, &file)
                    });
                    (index, placed)
                };
                files.iter().map(place).collect()
            };
            return run.placing(place_all).await;
        }
        if tries == TRIES {
            return Err(wrong_hash(run, part));
        }
        tries += 1;
    }
}

async fn fetch_large(
    run: &Arc<Run>,
    files: &[u32],
    parts: &[Part],
    received: &mut u64,
) -> Result<Vec<Outcome>> {
    let (mut outcomes, opened) = {
        let (run, files) = (run.clone(), files.to_vec());
        blocking(move || open_first(&run, &files)).await?
    };
    let Some((index, temp)) = opened else { return Ok(outcomes) };
    let mut writer =
        Writer::new(Sink { temp, target: run.file(index).local_path.into(), hasher: Xxh3::new() });
    let mut result = Ok(());
    for part in parts {
        result = fetch_part(run, part, &mut writer, received).await;
        if result.is_err() {
            break;
        }
    }
    // Even a failed run waits for the disk, so that nothing of ours is left there when it ends.
    let sink = writer.idle().await;
    result?;
    let mut temp = sink?.temp;
    let (run, files) = (run.clone(), files.to_vec());
    blocking(move || {
        let others = files.iter().skip_while(|&&file| file != index).skip(1);
        let copied: Vec<Outcome> = others.map(|&other| (other, copy(&run, &mut temp, other))).collect();
        outcomes.push((index, place(&run, temp, &run.file(index))));
        outcomes.extend(copied);
        outcomes
    })
    .await
}

/// Opens a temporary file for the first target that can have one; those before it have failed.
fn open_first(run: &Run, files: &[u32]) -> (Vec<Outcome>, Option<(u32, TempFile)>) {
    let mut failed = Vec::new();
    for &index in files {
        match create(run, &run.file(index)) {
            Ok(temp) => return (failed, Some((index, temp))),
            Err(error) => failed.push((index, Err(error))),
        }
    }
    (failed, None)
}

async fn fetch_part(run: &Arc<Run>, part: &Part, writer: &mut Writer, received: &mut u64) -> Result<()> {
    let mut tries = 1;
    loop {
        let start = writer.written;
        let mut reader = run.unless_cancelled(open(run, part)).await?;
        while let Some(piece) = run.unless_cancelled(reader.chunk()).await? {
            *received += piece.len() as u64;
            run.progress.received(piece.len() as u64);
            if part.size.is_some_and(|size| writer.written - start + piece.len() as u64 > size) {
                return Err(wrong_size(run, part, None));
            }
            writer.push(piece).await?;
        }
        check_size(run, part, writer.written - start)?;
        if writer.finish_part().await? == part.hash {
            return Ok(());
        }
        if tries == TRIES {
            return Err(wrong_hash(run, part));
        }
        tries += 1;
        let wasted = writer.written - start;
        *received -= wasted;
        run.progress.count_bytes(-(wasted as i64));
        writer.rewind(start).await?;
    }
}

/// Begins to read a part; very old data has no ending on its key.
async fn open<'a>(run: &'a Run, part: &Part) -> Result<ObjectReader<'a>> {
    let key = keys::content_key(&run.root_prefix, &part.hash, HASH_ALG);
    let reader = match run.client.get(&key).await {
        Err(error) if is_no_object(&error) => {
            let old = key.strip_suffix(HASH_ALG).and_then(|key| key.strip_suffix('.')).unwrap_or(&key);
            run.client.get(old).await.map_err(|second| if is_no_object(&second) { error } else { second })?
        }
        reader => reader?,
    };
    // The service knows the size before it sends: what has the wrong one is not worth receiving.
    if let Some(length) = reader.length() {
        check_size(run, part, length)?;
    }
    Ok(reader)
}

fn is_no_object(error: &Error) -> bool {
    error.code == ErrorCode::NotFound && !super::concerns_all(error)
}

fn create(run: &Run, file: &PlannedFile<'_>) -> Result<TempFile> {
    let (target, root) = (Path::new(file.local_path), Path::new(file.local_root));
    run.directories.prepare(target.parent().unwrap_or(root), root)?;
    TempFile::create(target, file.runnable)
}

fn place(run: &Run, temp: TempFile, file: &PlannedFile<'_>) -> Result<bool> {
    if run.cancel.is_cancelled() {
        return Err(cancelled());
    }
    let is_there = |path: &Path| fs::metadata(path).is_ok_and(|metadata| is_same(file, path, &metadata));
    let is_kept = |_: &Path| true;
    let how = match run.options.conflict_resolution {
        ConflictResolution::Overwrite => Placement::Replace,
        ConflictResolution::CreateCopy => Placement::Beside(&is_there),
        ConflictResolution::Skip => Placement::Beside(&is_kept),
    };
    temp.place(Path::new(file.local_path), file.mtime, &how)
}

/// Copies what was just proven. The system clones it where the disk can.
fn copy(run: &Run, from: &mut TempFile, index: u32) -> Result<bool> {
    let file = run.file(index);
    let target = Path::new(file.local_path);
    let mut temp = create(run, &file)?;
    from.file().seek(SeekFrom::Start(0)).at("read back for", target)?;
    io::copy(from.file(), temp.file()).at("write", target)?;
    place(run, temp, &file)
}

fn check_size(run: &Run, part: &Part, size: u64) -> Result<()> {
    match part.size {
        Some(expected) if expected != size => Err(wrong_size(run, part, Some(size))),
        _ => Ok(()),
    }
}

fn wrong_size(run: &Run, part: &Part, size: Option<u64>) -> Error {
    let expected = part.size.unwrap_or_default();
    let found = size.map_or("more".into(), |size| size.to_string());
    about(run, part, ErrorCode::SizeMismatch, format!("has {found} bytes, but the manifest says {expected}"))
        .with("expectedBytes", expected)
        .with("bytes", size)
}

fn wrong_hash(run: &Run, part: &Part) -> Error {
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

/// A temporary file that grows, and the hash of the part that is being written.
struct Sink {
    temp: TempFile,
    target: std::path::PathBuf,
    hasher: Xxh3,
}

/// Writes behind the reader's back: one piece goes to disk while the next is received.
struct Writer {
    sink: Option<Sink>,
    busy: Option<JoinHandle<(Sink, Result<()>)>>,
    gathered: Vec<Bytes>,
    gathered_bytes: usize,
    written: u64,
}

impl Writer {
    fn new(sink: Sink) -> Self {
        Self { sink: Some(sink), busy: None, gathered: Vec::new(), gathered_bytes: 0, written: 0 }
    }

    async fn push(&mut self, piece: Bytes) -> Result<()> {
        self.written += piece.len() as u64;
        self.gathered_bytes += piece.len();
        self.gathered.push(piece);
        if self.gathered_bytes < PIECE {
            return Ok(());
        }
        self.flush().await
    }

    async fn flush(&mut self) -> Result<()> {
        let mut sink = self.idle().await?;
        let gathered = std::mem::take(&mut self.gathered);
        self.gathered_bytes = 0;
        self.busy = Some(tokio::task::spawn_blocking(move || {
            let written = gathered.iter().try_for_each(|piece| {
                sink.hasher.update(piece);
                sink.temp.write(piece, &sink.target)
            });
            (sink, written)
        }));
        Ok(())
    }

    /// The hash of what was written since the last part, all of which is now on disk.
    async fn finish_part(&mut self) -> Result<String> {
        self.flush().await?;
        let mut sink = self.idle().await?;
        let hash = hex(&sink.hasher);
        sink.hasher.reset();
        self.sink = Some(sink);
        Ok(hash)
    }

    /// Forgets what was written after `start`.
    async fn rewind(&mut self, start: u64) -> Result<()> {
        let mut sink = self.idle().await?;
        self.written = start;
        let sink = blocking(move || {
            let file = sink.temp.file();
            let done = file.set_len(start).and_then(|()| file.seek(SeekFrom::Start(start)));
            done.at("write", &sink.target).map(|_| sink)
        })
        .await??;
        self.sink = Some(sink);
        Ok(())
    }

    async fn idle(&mut self) -> Result<Sink> {
        if let Some(busy) = self.busy.take() {
            let (sink, written) = busy.await.map_err(|_| cancelled())?;
            written?;
            return Ok(sink);
        }
        self.sink.take().ok_or_else(|| Error::new(ErrorCode::Io, "A file was closed before it was whole."))
    }
}
