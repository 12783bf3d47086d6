//! The show: a rendered job that is worth looking at, as a queue's S3 would hold it.
//!
//! A lighthouse at dusk, 48 frames, submitted on Windows and rendered by one step of six tasks.
//! It holds what real jobs hold: two tasks that were rendered twice (the first time they left
//! frames that are visibly unfinished), one object that is wanted at two paths, and a second asset
//! root that lies in no file system location and so cannot be mapped. Everything in it is the same
//! in every run, times included, so that a second download finds nothing to do.

mod beacon;
mod cache;
mod frame;
mod island;
mod noise;
mod pool;
mod sea;
mod sky;
mod vector;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::farm::Farm;
use crate::outputs::{AssetRoot, OutputFile, QueueLocation, SessionAction, id, numbered_id};

pub use frame::{FRAMES, HEIGHT, WIDTH};

/// How many tasks the step has.
pub const TASKS: u32 = 6;
const FRAMES_PER_TASK: u32 = FRAMES / TASKS;
/// The tasks that were rendered twice.
const RENDERED_TWICE: [u32; 2] = [2, 4];
/// The frame that also hangs in the hall.
const POSTER: u32 = 6;

const SECOND_US: i64 = 1_000_000;
/// 2026-10-13, 18:04:00 UTC, in microseconds: the night of the test renders.
const FIRST_NIGHT_US: i64 = 1_791_914_640 * SECOND_US;
/// One day later.
const SECOND_NIGHT_US: i64 = FIRST_NIGHT_US + 86_400 * SECOND_US;
const TASK_US: i64 = 540 * SECOND_US;
const FRAME_US: i64 = 61 * SECOND_US + 318_407;

/// A storage profile as Deadline Cloud describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StorageProfile {
    /// `sp-<32 hex>`.
    pub storage_profile_id: String,
    /// What people call it.
    pub display_name: String,
    /// `WINDOWS`, `LINUX` or `MACOS`.
    pub os_family: String,
    /// The directories that have a name on every machine.
    pub file_system_locations: Vec<FileSystemLocation>,
}

/// A directory that a storage profile gives a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSystemLocation {
    /// The name that profiles share.
    pub name: String,
    /// Where it is on the profile's machines.
    pub path: String,
    /// `LOCAL` or `SHARED`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// What one session action wrote under one asset root.
#[derive(Clone, Debug)]
pub struct Run {
    /// Who wrote, and when.
    pub action: SessionAction,
    /// Where the paths start.
    pub root: AssetRoot,
    /// What was written.
    pub files: Vec<OutputFile>,
}

/// The job with everything that its tasks wrote.
#[derive(Clone, Debug)]
pub struct Show {
    /// Where the queue keeps it.
    pub location: QueueLocation,
    /// The job's name.
    pub job_name: String,
    /// The job's id.
    pub job_id: String,
    /// The id of its only step.
    pub step_id: String,
    /// The profile of the machine that submitted it.
    pub storage_profile: StorageProfile,
    /// The root with the frames; its location is in the profile.
    pub projects_root: AssetRoot,
    /// The root with caches; no location holds it.
    pub scratch_root: AssetRoot,
    /// All runs, oldest first.
    pub runs: Vec<Run>,
}

impl Show {
    /// Renders the show on all processors: some seconds the first time, and from disk or memory afterwards.
    /// `location` is the queue whose storage it will fill.
    pub fn render(location: QueueLocation) -> Self {
        let job_id = id("job", "lighthouse");
        let step_id = id("step", "lighthouse/render");
        let projects_root = AssetRoot {
            path: r"Z:\Projects\Lighthouse".to_owned(),
            file_system_location_name: Some("Projects".to_owned()),
        };
        let scratch_root =
            AssetRoot { path: r"D:\Scratch\Lighthouse".to_owned(), file_system_location_name: None };
        let pictures = pictures();
        let mut runs = Vec::new();
        for attempt in attempts() {
            let action = attempt.action(&job_id, &step_id);
            runs.push(Run {
                action: action.clone(),
                root: projects_root.clone(),
                files: attempt.frames(pictures),
            });
            if attempt.finished {
                runs.push(Run { action, root: scratch_root.clone(), files: vec![attempt.wave_cache()] });
            }
        }
        Self {
            location,
            job_name: "Lighthouse at dusk".to_owned(),
            job_id,
            step_id,
            storage_profile: StorageProfile {
                storage_profile_id: id("sp", "lighthouse/workstation"),
                display_name: "Artist workstation".to_owned(),
                os_family: "WINDOWS".to_owned(),
                file_system_locations: vec![FileSystemLocation {
                    name: "Projects".to_owned(),
                    path: r"Z:\Projects".to_owned(),
                    kind: "LOCAL".to_owned(),
                }],
            },
            projects_root,
            scratch_root,
            runs,
        }
    }

    /// A queue for the show in `bucket`, always with the same ids.
    pub fn default_location(bucket: &str) -> QueueLocation {
        QueueLocation {
            bucket: bucket.to_owned(),
            root_prefix: "studio/attachments".to_owned(),
            farm_id: id("farm", "studio"),
            queue_id: id("queue", "studio/nightly"),
        }
    }

    /// Stores everything, as if the workers had just finished.
    pub fn store_in(&self, farm: &Farm) {
        for run in &self.runs {
            farm.add_outputs(&self.location, &run.action, &run.root, &run.files);
        }
    }

    /// What a complete download of one root ends with, by path: where two runs wrote one path, the
    /// later one's file.
    pub fn final_files(&self, root: &AssetRoot) -> BTreeMap<&str, &OutputFile> {
        let runs = self.runs.iter().filter(|run| run.root == *root);
        runs.flat_map(|run| &run.files).map(|file| (file.path.as_str(), file)).collect()
    }
}

/// One task's turn at the render farm.
struct Attempt {
    task: u32,
    number: u32,
    start_us: i64,
    finished: bool,
}

/// Oldest first: the stopped renders of the first night, then all tasks in the second.
fn attempts() -> Vec<Attempt> {
    let stopped = RENDERED_TWICE.map(|task| (task, FIRST_NIGHT_US, false));
    let complete = (0..TASKS).map(|task| (task, SECOND_NIGHT_US, true));
    let in_order = stopped.into_iter().chain(complete).zip(0..);
    in_order
        .map(|((task, night_us, finished), number)| Attempt {
            task,
            number,
            start_us: night_us + i64::from(task) * TASK_US,
            finished,
        })
        .collect()
}

impl Attempt {
    fn action(&self, job_id: &str, step_id: &str) -> SessionAction {
        SessionAction {
            job_id: job_id.to_owned(),
            step_id: step_id.to_owned(),
            task_id: Some(numbered_id("task", "lighthouse/render", self.task)),
            session_action_id: numbered_id("sessionaction", "lighthouse/render", self.number),
            folder_time_us: self.start_us,
            // Uploaded when the last frame was done.
            last_modified_ms: (self.start_us + TASK_US) / 1000,
        }
    }

    /// The task's frames, its record, and the poster if its frame is among them.
    fn frames(&self, pictures: &Pictures) -> Vec<OutputFile> {
        let first = self.task * FRAMES_PER_TASK;
        let mut files = Vec::new();
        for number in first..first + FRAMES_PER_TASK {
            let pictures = if self.finished { &pictures.finished } else { &pictures.unfinished };
            let Some(body) = pictures.get(&number) else {
                continue;
            };
            let mtime_us = self.start_us + i64::from(number - first + 1) * FRAME_US;
            let path = format!("renders/beauty/lighthouse.{:04}.png", number + 1);
            files.push(OutputFile::new(path, body.clone(), mtime_us));
            if number == POSTER {
                files.push(OutputFile::new("renders/poster.png", body.clone(), mtime_us));
            }
        }
        let mtime_us = self.start_us + i64::from(FRAMES_PER_TASK + 1) * FRAME_US - 40 * SECOND_US;
        let path = format!("renders/beauty/render-log/task_{}.json", self.task + 1);
        files.push(OutputFile::new(path, self.record(), mtime_us));
        files
    }

    fn record(&self) -> String {
        let first = self.task * FRAMES_PER_TASK + 1;
        let record = serde_json::json!({
            "frames": [first, first + FRAMES_PER_TASK - 1],
            "resolution": [WIDTH, HEIGHT],
            "pass": "beauty",
            "state": if self.finished { "finished" } else { "stopped by the artist" },
        });
        format!("{record:#}\n")
    }

    /// The heights of the waves that the task started from, in a form nobody needs twice.
    fn wave_cache(&self) -> OutputFile {
        let seed = i32::try_from(self.task).unwrap_or_default();
        let heights = (0..2048).map(|cell| noise::hash(cell, seed) - 0.5);
        let bytes: Vec<u8> = heights.flat_map(f32::to_le_bytes).collect();
        let path = format!("cache/waves_{}.bin", self.task + 1);
        OutputFile::new(path, bytes, self.start_us + 7 * SECOND_US + 125_000)
    }
}

/// Every picture of the show as a PNG file, by frame number from 0.
struct Pictures {
    finished: BTreeMap<u32, Bytes>,
    unfinished: BTreeMap<u32, Bytes>,
}

/// Tests start many farms in one process; the pictures are the same for all of them.
fn pictures() -> &'static Pictures {
    static PICTURES: OnceLock<Pictures> = OnceLock::new();
    PICTURES.get_or_init(|| {
        let stopped =
            RENDERED_TWICE.iter().flat_map(|task| task * FRAMES_PER_TASK..(task + 1) * FRAMES_PER_TASK);
        Pictures {
            finished: cache::kept("finished", &(0..FRAMES).collect::<Vec<_>>(), |numbers| {
                pool::render(numbers, frame::finished)
            }),
            unfinished: cache::kept("unfinished", &stopped.collect::<Vec<_>>(), |numbers| {
                pool::render(numbers, frame::unfinished)
            }),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show() -> Show {
        Show::render(Show::default_location("bucket"))
    }

    fn size(png: &[u8]) -> (u32, u32) {
        let reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        reader.info().size()
    }

    #[test]
    fn a_frame_is_the_same_every_time_and_differs_from_the_next() {
        let frame = frame::finished(3);
        assert_eq!(size(&frame), (WIDTH, HEIGHT));
        assert_eq!(frame, frame::finished(3));
        assert_ne!(frame, frame::finished(4));
        assert_ne!(frame, frame::unfinished(3));
    }

    #[test]
    fn every_frame_is_there_once_finished_and_two_tasks_came_early() {
        let show = show();
        let files = show.final_files(&show.projects_root);
        for number in 1..=FRAMES {
            let path = format!("renders/beauty/lighthouse.{number:04}.png");
            assert_eq!(files[path.as_str()].body, pictures().finished[&(number - 1)]);
        }
        assert_eq!(files.len() as u32, FRAMES + TASKS + 1);
        assert_eq!(show.final_files(&show.scratch_root).len() as u32, TASKS);
        assert_eq!(pictures().unfinished.len() as u32, 2 * FRAMES_PER_TASK);
    }

    #[test]
    fn the_later_run_of_a_task_is_later_in_every_respect() {
        let show = show();
        for task in RENDERED_TWICE {
            let task = numbered_id("task", "lighthouse/render", task);
            let runs: Vec<&Run> = show
                .runs
                .iter()
                .filter(|run| run.action.task_id.as_ref() == Some(&task) && run.root == show.projects_root)
                .collect();
            let [early, late] = runs[..] else {
                panic!("{task} ran {} times", runs.len());
            };
            assert!(early.action.last_modified_ms < late.action.last_modified_ms);
            assert!(early.action.folder_time_us < late.action.folder_time_us);
            assert!(early.files[0].mtime_us < late.files[0].mtime_us);
        }
    }

    #[test]
    fn tasks_end_one_after_the_other_and_no_file_is_newer_than_its_manifest() {
        let show = show();
        let times: Vec<i64> = show.runs.iter().map(|run| run.action.last_modified_ms).collect();
        assert!(times.is_sorted());
        for run in &show.runs {
            for file in &run.files {
                assert!(file.mtime_us > run.action.folder_time_us, "{}", file.path);
                assert!(file.mtime_us < run.action.last_modified_ms * 1000, "{}", file.path);
            }
        }
    }

    #[test]
    fn the_poster_is_one_object_at_two_paths() {
        let show = show();
        let files = show.final_files(&show.projects_root);
        let frame = format!("renders/beauty/lighthouse.{:04}.png", POSTER + 1);
        assert_eq!(files["renders/poster.png"].body, files[frame.as_str()].body);
    }
}
