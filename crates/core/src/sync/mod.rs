//! The decisions of incremental sync, without I/O and with the clock passed in.
//!
//! A [`SyncPass`] is begun with the files of the last pass. It says what to ask the service, takes the answers, and
//! knows in the end which session actions have new outputs. While those land on disk it says what the files
//! become, so that a pass that is cut off loses nothing and fetches nothing twice.

mod answer;
mod category;
mod checkpoint;
mod job;
mod outstanding;
mod pass;
mod progress;
mod search;
mod source;
mod timestamp;

pub use category::Category;
pub use checkpoint::{Checkpoint, CheckpointJob};
pub use outstanding::{
    FailedAction, FailedJobs, FailedManifest, InactiveJob, OutstandingJob, Sidecar, WrittenFiles,
};
pub use pass::{JobReport, SyncPass, SyncReport, SyncRequest, SyncSettings};
pub use progress::{Failed, Landed, Planned, SyncFiles};
pub use source::SyncSource;
pub use timestamp::Timestamp;

#[cfg(test)]
mod tests;
