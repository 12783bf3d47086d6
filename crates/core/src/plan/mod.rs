//! The download plan: what of all sources lands where, merged once by destination, oldest first.

mod hazards;
mod view;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::error::{Error, ErrorCode, Result};
use crate::include_filter::IncludeFilter;
use crate::keys::parse_output_manifest_key;
use crate::manifest::{Content, Manifest};
use crate::path::PathFormat;
use crate::path_mapping::PathMappingApplier;
use crate::resolve::{ResolvedManifestPaths, UnmappedPath, resolve_manifest_paths};

pub use hazards::{Hazard, HazardCode};
pub use view::{
    EntryReason, PlanEntry, PlanFolder, PlanOrder, PlanStatus, PlanTotals, PlanView, PlanViewOptions,
    RootTotals, RuleTotals,
};

/// A manifest to download, and how its paths are to be read and mapped.
#[derive(Debug, Clone)]
pub struct PlanSource {
    /// The manifest.
    pub manifest: Arc<Manifest>,
    /// Its asset root on the host that made the files.
    pub root_path: String,
    /// The format of the root and of what the rules map.
    pub source_path_format: PathFormat,
    /// What maps the paths; without it they stay as they are.
    pub applier: Option<Arc<PathMappingApplier>>,
    /// Milliseconds since the epoch. S3's have whole seconds: equal times go by the session folder's timestamp
    /// in `key`, then by the key, then by input order.
    pub last_modified: i64,
    /// The manifest's key in S3.
    pub key: Option<String>,
    /// The job that the files are of.
    pub job_id: Option<String>,
}

/// What of a source is plain data, as it crosses from JavaScript.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanSourceFields {
    root_path: String,
    source_path_format: PathFormat,
    last_modified: i64,
    key: Option<String>,
    job_id: Option<String>,
}

impl PlanSourceFields {
    /// The whole source.
    pub fn of(self, manifest: Arc<Manifest>, applier: Option<Arc<PathMappingApplier>>) -> PlanSource {
        let Self { root_path, source_path_format, last_modified, key, job_id } = self;
        PlanSource { manifest, root_path, source_path_format, applier, last_modified, key, job_id }
    }
}

/// How a plan is made.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanOptions {
    /// The format of local paths.
    pub destination_path_format: PathFormat,
    /// Whether the destination's file system folds case; where absent, it does on Windows.
    #[serde(default)]
    pub case_insensitive: Option<bool>,
    /// Only files that match one of these fnmatch patterns; empty for all.
    #[serde(default)]
    pub include: Vec<String>,
    /// Which path `include` is matched with.
    #[serde(default)]
    pub match_paths_by: MatchPathsBy,
}

/// Which path include filters are matched with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MatchPathsBy {
    /// Where the file lands.
    #[default]
    Local,
    /// Where the job wrote it.
    Job,
}

/// Everything that a download does, in the order in which the files were first seen.
#[derive(Debug)]
pub struct DownloadPlan {
    destination_path_format: PathFormat,
    sources: Vec<Source>,
    files: Vec<Place>,
    objects: usize,
    total_size: u64,
    /// Source and index into its unmapped files.
    unmapped: Vec<(u32, u32)>,
    hazards: Vec<Hazard>,
    /// Index into `hazards` by file.
    hazard_of: HashMap<u32, u32>,
    deletions: Vec<PlannedDeletion>,
    /// Made when somebody looks at the plan; a download needs none.
    rule_table: OnceLock<view::RuleTable>,
}

#[derive(Debug)]
struct Source {
    resolved: Arc<ResolvedManifestPaths>,
    job_id: Option<String>,
    /// Its index among the sources as they were given.
    given: usize,
}

/// A row of a source, and the object that it is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    source: u32,
    row: u32,
    object: u32,
}

/// The object number of what is no object: a symbolic link.
const NO_OBJECT: u32 = u32::MAX;

/// A file to be downloaded, as an engine needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedFile<'a> {
    /// As in the manifest, `/` separates.
    pub path: &'a str,
    /// Absolute, in the destination's format.
    pub local_path: &'a str,
    /// The mapped asset root: nothing is written outside of it.
    pub local_root: &'a str,
    /// What the file is made of; a link's target is a local absolute path.
    pub content: Content<'a>,
    /// Files with one content share this number, which runs from 0; none for symbolic links.
    pub object: Option<u32>,
    /// Bytes.
    pub size: Option<u64>,
    /// Microseconds since the epoch.
    pub mtime: Option<i64>,
    /// Whether the file is to be executable.
    pub runnable: bool,
    /// The job that the file is of.
    pub job_id: Option<&'a str>,
    /// Why the target cannot hold this name.
    pub hazard: Option<&'a Hazard>,
}

/// A file to be downloaded, as a page shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedFileRow {
    /// As in the manifest.
    pub path: String,
    /// Absolute, in the destination's format.
    pub local_path: String,
    /// The asset root on the host that made the file.
    pub root_path: String,
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
    /// Whether the file is to be executable.
    pub runnable: bool,
    /// The job that the file is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
}

/// What a plan holds of one job. A file that a later job wrote too is that job's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PlannedJob {
    /// Files to be on disk in the end.
    pub file_count: usize,
    /// Bytes of them.
    pub total_size: u64,
    /// Files that have no place.
    pub unmapped_count: usize,
}

/// Something that a diff deletes; done only where deletions are asked for, files before directories.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlannedDeletion {
    /// Directories go only when they are empty.
    pub is_directory: bool,
    /// Absolute, in the destination's format.
    pub local_path: String,
    /// The mapped asset root: nothing outside of it is deleted.
    pub local_root: String,
}

/// Plans the download of all sources: resolves each, merges by destination path, oldest first, and finds
/// what is fetched once for many targets, what has no place and what the target cannot hold.
///
/// # Errors
/// `INCONSISTENT_SOURCE_FORMATS` where a source's rules are of another format than its paths;
/// `INVALID_ARGUMENT` where a source's rules lead to another format than the plan's.
pub fn plan_download(sources: Vec<PlanSource>, options: &PlanOptions) -> Result<DownloadPlan> {
    plan_download_of(sources, options, |_, _| true)
}

/// The same with only those files that are wanted, by the index of their source and their local path. Deletions of
/// directories are left out of no source.
///
/// # Errors
/// As [`plan_download`].
pub fn plan_download_of(
    sources: Vec<PlanSource>,
    options: &PlanOptions,
    is_wanted: impl Fn(usize, &str) -> bool,
) -> Result<DownloadPlan> {
    let mut sources: Vec<(usize, PlanSource)> = sources.into_iter().enumerate().collect();
    sources.sort_by(|(_, a), (_, b)| in_time(a).cmp(&in_time(b)));
    let mut resolved = Vec::with_capacity(sources.len());
    for (given, source) in sources {
        let applier = source.applier.as_deref();
        if let Some(applier) =
            applier.filter(|a| a.destination_path_format() != options.destination_path_format)
        {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "a source's rules lead to {:?} paths, but the plan is for {:?} paths",
                    applier.destination_path_format(),
                    options.destination_path_format
                ),
            )
            .with("argument", "destinationPathFormat"));
        }
        let format = source.source_path_format;
        let mut paths = resolve_manifest_paths(&source.manifest, &source.root_path, format, applier)?;
        if applier.is_none() && format != options.destination_path_format {
            paths.refuse_format();
        }
        resolved.push(Source { resolved: Arc::new(paths), job_id: source.job_id, given });
    }
    Ok(Planner::new(options).plan(resolved, is_wanted))
}

fn in_time(source: &PlanSource) -> (i64, Option<&str>, Option<&str>) {
    written_at(source.last_modified, source.key.as_deref())
}

/// When a manifest was written, as far as anybody can tell: of two that wrote one file, the greater wins.
pub(crate) fn written_at(last_modified: i64, key: Option<&str>) -> (i64, Option<&str>, Option<&str>) {
    let timestamp = key.and_then(|key| Some(parse_output_manifest_key(key, None)?.timestamp));
    (last_modified, timestamp, key)
}

impl DownloadPlan {
    /// A plan of what is resolved already; later ones win.
    pub fn from_resolved(resolved: Vec<Arc<ResolvedManifestPaths>>, options: &PlanOptions) -> Self {
        let source = |(given, resolved)| Source { resolved, job_id: None, given };
        let sources = resolved.into_iter().enumerate().map(source).collect();
        Planner::new(options).plan(sources, |_, _| true)
    }

    /// The format of its local paths.
    pub fn destination_path_format(&self) -> PathFormat {
        self.destination_path_format
    }

    /// About how many bytes of memory it takes, its manifests among them: what may be shared is counted in full.
    pub fn memory(&self) -> usize {
        self.sources.iter().map(|source| source.resolved.memory()).sum::<usize>()
            + size_of_val(self.files.as_slice())
            + size_of_val(self.unmapped.as_slice())
            + self.hazards.iter().map(Hazard::memory).sum::<usize>()
    }

    /// The number of files to be on disk in the end.
    pub fn file_count(&self) -> usize {
        self.files.len()
    }

    /// Bytes of all files.
    pub fn total_size(&self) -> u64 {
        self.total_size
    }

    /// The number of different contents: what is fetched at most.
    pub fn object_count(&self) -> usize {
        self.objects
    }

    /// The number of files that have no place.
    pub fn unmapped_count(&self) -> usize {
        self.unmapped.len()
    }

    /// The number of hazards.
    pub fn hazard_count(&self) -> usize {
        self.hazards.len()
    }

    /// One file. Panics where `index` is not below [`file_count`](Self::file_count).
    pub fn file(&self, index: usize) -> PlannedFile<'_> {
        let place = self.files[index];
        let source = &self.sources[place.source as usize];
        let resolved = &*source.resolved;
        let row = place.row as usize;
        let (manifest, file) = (resolved.manifest(), resolved.file_index(row));
        let content = match (resolved.link_target(row), manifest.content(file)) {
            (None, Some(content)) => content,
            (target, _) => Content::Symlink { target: target.unwrap_or_default() },
        };
        PlannedFile {
            path: manifest.path(file),
            local_path: resolved.local_path(row),
            local_root: resolved.local_root(row),
            content,
            object: (place.object != NO_OBJECT).then_some(place.object),
            size: manifest.size(file),
            mtime: manifest.mtime(file),
            runnable: manifest.is_runnable(file),
            job_id: source.job_id.as_deref(),
            hazard: self.hazard_of.get(&(index as u32)).map(|&hazard| &self.hazards[hazard as usize]),
        }
    }

    /// The index, among the sources as they were given, of the one that a file is of. Panics as
    /// [`file`](Self::file).
    pub fn source_of(&self, index: usize) -> usize {
        self.sources[self.files[index].source as usize].given
    }

    /// All files.
    pub fn files(&self) -> impl ExactSizeIterator<Item = PlannedFile<'_>> {
        (0..self.files.len()).map(|index| self.file(index))
    }

    /// The files from `offset` on, at most `limit` of them, as rows.
    pub fn rows(&self, offset: usize, limit: usize) -> Vec<PlannedFileRow> {
        crate::page(self.files.len(), offset, limit).map(|index| self.row(index)).collect()
    }

    fn row(&self, index: usize) -> PlannedFileRow {
        let file = self.file(index);
        let root_path = self.sources[self.files[index].source as usize].resolved.root_path();
        let (hash, symlink_target) = match file.content {
            Content::Object { hash } => (Some(hash), None),
            Content::Symlink { target } => (None, Some(target.to_owned())),
            Content::Chunks { .. } => (None, None),
        };
        PlannedFileRow {
            path: file.path.to_owned(),
            local_path: file.local_path.to_owned(),
            root_path: root_path.to_owned(),
            hash,
            size: file.size,
            mtime: file.mtime,
            symlink_target,
            runnable: file.runnable,
            job_id: file.job_id.map(str::to_owned),
        }
    }

    /// The files that have no place, from `offset` on, at most `limit` of them.
    pub fn unmapped(&self, offset: usize, limit: usize) -> Vec<UnmappedPath> {
        let rows = &self.unmapped[crate::page(self.unmapped.len(), offset, limit)];
        let row = |&(source, index): &(u32, u32)| {
            self.sources[source as usize].resolved.unmapped_row(index as usize)
        };
        rows.iter().map(row).collect()
    }

    /// What the plan holds of each job, by job id.
    pub fn jobs(&self) -> BTreeMap<&str, PlannedJob> {
        let mut jobs: BTreeMap<&str, PlannedJob> = BTreeMap::new();
        let job_id = |source: u32| self.sources[source as usize].job_id.as_deref();
        for place in &self.files {
            let Some(job) = job_id(place.source) else { continue };
            let resolved = &self.sources[place.source as usize].resolved;
            let size = resolved.manifest().size(resolved.file_index(place.row as usize));
            let job = jobs.entry(job).or_default();
            job.file_count += 1;
            job.total_size = job.total_size.saturating_add(size.unwrap_or(0));
        }
        for job in self.unmapped.iter().filter_map(|&(source, _)| job_id(source)) {
            jobs.entry(job).or_default().unmapped_count += 1;
        }
        jobs
    }

    /// The hazards from `offset` on, at most `limit` of them.
    pub fn hazards(&self, offset: usize, limit: usize) -> Vec<Hazard> {
        self.hazards[crate::page(self.hazards.len(), offset, limit)].to_vec()
    }

    /// What diffs delete, files first.
    pub fn deletions(&self) -> &[PlannedDeletion] {
        &self.deletions
    }
}

/// Merges sources into a plan.
struct Planner {
    format: PathFormat,
    folds_case: bool,
    include: Vec<IncludeFilter>,
    match_paths_by: MatchPathsBy,
}

impl Planner {
    fn new(options: &PlanOptions) -> Self {
        let format = options.destination_path_format;
        Self {
            format,
            folds_case: options.case_insensitive.unwrap_or(format == PathFormat::Windows),
            include: options.include.iter().map(|filter| IncludeFilter::new(filter)).collect(),
            match_paths_by: options.match_paths_by,
        }
    }

    fn plan(&self, sources: Vec<Source>, is_wanted: impl Fn(usize, &str) -> bool) -> DownloadPlan {
        let mut merge = Merge { sources: &sources, folds_case: self.folds_case, ..Merge::default() };
        // Whoever grows a table reads every path again.
        let rows = sources.iter().map(|source| source.resolved.row_count());
        merge.table = HashTable::with_capacity(rows.clone().sum());
        merge.slots.reserve(rows.max().unwrap_or(0));
        for (index, source) in sources.iter().enumerate() {
            for row in 0..source.resolved.row_count() {
                if self.includes(&source.resolved, row) {
                    merge.add(index, row);
                }
            }
            // A filter chooses files; a directory that goes would take more than was chosen.
            if self.include.is_empty() {
                merge.removed_dirs.extend(source.resolved.removed_dirs());
            }
        }
        let clashes = hazards::files_as_directories(&merge, self.format);
        // Only now, for what is not wanted may still be what takes a place from others.
        let is_wanted = |place: &Place| {
            let Source { resolved, given, .. } = &sources[place.source as usize];
            is_wanted(*given, resolved.local_path(place.row as usize))
        };
        let collisions: Vec<Place> = merge.collisions().into_iter().filter(is_wanted).collect();
        let Merge { slots, removed_dirs, .. } = merge;
        let mut deletions = Vec::new();
        let mut files = Vec::with_capacity(slots.len());
        let mut total_size = 0u64;
        // Files that lost their place are part of the plan, so that nobody takes them for downloaded.
        for slot in slots.into_iter().filter(is_wanted).chain(collisions.iter().copied()) {
            let resolved = &sources[slot.source as usize].resolved;
            let row = slot.row as usize;
            if resolved.is_deleted(row) {
                deletions.push(PlannedDeletion {
                    is_directory: false,
                    local_path: resolved.local_path(row).to_owned(),
                    local_root: resolved.local_root(row).to_owned(),
                });
            } else {
                let size = resolved.manifest().size(resolved.file_index(row));
                total_size = total_size.saturating_add(size.unwrap_or(0));
                files.push(slot);
            }
        }
        deletions.extend(removed_dirs.iter().map(|(dir, root)| PlannedDeletion {
            is_directory: true,
            local_path: (*dir).to_owned(),
            local_root: (*root).to_owned(),
        }));
        let mut plan = DownloadPlan {
            destination_path_format: self.format,
            objects: number_objects(&sources, &mut files),
            total_size,
            unmapped: self.unmapped(&sources),
            hazards: Vec::new(),
            hazard_of: HashMap::new(),
            deletions,
            rule_table: OnceLock::new(),
            sources,
            files,
        };
        hazards::find(&mut plan, self.format, &clashes, collisions.len());
        plan
    }

    fn includes(&self, resolved: &ResolvedManifestPaths, row: usize) -> bool {
        self.include.is_empty()
            || match self.match_paths_by {
                MatchPathsBy::Local => match self.format {
                    PathFormat::Windows => self.matches(&resolved.local_path(row).replace('\\', "/")),
                    PathFormat::Posix => self.matches(resolved.local_path(row)),
                },
                MatchPathsBy::Job => self.matches(&resolved.job_path(row)),
            }
    }

    fn matches(&self, path: &str) -> bool {
        self.include.iter().any(|filter| filter.matches(path))
    }

    /// A file without a place has only the job's path. That rules it out by local paths too, unless a filter names an
    /// absolute one, where it might have come to be.
    fn unmapped(&self, sources: &[Source]) -> Vec<(u32, u32)> {
        let names_local =
            self.match_paths_by == MatchPathsBy::Local && self.include.iter().any(IncludeFilter::is_absolute);
        let takes_all = self.include.is_empty() || names_local;
        let mut unmapped = Vec::new();
        for (number, source) in sources.iter().enumerate() {
            for index in 0..source.resolved.unmapped_count() {
                if takes_all || self.matches(&source.resolved.unmapped_job_path(index)) {
                    unmapped.push((number as u32, index as u32));
                }
            }
        }
        unmapped
    }
}

/// The state of a merge: one slot a destination, which the latest writer holds.
#[derive(Default)]
struct Merge<'a> {
    sources: &'a [Source],
    folds_case: bool,
    table: HashTable<u32>,
    slots: Vec<Place>,
    /// Files whose place went to one that differs from them by case alone.
    lost: Vec<Place>,
    /// Directories to delete, each with its local root.
    removed_dirs: Vec<(&'a str, &'a str)>,
}

impl<'a> Merge<'a> {
    fn add(&mut self, source: usize, row: usize) {
        let place = Place { source: source as u32, row: row as u32, object: NO_OBJECT };
        let (sources, slots, folds_case) = (self.sources, &mut self.slots, self.folds_case);
        let path = path_of(sources, place);
        let hash = path_hash(path, folds_case);
        let same = |&slot: &u32| same_path(path_of(sources, slots[slot as usize]), path, folds_case);
        match self.table.find(hash, same) {
            Some(&slot) => {
                let before = std::mem::replace(&mut slots[slot as usize], place);
                // On Windows the two spellings were one file already; elsewhere, and within one manifest, two.
                let were_two = before.source == place.source || self.sources[source].resolved.is_posix();
                if were_two && path_of(sources, before) != path {
                    self.lost.push(before);
                }
            }
            None => {
                let slot = slots.len() as u32;
                slots.push(place);
                let rehash = |&slot: &u32| path_hash(path_of(sources, slots[slot as usize]), folds_case);
                self.table.insert_unique(hash, slot, rehash);
            }
        }
    }
}

impl Merge<'_> {
    /// The files that lost their place for good, the latest of each spelling.
    fn collisions(&self) -> Vec<Place> {
        let mut seen = HashSet::new();
        let mut collisions: Vec<Place> = Vec::new();
        for &lost in self.lost.iter().rev() {
            let path = path_of(self.sources, lost);
            let is_live =
                |place: &Place| !self.sources[place.source as usize].resolved.is_deleted(place.row as usize);
            let holder = self.holder(path).filter(is_live);
            let is_lost = holder.is_some_and(|holder| path_of(self.sources, holder) != path);
            if is_lost && is_live(&lost) && seen.insert(path) {
                collisions.push(lost);
            }
        }
        collisions.reverse();
        collisions
    }

    /// Who holds a path.
    fn holder(&self, path: &str) -> Option<Place> {
        let same =
            |&slot: &u32| same_path(path_of(self.sources, self.slots[slot as usize]), path, self.folds_case);
        let slot = self.table.find(path_hash(path, self.folds_case), same)?;
        Some(self.slots[*slot as usize])
    }
}

fn path_of(sources: &[Source], place: Place) -> &str {
    sources[place.source as usize].resolved.local_path(place.row as usize)
}

fn path_hash(path: &str, folds_case: bool) -> u64 {
    if folds_case { xxh3_64(path.to_lowercase().as_bytes()) } else { xxh3_64(path.as_bytes()) }
}

fn same_path(a: &str, b: &str, folds_case: bool) -> bool {
    a == b || (folds_case && a.to_lowercase() == b.to_lowercase())
}

/// Gives files of one content one number; says how many there are.
fn number_objects(sources: &[Source], files: &mut [Place]) -> usize {
    // By index, so that the table stays small enough to be quick.
    let mut packed: HashTable<u32> = HashTable::with_capacity(files.len());
    let mut other: HashMap<(String, Option<u64>), u32> = HashMap::new();
    let mut objects = 0;
    // With the size, so that a manifest that lies about it spoils its own file alone.
    let packed_hash = |place: Place| {
        let resolved = &sources[place.source as usize].resolved;
        let (manifest, file) = (resolved.manifest(), resolved.file_index(place.row as usize));
        Some((manifest.packed_hash(file)?, manifest.size(file)?))
    };
    let hash_of = |(hash, _): ([u8; 16], u64)| xxh3_64(&hash);
    for index in 0..files.len() {
        let place = files[index];
        let number = if let Some(hash) = packed_hash(place) {
            let same = |&known: &u32| packed_hash(files[known as usize]) == Some(hash);
            let rehash = |&known: &u32| hash_of(packed_hash(files[known as usize]).unwrap_or_default());
            match packed.entry(hash_of(hash), same, rehash) {
                Entry::Occupied(known) => files[*known.get() as usize].object,
                Entry::Vacant(slot) => {
                    slot.insert(index as u32);
                    objects
                }
            }
        } else {
            let resolved = &sources[place.source as usize].resolved;
            let (manifest, file) = (resolved.manifest(), resolved.file_index(place.row as usize));
            let hashes = match manifest.content(file) {
                Some(Content::Object { hash }) => hash,
                Some(Content::Chunks { hashes, .. }) => hashes.join(" "),
                _ => continue,
            };
            let name = (hashes, manifest.size(file));
            *other.entry(name).or_insert(objects)
        };
        files[index].object = number;
        objects = objects.max(number + 1);
    }
    objects as usize
}

#[cfg(test)]
mod tests;
