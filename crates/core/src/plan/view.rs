//! What a person looks at of a plan: which files, in which order, in which folders, and what they add up to.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{DownloadPlan, Hazard};
use crate::path::{PathFormat, join_path};
use crate::path_mapping::PathMappingRule;
use crate::resolve::{ResolvedManifestPaths, UnmappedPath};

/// Whether a file of a plan can be downloaded as it stands. What needs a person's attention comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlanStatus {
    /// It has no place.
    Unmapped,
    /// Its destination may not be able to hold it.
    Hazard,
    /// Nothing stands in its way.
    Ready,
}

/// What entries are ordered by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PlanOrder {
    /// By [`PlanStatus`], else as in the plan.
    #[default]
    Status,
    /// By asset root, then by the manifest's path.
    SourcePath,
    /// By destination; what has none comes first.
    LocalPath,
    /// By size; what has none comes first.
    Size,
    /// By time; what has none comes first.
    Mtime,
}

/// Which entries of a plan to show, and in which order.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PlanViewOptions {
    /// Only entries that hold this text in their source or local path, whatever its case and separators.
    pub search: String,
    /// Only entries of this status.
    pub status: Option<PlanStatus>,
    /// Only entries of this asset root.
    pub root_path: Option<String>,
    /// Only entries that this rule caught, by its index in [`PlanTotals::rules`].
    pub rule: Option<u32>,
    /// The order.
    pub order_by: PlanOrder,
    /// Whether the order is turned around.
    pub descending: bool,
}

/// One file of a plan, mapped or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanEntry {
    /// Whether it can be downloaded.
    pub status: PlanStatus,
    /// As in the manifest.
    pub path: String,
    /// Where the file was on the host that made it: absolute, in that host's format.
    pub source_path: String,
    /// Where it lands, if anywhere.
    pub local_path: Option<String>,
    /// The asset root on the host that made the file.
    pub root_path: String,
    /// The rule that mapped it, by its index in [`PlanTotals::rules`].
    pub rule: Option<u32>,
    /// The hash of the whole content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Microseconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtime: Option<i64>,
    /// Where a symbolic link points at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symlink_target: Option<String>,
    /// The job that the file is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    /// Why it is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<EntryReason>,
}

/// Why an entry is not ready, as a stable code and words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EntryReason {
    /// An error's code or a hazard's.
    pub code: String,
    /// What is wrong, and what to do next.
    pub message: String,
}

/// What a plan adds up to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PlanTotals {
    /// By asset root, as first seen.
    pub roots: Vec<RootTotals>,
    /// By path mapping rule: those of all sources, each once.
    pub rules: Vec<RuleTotals>,
}

/// What a plan holds of one asset root.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RootTotals {
    /// The asset root on the host that made the files.
    pub root_path: String,
    /// Files with a place.
    pub file_count: usize,
    /// Bytes of them.
    pub total_size: u64,
    /// Files among them that the destination may not be able to hold.
    pub hazard_count: usize,
    /// Files without a place.
    pub unmapped_count: usize,
}

/// What one rule caught.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleTotals {
    /// The format of `source_path`.
    pub source_path_format: PathFormat,
    /// As the rule has it.
    pub source_path: String,
    /// As the rule has it.
    pub destination_path: String,
    /// Files that it mapped.
    pub file_count: usize,
    /// Bytes of them.
    pub total_size: u64,
}

/// A folder of a [`PlanView`] with all that is below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanFolder {
    /// Absolute, in the destination's format. Folders that hold nothing but one folder are passed over.
    pub path: String,
    /// Files below it.
    pub file_count: usize,
    /// Bytes of them.
    pub total_size: u64,
    /// Files among them that the destination may not be able to hold.
    pub hazard_count: usize,
}

/// The rules of all sources, each once, and their numbers by source.
#[derive(Debug)]
pub(super) struct RuleTable {
    rules: Vec<PathMappingRule>,
    of_source: Vec<Arc<[u32]>>,
}

impl RuleTable {
    fn of(plan: &DownloadPlan) -> Self {
        let mut table = Self { rules: Vec::new(), of_source: Vec::with_capacity(plan.sources.len()) };
        let mut last: Option<&[PathMappingRule]> = None;
        for source in &plan.sources {
            let own = source.resolved.rules();
            // Sources share their rules, mostly.
            let numbers = match (last, table.of_source.last()) {
                (Some(shared), Some(numbers)) if std::ptr::eq(shared, own) => Arc::clone(numbers),
                _ => own.iter().map(|rule| table.number(rule)).collect(),
            };
            table.of_source.push(numbers);
            last = Some(own);
        }
        table
    }

    fn number(&mut self, rule: &PathMappingRule) -> u32 {
        let known = self.rules.iter().position(|known| known == rule);
        known.unwrap_or_else(|| {
            self.rules.push(rule.clone());
            self.rules.len() - 1
        }) as u32
    }
}

/// A file of a plan by number: first those without a place, then those with one.
#[derive(Debug, Clone, Copy)]
enum Entry {
    Unmapped(usize),
    File(usize),
}

impl DownloadPlan {
    /// What the plan adds up to by root and by rule.
    pub fn totals(&self) -> PlanTotals {
        let mut by_source = vec![RootTotals::default(); self.sources.len()];
        let table = self.rule_table();
        let nothing = |rule: &PathMappingRule| RuleTotals {
            source_path_format: rule.source_path_format,
            source_path: rule.source_path.clone(),
            destination_path: rule.destination_path.clone(),
            file_count: 0,
            total_size: 0,
        };
        let mut rules: Vec<RuleTotals> = table.rules.iter().map(nothing).collect();
        for (index, place) in self.files.iter().enumerate() {
            let size = self.size(Entry::File(index)).unwrap_or(0);
            let root = &mut by_source[place.source as usize];
            root.file_count += 1;
            root.total_size = root.total_size.saturating_add(size);
            root.hazard_count += usize::from(self.hazard(index).is_some());
            if let Some(rule) = self.rule(Entry::File(index)) {
                let rule = &mut rules[rule as usize];
                rule.file_count += 1;
                rule.total_size = rule.total_size.saturating_add(size);
            }
        }
        for &(source, _) in &self.unmapped {
            by_source[source as usize].unmapped_count += 1;
        }
        let mut roots: Vec<RootTotals> = Vec::new();
        for (source, part) in self.sources.iter().zip(by_source) {
            let root_path = source.resolved.root_path();
            let known = roots.iter().position(|root| root.root_path == root_path);
            let number = known.unwrap_or_else(|| {
                roots.push(RootTotals { root_path: root_path.to_owned(), ..RootTotals::default() });
                roots.len() - 1
            });
            let root = &mut roots[number];
            root.file_count += part.file_count;
            root.total_size = root.total_size.saturating_add(part.total_size);
            root.hazard_count += part.hazard_count;
            root.unmapped_count += part.unmapped_count;
        }
        PlanTotals { roots, rules }
    }

    fn rule_table(&self) -> &RuleTable {
        self.rule_table.get_or_init(|| RuleTable::of(self))
    }

    fn entry(&self, number: u32) -> Entry {
        match (number as usize).checked_sub(self.unmapped.len()) {
            None => Entry::Unmapped(number as usize),
            Some(file) => Entry::File(file),
        }
    }

    /// Where an entry comes from: its source and the index of its file in the manifest.
    fn origin(&self, entry: Entry) -> (usize, &ResolvedManifestPaths, usize) {
        let (source, is_file, index) = match entry {
            Entry::Unmapped(index) => (self.unmapped[index].0, false, self.unmapped[index].1),
            Entry::File(index) => (self.files[index].source, true, self.files[index].row),
        };
        let resolved = &*self.sources[source as usize].resolved;
        let file = match is_file {
            true => resolved.file_index(index as usize),
            false => resolved.unmapped_file_index(index as usize),
        };
        (source as usize, resolved, file)
    }

    fn hazard(&self, file: usize) -> Option<&Hazard> {
        if self.hazard_of.is_empty() {
            return None;
        }
        self.hazard_of.get(&(file as u32)).map(|&hazard| &self.hazards[hazard as usize])
    }

    fn status(&self, entry: Entry) -> PlanStatus {
        match entry {
            Entry::Unmapped(_) => PlanStatus::Unmapped,
            Entry::File(file) if self.hazard(file).is_some() => PlanStatus::Hazard,
            Entry::File(_) => PlanStatus::Ready,
        }
    }

    fn local_path(&self, entry: Entry) -> Option<&str> {
        match entry {
            Entry::Unmapped(_) => None,
            Entry::File(file) => Some(super::path_of(&self.sources, self.files[file])),
        }
    }

    fn size(&self, entry: Entry) -> Option<u64> {
        let (_, resolved, file) = self.origin(entry);
        resolved.manifest().size(file)
    }

    fn rule(&self, entry: Entry) -> Option<u32> {
        let Entry::File(file) = entry else { return None };
        let place = self.files[file];
        let rule = self.sources[place.source as usize].resolved.rule(place.row as usize)?;
        Some(self.rule_table().of_source[place.source as usize][rule])
    }

    fn plan_entry(&self, entry: Entry) -> PlanEntry {
        let (source, resolved, file) = self.origin(entry);
        let manifest = resolved.manifest();
        let root_path = resolved.root_path();
        let mut row = PlanEntry {
            status: self.status(entry),
            path: manifest.path(file).to_owned(),
            source_path: join_path(root_path, manifest.path(file), resolved.source_path_format()),
            local_path: None,
            root_path: root_path.to_owned(),
            rule: self.rule(entry),
            hash: None,
            size: manifest.size(file),
            mtime: manifest.mtime(file),
            symlink_target: None,
            job_id: self.sources[source].job_id.clone(),
            reason: None,
        };
        match entry {
            Entry::Unmapped(index) => {
                let (source, index) = self.unmapped[index];
                let UnmappedPath { reason, .. } =
                    self.sources[source as usize].resolved.unmapped_row(index as usize);
                row.reason = Some(EntryReason { code: reason.code.to_string(), message: reason.message });
            }
            Entry::File(index) => {
                let file = self.row(index);
                row.local_path = Some(file.local_path);
                row.hash = file.hash;
                row.symlink_target = file.symlink_target;
                row.reason = self.hazard(index).map(|hazard| EntryReason {
                    code: hazard.code.to_string(),
                    message: hazard.message.clone(),
                });
            }
        }
        row
    }
}

/// Some entries of a plan in some order. It keeps the plan alive.
#[derive(Debug)]
pub struct PlanView {
    plan: Arc<DownloadPlan>,
    /// Numbers of entries.
    entries: Vec<u32>,
    total_size: u64,
    /// What all local paths start with; empty for all.
    folder: String,
    own_count: usize,
}

impl PlanView {
    /// Chooses and orders entries.
    pub fn new(plan: &Arc<DownloadPlan>, options: &PlanViewOptions) -> Self {
        let needle = fold(options.search.trim().as_bytes().to_vec());
        let mut haystack = Vec::new();
        let count = plan.unmapped.len() + plan.files.len();
        let mut entries: Vec<u32> = (0..count as u32)
            .filter(|&number| {
                let entry = plan.entry(number);
                options.status.is_none_or(|status| plan.status(entry) == status)
                    && options.rule.is_none_or(|rule| plan.rule(entry) == Some(rule))
                    && options.root_path.as_ref().is_none_or(|root| plan.origin(entry).1.root_path() == root)
                    && (needle.is_empty() || holds(plan, entry, &needle, &mut haystack))
            })
            .collect();
        order(plan, &mut entries, options.order_by);
        if options.descending {
            entries.reverse();
        }
        Self::of(Arc::clone(plan), entries, String::new())
    }

    fn of(plan: Arc<DownloadPlan>, entries: Vec<u32>, folder: String) -> Self {
        let sizes = entries.iter().map(|&number| plan.size(plan.entry(number)).unwrap_or(0));
        let total_size = sizes.fold(0, u64::saturating_add);
        Self { plan, entries, total_size, folder, own_count: 0 }
    }

    /// The number of entries.
    pub fn entry_count(&self) -> usize {
        self.entries.len()
    }

    /// How many of the entries, the first ones, stand directly in the folder that [`below`](Self::below) was
    /// asked for.
    pub fn own_count(&self) -> usize {
        self.own_count
    }

    /// Bytes of all entries.
    pub fn total_size(&self) -> u64 {
        self.total_size
    }

    /// About how many bytes of memory it takes, its plan not counted.
    pub fn memory(&self) -> usize {
        size_of_val(self.entries.as_slice())
    }

    /// The entries from `offset` on, at most `limit` of them.
    pub fn entries(&self, offset: usize, limit: usize) -> Vec<PlanEntry> {
        self.entries[crate::page(self.entries.len(), offset, limit)]
            .iter()
            .map(|&number| self.plan.plan_entry(self.plan.entry(number)))
            .collect()
    }

    /// The entries that land below a folder, those directly in it first.
    pub fn below(&self, folder: &str) -> Self {
        let separator = self.plan.destination_path_format.separator();
        let folder = folder.trim_end_matches(separator);
        let (mut own, mut deeper) = (Vec::new(), Vec::new());
        for &number in &self.entries {
            let path = self.plan.local_path(self.plan.entry(number));
            let Some(rest) = path.and_then(|path| path.strip_prefix(folder)?.strip_prefix(separator)) else {
                continue;
            };
            if rest.contains(separator) { deeper.push(number) } else { own.push(number) }
        }
        let own_count = own.len();
        own.append(&mut deeper);
        Self { own_count, ..Self::of(Arc::clone(&self.plan), own, folder.to_owned()) }
    }

    /// The folders below the one that [`below`](Self::below) was asked for, or at the top. A POSIX root is one of
    /// them where a file stands directly in it.
    pub fn folders(&self) -> Vec<PlanFolder> {
        let format = self.plan.destination_path_format;
        let mut folders: Vec<PlanFolder> = Vec::new();
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        let mut last: Option<(&str, usize)> = None;
        for &number in &self.entries[self.own_count..] {
            let entry = self.plan.entry(number);
            let Some(path) = self.plan.local_path(entry) else { continue };
            let Some((parent, _)) = path.rsplit_once(format.separator()) else { continue };
            let top = match parent {
                "" => "",
                _ => top_folder(path, self.folder.len(), format),
            };
            // Neighbours share their folder, mostly.
            let index = match last {
                Some((known, index)) if known == top => index,
                _ => *numbers.entry(top).or_insert_with(|| {
                    folders.push(PlanFolder {
                        path: parent.to_owned(),
                        file_count: 0,
                        total_size: 0,
                        hazard_count: 0,
                    });
                    folders.len() - 1
                }),
            };
            last = Some((top, index));
            let folder = &mut folders[index];
            while !is_within(parent, &folder.path, format) {
                let shorter = folder.path.rfind(format.separator()).unwrap_or(0);
                folder.path.truncate(shorter.max(top.len()));
            }
            folder.file_count += 1;
            folder.total_size = folder.total_size.saturating_add(self.plan.size(entry).unwrap_or(0));
            folder.hazard_count += usize::from(self.plan.status(entry) == PlanStatus::Hazard);
        }
        match folders.iter().any(|folder| folder.path.is_empty()) {
            true => vec![root_of(&folders, format)],
            false => folders,
        }
    }
}

/// The root of a file system with all that its folders hold.
fn root_of(folders: &[PlanFolder], format: PathFormat) -> PlanFolder {
    PlanFolder {
        path: format.separator().to_string(),
        file_count: folders.iter().map(|folder| folder.file_count).sum(),
        total_size: folders.iter().fold(0, |total: u64, folder| total.saturating_add(folder.total_size)),
        hazard_count: folders.iter().map(|folder| folder.hazard_count).sum(),
    }
}

/// The first folder of a path behind `start`, from the path's beginning on.
fn top_folder(path: &str, start: usize, format: PathFormat) -> &str {
    let rest = path[start..].trim_start_matches(format.separator());
    let begin = path.len() - rest.len();
    &path[..begin + rest.find(format.separator()).unwrap_or(rest.len())]
}

/// Whether a folder is another one or below it.
fn is_within(folder: &str, other: &str, format: PathFormat) -> bool {
    folder.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with(format.separator()))
}

fn order(plan: &DownloadPlan, entries: &mut Vec<u32>, by: PlanOrder) {
    if by == PlanOrder::Status {
        let is = |status| move |&&number: &&u32| plan.status(plan.entry(number)) == status;
        let by_status = [PlanStatus::Unmapped, PlanStatus::Hazard, PlanStatus::Ready];
        *entries = by_status.iter().flat_map(|&status| entries.iter().filter(is(status))).copied().collect();
        return;
    }
    // One comparison for all columns: each of its own would be a sort of its own in the WebAssembly.
    entries.sort_unstable_by(|&a, &b| {
        let (one, other) = (plan.entry(a), plan.entry(b));
        let ((_, from, file), (_, from_other, file_other)) = (plan.origin(one), plan.origin(other));
        let (manifest, manifest_other) = (from.manifest(), from_other.manifest());
        let ordering = match by {
            PlanOrder::Status => Ordering::Equal,
            PlanOrder::SourcePath => {
                let paths = || manifest.path(file).cmp(manifest_other.path(file_other));
                from.root_path().cmp(from_other.root_path()).then_with(paths)
            }
            PlanOrder::LocalPath => plan.local_path(one).cmp(&plan.local_path(other)),
            PlanOrder::Size => manifest.size(file).cmp(&manifest_other.size(file_other)),
            PlanOrder::Mtime => manifest.mtime(file).cmp(&manifest_other.mtime(file_other)),
        };
        ordering.then(a.cmp(&b))
    });
}

/// Whether an entry's source or local path holds folded text. `haystack` is room that all entries share.
fn holds(plan: &DownloadPlan, entry: Entry, needle: &[u8], haystack: &mut Vec<u8>) -> bool {
    let (_, resolved, file) = plan.origin(entry);
    let mut text = std::mem::take(haystack);
    text.clear();
    if !resolved.manifest().version().is_absolute() {
        text.extend_from_slice(resolved.root_path().trim_end_matches(['/', '\\']).as_bytes());
        text.push(b'/');
    }
    text.extend_from_slice(resolved.manifest().path(file).as_bytes());
    text.push(b'\n');
    text.extend_from_slice(plan.local_path(entry).unwrap_or_default().as_bytes());
    *haystack = fold(text);
    match (std::str::from_utf8(haystack), std::str::from_utf8(needle)) {
        (Ok(haystack), Ok(needle)) => haystack.contains(needle),
        _ => false,
    }
}

/// Text as it is searched: without case, and with one separator.
fn fold(mut text: Vec<u8>) -> Vec<u8> {
    if !text.is_ascii() {
        text = String::from_utf8_lossy(&text).to_lowercase().into_bytes();
    }
    for byte in &mut text {
        *byte = if *byte == b'\\' { b'/' } else { byte.to_ascii_lowercase() };
    }
    text
}

#[cfg(test)]
mod tests;
