//! Any text as root, path, rule and filter; lines are the arguments, the first byte chooses the formats.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rusty_attachments_core::*;

fuzz_target!(|text: &str| {
    let mut lines = text.split('\n');
    let mut next = || lines.next().unwrap_or_default();
    let choice = next().bytes().next().unwrap_or(0);
    let format = |bit: u8| if choice & bit == 0 { PathFormat::Posix } else { PathFormat::Windows };
    let (root, path, source, target) = (next(), next(), next(), next());
    let joined = join_path(root, path, format(1));
    // What `..` uncovers can read as a drive (`x/../C:.`), to Python's ntpath as well.
    if format(1) == PathFormat::Posix || !joined.contains(':') {
        assert_eq!(join_path(&joined, "", format(1)), joined, "normalising twice changes nothing");
    }
    matches_include_filters(path, &[root, source]);
    let rule = PathMappingRule {
        source_path_format: format(1),
        source_path: source.to_owned(),
        destination_path: target.to_owned(),
    };
    let applier = PathMappingApplier::new(&[rule], format(2)).expect("one rule has one format");
    assert_eq!(applier.transform(path), applier.strict_transform(path).ok());
});
