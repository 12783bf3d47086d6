//! Says which files are on the disk for good: a few at a time, flushed before they are named.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rusty_attachments_core::{Error, Result};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::durable::flush_files;
use super::file::Placed;
use super::flush::{Flush, Flushing, sync};
use super::report::{SettledCallback, SettledFile};
use super::run::Run;
use crate::ended::lost;

/// How long files gather before they are flushed together.
const GATHERING: Duration = Duration::from_millis(250);
/// The most that are flushed together, so that what is whole is soon known.
const MOST: usize = 4_096;

/// A file that is there, but not on the disk for good.
pub(super) struct Unflushed {
    pub index: u32,
    /// Whether this run wrote it.
    pub is_new: bool,
    pub error: Error,
}

/// The way from a run to its [`SettledCallback`].
pub(super) struct Landing {
    /// None once no more can come.
    sender: Option<UnboundedSender<Settled>>,
    unflushed: UnboundedReceiver<Unflushed>,
    task: JoinHandle<()>,
}

/// What became of a file as far as the run knows. Small, since as many may wait as a plan has files.
struct Settled {
    index: u32,
    outcome: std::result::Result<Placed, Box<Error>>,
}

impl Landing {
    pub(super) fn of(run: &Arc<Run>, tell: SettledCallback) -> Self {
        let plan = run.plan.clone();
        let place = move |index: u32| PathBuf::from(plan.file(index as usize).local_path);
        Self::new(place, run.stop.clone(), Arc::new(sync), tell)
    }

    /// `place` tells where a file is that is not beside its place.
    fn new(
        place: impl Fn(u32) -> PathBuf + Send + 'static,
        stop: CancellationToken,
        sync: Flush,
        tell: SettledCallback,
    ) -> Self {
        let (sender, mut receiver) = unbounded_channel();
        let (failing, unflushed) = unbounded_channel();
        let task = tokio::spawn(async move {
            let mut batch = Vec::new();
            while gather(&mut receiver, &mut batch).await {
                // Of what a cancelled run has not flushed, nothing is told.
                let Ok(flushed) = flush_files(there(&batch, &place), &stop, &sync).await else { return };
                tell(settle(std::mem::take(&mut batch), flushed, &failing));
            }
        });
        Self { sender: Some(sender), unflushed, task }
    }

    pub(super) fn settled(&self, index: u32, outcome: std::result::Result<Placed, Box<Error>>) {
        if let Some(sender) = &self.sender {
            // The other end goes only with the run or with the runtime.
            let _ = sender.send(Settled { index, outcome });
        }
    }

    /// The next file that could not be flushed, as far as that is known. Who took the files is told of it already.
    pub(super) fn unflushed(&mut self) -> Option<Unflushed> {
        self.unflushed.try_recv().ok()
    }

    /// Waits until all is told.
    pub(super) async fn end(&mut self) -> Result<()> {
        self.sender = None;
        (&mut self.task).await.map_err(lost)
    }
}

/// The next files; `false` when there are no more.
async fn gather(receiver: &mut UnboundedReceiver<Settled>, batch: &mut Vec<Settled>) -> bool {
    if receiver.recv_many(batch, MOST).await == 0 {
        return false;
    }
    let fill =
        async { while batch.len() < MOST && receiver.recv_many(batch, MOST - batch.len()).await > 0 {} };
    let _ = tokio::time::timeout(GATHERING, fill).await;
    true
}

/// Those of the files that are there.
fn there(batch: &[Settled], place: impl Fn(u32) -> PathBuf) -> Vec<Flushing> {
    let flushing = |settled: &Settled| {
        let placed = settled.outcome.as_ref().ok()?;
        let path = placed.beside.clone().unwrap_or_else(|| place(settled.index));
        Some(Flushing { path, is_new: placed.is_new })
    };
    batch.iter().filter_map(flushing).collect()
}

/// What is to be told of the files, with what the flush said of each that is there.
fn settle(
    batch: Vec<Settled>,
    flushed: Vec<Result<()>>,
    failing: &UnboundedSender<Unflushed>,
) -> Vec<SettledFile> {
    let mut flushed = flushed.into_iter();
    let settle = |Settled { index, outcome }| {
        let (is_new, error) = match outcome {
            Err(error) => (false, Some(*error)),
            Ok(Placed { is_new, .. }) => {
                let error = flushed.next().and_then(Result::err).inspect(|error| {
                    // The other end goes only with the run.
                    let _ = failing.send(Unflushed { index, is_new, error: error.clone() });
                });
                (is_new && error.is_none(), error)
            }
        };
        SettledFile { index: index as usize, is_new, error }
    };
    batch.into_iter().map(settle).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io;
    use std::sync::Mutex;

    use super::*;

    /// A directory with some files, and what was done to them and told of them, in order.
    struct Scene {
        home: PathBuf,
        stop: CancellationToken,
        log: Arc<Mutex<Vec<Step>>>,
    }

    #[derive(Debug, Clone, PartialEq)]
    enum Step {
        Flushed(String),
        Told(Vec<(usize, bool)>),
    }

    impl Scene {
        fn new(name: &str, files: u32) -> Self {
            let home =
                std::env::temp_dir().join(format!("rusty-attachments-landing-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&home);
            fs::create_dir_all(&home).unwrap();
            (0..files).for_each(|file| fs::write(home.join(file.to_string()), "").unwrap());
            Self { home, stop: CancellationToken::new(), log: Arc::default() }
        }

        /// A landing whose disk says `no` to the files that this names.
        fn landing(&self, no: impl Fn(&str) -> bool + Send + Sync + 'static) -> Landing {
            let (home, log) = (self.home.clone(), self.log.clone());
            let place = move |index: u32| home.join(index.to_string());
            let (home, flushes) = (self.home.clone(), self.log.clone());
            let sync = move |_: &fs::File, path: &std::path::Path, _| {
                if path.parent() != Some(&home) {
                    return Ok(());
                }
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                let said = if no(&name) { Err(io::Error::other("no")) } else { Ok(()) };
                flushes.lock().unwrap().push(Step::Flushed(name));
                said
            };
            let tell = move |files: Vec<SettledFile>| {
                let told = files.iter().map(|file| (file.index, file.error.is_none())).collect();
                log.lock().unwrap().push(Step::Told(told));
            };
            Landing::new(place, self.stop.clone(), Arc::new(sync), Arc::new(tell))
        }

        fn log(&self) -> Vec<Step> {
            self.log.lock().unwrap().clone()
        }

        fn told(&self) -> Vec<Vec<(usize, bool)>> {
            let told = |step| if let Step::Told(files) = step { Some(files) } else { None };
            self.log().into_iter().filter_map(told).collect()
        }
    }

    impl Drop for Scene {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.home);
        }
    }

    const NEW: Placed = Placed { is_new: true, beside: None };

    #[tokio::test]
    async fn a_file_is_flushed_where_it_is_before_it_is_told() {
        let scene = Scene::new("order", 2);
        fs::write(scene.home.join("1 (1)"), "").unwrap();
        let mut landing = scene.landing(|_| false);
        landing.settled(0, Ok(NEW));
        landing.settled(1, Ok(Placed { beside: Some(scene.home.join("1 (1)")), ..NEW }));
        landing.end().await.unwrap();
        let (told, mut flushed) = (scene.log().pop(), scene.log());
        flushed.pop();
        flushed.sort_by_key(|step| format!("{step:?}"));
        assert_eq!(flushed, ["0", "1 (1)"].map(|name| Step::Flushed(name.into())));
        assert_eq!(told, Some(Step::Told(vec![(0, true), (1, true)])));
    }

    #[tokio::test]
    async fn exactly_what_could_not_be_flushed_has_failed_and_is_not_flushed_again() {
        let scene = Scene::new("failed", 3);
        // As the system does, the disk tells of a lost write only once.
        let told = Mutex::new(false);
        let mut landing =
            scene.landing(move |name| name == "1" && !std::mem::replace(&mut *told.lock().unwrap(), true));
        (0..3).for_each(|index| landing.settled(index, Ok(NEW)));
        landing.end().await.unwrap();
        assert_eq!(scene.told(), [[(0, true), (1, false), (2, true)]]);
        let unflushed = landing.unflushed().unwrap();
        assert_eq!((unflushed.index, unflushed.is_new), (1, true));
        assert!(landing.unflushed().is_none());
    }

    #[tokio::test]
    async fn a_cancelled_run_tells_nothing_that_is_not_flushed() {
        let scene = Scene::new("cancelled", 20);
        let stop = scene.stop.clone();
        let mut landing = scene.landing(move |_| {
            stop.cancel();
            false
        });
        (0..20).for_each(|index| landing.settled(index, Ok(NEW)));
        landing.end().await.unwrap();
        assert_eq!(scene.told(), Vec::<Vec<_>>::new());
    }

    #[tokio::test]
    async fn many_files_are_told_in_batches_and_the_last_few_as_well() {
        let scene = Scene::new("batches", 0);
        let mut landing = scene.landing(|_| false);
        let count = 2 * MOST + 3;
        let failed = || Err(Box::new(super::super::cancelled()));
        (0..count as u32).for_each(|index| landing.settled(index, failed()));
        landing.end().await.unwrap();
        let sizes: Vec<usize> = scene.told().iter().map(Vec::len).collect();
        assert_eq!(sizes, [MOST, MOST, 3]);
        let told = scene.told().concat();
        assert!(told.iter().map(|&(index, _)| index).eq(0..count));
    }

    #[tokio::test]
    async fn a_callback_that_breaks_down_is_an_error() {
        let tell: SettledCallback = Arc::new(|_| panic!("no ear"));
        let mut landing = Landing::new(|_| PathBuf::new(), CancellationToken::new(), Arc::new(sync), tell);
        landing.settled(0, Err(Box::new(super::super::cancelled())));
        assert!(landing.end().await.unwrap_err().message.contains("no ear"));
    }
}
