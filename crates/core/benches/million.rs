//! Decode, resolve with 17 rules, merge: a manifest of a million entries, or the same in ten parts.
//!
//! `cargo bench -p rusty-attachments-core -- [entries] [parts]` prints one line of JSON: seconds of each step
//! and bytes of memory an entry, as the system counts the peak.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Instant;

use rusty_attachments_core::*;

fn document(first: usize, count: usize) -> String {
    let mut json = String::with_capacity(count * 132);
    json.push_str(r#"{"hashAlg":"xxh128","manifestVersion":"2023-03-03","paths":["#);
    for i in first..first + count {
        let comma = if i > first { "," } else { "" };
        let hash = (i as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let (shot, frame) = (i / 1000, i % 1000);
        write!(
            json,
            r#"{comma}{{"hash":"{hash:032x}","mtime":{},"path":"shots/sh{shot:05}/renders/beauty.{frame:04}.exr","size":{}}}"#,
            1_700_000_000_000_000 + i,
            i % 5_000_000
        )
        .unwrap();
    }
    write!(json, r#"],"totalSize":{count}}}"#).unwrap();
    json
}

/// Peak resident bytes of this process so far; 0 where the system does not say.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<usize>().ok()).unwrap_or(0) * 1024
}

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|arg| arg.parse().ok()).collect();
    let entries = numbers.first().copied().unwrap_or(1_000_000);
    let parts = numbers.get(1).copied().unwrap_or(1);
    let rules: Vec<PathMappingRule> = (0..17)
        .map(|i| PathMappingRule {
            source_path_format: PathFormat::Windows,
            source_path: if i == 16 { "Z:\\Projects".into() } else { format!("Z:\\Other{i}\\Place") },
            destination_path: format!("/mnt/studio/place{i}"),
        })
        .collect();
    let applier = Arc::new(PathMappingApplier::new(&rules, PathFormat::Posix).unwrap());
    let documents: Vec<String> =
        (0..parts).map(|p| document(p * (entries / parts), entries / parts)).collect();
    let bytes: usize = documents.iter().map(String::len).sum();
    let before = peak();

    let start = Instant::now();
    let manifests: Vec<Arc<Manifest>> =
        documents.iter().map(|json| Arc::new(Manifest::decode(json.as_bytes()).unwrap())).collect();
    let decoded = start.elapsed();
    let sources = manifests
        .iter()
        .map(|manifest| PlanSource {
            manifest: Arc::clone(manifest),
            root_path: "Z:\\Projects\\Lighthouse".into(),
            source_path_format: PathFormat::Windows,
            applier: Some(Arc::clone(&applier)),
            last_modified: 0,
            job_id: None,
        })
        .collect();
    let options = PlanOptions {
        destination_path_format: PathFormat::Posix,
        case_insensitive: None,
        include: Vec::new(),
        match_paths_by: MatchPathsBy::Local,
    };
    let plan = plan_download(sources, &options).unwrap();
    let total = start.elapsed();
    assert_eq!((plan.file_count(), plan.unmapped_count()), (entries / parts * parts, 0));
    println!(
        r#"{{"entries":{entries},"parts":{parts},"documentBytes":{bytes},"decodeSeconds":{:.3},"planSeconds":{:.3},"totalSeconds":{:.3},"bytesAnEntry":{}}}"#,
        decoded.as_secs_f64(),
        (total - decoded).as_secs_f64(),
        total.as_secs_f64(),
        peak().saturating_sub(before) / entries
    );
}
