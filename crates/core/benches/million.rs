//! Decodes manifests, resolves them with 17 rules and merges them into one plan.
//!
//! `cargo bench -p rusty-attachments-core -- MANIFEST...` prints one line of JSON: seconds of each step and the
//! peak of memory over what the documents themselves take. `npm run bench -- core` writes the manifests.

use std::sync::Arc;
use std::time::Instant;

use rusty_attachments_core::*;

/// Peak resident bytes of this process so far; 0 where the system does not say.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<usize>().ok()).unwrap_or(0) * 1024
}

fn main() {
    let paths: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    if paths.is_empty() {
        println!("usage: cargo bench -p rusty-attachments-core -- MANIFEST...");
        return;
    }
    let rules: Vec<PathMappingRule> = (0..17)
        .map(|i| PathMappingRule {
            source_path_format: PathFormat::Windows,
            source_path: if i == 16 { "Z:\\Projects".into() } else { format!("Z:\\Other{i}\\Place") },
            destination_path: format!("/mnt/studio/place{i}"),
        })
        .collect();
    let applier = Arc::new(PathMappingApplier::new(&rules, PathFormat::Posix).unwrap());
    let documents: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).unwrap()).collect();
    let before = peak();

    let start = Instant::now();
    let manifests: Vec<Arc<Manifest>> =
        documents.iter().map(|json| Arc::new(Manifest::decode(json).unwrap())).collect();
    let decoded = start.elapsed();
    let sources = manifests
        .iter()
        .map(|manifest| PlanSource {
            manifest: Arc::clone(manifest),
            root_path: "Z:\\Projects\\Lighthouse".into(),
            source_path_format: PathFormat::Windows,
            applier: Some(Arc::clone(&applier)),
            last_modified: 0,
            key: None,
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
    println!(
        r#"{{"files":{},"decodeSeconds":{:.4},"seconds":{:.4},"bytes":{}}}"#,
        plan.file_count(),
        decoded.as_secs_f64(),
        total.as_secs_f64(),
        peak().saturating_sub(before)
    );
}
