//! Says which files are on the disk for good: a few at a time, flushed before they are named.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rusty_attachments_core::{Error, ErrorCode};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::Run;
use super::durable::flush_files;

/// How long files gather before they are flushed together.
const GATHERING: Duration = Duration::from_millis(250);
/// The most that are flushed together, so that what is whole is soon known.
const MOST: usize = 4_096;

/// What became of a file for good.
#[derive(Debug, Clone)]
pub struct SettledFile {
    /// Its index in the plan.
    pub index: usize,
    /// Why it is not there; none where it is whole and flushed.
    pub error: Option<Error>,
}

/// Takes what became of files, from whichever thread.
pub type SettledCallback = Arc<dyn Fn(Vec<SettledFile>) + Send + Sync>;

/// The way from a run to its [`SettledCallback`].
pub(super) struct Landing {
    sender: UnboundedSender<SettledFile>,
    task: JoinHandle<()>,
}

impl Landing {
    pub(super) fn new(run: &Arc<Run>, tell: SettledCallback) -> Self {
        let (sender, receiver) = unbounded_channel();
        Self { sender, task: tokio::spawn(land(run.clone(), receiver, tell)) }
    }

    pub(super) fn settled(&self, index: u32, error: Option<Error>) {
        // The other end goes only with the runtime, when nobody is left to be told.
        let _ = self.sender.send(SettledFile { index: index as usize, error });
    }

    /// Waits until all is told.
    pub(super) async fn end(self) {
        drop(self.sender);
        let _ = self.task.await;
    }
}

async fn land(run: Arc<Run>, mut receiver: UnboundedReceiver<SettledFile>, tell: SettledCallback) {
    let mut files = Vec::new();
    while receiver.recv_many(&mut files, MOST).await > 0 {
        let gathered =
            async { while files.len() < MOST && receiver.recv_many(&mut files, MOST).await > 0 {} };
        let _ = tokio::time::timeout(GATHERING, gathered).await;
        if flush(&run, &mut files).await.is_err() {
            // The run was cancelled. What was not flushed is on the disk all the same, and found there next time.
            return;
        }
        tell(std::mem::take(&mut files));
    }
}

/// Flushes those that are there. One that cannot be flushed has failed; only a cancellation is an error.
async fn flush(run: &Run, files: &mut [SettledFile]) -> Result<(), Error> {
    let path = |file: &SettledFile| PathBuf::from(run.plan.file(file.index).local_path);
    let there = files.iter().filter(|file| file.error.is_none());
    match flush_files(there.map(path), &run.stop).await {
        Err(error) if error.code != ErrorCode::Cancelled => {}
        flushed => return flushed,
    }
    // One of them is in the way: which, they tell one by one.
    for file in files.iter_mut().filter(|file| file.error.is_none()) {
        match flush_files([path(file)], &run.stop).await {
            Err(error) if error.code == ErrorCode::Cancelled => return Err(error),
            flushed => file.error = flushed.err(),
        }
    }
    Ok(())
}
