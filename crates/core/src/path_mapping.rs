//! Path mapping rules and the trie that applies them: the longest matching source wins.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorCode, Result};
use crate::path::PathFormat;
use crate::path::pure::PurePath;

/// Where paths below `source_path` are found at the destination.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PathMappingRule {
    /// The format of `source_path` and of every path that the rule is asked about.
    pub source_path_format: PathFormat,
    /// The prefix that is replaced, part by part.
    pub source_path: String,
    /// What stands in its place, in the destination's format.
    pub destination_path: String,
}

/// Applies a set of rules with one source format. The rules are kept as a trie over the parts of their
/// source paths, so that a path costs its own length however many rules there are.
#[derive(Debug, Clone)]
pub struct PathMappingApplier {
    source_path_format: Option<PathFormat>,
    destination_path_format: PathFormat,
    /// As they were given; what is resolved with them shares them.
    rules: Arc<[PathMappingRule]>,
    destinations: Vec<PurePath>,
    /// The trie, its root first. Flat, so that a rule of a million parts can be dropped without recursion.
    trie: Vec<Node>,
}

#[derive(Debug, Clone, Default)]
struct Node {
    /// Indexes into the trie.
    children: HashMap<String, usize>,
    /// Index into `destinations`, where a rule ends here.
    destination: Option<usize>,
}

/// How far into the trie a path has come, so that many paths below one root share the walk to it.
#[derive(Clone, Copy)]
pub(crate) struct Walk<'a> {
    node: Option<&'a Node>,
    /// The deepest rule so far and how many parts it took.
    matched: Option<(usize, usize)>,
    depth: usize,
}

impl PathMappingApplier {
    /// Builds the trie. Of two rules with one source the later counts.
    ///
    /// # Errors
    /// `INCONSISTENT_SOURCE_FORMATS` where the rules do not share one source format.
    pub fn new(rules: &[PathMappingRule], destination_path_format: PathFormat) -> Result<Self> {
        let source_path_format = rules.first().map(|rule| rule.source_path_format);
        let mut trie = vec![Node::default()];
        let mut destinations = Vec::with_capacity(rules.len());
        for rule in rules {
            if Some(rule.source_path_format) != source_path_format {
                return Err(Error::new(
                    ErrorCode::InconsistentSourceFormats,
                    "the path mapping rules have both windows and posix source paths; \
                     make one applier for the rules of each source storage profile",
                ));
            }
            let mut node = 0;
            for part in PurePath::parse(&rule.source_path, rule.source_path_format).parts() {
                let next = trie.len();
                let key = fold(&part, rule.source_path_format).into_owned();
                node = *trie[node].children.entry(key).or_insert(next);
                if node == next {
                    trie.push(Node::default());
                }
            }
            trie[node].destination = Some(destinations.len());
            destinations.push(PurePath::parse(&rule.destination_path, destination_path_format));
        }
        Ok(Self { source_path_format, destination_path_format, rules: rules.into(), destinations, trie })
    }

    /// An applier that maps nothing.
    pub(crate) fn without_rules(destination_path_format: PathFormat) -> Self {
        let trie = vec![Node::default()];
        Self {
            source_path_format: None,
            destination_path_format,
            rules: Arc::default(),
            destinations: Vec::new(),
            trie,
        }
    }

    /// The one source format of the rules; none where there are no rules.
    pub fn source_path_format(&self) -> Option<PathFormat> {
        self.source_path_format
    }

    /// The rules, in the order given.
    pub fn rules(&self) -> &Arc<[PathMappingRule]> {
        &self.rules
    }

    /// The format that transformed paths are written in.
    pub fn destination_path_format(&self) -> PathFormat {
        self.destination_path_format
    }

    /// The path at the destination, or none where no rule applies. `..` is kept as it stands, so the
    /// result may leave the rule's destination: [`resolve_manifest_paths`](crate::resolve_manifest_paths)
    /// does not let it.
    pub fn transform(&self, path: &str) -> Option<String> {
        let parts = PurePath::parse(path, self.source_path_format?).parts();
        let mut walk = self.start();
        for part in &parts {
            if !self.step(&mut walk, part) {
                break;
            }
        }
        let (rule, taken) = walk.matched?;
        let joined = self.destinations[rule].clone().join(&parts[taken..], self.destination_path_format);
        Some(joined.to_text(self.destination_path_format))
    }

    /// The path at the destination.
    ///
    /// # Errors
    /// `NO_RULE_MATCHED` where no rule applies.
    pub fn strict_transform(&self, path: &str) -> Result<String> {
        self.transform(path).ok_or_else(|| {
            Error::new(
                ErrorCode::NoRuleMatched,
                format!(
                    "no path mapping rule applies to {path}; give both storage profiles a file system \
                     location of one name that holds it, or map its asset root to a local directory"
                ),
            )
            .with("path", path)
        })
    }

    pub(crate) fn start(&self) -> Walk<'_> {
        Walk { node: self.trie.first(), matched: None, depth: 0 }
    }

    /// Takes one part further; false where the trie has ended.
    pub(crate) fn step<'a>(&'a self, walk: &mut Walk<'a>, part: &str) -> bool {
        let format = self.source_path_format.unwrap_or(PathFormat::Posix);
        walk.node = walk.node.and_then(|node| {
            if node.children.is_empty() {
                return None;
            }
            self.trie.get(*node.children.get(fold(part, format).as_ref())?)
        });
        walk.depth += 1;
        match walk.node {
            Some(node) => {
                if let Some(rule) = node.destination {
                    walk.matched = Some((rule, walk.depth));
                }
                true
            }
            None => false,
        }
    }

    /// A rule's destination as text.
    pub(crate) fn destination(&self, rule: usize) -> String {
        self.destinations[rule].to_text(self.destination_path_format)
    }
}

impl Walk<'_> {
    /// The deepest rule so far and how many parts it took.
    pub(crate) fn matched(&self) -> Option<(usize, usize)> {
        self.matched
    }

    /// Whether further parts can still find a deeper rule.
    pub(crate) fn can_go_on(&self) -> bool {
        self.node.is_some_and(|node| !node.children.is_empty())
    }
}

/// A part as the trie compares it: Windows names are equal without regard to case.
fn fold(part: &str, format: PathFormat) -> Cow<'_, str> {
    let folded =
        format == PathFormat::Windows && part.bytes().any(|b| b.is_ascii_uppercase() || !b.is_ascii());
    if folded { Cow::Owned(part.to_lowercase()) } else { Cow::Borrowed(part) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(format: PathFormat, source: &str, destination: &str) -> PathMappingRule {
        PathMappingRule {
            source_path_format: format,
            source_path: source.into(),
            destination_path: destination.into(),
        }
    }

    #[test]
    fn the_longest_source_wins() {
        let rules =
            [rule(PathFormat::Posix, "/mnt/p", "/p"), rule(PathFormat::Posix, "/mnt/p/special", "/s")];
        let applier = PathMappingApplier::new(&rules, PathFormat::Posix).unwrap();
        assert_eq!(applier.transform("/mnt/p/special/x").as_deref(), Some("/s/x"));
        assert_eq!(applier.transform("/mnt/p/specials/x").as_deref(), Some("/p/specials/x"));
    }

    #[test]
    fn the_later_of_two_rules_with_one_source_wins() {
        let rules = [rule(PathFormat::Windows, "Z:\\p", "/old"), rule(PathFormat::Windows, "z:/P/", "/new")];
        let applier = PathMappingApplier::new(&rules, PathFormat::Posix).unwrap();
        assert_eq!(applier.transform("Z:\\p\\a").as_deref(), Some("/new/a"));
    }

    #[test]
    fn windows_sources_match_without_regard_to_case_and_the_rest_keeps_its_case() {
        let applier =
            PathMappingApplier::new(&[rule(PathFormat::Windows, "Z:\\Ångström", "/x")], PathFormat::Posix)
                .unwrap();
        assert_eq!(applier.transform("z:/åNGSTRÖM/Shot").as_deref(), Some("/x/Shot"));
    }

    #[test]
    fn mixed_source_formats_are_refused() {
        let rules = [rule(PathFormat::Windows, "Z:\\", "/a"), rule(PathFormat::Posix, "/z", "/b")];
        let error = PathMappingApplier::new(&rules, PathFormat::Posix).unwrap_err();
        assert_eq!(error.code, ErrorCode::InconsistentSourceFormats);
    }

    #[test]
    fn a_rule_of_a_million_parts_is_built_used_and_dropped() {
        let source = "/a".repeat(1_000_000);
        let applier =
            PathMappingApplier::new(&[rule(PathFormat::Posix, &source, "/x")], PathFormat::Posix).unwrap();
        assert_eq!(applier.clone().transform(&format!("{source}/b")).as_deref(), Some("/x/b"));
    }

    #[test]
    fn without_rules_nothing_is_mapped() {
        let applier = PathMappingApplier::new(&[], PathFormat::Posix).unwrap();
        assert_eq!(applier.transform("/a"), None);
        assert_eq!(applier.strict_transform("/a").unwrap_err().code, ErrorCode::NoRuleMatched);
    }
}
