//! Fetches what is too large for memory: in ranges, several at once, into one file.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusty_attachments_core::{Error, Result};
use tokio::sync::{OnceCell, SemaphorePermit};

use super::assembly::Assembly;
use super::content::parts;
use super::layout::{FileRange, Layout};
use super::object::{self, Outcome, RESTARTS, TRIES};
use super::run::Run;
use super::writer::{PIECE, Writer};
use crate::blocking::blocking;
use crate::client::has_changed;
use crate::descriptors::keep_open;
use crate::ended::cancelled;
use crate::pace::Finished;

/// A file, or several equal ones, while its ranges are fetched.
pub(crate) struct Large {
    files: Vec<u32>,
    layout: Arc<Layout>,
    opened: OnceCell<Opened>,
    /// What the first answer told of each part's object.
    found: Mutex<Vec<Option<Found>>>,
    /// Parts whose ranges are of different objects.
    torn: Mutex<BTreeSet<usize>>,
    ranges: Countdown,
    /// Leave to be open while none of its ranges is fetched.
    waiting: Option<SemaphorePermit<'static>>,
    /// Bytes that are counted as done so far.
    counted: AtomicU64,
}

/// Ranges that are not done with.
struct Countdown {
    left: AtomicUsize,
    /// Whether one has failed, so that the outcome is known.
    failed: AtomicBool,
}

/// What is to be done when a range has ended.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Ended {
    /// It was the last one.
    is_last: bool,
    /// It was the last one and none has failed: whoever fetched it puts the file to its place.
    all_well: bool,
    /// It was the first that failed.
    is_first_failure: bool,
}

impl Countdown {
    fn new(ranges: usize) -> Self {
        Self { left: AtomicUsize::new(ranges), failed: AtomicBool::new(false) }
    }

    fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Notes that a range has ended.
    fn end(&self, failed: bool) -> Ended {
        // In this order: whoever finds that it is the last one must know of all failures.
        let is_first_failure = failed && !self.failed.swap(true, Ordering::AcqRel);
        let is_last = self.left.fetch_sub(1, Ordering::AcqRel) == 1;
        Ended { is_last, all_well: is_last && !self.has_failed(), is_first_failure }
    }
}

/// The first target that can be written to; those before it have failed.
struct Opened {
    failed: Vec<Outcome>,
    assembly: Option<(u32, Arc<Assembly>)>,
}

/// Where an object is, and which version of it.
#[derive(Clone, PartialEq)]
struct Found {
    key: String,
    etag: Option<String>,
}

impl Large {
    pub(crate) fn new(run: &Run, files: Vec<u32>) -> Self {
        let layout = Layout::new(parts(&run.file(files[0])).unwrap_or_default());
        Self {
            files,
            opened: OnceCell::new(),
            found: Mutex::new(vec![None; layout.parts.len()]),
            torn: Mutex::default(),
            ranges: Countdown::new(layout.ranges.len()),
            waiting: None,
            counted: AtomicU64::new(0),
            layout: Arc::new(layout),
        }
    }

    pub(crate) fn range_count(&self) -> usize {
        self.layout.ranges.len()
    }

    /// Whether it may be open while it waits for its next range, which a file of one range never does.
    pub(crate) fn may_wait(&mut self) -> bool {
        if self.waiting.is_none() && self.range_count() > 1 {
            let Some(leave) = keep_open() else { return false };
            self.waiting = leave;
        }
        true
    }

    pub(crate) fn memory(&self, range: usize) -> u64 {
        // One piece is written while the next is gathered, and a little more than a piece may come in at once.
        self.length(range).min(5 * PIECE as u64 / 2)
    }

    /// Fetches one range; the last one that is fetched brings the outcomes.
    pub(crate) async fn fetch(self: Arc<Self>, run: Arc<Run>, range: usize) -> Finished<Vec<Outcome>> {
        let mut received = 0;
        let mut result = Ok(Vec::new());
        if !self.ranges.has_failed() {
            result = self.fetch_range(&run, range, &mut received).await.map(|()| Vec::new());
        }
        let mut ended = self.ranges.end(result.is_err());
        if ended.all_well {
            result = self.finish(&run, &mut received).await;
            ended.is_first_failure = result.is_err();
        }
        let outcomes = match result {
            Ok(outcomes) => outcomes,
            Err(error) if ended.is_first_failure => {
                self.leave(&run, &error);
                self.files.iter().map(|&file| (file, Err(error.clone()))).collect()
            }
            // What fails later fails for the same reason, or because of it.
            Err(_) => Vec::new(),
        };
        if ended.is_last {
            run.progress.finish(self.files[0]);
        }
        // After a failure other ranges may have come a little further: that is taken back with the last of them.
        if !outcomes.is_empty() || ended.is_last {
            let placed = outcomes.iter().filter(|(_, outcome)| outcome.is_ok());
            let bytes: u64 = placed.map(|&(file, _)| run.file(file).size.unwrap_or(0)).sum();
            run.progress.count_bytes(bytes as i64 - self.counted.swap(0, Ordering::Relaxed) as i64);
        }
        Finished { bytes: received, value: outcomes }
    }

    async fn fetch_range(&self, run: &Arc<Run>, number: usize, received: &mut u64) -> Result<()> {
        let Some((_, assembly)) = &self.opened(run).await?.assembly else { return Ok(()) };
        let range = self.layout.ranges[number];
        if assembly.is_whole(number) || self.torn().contains(&range.part) {
            return Ok(());
        }
        match self.receive(run, assembly, range, vec![number], received).await {
            Err(error) if has_changed(&error) => {
                self.torn().insert(range.part);
                Ok(())
            }
            result => result,
        }
    }

    async fn opened(&self, run: &Arc<Run>) -> Result<&Opened> {
        let open = || async {
            run.progress.start(self.files[0]);
            let (shared, files, layout) = (run.clone(), self.files.clone(), self.layout.clone());
            let opened = blocking(move || open_first(&shared, &files, &layout)).await?;
            if let Some((_, assembly)) = &opened.assembly {
                // What an earlier run has left.
                let whole = assembly.bytes_whole();
                self.counted.fetch_add(whole, Ordering::Relaxed);
                run.progress.count_bytes(whole as i64);
            }
            Ok(opened)
        };
        self.opened.get_or_try_init(open).await
    }

    /// Receives bytes of one part into their place, which makes `ranges` whole.
    async fn receive(
        &self,
        run: &Arc<Run>,
        assembly: &Arc<Assembly>,
        range: FileRange,
        ranges: Vec<usize>,
        received: &mut u64,
    ) -> Result<()> {
        let mut writer = Writer::new(assembly.clone(), range.start);
        let result = self.receive_into(run, &mut writer, range, received).await;
        if result.is_err() {
            let _ = writer.idle().await;
            return result;
        }
        writer.finish(ranges).await
    }

    async fn receive_into(
        &self,
        run: &Run,
        writer: &mut Writer,
        range: FileRange,
        received: &mut u64,
    ) -> Result<()> {
        let part = &self.layout.parts[range.part];
        let start = self.layout.part(range.part).start;
        let known = self.found()[range.part].clone();
        let (key, etag) = known.map_or((None, None), |known| (Some(known.key), known.etag));
        let wanted = (!self.layout.is_whole_part(range)).then(|| range.start - start..range.end - start);
        let opening = object::open(run, part, key.as_deref(), wanted, etag.as_deref());
        let mut reader = run.unless_cancelled(opening).await?;
        let found = Found { key: reader.key().into(), etag: reader.etag().map(str::to_owned) };
        if *self.found()[range.part].get_or_insert_with(|| found.clone()) != found {
            return Err(reader.changed());
        }
        while let Some(piece) = run.unless_cancelled(reader.chunk()).await? {
            if self.ranges.has_failed() {
                return Err(cancelled());
            }
            *received += piece.len() as u64;
            run.progress.received(piece.len() as u64);
            self.counted.fetch_add(piece.len() as u64, Ordering::Relaxed);
            if writer.position + piece.len() as u64 > range.end {
                return Err(object::wrong_size(run, part, None));
            }
            writer.push(piece).await?;
        }
        if writer.position < range.end {
            return Err(object::wrong_size(run, part, Some(writer.position - start)));
        }
        Ok(())
    }

    /// Proves every part, fetches again what is wrong, and puts the file to all its places.
    async fn finish(&self, run: &Arc<Run>, received: &mut u64) -> Result<Vec<Outcome>> {
        let Opened { failed, assembly } = self.opened(run).await?;
        let Some((index, assembly)) = assembly else { return Ok(failed.clone()) };
        for part in 0..self.layout.parts.len() {
            self.prove(run, assembly, part, received).await?;
        }
        let (run, files, assembly) = (run.clone(), self.files.clone(), assembly.clone());
        let (index, mut outcomes) = (*index, failed.clone());
        let place_all = move || -> Result<Vec<Outcome>> {
            assembly.complete()?;
            let others = files.iter().skip_while(|&&file| file != index).skip(1);
            let copied: Vec<Outcome> =
                others.map(|&other| (other, object::copy(&run, &assembly.temp, other))).collect();
            outcomes.push((index, object::place(&run, &assembly.temp, &run.file(index))));
            outcomes.extend(copied);
            Ok(outcomes)
        };
        blocking(place_all).await?
    }

    /// Fetches a part again, in one stream, as long as that makes sense and it does not have its hash.
    async fn prove(
        &self,
        run: &Arc<Run>,
        assembly: &Arc<Assembly>,
        part: usize,
        received: &mut u64,
    ) -> Result<()> {
        let (mut tries, mut restarts) = (1, 0);
        let mut torn = self.torn().contains(&part);
        loop {
            if torn {
                restarts += 1;
            } else if is_proven(assembly, part).await? {
                return Ok(());
            } else if tries == TRIES {
                return Err(object::wrong_hash(run, &self.layout.parts[part]));
            } else {
                tries += 1;
            }
            self.begin_again(run, assembly, part).await?;
            let (whole, ranges) = (self.layout.part(part), assembly.ranges_of(part).collect());
            torn = match self.receive(run, assembly, whole, ranges, received).await {
                Err(error) if has_changed(&error) && restarts < RESTARTS => true,
                result => result.map(|()| false)?,
            };
        }
    }

    async fn begin_again(&self, run: &Run, assembly: &Arc<Assembly>, part: usize) -> Result<()> {
        self.found()[part] = None;
        let written: u64 = assembly.ranges_of(part).map(|range| self.length(range)).sum();
        let wasted = written.min(self.counted.load(Ordering::Relaxed));
        self.counted.fetch_sub(wasted, Ordering::Relaxed);
        run.progress.count_bytes(-(wasted as i64));
        let assembly = assembly.clone();
        blocking(move || assembly.forget(part)).await?
    }

    fn length(&self, range: usize) -> u64 {
        let FileRange { start, end, .. } = self.layout.ranges[range];
        end - start
    }

    /// Lets a later run continue what this one could not finish.
    fn leave(&self, run: &Run, error: &Error) {
        let assembly = self.opened.get().and_then(|opened| opened.assembly.as_ref());
        if let Some((_, assembly)) = assembly.filter(|_| run.is_to_be_continued(error)) {
            run.left
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .extend(assembly.leave().map(Path::to_owned));
        }
    }

    fn found(&self) -> MutexGuard<'_, Vec<Option<Found>>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn torn(&self) -> MutexGuard<'_, BTreeSet<usize>> {
        self.torn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens a temporary file for the first target that can have one.
fn open_first(run: &Run, files: &[u32], layout: &Arc<Layout>) -> Opened {
    let mut failed = Vec::new();
    for &index in files {
        let file = run.file(index);
        let opened = object::prepare(run, &file)
            .and_then(|()| Assembly::open(&file, layout.clone(), run.cancel.clone()));
        match opened {
            Ok(assembly) => return Opened { failed, assembly: Some((index, Arc::new(assembly))) },
            Err(error) => failed.push((index, Err(error))),
        }
    }
    Opened { failed, assembly: None }
}

async fn is_proven(assembly: &Arc<Assembly>, part: usize) -> Result<bool> {
    if let Some(verdict) = assembly.verdict(part) {
        return Ok(verdict);
    }
    let assembly = assembly.clone();
    blocking(move || assembly.prove(part)).await?
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_file_of_which_a_range_has_failed_is_never_finished() {
        let files: Vec<Countdown> = (0..50_000).map(|_| Countdown::new(2)).collect();
        // Both go from file to file side by side, so that they often meet in the middle of one.
        let arrived = AtomicUsize::new(0);
        let end_all = |failed: bool| {
            let end = |(number, ranges): (usize, &Countdown)| {
                arrived.fetch_add(1, Ordering::SeqCst);
                while arrived.load(Ordering::SeqCst) < 2 * number + 2 {
                    std::hint::spin_loop();
                }
                ranges.end(failed).all_well
            };
            files.iter().enumerate().filter(|&file| end(file)).count()
        };
        thread::scope(|threads| {
            let failed = threads.spawn(|| end_all(true));
            assert_eq!((end_all(false), failed.join().unwrap()), (0, 0));
        });
    }

    #[test]
    fn of_several_failures_the_first_is_told() {
        let ranges = Countdown::new(3);
        let ended = [false, true, true].map(|failed| ranges.end(failed));
        assert_eq!(ended.map(|ended| ended.is_first_failure), [false, true, false]);
        assert_eq!(ended.map(|ended| ended.is_last), [false, false, true]);
    }
}
