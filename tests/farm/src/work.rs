//! Jobs by the size, for benchmarks: many files or large ones, stored without a request.

use std::str::FromStr;

use crate::farm::Farm;
use crate::outputs::{AssetRoot, OutputFile, QueueLocation, SessionAction, id, numbered_id};

/// 2026-10-13, 18:04:00 UTC.
const START_MS: i64 = 1_791_914_640_000;

/// A job whose tasks wrote files of one size, all with different bytes. It reads from text as
/// `name:files:bytes` or `name:files:bytes:tasks`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Work {
    /// What the benchmark calls it.
    pub name: String,
    /// How many files there are.
    pub files: u32,
    /// How long each is.
    pub bytes: usize,
    /// How many tasks they are spread over, each with a manifest and a directory of its own.
    pub tasks: u32,
}

impl Work {
    /// The job's id.
    pub fn job_id(&self) -> String {
        id("job", &self.name)
    }

    /// Where its paths start; in no file system location.
    pub fn root(&self) -> AssetRoot {
        AssetRoot { path: format!("/mnt/work/{}", self.name), file_system_location_name: None }
    }

    /// Stores its objects and manifests.
    pub fn store_in(&self, farm: &Farm, location: &QueueLocation) {
        let step = format!("{}/render", self.name);
        for task in 0..self.tasks {
            let action = SessionAction {
                job_id: self.job_id(),
                step_id: id("step", &step),
                task_id: Some(numbered_id("task", &step, task)),
                session_action_id: numbered_id("sessionaction", &format!("{step}/{task}"), 0),
                folder_time_us: START_MS * 1000,
                last_modified_ms: START_MS,
            };
            farm.add_outputs(location, &action, &self.root(), &self.files_of(task));
        }
    }

    fn files_of(&self, task: u32) -> Vec<OutputFile> {
        let up_to = |task: u32| u64::from(self.files) * u64::from(task) / u64::from(self.tasks);
        (up_to(task)..up_to(task + 1))
            .map(|number| {
                let path = format!("task-{task:05}/beauty.{number:06}.exr");
                OutputFile::new(path, noise(number, self.bytes), START_MS * 1000 + i64::from(task))
            })
            .collect()
    }
}

/// Why a text is no [`Work`].
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not name:files:bytes[:tasks] with at least one file and no more tasks than files")]
pub struct WorkError(String);

impl FromStr for Work {
    type Err = WorkError;

    fn from_str(text: &str) -> Result<Self, WorkError> {
        let read = || {
            let mut parts = text.split(':');
            let work = Self {
                name: parts.next().filter(|name| !name.is_empty())?.to_owned(),
                files: parts.next()?.parse().ok()?,
                bytes: parts.next()?.parse().ok()?,
                tasks: parts.next().unwrap_or("1").parse().ok()?,
            };
            let sound = work.tasks > 0 && work.tasks <= work.files && parts.next().is_none();
            sound.then_some(work)
        };
        read().ok_or_else(|| WorkError(text.to_owned()))
    }
}

/// Bytes that no compression shortens (after Sebastiano Vigna's SplitMix64), others for each seed.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let mut state = seed.wrapping_mul(0xd134_2543_de82_ef95);
    for chunk in bytes.chunks_mut(8) {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        chunk.copy_from_slice(&(word ^ (word >> 31)).to_le_bytes()[..chunk.len()]);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_work_reads_from_text_and_nonsense_is_named() {
        let work: Work = "small:10000:16384:100".parse().unwrap();
        assert_eq!(work, Work { name: "small".to_owned(), files: 10_000, bytes: 16_384, tasks: 100 });
        assert_eq!("a:1:0".parse::<Work>().unwrap().tasks, 1);
        for nonsense in ["", "a", "a:1", ":1:1", "a:0:1", "a:1:1:2", "a:1:1:0", "a:1:1:1:1", "a:b:1"] {
            assert!(nonsense.parse::<Work>().unwrap_err().to_string().contains(nonsense));
        }
    }

    #[tokio::test]
    async fn every_file_has_bytes_of_its_own() {
        let farm = Farm::start().await.unwrap();
        let location = crate::show::Show::default_location("bucket");
        let work: Work = "w:10:20:3".parse().unwrap();
        work.store_in(&farm, &location);
        let keys = farm.keys("bucket", &location.root_prefix);
        let (data, manifests): (Vec<_>, Vec<_>) = keys.iter().partition(|key| key.contains("/Data/"));
        assert_eq!((data.len(), manifests.len()), (10, 3));
        assert!(data.iter().all(|key| farm.object("bucket", key).unwrap().body().len() == 20));
    }
}
