use std::sync::Arc;

use super::*;
use crate::error::{Error, ErrorCode};

const HASH: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn stable(paths: &str) -> String {
    format!(r#"{{"hashAlg":"xxh128","manifestVersion":"2023-03-03","paths":[{paths}],"totalSize":1}}"#)
}

fn entry(path: &str) -> String {
    format!(r#"{{"hash":"{HASH}","mtime":1,"path":"{path}","size":1}}"#)
}

fn draft(dirs: &str, files: &str) -> String {
    format!(
        r#"{{"dirs":[{dirs}],"files":[{files}],"hashAlg":"xxh128","specificationVersion":"relative-manifest-diff-beta-2025-12","totalSize":1}}"#
    )
}

fn refused(json: &str) -> Error {
    match Manifest::decode(json.as_bytes()) {
        Ok(_) => panic!("accepted: {json:.200}"),
        Err(error) => {
            assert_eq!(error.code, ErrorCode::InvalidManifest, "{error}");
            error
        }
    }
}

#[test]
fn fields_may_come_in_any_order() {
    let json = format!(
        r#"{{"totalSize":1,"paths":[{}],"hashAlg":"xxh128","manifestVersion":"2023-03-03"}}"#,
        entry("a")
    );
    assert_eq!(Manifest::decode(json.as_bytes()).unwrap().encode(), stable(&entry("a")).replace(", ", ","));
}

#[test]
fn an_error_says_where_in_the_document_it_is() {
    let json =
        "{\n \"hashAlg\": \"xxh128\",\n \"manifestVersion\": \"2023-03-03\",\n \"paths\": [7]}".to_string();
    let error = refused(&json);
    assert_eq!((&error.details["line"], &error.details["column"]), (&4.into(), &12.into()), "{error}");
    let late = r#"{"paths":[{"hash":"a b","mtime":1,"path":"x","size":1}],"hashAlg":"xxh128","manifestVersion":"2023-03-03","totalSize":1}"#.to_string();
    let offset = refused(&late).details["offset"].as_u64().unwrap();
    assert!((10..=60).contains(&offset), "{offset}");
    assert_eq!(Manifest::decode(b"{\"a\": \xff}").unwrap_err().details["offset"], 6);
}

#[test]
fn a_field_that_stands_twice_is_refused() {
    refused(&stable(&entry("a")).replace("\"totalSize\":1", "\"totalSize\":1,\"totalSize\":2"));
    refused(&stable(&entry("a")).replace("\"totalSize\":1", "\"totalSize\":1,\"paths\":[]"));
    refused(&stable(&entry("a").replace("\"size\":1", "\"size\":1,\"size\":2")));
}

#[test]
fn integers_that_javascript_cannot_hold_are_refused() {
    for number in ["9007199254740992", "-9007199254740992", "18446744073709551616", "1e400", "-1e400"] {
        refused(&stable(&entry("a").replace("\"mtime\":1", &format!("\"mtime\":{number}"))));
    }
    let most = stable(&entry("a").replace("\"mtime\":1", "\"mtime\":9007199254740991"));
    assert_eq!(Manifest::decode(most.as_bytes()).unwrap().mtime(0), Some(9_007_199_254_740_991));
}

#[test]
fn a_negative_size_is_refused_and_a_negative_time_is_not() {
    refused(&stable(&entry("a").replace("\"size\":1", "\"size\":-1")));
    let old = stable(&entry("a").replace("\"mtime\":1", "\"mtime\":-5"));
    assert_eq!(Manifest::decode(old.as_bytes()).unwrap().mtime(0), Some(-5));
}

#[test]
fn deep_nesting_is_refused_or_ignored_and_never_overflows() {
    let deep = "[".repeat(1_000_000);
    refused(&deep);
    refused(&stable(&format!("{}{}", deep, "]".repeat(1_000_000))));
    let ignored = format!("\"extra\":{}{}", "[".repeat(100), "]".repeat(100));
    let json = stable(&entry("a")).replace("\"totalSize\"", &format!("{ignored},\"totalSize\""));
    assert!(Manifest::decode(json.as_bytes()).is_ok());
}

#[test]
fn a_path_of_ten_megabytes_is_held() {
    let long = "x/".repeat(5 << 20);
    let manifest = Manifest::decode(stable(&entry(&long)).as_bytes()).unwrap();
    assert_eq!(manifest.path(0).len(), long.len());
}

#[test]
fn a_reference_forward_or_to_itself_or_to_nothing_is_refused() {
    for dirs in [r#"{"name":"$0/a"}"#, r#"{"name":"a"},{"name":"$1/b"}"#, r#"{"name":"a"},{"name":"$x/b"}"#] {
        refused(&draft(dirs, ""));
    }
    refused(&draft(r#"{"name":"a"}"#, r#"{"name":"$1/b","delete":true}"#));
    refused(&draft(r#"{"name":"a"}"#, r#"{"name":"$99999999999999999999/b","delete":true}"#));
}

#[test]
fn a_small_document_cannot_fill_the_memory_through_nested_names() {
    let mut dirs = String::from(r#"{"name":"a"}"#);
    for i in 0..20_000 {
        dirs.push_str(&format!(r#",{{"name":"${i}/a"}}"#));
    }
    assert!(refused(&draft(&dirs, "")).message.contains("directories"));
}

#[test]
fn a_dollar_name_without_a_parent_is_a_name() {
    let json = draft(r#"{"name":"$0"},{"name":"$0/b"}"#, "");
    let dirs: Vec<String> =
        Manifest::decode(json.as_bytes()).unwrap().dirs().into_iter().map(|d| d.path).collect();
    assert_eq!(dirs, ["$0", "$0/b"]);
}

#[test]
fn a_lone_surrogate_spoils_its_own_entry_alone() {
    let json = stable(&format!("{},{}", entry("a"), entry("b\\ud800")));
    let manifest = Manifest::decode(json.as_bytes()).unwrap();
    assert!(manifest.is_well_formed(0) && !manifest.is_well_formed(1));
    assert_eq!(manifest.path(1), "b\u{fffd}\u{fffd}\u{fffd}");
    assert_eq!(manifest.encode(), json, "it is written as it was read");
}

#[test]
fn a_list_is_no_object() {
    refused(&stable(&format!(r#"["{HASH}",1,"a",1]"#)));
    refused(&draft("", r#"{"name":"a","symlink":["b"]}"#));
    refused(&draft(r#"["a"]"#, ""));
    refused(&draft("", r#"["a"]"#));
}

#[test]
fn an_unknown_version_has_its_own_code() {
    for json in [
        stable(&entry("a")).replace("2023-03-03", "2030-01-01"),
        draft("", "").replace("relative-manifest-diff-beta", "other"),
    ] {
        let error = Manifest::decode(json.as_bytes()).unwrap_err();
        assert_eq!(error.code, ErrorCode::UnsupportedManifestVersion);
    }
}

#[test]
fn only_a_diff_deletes_and_has_a_parent() {
    let snapshot = |json: String| json.replace("-diff-", "-snapshot-");
    refused(&snapshot(draft("", r#"{"name":"a","delete":true}"#)));
    refused(&snapshot(draft("", "").replace("\"hashAlg\"", "\"parentManifestHash\":\"ab\",\"hashAlg\"")));
    assert!(Manifest::decode(draft("", r#"{"name":"a","delete":true}"#).as_bytes()).is_ok());
}

#[test]
fn chunk_hashes_are_as_many_as_the_size_asks_for() {
    let file =
        |size: u64| format!(r#"{{"name":"a","chunkhashes":["{HASH}","{HASH}"],"size":{size},"mtime":1}}"#);
    let chunk = 256 * 1024 * 1024;
    assert!(Manifest::decode(draft("", &file(chunk + 1)).as_bytes()).is_ok());
    refused(&draft("", &file(chunk)));
    refused(&draft("", &file(2 * chunk + 1)));
}

#[test]
fn merging_snapshots_and_diffs_gives_the_state_after_them() {
    let at = |json: String, time| (time, Arc::new(Manifest::decode(json.as_bytes()).unwrap()));
    let file =
        |name: &str, size: u64| format!(r#"{{"name":"{name}","hash":"{HASH}","size":{size},"mtime":1}}"#);
    let snapshot = draft(r#"{"name":"d"}"#, &format!("{},{}", file("a", 1), file("b", 2)))
        .replace("-diff-", "-snapshot-");
    let later =
        draft(r#"{"name":"d","delete":true}"#, &format!(r#"{{"name":"a","delete":true}},{}"#, file("b", 5)));
    let merged = merge_manifests_chronologically(&[at(later, 2), at(snapshot, 1)]).unwrap().unwrap();
    assert_eq!(merged.version().specification_version(), Some("relative-manifest-snapshot-beta-2025-12"));
    assert_eq!((merged.file_count(), merged.path(0), merged.total_size()), (1, "b", 5));
    assert!(merged.dirs().is_empty());
}

#[test]
fn manifests_of_different_formats_are_not_merged_into_one() {
    let one = Arc::new(Manifest::decode(stable(&entry("a")).as_bytes()).unwrap());
    let other = Arc::new(Manifest::decode(draft("", "").as_bytes()).unwrap());
    let error = merge_manifests_chronologically(&[(1, one), (2, other)]).unwrap_err();
    assert_eq!(error.code, ErrorCode::UnsupportedManifestVersion);
}

#[test]
fn an_ill_formed_directory_and_link_target_are_written_as_they_were_read() {
    let dirs = r#"{"name":"\ud800"},{"name":"$0/b"}"#;
    let files = r#"{"name":"$1/x","symlink":{"name":"$0/\udfff"}}"#;
    let json = draft(dirs, files);
    let manifest = Manifest::decode(json.as_bytes()).unwrap();
    assert_eq!(manifest.encode(), json);
    assert!(!manifest.is_well_formed(0) && !manifest.has_well_formed_target(0));
}

#[test]
fn diffs_alone_merge_into_a_diff_that_keeps_the_last_word_on_each_path() {
    let at = |files: &str, time| (time, Arc::new(Manifest::decode(draft("", files).as_bytes()).unwrap()));
    let (gone, here) = (r#"{"name":"a","delete":true}"#, &entry("a").replace("path", "name"));
    let deleted = |list: &[(i64, Arc<Manifest>)]| {
        let merged = merge_manifests_chronologically(list).unwrap().unwrap();
        assert_eq!(merged.version(), ManifestVersion::V2025_12 { absolute: false, diff: true });
        merged.is_deleted(0)
    };
    assert!(deleted(&[at(here, 1), at(gone, 2)]));
    assert!(!deleted(&[at(gone, 1), at(here, 2)]));
}

#[test]
fn a_merge_never_guesses_at_chunk_sizes_or_writes_what_nobody_reads() {
    let at = |json: String, time| (time, Arc::new(Manifest::decode(json.as_bytes()).unwrap()));
    let other = draft("", "").replace("\"files\"", "\"fileChunkSizeBytes\":1048576,\"files\"");
    let error = merge_manifests_chronologically(&[at(draft("", ""), 1), at(other, 2)]).unwrap_err();
    assert!(error.message.contains("fileChunkSizeBytes"));
    let huge = |path: &str| stable(&entry(path).replace("\"size\":1", "\"size\":9007199254740991"));
    let error = merge_manifests_chronologically(&[at(huge("a"), 1), at(huge("b"), 2)]).unwrap_err();
    assert!(error.message.contains("2^53"), "{error}");
}

#[test]
fn a_made_manifest_says_nothing_that_its_version_cannot_hold() {
    let file = || NewManifestFile {
        path: "a".into(),
        hash: Some(HASH.into()),
        size: Some(1),
        mtime: Some(1),
        ..NewManifestFile::default()
    };
    let refused =
        |parts: NewManifest| Manifest::create(parts).unwrap_err().code == ErrorCode::InvalidManifest;
    let runnable = vec![NewManifestFile { runnable: Some(true), ..file() }];
    assert!(refused(NewManifest { files: runnable, ..NewManifest::default() }));
    let files = vec![file()];
    assert!(refused(NewManifest { files, file_chunk_size_bytes: Some(-7), ..NewManifest::default() }));
}

#[test]
fn a_draft_deeper_than_any_file_system_is_refused_before_it_fills_the_memory() {
    let deep = "x/".repeat(50_000) + "f";
    refused(&draft("", &format!(r#"{{"name":"{deep}","delete":true}}"#)));
    let parts = NewManifest {
        specification_version: Some("relative-manifest-diff-beta-2025-12".into()),
        files: vec![NewManifestFile { path: deep, deleted: Some(true), ..NewManifestFile::default() }],
        ..NewManifest::default()
    };
    assert_eq!(Manifest::create(parts).unwrap_err().code, ErrorCode::InvalidManifest);
}
