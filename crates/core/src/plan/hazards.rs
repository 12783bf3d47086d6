//! What the target cannot hold: reserved and over-long names, forbidden characters, names that differ only
//! by case, a file where a directory must be.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use super::{DownloadPlan, Place, path_of};
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

/// UTF-16 units (Windows) or bytes (POSIX) of one part.
const MAX_PART: usize = 255;
/// UTF-16 units of a path with the `\\?\` prefix.
const MAX_WINDOWS_PATH: usize = 32_767 - 4;
/// Bytes, the end mark not counted: Linux's PATH_MAX.
const MAX_POSIX_PATH: usize = 4_095;

pub(super) fn find(
    plan: &mut DownloadPlan,
    format: PathFormat,
    folds_case: bool,
    collisions: Vec<(Place, u32)>,
) {
    let mut found: Vec<(Option<u32>, Hazard)> = Vec::new();
    for (index, file) in plan.files().enumerate() {
        let below_root = file.local_path.get(file.local_root.len()..).unwrap_or(file.local_path);
        if let Some((code, message)) = bad_name(file.local_path, below_root, format) {
            found.push((Some(index as u32), hazard(file.path, file.local_path, code, message)));
        }
    }
    for (index, other) in files_as_directories(plan, format, folds_case) {
        let file = plan.file(index as usize);
        let message =
            format!("{other} needs a directory of this name; rename one of the two where they are made");
        found.push((Some(index), hazard(file.path, file.local_path, HazardCode::FileAsDirectory, message)));
    }
    for (loser, _) in collisions {
        let resolved = &plan.sources[loser.source as usize].resolved;
        let path = resolved.manifest().path(resolved.file_index(loser.row as usize));
        let message =
            "another file of the manifest has this name but for its case, and the target folds case; \
                       rename one of the two where they are made"
                .to_owned();
        found.push((None, hazard(path, path_of(&plan.sources, loser), HazardCode::CaseCollision, message)));
    }
    for (index, hazard) in found {
        if let Some(index) = index {
            plan.hazard_of.entry(index).or_insert(plan.hazards.len() as u32);
        }
        plan.hazards.push(hazard);
    }
}

fn hazard(path: &str, local_path: &str, code: HazardCode, message: String) -> Hazard {
    Hazard { path: path.to_owned(), local_path: local_path.to_owned(), code, message }
}

fn bad_name(local_path: &str, below_root: &str, format: PathFormat) -> Option<(HazardCode, String)> {
    let is_long = match format {
        PathFormat::Windows => {
            local_path.len() > MAX_WINDOWS_PATH && utf16_len(local_path) > MAX_WINDOWS_PATH
        }
        PathFormat::Posix => local_path.len() > MAX_POSIX_PATH,
    };
    if is_long {
        let shown: String = local_path.chars().take(80).collect();
        return Some((HazardCode::NameTooLong, format!("the path {shown}… is longer than the target takes")));
    }
    below_root.split(|c| format.is_separator(c)).find_map(|part| bad_part(part, format))
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
fn files_as_directories(plan: &DownloadPlan, format: PathFormat, folds_case: bool) -> Vec<(u32, String)> {
    let fold = |path: &str| if folds_case { path.to_lowercase() } else { path.to_owned() };
    let mut parents: HashMap<String, u32> = HashMap::new();
    let mut known: HashSet<String> = HashSet::new();
    for (index, file) in plan.files().enumerate() {
        let mut path = file.local_path;
        while let Some((parent, _)) = path.rsplit_once(format.separator()) {
            // Whoever knows a directory knows those above it.
            if parent.len() < file.local_root.len() || known.contains(parent) {
                break;
            }
            known.insert(parent.to_owned());
            parents.entry(fold(parent)).or_insert(index as u32);
            path = parent;
        }
    }
    let mut clashes = Vec::new();
    for (index, file) in plan.files().enumerate() {
        // Only a file that is no longer than the directories can be one of them; most are told apart by this.
        let clash = match folds_case {
            true => parents.get(&file.local_path.to_lowercase()),
            false => parents.get(file.local_path),
        };
        if let Some(&other) = clash {
            clashes.push((index as u32, plan.file(other as usize).local_path.to_owned()));
        }
    }
    clashes
}
