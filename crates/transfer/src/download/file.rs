//! One file's way to the disk: a temporary file beside the target, its times, and its place.

use std::fs::{self, File, FileTimes, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{LazyLock, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusty_attachments_core::Result;
use xxhash_rust::xxh3::xxh3_64;

use super::disk::{DiskContext, disk_error};

const ENDING: &str = ".rusty-attachments.part";
/// A temporary file that nobody has written to for so long belongs to no run.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);
/// How much of a target's name its temporary file repeats, for whoever sees it there.
const REPEATED: usize = 40;
/// The origin of a file that a later run continues.
const LASTING: &str = "resume";
const MOST_COPIES: u32 = 10_000;

/// How a finished file takes its place.
pub(crate) enum Placement<'a> {
    /// What is there is replaced.
    Replace,
    /// What is there stays; the first free `name (n).ext` is taken, unless what is there passes as the same.
    Beside(&'a dyn Fn(&Path) -> Result<bool>),
}

/// Where a file is that is there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Placed {
    /// Whether it was written; otherwise it was there already.
    pub is_new: bool,
    /// Its place, where that is another than the one it was to have.
    pub beside: Option<PathBuf>,
}

impl Placed {
    pub(crate) fn new(is_new: bool, place: PathBuf, target: &Path) -> Self {
        Self { is_new, beside: (place != target).then_some(place) }
    }
}

/// A file that is not at its place yet, and goes away if it never gets there.
#[derive(Debug)]
pub(crate) struct TempFile {
    path: PathBuf,
    file: File,
    /// Whether it has got its place, or stays for a later run.
    settled: AtomicBool,
}

impl TempFile {
    pub(crate) fn create(target: &Path, runnable: bool) -> Result<Self> {
        let path = target.with_file_name(temporary_name(target));
        let file =
            writing(runnable).create_new(true).open(&path).at("create a temporary file for", target)?;
        Ok(Self::of(path, file))
    }

    pub(crate) fn of(path: PathBuf, file: File) -> Self {
        Self { path, file, settled: AtomicBool::new(false) }
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn write(&self, bytes: &[u8], target: &Path) -> Result<()> {
        (&self.file).write_all(bytes).at("write", target)
    }

    /// Lets the file stay although it has not got its place, and says where it is.
    pub(crate) fn leave(&self) -> &Path {
        self.settled.store(true, Ordering::Relaxed);
        &self.path
    }

    /// Gives the file its time, in microseconds since 1970, and its name, unless it is there already.
    pub(crate) fn place(&self, target: &Path, mtime: Option<i64>, how: &Placement<'_>) -> Result<Placed> {
        if let Some(mtime) = mtime {
            set_mtime(&self.file, mtime).at("set the time of", target)?;
        }
        let place = match how {
            Placement::Replace => {
                fs::rename(&self.path, target).at("replace", target)?;
                target.to_owned()
            }
            Placement::Beside(is_same) => {
                let mut number = 0;
                loop {
                    let candidate = numbered(target, number);
                    match rename_new(&self.path, &candidate) {
                        Ok(()) => break candidate,
                        Err(error) if error.kind() != ErrorKind::AlreadyExists || number == MOST_COPIES => {
                            return Err(disk_error("place", &candidate, error));
                        }
                        Err(_) if is_same(&candidate)? => {
                            return Ok(Placed::new(false, candidate, target));
                        }
                        Err(_) => number += 1,
                    }
                }
            }
        };
        self.settled.store(true, Ordering::Relaxed);
        Ok(Placed::new(true, place, target))
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if !*self.settled.get_mut() {
            // Should this fail, a later run sweeps the file.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// How a file of ours is opened, with the mode that any new file gets.
pub(crate) fn writing(runnable: bool) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // The umask takes its bits off these.
        options.mode(if runnable { 0o777 } else { 0o666 });
    }
    #[cfg(not(unix))]
    let _ = runnable;
    options
}

/// `name.ext`, `name (1).ext`, `name (2).ext` …
pub(crate) fn numbered(target: &Path, number: u32) -> PathBuf {
    if number == 0 {
        return target.to_owned();
    }
    let stem = target.file_stem().unwrap_or_default().to_string_lossy();
    match target.extension() {
        Some(extension) => {
            target.with_file_name(format!("{stem} ({number}).{}", extension.to_string_lossy()))
        }
        None => target.with_file_name(format!("{stem} ({number})")),
    }
}

pub(crate) fn set_mtime(file: &File, micros: i64) -> io::Result<()> {
    let distance = Duration::from_micros(micros.unsigned_abs());
    let time = if micros < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
    let time = time.ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "the time is out of range"))?;
    file.set_times(FileTimes::new().set_modified(time))
}

/// Renames without replacing: atomically where the system can, so that of two runs one sees the other's file.
pub(crate) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
            result => return result.map_err(io::Error::from),
        }
    }
    match fs::hard_link(from, to) {
        Ok(()) => {
            // The file has its place: that its first name stays until it is swept takes nothing from that.
            let _ = fs::remove_file(from);
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
        Err(_) => rename_held(from, to),
    }
}

/// The same for file systems without hard links: an empty file holds the name until the rename replaces it.
fn rename_held(from: &Path, to: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).open(to)?;
    fs::rename(from, to).inspect_err(|_| {
        let _ = fs::remove_file(to);
    })
}

/// Tells this process from an earlier one of the same number: in a container that is started again they all have one.
static LIFE: LazyLock<u64> = LazyLock::new(|| fastrand::u32(..).into());

/// A name in the target's directory that is ours to see, and tells which process of which system made it.
pub(crate) fn temporary_name(target: &Path) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    static PROCESS: LazyLock<String> =
        LazyLock::new(|| format!("{:016x}-{:x}-{:x}", system(), std::process::id(), *LIFE));
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    name_with_origin(target, &format!("{}-{count:x}", *PROCESS))
}

/// A name in the target's directory that every run finds again.
pub(crate) fn lasting_name(target: &Path, identity: u128) -> String {
    name_with_origin(target, &format!("{LASTING}-{identity:032x}"))
}

fn name_with_origin(target: &Path, origin: &str) -> String {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let short = &name[..name.floor_char_boundary(REPEATED)];
    format!(".{short}.{origin}{ENDING}")
}

/// Removes a file or a link of ours. To Windows a link to a directory is one.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path).or_else(|error| fs::remove_dir(path).map_err(|_| error))
}

/// Removes what dead runs left in a directory. What cannot be removed does no harm.
pub(crate) fn sweep(directory: &Path) {
    sweep_at(directory, SystemTime::now());
}

fn sweep_at(directory: &Path, now: SystemTime) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(origin) = name.to_str().and_then(origin_of) else { continue };
        let old =
            || entry.metadata().is_ok_and(|metadata| is_stale(&metadata, now)) && !is_locked(&entry.path());
        let is_left = match origin {
            Origin::Process { system: made_by, process, life } if made_by == system() => {
                let is_over = if process == u64::from(std::process::id()) {
                    life != *LIFE
                } else {
                    // That is known, whatever time the file bears.
                    !is_running(process)
                };
                is_over || old()
            }
            Origin::Process { .. } | Origin::Resumable => old(),
        };
        if is_left {
            let _ = remove(&entry.path());
        }
    }
}

/// Who made a temporary file.
enum Origin {
    Process {
        system: u64,
        process: u64,
        life: u64,
    },
    /// A large file's part, which any run may go on with.
    Resumable,
}

/// Reads the name that [`temporary_name`] or [`lasting_name`] gave; none for a file that is not ours.
fn origin_of(name: &str) -> Option<Origin> {
    let origin = name.strip_prefix('.')?.strip_suffix(ENDING)?.rsplit('.').next()?;
    if let Some(identity) = origin.strip_prefix("resume-") {
        return identity.bytes().all(|b| b.is_ascii_hexdigit()).then_some(Origin::Resumable);
    }
    let mut parts = origin.split('-').map(|part| u64::from_str_radix(part, 16).ok());
    let (system, process, life, _) = (parts.next()??, parts.next()??, parts.next()??, parts.next()??);
    Some(Origin::Process { system, process, life })
}

/// Whether nobody has touched a file for so long that no run has it in its hands.
fn is_stale(metadata: &Metadata, now: SystemTime) -> bool {
    // The time of modification is the manifest's just before a file takes its place; that of the change is the disk's.
    #[cfg(unix)]
    let touched = {
        use std::os::unix::fs::MetadataExt;
        u64::try_from(metadata.ctime()).ok().map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds))
    };
    #[cfg(not(unix))]
    let touched = metadata.created().ok();
    touched.is_some_and(|time| now.duration_since(time).is_ok_and(|age| age > STALE))
}

/// Removes what was left for a later run, unless one has it in its hands by now.
pub(crate) fn take_back(path: &Path) {
    if !is_locked(path) {
        // Should this fail, a later run sweeps the file.
        let _ = fs::remove_file(path);
    }
}

/// Whether a run has the file in its hands, however long it has waited for more to write.
fn is_locked(path: &Path) -> bool {
    // What cannot be opened cannot be known to be free.
    File::open(path).map_or(true, |file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
}

#[cfg(unix)]
fn is_running(process: u64) -> bool {
    let process = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw);
    process.is_none_or(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

#[cfg(not(unix))]
fn is_running(_: u64) -> bool {
    true
}

/// Tells apart the systems whose process numbers mean different processes, though they may share a disk.
fn system() -> u64 {
    static SYSTEM: OnceLock<u64> = OnceLock::new();
    *SYSTEM.get_or_init(|| {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id");
        match (boot, fs::read_link("/proc/self/ns/pid")) {
            (Ok(boot), Ok(namespace)) => xxh3_64(format!("{boot}{}", namespace.display()).as_bytes()),
            // Nothing tells: then no file of another run passes as a dead one's, and age decides.
            _ => fastrand::u64(..),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(name: &str) -> PathBuf {
        let home = std::env::temp_dir().join(format!("rusty-attachments-file-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&home);
        fs::create_dir_all(&home).unwrap();
        home
    }

    #[test]
    fn copies_are_numbered_before_the_extension() {
        let second = |name: &str| numbered(Path::new(name), 2);
        assert_eq!(second("/d.x/a.tar.gz"), Path::new("/d.x/a.tar (2).gz"));
        assert_eq!(second("/d.x/a"), Path::new("/d.x/a (2)"));
        assert_eq!(second("/d.x/.hidden"), Path::new("/d.x/.hidden (2)"));
    }

    #[test]
    fn what_another_system_left_is_swept_when_nobody_has_touched_it_for_a_day() {
        let home = home("sweep-old");
        let ours = [".a.txt.0000000000000001-1-0-0", ".a.txt.resume-00ff"]
            .map(|name| home.join(format!("{name}{ENDING}")));
        let foreign = home.join(".a.txt.part");
        for path in ours.iter().chain([&foreign]) {
            set_mtime(&File::create(path).unwrap(), 0).unwrap();
        }
        sweep(&home);
        assert!(ours.iter().all(|path| path.exists()), "the time of the content says nothing");
        sweep_at(&home, SystemTime::now() + STALE + Duration::from_secs(60));
        assert!(!ours.iter().any(|path| path.exists()) && foreign.exists());
        fs::remove_dir_all(home).unwrap();
    }

    #[test]
    fn what_an_earlier_process_of_the_same_number_left_is_swept() {
        let home = home("sweep-same");
        let of = |life: u64| {
            let origin = format!("{:016x}-{:x}-{life:x}-0", system(), std::process::id());
            home.join(format!(".a.txt.{origin}{ENDING}"))
        };
        let (earlier, own) = (of(*LIFE ^ 1), of(*LIFE));
        for path in [&earlier, &own] {
            fs::write(path, "half").unwrap();
        }
        sweep(&home);
        assert!(!earlier.exists() && own.exists());
        fs::remove_dir_all(home).unwrap();
    }

    #[test]
    fn a_file_under_way_is_not_swept_whatever_time_it_bears_and_neither_is_what_only_looks_like_ours() {
        let home = home("sweep-alive");
        let temp = TempFile::create(&home.join("a"), false).unwrap();
        let other = home.join(format!("notes{ENDING}"));
        fs::write(&other, "mine").unwrap();
        for path in [&other, &temp.path] {
            set_mtime(&File::options().write(true).open(path).unwrap(), 0).unwrap();
        }
        sweep(&home);
        assert_eq!(fs::read_dir(&home).unwrap().count(), 2);
        drop(temp);
        fs::remove_dir_all(home).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_link_planted_in_place_of_a_temporary_file_is_not_followed() {
        let home = home("planted");
        let (target, outside) = (home.join("a"), home.join("outside"));
        fs::write(&outside, "mine").unwrap();
        let last = temporary_name(&target);
        let (before, count) = last.strip_suffix(ENDING).unwrap().rsplit_once('-').unwrap();
        let count = u64::from_str_radix(count, 16).unwrap();
        // Other tests take names too.
        for next in 1..=200 {
            let name = format!("{before}-{:x}{ENDING}", count + next);
            std::os::unix::fs::symlink(&outside, home.join(name)).unwrap();
        }
        assert!(TempFile::create(&target, false).is_err());
        assert_eq!(fs::read(&outside).unwrap(), b"mine");
        fs::remove_dir_all(home).unwrap();
    }

    #[test]
    fn a_file_that_never_gets_its_place_goes_away() {
        let home = home("drop");
        let temp = TempFile::create(&home.join("a"), false).unwrap();
        temp.write(b"half", &home.join("a")).unwrap();
        assert_eq!(fs::read_dir(&home).unwrap().count(), 1);
        drop(temp);
        assert_eq!(fs::read_dir(&home).unwrap().count(), 0);
        fs::remove_dir_all(home).unwrap();
    }

    #[test]
    fn a_new_name_is_never_taken_from_another_file() {
        let home = home("new");
        let (from, to) = (home.join("from"), home.join("to"));
        fs::write(&from, "new").unwrap();
        fs::write(&to, "old").unwrap();
        assert_eq!(rename_new(&from, &to).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!((fs::read(&from).unwrap(), fs::read(&to).unwrap()), (b"new".to_vec(), b"old".to_vec()));
        fs::remove_dir_all(home).unwrap();
    }

    #[test]
    fn a_name_that_was_held_is_given_back_where_the_file_cannot_have_it() {
        let home = home("held");
        let (from, to) = (home.join("from"), home.join("to"));
        assert_eq!(rename_held(&from, &to).unwrap_err().kind(), ErrorKind::NotFound);
        assert!(!to.exists(), "an empty file would pass as content");
        fs::write(&from, "new").unwrap();
        rename_held(&from, &to).unwrap();
        assert_eq!(rename_held(&from, &to).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&to).unwrap(), b"new");
        fs::remove_dir_all(home).unwrap();
    }

    #[test]
    fn what_passes_as_the_same_is_not_placed_twice() {
        let home = home("same");
        let target = home.join("a");
        fs::write(&target, "same").unwrap();
        let placed =
            TempFile::create(&target, false).unwrap().place(&target, None, &Placement::Beside(&|_| Ok(true)));
        assert_eq!(placed.unwrap(), Placed { is_new: false, beside: None });
        assert_eq!(fs::read_dir(&home).unwrap().count(), 1);
        fs::remove_dir_all(home).unwrap();
    }

    #[test]
    fn what_is_placed_beside_another_tells_where_that_is() {
        let home = home("beside");
        let target = home.join("a.exr");
        fs::write(&target, "other").unwrap();
        let how = Placement::Beside(&|path| Ok(path.ends_with("a (1).exr")));
        for is_new in [true, false] {
            let placed = TempFile::create(&target, false).unwrap().place(&target, None, &how).unwrap();
            assert_eq!(placed, Placed { is_new, beside: Some(home.join("a (1).exr")) });
        }
        fs::remove_dir_all(home).unwrap();
    }

    #[test]
    fn times_are_exact_to_the_microsecond_and_may_lie_before_1970() {
        let home = home("time");
        for micros in [1_700_000_000_123_457, -1] {
            let target = home.join("a");
            let temp = TempFile::create(&target, false).unwrap();
            temp.place(&target, Some(micros), &Placement::Replace).unwrap();
            let modified = fs::metadata(&target).unwrap().modified().unwrap();
            let expected = if micros < 0 {
                UNIX_EPOCH - Duration::from_micros(micros.unsigned_abs())
            } else {
                UNIX_EPOCH + Duration::from_micros(micros.unsigned_abs())
            };
            assert_eq!(modified, expected);
        }
        fs::remove_dir_all(home).unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_that_is_gone_leaves_nothing_behind_but_one_that_lives_keeps_its_files() {
        let home = home("sweep");
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let name = |process: u32| home.join(format!(".a.{:016x}-{process:x}-1-0{ENDING}", system()));
        let (dead, living) = (name(child.id()), name(std::os::unix::process::parent_id()));
        fs::write(&dead, "").unwrap();
        fs::write(&living, "").unwrap();
        sweep(&home);
        assert!(!dead.exists() && living.exists());
        fs::remove_dir_all(home).unwrap();
    }
}
