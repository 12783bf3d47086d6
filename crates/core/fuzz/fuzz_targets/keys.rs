//! Any text as listed keys, root prefix and object metadata.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use rusty_attachments_core::keys::*;

fuzz_target!(|text: &str| {
    let (prefix, rest) = text.split_once('\n').unwrap_or(("", text));
    let objects: Vec<ListedObject> = rest
        .split('\n')
        .map(|key| ListedObject { key: key.to_owned(), last_modified: Some(key.len() as i64), size: None })
        .collect();
    let all = filter_output_manifest_keys(&objects, false, Some(prefix));
    let latest = filter_output_manifest_keys(&objects, true, Some(prefix));
    assert!(latest.iter().all(|index| all.contains(index)));
    for object in &objects {
        extract_session_action_id(&object.key);
        let metadata = BTreeMap::from([("asset-root-json".to_owned(), object.key.clone())]);
        let _ = asset_root_from_metadata(&metadata);
    }
});
