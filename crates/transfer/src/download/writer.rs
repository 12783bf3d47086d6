//! Writes behind the reader's back: one piece goes to disk while the next is received.

use std::sync::Arc;

use bytes::Bytes;
use rusty_attachments_core::Result;
use tokio::task::JoinHandle;

use super::assembly::Assembly;
use crate::ended::lost;

/// What is gathered before it is written.
pub(crate) const PIECE: usize = 512 * 1024;

/// Writes one run of bytes into a file that others write to as well.
pub(crate) struct Writer {
    assembly: Arc<Assembly>,
    start: u64,
    /// Where the next piece belongs.
    pub position: u64,
    busy: Option<JoinHandle<Result<()>>>,
    gathered: Vec<Bytes>,
    gathered_bytes: usize,
}

impl Writer {
    pub(crate) fn new(assembly: Arc<Assembly>, start: u64) -> Self {
        Self { assembly, start, position: start, busy: None, gathered: Vec::new(), gathered_bytes: 0 }
    }

    pub(crate) async fn push(&mut self, piece: Bytes) -> Result<()> {
        self.position += piece.len() as u64;
        self.gathered_bytes += piece.len();
        self.gathered.push(piece);
        if self.gathered_bytes < PIECE {
            return Ok(());
        }
        self.idle().await?;
        self.busy = Some(self.write(Vec::new()));
        Ok(())
    }

    /// Writes what is left, and notes that `ranges` are whole.
    pub(crate) async fn finish(mut self, ranges: Vec<usize>) -> Result<()> {
        self.idle().await?;
        self.busy = Some(self.write(ranges));
        self.idle().await
    }

    /// Waits for the disk. Even who gives up does, so that nothing is written any more when a run ends.
    pub(crate) async fn idle(&mut self) -> Result<()> {
        match self.busy.take() {
            Some(busy) => busy.await.map_err(lost)?,
            None => Ok(()),
        }
    }

    fn write(&mut self, finished: Vec<usize>) -> JoinHandle<Result<()>> {
        let (assembly, start) = (self.assembly.clone(), self.start);
        let pieces = std::mem::take(&mut self.gathered);
        let offset = self.position - std::mem::take(&mut self.gathered_bytes) as u64;
        tokio::task::spawn_blocking(move || {
            assembly.write(start, offset, &pieces)?;
            if finished.is_empty() { Ok(()) } else { assembly.finish(finished) }
        })
    }
}
