//! Where each file of a manifest lands: joined to its asset root and normalised in the source format, then
//! mapped. Nothing resolved here ever leaves its destination.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::error::{Error, ErrorCode, Result};
use crate::manifest::{Content, Manifest};
use crate::path::{PathFormat, is_absolute, is_anchored, join_path, join_posix, normalize};
use crate::path_mapping::{PathMappingApplier, PathMappingRule, Walk};

/// The files of one manifest with their local paths, and those that have none with the reason.
///
/// Holds the manifest and one text of all local paths; rows are made when a page is asked for.
#[derive(Debug)]
pub struct ResolvedManifestPaths {
    manifest: Arc<Manifest>,
    root_path: String,
    source_path_format: PathFormat,
    destination_path_format: PathFormat,
    /// All local paths, end to end.
    text: String,
    rows: Vec<Row>,
    /// The directories that rows may not leave.
    bases: Vec<String>,
    /// The rule that each base comes from, by its index in `rules`.
    base_rules: Vec<Option<usize>>,
    /// The rules that paths were mapped with.
    rules: Arc<[PathMappingRule]>,
    /// The local targets of symbolic links, by row.
    link_targets: BTreeMap<u32, String>,
    unmapped: Vec<(u32, Refusal)>,
    /// The directories that a diff deletes, each with what it may not leave.
    removed_dirs: Vec<(String, u32)>,
    total_size: u64,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    /// Index of the file in the manifest.
    file: u32,
    start: u32,
    length: u32,
    base: u32,
}

/// A file and where it lands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResolvedManifestPath {
    /// As in the manifest.
    pub path: String,
    /// Absolute, in the destination's format.
    pub local_path: String,
    /// The hash of the whole content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hash: Option<String>,
    /// Bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Microseconds since the epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtime: Option<i64>,
}

/// A file that lands nowhere, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnmappedPath {
    /// As in the manifest.
    pub manifest_path: String,
    /// Where the file was on the host that made it.
    pub absolute_source_path: String,
    /// Why.
    pub reason: Reason,
}

/// A reason as code and words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// The stable code.
    pub code: ErrorCode,
    /// What is wrong, and what to do next.
    pub message: String,
}

/// Why a path has no place, in the size of a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    NoRule,
    OutsideRoot,
    RelativeRoot,
    RelativeDestination,
    Reroots,
    NotText,
    LinkLeavesRoot,
    FormatsDiffer,
}

impl Refusal {
    fn reason(self) -> Reason {
        let (code, message) = match self {
            Self::NoRule => (
                ErrorCode::NoRuleMatched,
                "no path mapping rule applies; give both storage profiles a file system location of one name \
                 that holds this path, or map its asset root to a local directory (rootOverrides)",
            ),
            Self::OutsideRoot => (
                ErrorCode::PathOutsideRoot,
                "the path leaves its asset root and is never downloaded; whoever wrote the manifest should \
                 write paths below the root",
            ),
            Self::RelativeRoot => (
                ErrorCode::PathOutsideRoot,
                "the asset root is not an absolute path, so nothing says where it is; map it to a local \
                 directory (rootOverrides)",
            ),
            Self::RelativeDestination => (
                ErrorCode::InvalidArgument,
                "the rule that applies leads to a path that is not absolute, so nothing says where it is; give \
                 the local storage profile's location an absolute path",
            ),
            Self::Reroots => (
                ErrorCode::PathOutsideRoot,
                "a part of the path would be read as a drive or as leading upwards on Windows; rename the \
                 file where it is made",
            ),
            Self::NotText => (
                ErrorCode::InvalidManifest,
                "the name is not valid Unicode (it holds a lone surrogate); rename the file where it is made",
            ),
            Self::LinkLeavesRoot => (
                ErrorCode::PathOutsideRoot,
                "the symbolic link leads out of its asset root and is never made",
            ),
            Self::FormatsDiffer => (
                ErrorCode::NoRuleMatched,
                "the path is in the other operating system's format and nothing maps it; give the job's and \
                 the local storage profile, or map its asset root to a local directory (rootOverrides)",
            ),
        };
        Reason { code, message: message.to_owned() }
    }
}

/// Resolves every file of a manifest: joined to `root_path`, normalised, mapped by `applier`.
///
/// Without an applier paths stay as they are. The names of an absolute manifest need no root: with an
/// applier each must be mapped, without one each must stand below `root_path`.
///
/// # Errors
/// `INCONSISTENT_SOURCE_FORMATS` where the applier's rules are of another format than the source's;
/// `INVALID_ARGUMENT` where the local paths of one manifest take over 4 GiB.
pub fn resolve_manifest_paths(
    manifest: &Arc<Manifest>,
    root_path: &str,
    source_path_format: PathFormat,
    applier: Option<&PathMappingApplier>,
) -> Result<ResolvedManifestPaths> {
    if let Some(format) = applier.and_then(PathMappingApplier::source_path_format)
        && format != source_path_format
    {
        return Err(Error::new(
            ErrorCode::InconsistentSourceFormats,
            format!("The rules map {format} paths, but the source's paths are {source_path_format} paths."),
        ));
    }
    let count = manifest.file_count();
    let mut resolver = Resolver::new(manifest, root_path, source_path_format, applier);
    resolver.out.rows.reserve_exact(count);
    let longest_base = resolver.out.bases.iter().map(String::len).max().unwrap_or(0);
    resolver.out.text.reserve(manifest.text_len().saturating_add(count.saturating_mul(longest_base + 1)));
    for index in 0..count {
        // The decoder holds all names in 4 GiB, so their number fits too.
        let file = index as u32;
        match resolver.resolve(manifest.path(index), manifest.is_well_formed(index)) {
            Ok((start, base)) => resolver.keep(manifest, file, start, base)?,
            Err(refusal) => resolver.out.unmapped.push((file, refusal)),
        }
    }
    let dirs: Vec<&str> = manifest.deleted_dirs().collect();
    for dir in dirs {
        if let Ok((start, base)) = resolver.resolve(dir, true) {
            let removed = resolver.out.text.split_off(start);
            resolver.out.removed_dirs.push((removed, base));
        }
    }
    resolver.out.text.shrink_to_fit();
    resolver.out.rows.shrink_to_fit();
    resolver.out.bases.shrink_to_fit();
    Ok(resolver.out)
}

/// What is the same for every file of a manifest, worked out once.
struct Resolver<'a> {
    applier: Option<&'a PathMappingApplier>,
    source: PathFormat,
    destination: PathFormat,
    /// The walk through the rules that the asset root has made, where there are rules.
    root_walk: Option<Walk<'a>>,
    /// The root's own parts behind the deepest rule that it matched.
    root_depth: usize,
    /// Index of the mapped asset root in `bases`, or why it has none.
    root_base: Result<u32, Refusal>,
    rule_bases: BTreeMap<usize, Result<u32, Refusal>>,
    /// The root's own parts in a manifest of absolute paths, which must stand below them.
    allowed: Option<String>,
    out: ResolvedManifestPaths,
}

impl<'a> Resolver<'a> {
    fn new(
        manifest: &Arc<Manifest>,
        root_path: &str,
        source: PathFormat,
        applier: Option<&'a PathMappingApplier>,
    ) -> Self {
        let destination = applier.map_or(source, PathMappingApplier::destination_path_format);
        let mut resolver = Self {
            applier,
            source,
            destination,
            root_walk: None,
            root_depth: 0,
            root_base: Err(Refusal::NoRule),
            rule_bases: BTreeMap::new(),
            allowed: None,
            out: ResolvedManifestPaths {
                manifest: Arc::clone(manifest),
                root_path: root_path.to_owned(),
                source_path_format: source,
                destination_path_format: destination,
                text: String::new(),
                rows: Vec::new(),
                bases: Vec::new(),
                base_rules: Vec::new(),
                rules: applier.map_or_else(Arc::default, |applier| Arc::clone(applier.rules())),
                link_targets: BTreeMap::new(),
                unmapped: Vec::new(),
                removed_dirs: Vec::new(),
                total_size: 0,
            },
        };
        if manifest.version().is_absolute() {
            resolver.absolute_names(root_path);
        } else {
            resolver.relative_names(root_path);
        }
        resolver
    }

    fn absolute_names(&mut self, root_path: &str) {
        match self.applier {
            Some(applier) => self.root_walk = Some(applier.start()),
            None => {
                let root = normalize(root_path, self.source);
                self.root_base = self.unmapped_base(&root);
                self.allowed = Some(root);
            }
        }
    }

    fn relative_names(&mut self, root_path: &str) {
        let root = normalize(root_path, self.source);
        let Some(applier) = self.applier else {
            self.root_base = self.unmapped_base(&root);
            return;
        };
        let parts = crate::path::pure::PurePath::parse(&root, self.source).parts();
        let mut walk = applier.start();
        for part in &parts {
            if !applier.step(&mut walk, part) {
                break;
            }
        }
        self.root_depth = parts.len();
        self.root_walk = Some(walk);
        if let Some((rule, taken)) = walk.matched() {
            let beyond = &parts[taken..];
            self.root_base = if beyond.iter().any(|part| part == ".." || self.reroots(part)) {
                Err(Refusal::Reroots)
            } else {
                applier
                    .transform(&root)
                    .ok_or(Refusal::NoRule)
                    .and_then(|mapped| self.base(mapped, Some(rule)))
            };
        }
    }

    /// The root itself, where paths stay as they are.
    fn unmapped_base(&mut self, root: &str) -> Result<u32, Refusal> {
        match is_absolute(root, self.source) {
            true => self.base(root.to_owned(), None),
            false => Err(Refusal::RelativeRoot),
        }
    }

    fn base(&mut self, path: String, rule: Option<usize>) -> Result<u32, Refusal> {
        if !is_absolute(&path, self.destination) {
            return Err(Refusal::RelativeDestination);
        }
        self.out.bases.push(path);
        self.out.base_rules.push(rule);
        Ok(self.out.bases.len() as u32 - 1)
    }

    /// Writes the local path to the end of the text; says where it starts and what it may not leave.
    fn resolve(&mut self, path: &str, is_text: bool) -> Result<(usize, u32), Refusal> {
        if !is_text {
            return Err(Refusal::NotText);
        }
        if self.root_base == Err(Refusal::Reroots) {
            return Err(Refusal::Reroots);
        }
        let path = match &self.allowed {
            // Below the root an absolute name is a relative one.
            Some(root) => {
                Cow::Owned(strip_root(&normalize(path, self.source), root, self.source)?.to_owned())
            }
            None => Cow::Borrowed(path),
        };
        let is_absolute_name = self.out.manifest.version().is_absolute() && self.allowed.is_none();
        let path = if is_absolute_name {
            if !is_absolute(&path, self.source) {
                return Err(Refusal::OutsideRoot);
            }
            Cow::Owned(normalize(&path, self.source))
        } else {
            inside(&path, self.source)?
        };
        match self.root_walk.filter(|walk| is_absolute_name || walk.can_go_on()) {
            Some(walk) => self.map_deeper(&path, walk, is_absolute_name),
            None => {
                let base = self.root_base?;
                let is_one_piece = self.destination == PathFormat::Posix
                    && (self.source == PathFormat::Posix || !path.as_bytes().contains(&b'\\'));
                let start = match is_one_piece {
                    true => self.append(base, std::iter::once(&*path))?,
                    false => self.append(base, self.source.split(&path))?,
                };
                Ok((start, base))
            }
        }
    }

    /// Goes on through the rules with the file's own parts, since a rule may start below the asset root.
    fn map_deeper(
        &mut self,
        path: &str,
        mut walk: Walk<'a>,
        absolute: bool,
    ) -> Result<(usize, u32), Refusal> {
        let Some(applier) = self.applier else { return Err(Refusal::NoRule) };
        let anchored;
        let parts: Vec<&str> = if absolute {
            anchored = crate::path::pure::PurePath::parse(path, self.source).parts();
            anchored.iter().map(String::as_str).collect()
        } else {
            self.source.split(path).collect()
        };
        for part in &parts {
            if !applier.step(&mut walk, part) {
                break;
            }
        }
        let (rule, taken) = walk.matched().ok_or(Refusal::NoRule)?;
        let depth = if absolute { 0 } else { self.root_depth };
        let (base, beyond) = match taken.checked_sub(depth).filter(|own| absolute || *own > 0) {
            Some(own) => (self.rule_base(applier, rule)?, &parts[own..]),
            None => (self.root_base?, &parts[..]),
        };
        self.append(base, beyond.iter().copied()).map(|start| (start, base))
    }

    fn rule_base(&mut self, applier: &PathMappingApplier, rule: usize) -> Result<u32, Refusal> {
        if let Some(&base) = self.rule_bases.get(&rule) {
            return base;
        }
        let base = self.base(applier.destination(rule), Some(rule));
        self.rule_bases.insert(rule, base);
        base
    }

    fn append<'p>(&mut self, base: u32, parts: impl Iterator<Item = &'p str>) -> Result<usize, Refusal> {
        let start = self.out.text.len();
        self.out.text.push_str(&self.out.bases[base as usize]);
        let separator = self.destination.separator();
        for part in parts {
            if self.reroots(part) {
                self.out.text.truncate(start);
                return Err(Refusal::Reroots);
            }
            if !self.out.text.ends_with(separator) {
                self.out.text.push(separator);
            }
            self.out.text.push_str(part);
        }
        Ok(start)
    }

    /// Whether a part that is one name at the source would be a drive or several names at the destination.
    fn reroots(&self, part: &str) -> bool {
        self.destination == PathFormat::Windows
            && (part.contains(':')
                || (part.contains('\\') && part.split('\\').any(|name| matches!(name, "" | "." | ".."))))
    }

    fn keep(&mut self, manifest: &Manifest, file: u32, start: usize, base: u32) -> Result<()> {
        let index = file as usize;
        let end = self.out.text.len();
        if let Some(target) = manifest.symlink_target(index) {
            match self.resolve(target, manifest.has_well_formed_target(index)) {
                Ok((from, link_base)) if link_base == base => {
                    let target = self.out.text.split_off(from);
                    self.out.link_targets.insert(self.out.rows.len() as u32, target);
                }
                _ => {
                    self.out.text.truncate(start);
                    self.out.unmapped.push((file, Refusal::LinkLeavesRoot));
                    return Ok(());
                }
            }
        }
        let (Ok(text_start), Ok(length)) = (u32::try_from(start), u32::try_from(end - start)) else {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                "the local paths of this manifest take over 4 GiB; use shorter destination paths",
            ));
        };
        self.out.rows.push(Row { file, start: text_start, length, base });
        self.out.total_size = self.out.total_size.saturating_add(manifest.size(index).unwrap_or(0));
        Ok(())
    }
}

/// The path without empty parts, `.` and `..`, as long as it stays below where it starts.
fn inside(path: &str, format: PathFormat) -> Result<Cow<'_, str>, Refusal> {
    if is_anchored(path, format) {
        return Err(Refusal::OutsideRoot);
    }
    let is_plain = |part: &str| !matches!(part, "" | "." | "..");
    if format.split(path).all(is_plain) {
        return Ok(Cow::Borrowed(path));
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in format.split(path) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop().ok_or(Refusal::OutsideRoot)?),
            part => parts.push(part),
        }
    }
    if parts.is_empty() {
        // The root itself is a directory and never a file.
        return Err(Refusal::OutsideRoot);
    }
    Ok(Cow::Owned(parts.join("/")))
}

/// What of a normalised absolute path stands below a normalised root.
fn strip_root<'p>(path: &'p str, root: &str, format: PathFormat) -> Result<&'p str, Refusal> {
    let separator = format.separator();
    let equal = |a: &str, b: &str| match format {
        PathFormat::Windows => a.to_lowercase() == b.to_lowercase(),
        PathFormat::Posix => a == b,
    };
    let head = path.get(..root.len()).filter(|head| equal(head, root)).ok_or(Refusal::OutsideRoot)?;
    let rest = &path[head.len()..];
    if root.ends_with(separator) {
        return Ok(rest);
    }
    rest.strip_prefix(separator).ok_or(Refusal::OutsideRoot)
}

impl ResolvedManifestPaths {
    /// The number of files that have a local path, deleted ones not counted.
    pub fn resolved_count(&self) -> usize {
        self.rows.iter().filter(|row| !self.manifest.is_deleted(row.file as usize)).count()
    }

    /// The number of files that have none.
    pub fn unmapped_count(&self) -> usize {
        self.unmapped.len()
    }

    /// Bytes of the resolved files.
    pub fn total_size(&self) -> u64 {
        self.total_size
    }

    /// The format of its local paths.
    pub fn destination_path_format(&self) -> PathFormat {
        self.destination_path_format
    }

    /// About how many bytes of memory it takes, its manifest among them.
    pub fn memory(&self) -> usize {
        self.manifest.memory()
            + self.text.len()
            + size_of_val(self.rows.as_slice())
            + size_of_val(self.unmapped.as_slice())
    }

    /// The resolved files from `offset` on, at most `limit` of them.
    pub fn resolved(&self, offset: usize, limit: usize) -> Vec<ResolvedManifestPath> {
        let live = (0..self.rows.len()).filter(|&row| !self.is_deleted(row));
        live.skip(offset).take(limit).map(|row| self.resolved_row(row)).collect()
    }

    /// The unresolved files from `offset` on, at most `limit` of them.
    pub fn unmapped(&self, offset: usize, limit: usize) -> Vec<UnmappedPath> {
        crate::page(self.unmapped.len(), offset, limit).map(|index| self.unmapped_row(index)).collect()
    }

    fn resolved_row(&self, row: usize) -> ResolvedManifestPath {
        let file = self.rows[row].file as usize;
        let hash = match self.manifest.content(file) {
            Some(Content::Object { hash }) => Some(hash),
            _ => None,
        };
        ResolvedManifestPath {
            path: self.manifest.path(file).to_owned(),
            local_path: self.local_path(row).to_owned(),
            hash,
            size: self.manifest.size(file),
            mtime: self.manifest.mtime(file),
        }
    }

    pub(crate) fn unmapped_row(&self, index: usize) -> UnmappedPath {
        let (file, refusal) = self.unmapped[index];
        let path = self.manifest.path(file as usize);
        UnmappedPath {
            manifest_path: path.to_owned(),
            absolute_source_path: join_path(&self.root_path, path, self.source_path_format),
            reason: refusal.reason(),
        }
    }

    pub(crate) fn unmapped_file_index(&self, index: usize) -> usize {
        self.unmapped[index].0 as usize
    }

    pub(crate) fn rules(&self) -> &[PathMappingRule] {
        &self.rules
    }

    /// The rule that mapped a row, by its index in [`rules`](Self::rules).
    pub(crate) fn rule(&self, row: usize) -> Option<usize> {
        self.base_rules[self.rows[row].base as usize]
    }

    pub(crate) fn source_path_format(&self) -> PathFormat {
        self.source_path_format
    }

    pub(crate) fn unmapped_job_path(&self, index: usize) -> String {
        self.job_path_of(self.unmapped[index].0 as usize)
    }

    pub(crate) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    pub(crate) fn root_path(&self) -> &str {
        &self.root_path
    }

    pub(crate) fn is_posix(&self) -> bool {
        self.source_path_format == PathFormat::Posix
    }

    pub(crate) fn row_count(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn file_index(&self, row: usize) -> usize {
        self.rows[row].file as usize
    }

    pub(crate) fn is_deleted(&self, row: usize) -> bool {
        self.manifest.is_deleted(self.file_index(row))
    }

    pub(crate) fn local_path(&self, row: usize) -> &str {
        let Row { start, length, .. } = self.rows[row];
        &self.text[start as usize..][..length as usize]
    }

    pub(crate) fn local_root(&self, row: usize) -> &str {
        &self.bases[self.rows[row].base as usize]
    }

    pub(crate) fn link_target(&self, row: usize) -> Option<&str> {
        self.link_targets.get(&(row as u32)).map(String::as_str)
    }

    /// The path as the job knows it, with `/` as separator: what include filters can be asked about.
    pub(crate) fn job_path(&self, row: usize) -> String {
        self.job_path_of(self.file_index(row))
    }

    fn job_path_of(&self, file: usize) -> String {
        let path = self.manifest.path(file);
        let (root, path) = match self.source_path_format {
            PathFormat::Windows => (self.root_path.replace('\\', "/"), path.replace('\\', "/")),
            PathFormat::Posix => (self.root_path.clone(), path.to_owned()),
        };
        join_posix(&root, &path)
    }

    /// The local paths of directories that a diff deletes, each with its local root.
    pub(crate) fn removed_dirs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.removed_dirs.iter().map(|(dir, base)| (dir.as_str(), self.bases[*base as usize].as_str()))
    }

    /// Turns every file into an unmapped one, since its paths mean nothing at a destination of another format.
    pub(crate) fn refuse_format(&mut self) {
        self.text.clear();
        self.link_targets.clear();
        self.removed_dirs.clear();
        self.total_size = 0;
        let rows = std::mem::take(&mut self.rows);
        self.unmapped.extend(rows.iter().map(|row| (row.file, Refusal::FormatsDiffer)));
        self.unmapped.sort_unstable_by_key(|(file, _)| *file);
    }
}
