//! Whatever comes in: an answer or an error with a code, never a panic, and never a path outside its root.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use rusty_attachments_core::keys::{
    ListedObject, extract_session_action_id, filter_output_manifest_keys, parse_output_manifest_key,
};
use rusty_attachments_core::*;

/// Pieces that paths go wrong with.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("..".to_owned()),
        Just(".".to_owned()),
        Just(String::new()),
        Just("C:".to_owned()),
        Just("?".to_owned()),
        Just("UNC".to_owned()),
        Just("server".to_owned()),
        Just("NUL".to_owned()),
        "[a-zA-ZÅß ]{1,4}",
        any::<char>().prop_map(String::from),
    ]
}

fn path() -> impl Strategy<Value = String> {
    (
        prop_oneof![Just(""), Just("/"), Just("\\\\"), Just("C:\\"), Just("//?/")],
        vec((piece(), "[/\\\\]{1,2}"), 0..7),
    )
        .prop_map(|(anchor, pieces)| {
            pieces.into_iter().fold(anchor.to_owned(), |path, (piece, separator)| path + &piece + &separator)
        })
        .prop_flat_map(|path| {
            prop_oneof![Just(path.clone()), Just(path.trim_end_matches(['/', '\\']).to_owned())]
        })
}

fn format() -> impl Strategy<Value = PathFormat> {
    prop_oneof![Just(PathFormat::Windows), Just(PathFormat::Posix)]
}

fn manifest(paths: Vec<String>) -> Option<Arc<Manifest>> {
    let files = paths
        .into_iter()
        .map(|path| NewManifestFile {
            path,
            hash: Some("0".repeat(32)),
            size: Some(1),
            mtime: Some(1),
            ..NewManifestFile::default()
        })
        .collect();
    Manifest::create(NewManifest { files, ..NewManifest::default() }).ok().map(Arc::new)
}

fn separators(format: PathFormat) -> &'static [char] {
    match format {
        PathFormat::Windows => &['/', '\\'],
        PathFormat::Posix => &['/'],
    }
}

proptest! {
    #[test]
    fn any_bytes_decode_or_are_refused_with_a_code(bytes in vec(any::<u8>(), 0..200)) {
        if let Err(error) = Manifest::decode(&bytes) {
            prop_assert!(matches!(error.code, ErrorCode::InvalidManifest | ErrorCode::UnsupportedManifestVersion));
        }
    }

    #[test]
    fn a_damaged_manifest_decodes_or_is_refused_with_a_place_inside_it(
        paths in vec("[a-z/é\u{1f600}]{1,8}", 1..4), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut bytes = manifest(paths).unwrap().encode().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Err(error) = Manifest::decode(&bytes) {
            let offset = error.details.get("offset").and_then(|offset| offset.as_u64());
            prop_assert!(offset.is_none_or(|offset| offset <= bytes.len() as u64), "{error:?}");
        }
    }

    #[test]
    fn what_is_encoded_decodes_to_the_same(paths in vec("\\PC{1,12}", 1..6)) {
        let manifest = manifest(paths).unwrap();
        let encoded = manifest.encode();
        let again = Manifest::decode(encoded.as_bytes()).unwrap();
        prop_assert_eq!(again.encode(), encoded);
    }

    #[test]
    fn normalising_twice_changes_nothing(root in path(), path in path(), format in format()) {
        let once = join_path(&root, &path, format);
        // What `..` uncovers can read as a drive (`x/../C:.`), to Python's ntpath as well.
        prop_assume!(format == PathFormat::Posix || !once.contains(':'));
        prop_assert_eq!(join_path(&once, "", format), once);
    }

    #[test]
    fn a_planned_file_never_leaves_its_root(
        paths in vec(path(), 1..6), root in path(), source in path(), target in path(),
        from in format(), to in format(), with_rule in any::<bool>(),
    ) {
        let Some(manifest) = manifest(paths) else { return Ok(()) };
        let rule = PathMappingRule { source_path_format: from, source_path: source, destination_path: target };
        let applier = with_rule.then(|| Arc::new(PathMappingApplier::new(&[rule], to).unwrap()));
        let count = manifest.file_count();
        let source = PlanSource {
            manifest, root_path: root, source_path_format: from, applier, last_modified: 0, key: None, job_id: None,
        };
        let options = PlanOptions {
            destination_path_format: to, case_insensitive: Some(false), include: vec![],
            match_paths_by: MatchPathsBy::Local,
        };
        let plan = plan_download(vec![source], &options).unwrap();
        prop_assert!(plan.file_count() + plan.unmapped_count() <= count);
        for file in plan.files() {
            let below = file.local_path.strip_prefix(file.local_root);
            prop_assert!(below.is_some(), "{file:?}");
            for part in below.unwrap_or_default().split(separators(to)) {
                prop_assert!(!matches!(part, ".." | "."), "{file:?}");
                prop_assert!(to == PathFormat::Posix || !part.contains(':'), "{file:?}");
            }
        }
        for row in plan.unmapped(0, usize::MAX) {
            prop_assert!(!row.reason.message.is_empty());
        }
    }

    #[test]
    fn the_trie_finds_the_longest_rule(
        sources in vec("(/[ab]){0,3}", 1..6), path in "(/[ab]){1,5}",
    ) {
        let rules: Vec<_> = sources.iter().enumerate().map(|(i, source)| PathMappingRule {
            source_path_format: PathFormat::Posix,
            source_path: format!("/r{source}"),
            destination_path: format!("/d{i}"),
        }).collect();
        let path = format!("/r{path}");
        let expected = rules.iter().enumerate()
            .filter(|(_, rule)| path == rule.source_path || path.starts_with(&format!("{}/", rule.source_path)))
            .max_by_key(|(i, rule)| (rule.source_path.len(), *i))
            .map(|(_, rule)| format!("{}{}", rule.destination_path, &path[rule.source_path.len()..]));
        let applier = PathMappingApplier::new(&rules, PathFormat::Posix).unwrap();
        prop_assert_eq!(applier.transform(&path), expected);
    }

    #[test]
    fn any_text_is_a_key_or_none(keys in vec("\\PC{0,40}", 0..5), prefix in "\\PC{0,10}") {
        for key in &keys {
            parse_output_manifest_key(key, Some(&prefix));
            parse_output_manifest_key(key, None);
            extract_session_action_id(key);
        }
        let objects: Vec<_> =
            keys.into_iter().map(|key| ListedObject { key, last_modified: Some(1), size: None }).collect();
        filter_output_manifest_keys(&objects, true, None);
    }

    #[test]
    fn any_text_is_a_filter(path in "\\PC{0,30}", filter in "[a\\-!\\[\\]*?/]{0,12}") {
        matches_include_filters(&path, &[&filter]);
        prop_assert!(matches_include_filters(&path, &["*"]));
    }
}

#[test]
fn a_million_paths_that_climb_out_are_all_unmapped() {
    let manifest =
        manifest((0..1_000_000).map(|i| format!("{}x{i}", "../".repeat(1 + i % 4))).collect()).unwrap();
    let resolved = resolve_manifest_paths(&manifest, "/a/b/c/d/e", PathFormat::Posix, None).unwrap();
    assert_eq!((resolved.resolved_count(), resolved.unmapped_count()), (0, 1_000_000));
    assert_eq!(resolved.unmapped(999_999, 9)[0].absolute_source_path, "/a/x999999");
}
