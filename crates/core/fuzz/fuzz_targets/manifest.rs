//! Any bytes into the decoder; what decodes must encode to a fixed point and plan without a panic.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use rusty_attachments_core::*;

fuzz_target!(|bytes: &[u8]| {
    let Ok(manifest) = Manifest::decode(bytes) else { return };
    let encoded = manifest.encode();
    let again = Manifest::decode(encoded.as_bytes()).expect("what we write we read");
    assert_eq!(again.encode(), encoded);
    let manifest = Arc::new(manifest);
    let merged = merge_manifests_chronologically(&[(1, Arc::clone(&manifest)), (2, Arc::new(again))]);
    assert!(merged.is_ok_and(|merged| merged.is_some()));
    for format in [PathFormat::Posix, PathFormat::Windows] {
        let source = PlanSource {
            manifest: Arc::clone(&manifest),
            root_path: if format == PathFormat::Posix { "/root".into() } else { "C:\\root".into() },
            source_path_format: format,
            applier: None,
            last_modified: 0,
            key: None,
            job_id: None,
        };
        let options = PlanOptions {
            destination_path_format: format,
            case_insensitive: None,
            include: Vec::new(),
            match_paths_by: MatchPathsBy::Job,
        };
        let plan = plan_download(vec![source], &options).expect("one format throughout");
        for file in plan.files() {
            assert!(file.local_path.starts_with(file.local_root));
        }
    }
});
