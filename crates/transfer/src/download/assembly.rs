//! A file while its ranges come in: written in place, hashed in order, each part proven by its hash.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use rusty_attachments_core::{PlannedFile, Result};
use tokio_util::sync::CancellationToken;
use xxhash_rust::xxh3::Xxh3;

use super::content::hex;
use super::disk::DiskContext;
use super::file::TempFile;
use super::layout::{FileRange, Layout, RANGE};
use super::partial;
use super::positioned::{read_at, write_at};
use crate::ended::cancelled;

const BUFFER: usize = 256 * 1024;
/// Bytes that gather before they are flushed. Each flush also writes the file system's journal.
const FLUSHED: u64 = 4 * RANGE;

/// Shared by all who write to the file. Its methods wait for the disk.
pub(crate) struct Assembly {
    pub temp: TempFile,
    target: PathBuf,
    layout: Arc<Layout>,
    /// Whether the file tells a later run which ranges are whole.
    lasting: bool,
    whole: Vec<AtomicBool>,
    hashing: Mutex<Hashing>,
    /// Bytes that are written and not flushed yet.
    unflushed: AtomicU64,
    /// Held by whoever flushes.
    flushing: Mutex<()>,
    cancel: CancellationToken,
}

/// How far the hash has come.
struct Hashing {
    /// The first byte that is not hashed yet.
    at: u64,
    /// The range that it is in.
    range: usize,
    hasher: Xxh3,
    /// Whether a part has its hash, as far as that is known.
    proven: Vec<Option<bool>>,
}

impl Assembly {
    /// Opens the temporary file of a target whose directory is there, where an earlier run stopped if there was one.
    pub(crate) fn open(
        file: &PlannedFile<'_>,
        layout: Arc<Layout>,
        cancel: CancellationToken,
    ) -> Result<Self> {
        let target = PathBuf::from(file.local_path);
        let earlier = if layout.is_large() { partial::open(file, &layout)? } else { None };
        let lasting = earlier.is_some();
        let (temp, whole) = match earlier {
            Some((temp, whole)) => (temp, whole.into_iter().map(AtomicBool::new).collect()),
            None => {
                let temp = TempFile::create(&target, file.runnable)?;
                (temp, layout.ranges.iter().map(|_| AtomicBool::new(false)).collect())
            }
        };
        let proven = vec![None; layout.parts.len()];
        let hashing = Mutex::new(Hashing { at: 0, range: 0, hasher: Xxh3::new(), proven });
        let (unflushed, flushing) = (AtomicU64::new(0), Mutex::default());
        Ok(Self { temp, target, layout, lasting, whole, hashing, unflushed, flushing, cancel })
    }

    pub(crate) fn is_whole(&self, range: usize) -> bool {
        self.whole[range].load(Ordering::Acquire)
    }

    /// Bytes of the ranges that are whole.
    pub(crate) fn bytes_whole(&self) -> u64 {
        let ranges = self.layout.ranges.iter().enumerate().filter(|&(number, _)| self.is_whole(number));
        ranges.map(|(_, range)| range.end - range.start).sum()
    }

    /// Writes at `offset` what belongs there; the same writer has written all from `start` to there.
    pub(crate) fn write(&self, start: u64, offset: u64, pieces: &[Bytes]) -> Result<()> {
        let mut place = offset;
        for piece in pieces {
            write_at(self.temp.file(), piece, place).at("write", &self.target)?;
            place += piece.len() as u64;
        }
        // Whoever writes where the hash stands carries it on. What others write is read back when it is its turn.
        if let Ok(mut hashing) = self.hashing.try_lock()
            && (start..=offset).contains(&hashing.at)
        {
            self.read_back(&mut hashing, offset)?;
            for piece in pieces {
                self.hash(&mut hashing, piece);
            }
        }
        Ok(())
    }

    /// Notes that ranges are whole, and hashes and flushes what can be now.
    pub(crate) fn finish(&self, ranges: impl IntoIterator<Item = usize>) -> Result<()> {
        let mut written = 0;
        for range in ranges {
            self.mark(range, true)?;
            written += self.layout.ranges[range].end - self.layout.ranges[range].start;
        }
        self.catch_up(&mut self.hashing())?;
        self.flush(written)
    }

    /// Flushes some, so that the disk is busy while the rest is on its way, and little is left for [`Self::complete`].
    fn flush(&self, written: u64) -> Result<()> {
        let unflushed = self.unflushed.fetch_add(written, Ordering::Relaxed) + written;
        if unflushed < FLUSHED || !self.is_flushed() || self.cancel.is_cancelled() {
            return Ok(());
        }
        if let Ok(_turn) = self.flushing.try_lock() {
            self.unflushed.store(0, Ordering::Relaxed);
            self.temp.file().sync_data().at("flush", &self.target)?;
        }
        Ok(())
    }

    /// Whether it has to be on the disk before it takes its place: see [`Self::complete`].
    fn is_flushed(&self) -> bool {
        self.lasting || self.layout.ranges.len() > 1
    }

    /// Whether a part has its hash; `None` if it is not hashed to its end.
    pub(crate) fn verdict(&self, part: usize) -> Option<bool> {
        self.hashing().proven[part]
    }

    /// Whether a part that is whole has its hash. Nobody may be writing.
    pub(crate) fn prove(&self, part: usize) -> Result<bool> {
        let mut hashing = self.hashing();
        if hashing.proven[part].is_none() {
            self.go_to(&mut hashing, part);
            self.catch_up(&mut hashing)?;
        }
        Ok(hashing.proven[part] == Some(true))
    }

    /// Forgets a part, which is to be written again from its beginning. Nobody may be writing.
    pub(crate) fn forget(&self, part: usize) -> Result<()> {
        self.ranges_of(part).try_for_each(|range| self.mark(range, false))?;
        let mut hashing = self.hashing();
        hashing.proven[part] = None;
        self.go_to(&mut hashing, part);
        Ok(())
    }

    pub(crate) fn ranges_of(&self, part: usize) -> impl Iterator<Item = usize> {
        let ranges = self.layout.ranges.iter().enumerate();
        ranges.filter(move |(_, range)| range.part == part).map(|(number, _)| number)
    }

    /// Leaves nothing in the file but its content, which is on the disk itself where its end may have come there
    /// before its beginning: a power loss would otherwise leave a file of the right size with holes in it, and the
    /// next run would skip that. A file that grew from its beginning has the wrong size then.
    pub(crate) fn complete(&self) -> Result<()> {
        if self.lasting {
            self.temp.file().set_len(self.layout.size).at("write", &self.target)?;
        }
        if self.is_flushed() {
            self.temp.file().sync_data().at("flush", &self.target)?;
        }
        Ok(())
    }

    /// Lets a later run continue the file, if it can.
    pub(crate) fn leave(&self) -> Option<&Path> {
        self.lasting.then(|| self.temp.leave())
    }

    fn mark(&self, range: usize, whole: bool) -> Result<()> {
        if self.lasting {
            let place = self.layout.size + range as u64;
            write_at(self.temp.file(), &[u8::from(whole)], place).at("write", &self.target)?;
        }
        self.whole[range].store(whole, Ordering::Release);
        Ok(())
    }

    fn hashing(&self) -> MutexGuard<'_, Hashing> {
        self.hashing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn go_to(&self, hashing: &mut Hashing, part: usize) {
        hashing.at = self.layout.part(part).start;
        hashing.range = self.ranges_of(part).next().unwrap_or(self.layout.ranges.len());
        hashing.hasher.reset();
    }

    fn catch_up(&self, hashing: &mut Hashing) -> Result<()> {
        while let Some(&FileRange { end, .. }) = self.layout.ranges.get(hashing.range)
            && self.is_whole(hashing.range)
        {
            self.read_back(hashing, end)?;
        }
        Ok(())
    }

    fn read_back(&self, hashing: &mut Hashing, end: u64) -> Result<()> {
        let most = usize::try_from(end - hashing.at).unwrap_or(usize::MAX).min(BUFFER);
        let mut buffer = vec![0; most];
        while hashing.at < end {
            if self.cancel.is_cancelled() {
                return Err(cancelled());
            }
            let count = usize::try_from(end - hashing.at).unwrap_or(usize::MAX).min(BUFFER);
            read_at(self.temp.file(), &mut buffer[..count], hashing.at).at("read back", &self.target)?;
            self.hash(hashing, &buffer[..count]);
        }
        Ok(())
    }

    /// Hashes bytes that all are of one part.
    fn hash(&self, hashing: &mut Hashing, bytes: &[u8]) {
        hashing.hasher.update(bytes);
        hashing.at += bytes.len() as u64;
        while let Some(range) = self.layout.ranges.get(hashing.range)
            && range.end <= hashing.at
        {
            hashing.range += 1;
            if range.end == self.layout.part(range.part).end {
                let proven = hex(&hashing.hasher) == self.layout.parts[range.part].hash;
                hashing.proven[range.part] = Some(proven);
                hashing.hasher.reset();
            }
        }
    }
}
