//! What the target cannot hold: reserved and over-long names, forbidden characters, names that differ only
//! by case, a file where a directory must be.

use std::collections::{HashMap, HashSet};
use std::fmt;

use serde::Serialize;

use super::{DownloadPlan, Merge, Place, path_of};
use crate::path::PathFormat;

/// A file that cannot be written as the plan says: a warning in a preview, that file's failure in a download.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Hazard {
    /// As in the manifest.
    pub path: String,
    /// Where the file would land.
    pub local_path: String,
    /// What is wrong.
    pub code: HazardCode,
    /// In words, with what to do next.
    pub message: String,
}

impl Hazard {
    /// About how many bytes of memory it takes.
    pub(super) fn memory(&self) -> usize {
        size_of::<Self>() + self.path.len() + self.local_path.len() + self.message.len()
    }
}

/// The kinds of hazards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum HazardCode {
    /// A device name of Windows, such as `NUL` or `COM1.txt`.
    ReservedName,
    /// A character that the target's names cannot have.
    InvalidCharacter,
    /// A name that ends in a dot or a space, which Windows drops.
    TrailingDotOrSpace,
    /// A part of over 255 units, or a path longer than the target takes.
    NameTooLong,
    /// Another file has the same name but for its case, and holds the place.
    CaseCollision,
    /// Another file needs a directory where this file would be.
    FileAsDirectory,
}

impl fmt::Display for HazardCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// UTF-16 units (Windows) or bytes (POSIX) of one part.
const MAX_PART: usize = 255;
/// UTF-16 units of a path with the `\\?\` prefix.
const MAX_WINDOWS_PATH: usize = 32_767 - 4;
/// Bytes, the end mark not counted: Linux's PATH_MAX.
const MAX_POSIX_PATH: usize = 4_095;

/// Fills in the plan's hazards. `clashes` are those of [`files_as_directories`]; the last `collisions` files of
/// the plan lost their place to one that differs by case alone.
pub(super) fn find(
    plan: &mut DownloadPlan,
    format: PathFormat,
    clashes: &[(Place, Place)],
    collisions: usize,
) {
    let mut found: Vec<(u32, Hazard)> = Vec::new();
    let clash_of: HashMap<(u32, u32), Place> =
        clashes.iter().map(|(file, other)| ((file.source, file.row), *other)).collect();
    let bare_name = |place: Place| {
        let resolved = &plan.sources[place.source as usize].resolved;
        resolved.manifest().path(resolved.file_index(place.row as usize))
    };
    for (index, &place) in plan.files.iter().enumerate() {
        let local_path = path_of(&plan.sources, place);
        let local_root = plan.sources[place.source as usize].resolved.local_root(place.row as usize);
        let below_root = local_path.get(local_root.len()..).unwrap_or(local_path);
        if let Some((code, message)) = bad_name(local_path, below_root, format) {
            found.push((index as u32, hazard(bare_name(place), local_path, code, message)));
        }
        let Some(&other) = (!clash_of.is_empty()).then(|| clash_of.get(&(place.source, place.row))).flatten()
        else {
            continue;
        };
        let message = format!(
            "{} needs a directory of this name; rename one of the two where they are made",
            path_of(&plan.sources, other)
        );
        found
            .push((index as u32, hazard(bare_name(place), local_path, HazardCode::FileAsDirectory, message)));
    }
    for index in plan.files.len() - collisions..plan.files.len() {
        let message = "another file has this name but for its case, and the target folds case; \
                       rename one of the two where they are made"
            .to_owned();
        let local_path = path_of(&plan.sources, plan.files[index]);
        let hazard = hazard(bare_name(plan.files[index]), local_path, HazardCode::CaseCollision, message);
        found.push((index as u32, hazard));
    }
    for (index, hazard) in found {
        plan.hazard_of.entry(index).or_insert(plan.hazards.len() as u32);
        plan.hazards.push(hazard);
    }
}

fn hazard(path: &str, local_path: &str, code: HazardCode, message: String) -> Hazard {
    Hazard { path: path.to_owned(), local_path: local_path.to_owned(), code, message }
}

fn bad_name(local_path: &str, below_root: &str, format: PathFormat) -> Option<(HazardCode, String)> {
    if is_too_long(local_path, format) {
        let shown: String = local_path.chars().take(80).collect();
        return Some((HazardCode::NameTooLong, format!("the path {shown}… is longer than the target takes")));
    }
    if format == PathFormat::Posix && below_root.len() <= MAX_PART && !below_root.as_bytes().contains(&0) {
        return None;
    }
    format.split(below_root).find_map(|part| bad_part(part, format))
}

/// Whether no file system of the format takes the path.
fn is_too_long(path: &str, format: PathFormat) -> bool {
    match format {
        PathFormat::Windows => path.len() > MAX_WINDOWS_PATH && utf16_len(path) > MAX_WINDOWS_PATH,
        PathFormat::Posix => path.len() > MAX_POSIX_PATH,
    }
}

fn bad_part(part: &str, format: PathFormat) -> Option<(HazardCode, String)> {
    let units = || if format == PathFormat::Windows { utf16_len(part) } else { part.len() };
    if part.len() > MAX_PART && units() > MAX_PART {
        let shown: String = part.chars().take(40).collect();
        return Some((HazardCode::NameTooLong, format!("the name {shown}… is longer than {MAX_PART}")));
    }
    if part.contains('\0') {
        return Some((HazardCode::InvalidCharacter, "the name holds a NUL character".to_owned()));
    }
    if format == PathFormat::Posix {
        return None;
    }
    if let Some(c) = part.chars().find(|c| *c < ' ' || matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*')) {
        let message = format!("Windows names cannot hold {c:?} ({part:?}); rename the file where it is made");
        return Some((HazardCode::InvalidCharacter, message));
    }
    if part.ends_with(['.', ' ']) {
        let message = format!(
            "Windows drops the dot or space at the end of {part:?}; rename the file where it is made"
        );
        return Some((HazardCode::TrailingDotOrSpace, message));
    }
    is_reserved(part).then(|| {
        let message =
            format!("{part:?} is the name of a device on Windows; rename the file where it is made");
        (HazardCode::ReservedName, message)
    })
}

fn utf16_len(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// Device names count with any extension, and without regard to case.
fn is_reserved(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or_default().trim_end_matches(' ');
    // The longest device name has seven letters; anything longer is an ordinary file.
    if stem.len() > 8 {
        return false;
    }
    let stem = stem.to_ascii_uppercase();
    if matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$") {
        return true;
    }
    let number = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
    number.is_some_and(|n| matches!(n, "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³"))
}

/// Files whose path is a parent of another file's path, each with one such other.
///
/// Directories are few where files are many, so it is the directories that are looked up among the files.
pub(super) fn files_as_directories(merge: &Merge<'_>, format: PathFormat) -> Vec<(Place, Place)> {
    let mut clashes = Vec::new();
    let mut known: HashSet<&str> = HashSet::new();
    let mut last = None;
    for &place in &merge.slots {
        let resolved = &merge.sources[place.source as usize].resolved;
        if resolved.is_deleted(place.row as usize) {
            continue;
        }
        let path = path_of(merge.sources, place);
        if is_too_long(path, format) {
            continue;
        }
        let directory = parent(path, format);
        // A file's neighbours share its directory.
        if directory == last {
            continue;
        }
        last = directory;
        let root = resolved.local_root(place.row as usize);
        for directory in std::iter::successors(directory, |path| parent(path, format)) {
            // Whoever knows a directory knows those above it.
            if directory.len() < root.len() || !known.insert(directory) {
                break;
            }
            let holder = merge.holder(directory);
            let is_live =
                |file: &Place| !merge.sources[file.source as usize].resolved.is_deleted(file.row as usize);
            clashes.extend(holder.filter(is_live).map(|file| (file, place)));
        }
    }
    clashes
}

fn parent(path: &str, format: PathFormat) -> Option<&str> {
    path.rsplit_once(format.separator()).map(|(parent, _)| parent)
}
