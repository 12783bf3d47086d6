use super::*;
use crate::manifest::{NewManifest, NewManifestDir, NewManifestFile};
use crate::path_mapping::PathMappingRule;

const HASH_A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const HASH_B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn file(path: &str, hash: &str) -> NewManifestFile {
    NewManifestFile {
        path: path.into(),
        hash: Some(hash.into()),
        size: Some(1),
        mtime: Some(1),
        ..Default::default()
    }
}

fn manifest(files: &[(&str, &str)]) -> Arc<Manifest> {
    let files = files.iter().map(|(path, hash)| file(path, hash)).collect();
    Arc::new(Manifest::create(NewManifest { files, ..Default::default() }).unwrap())
}

fn diff(files: Vec<NewManifestFile>, dirs: Vec<NewManifestDir>) -> Arc<Manifest> {
    let specification_version = Some("relative-manifest-diff-beta-2025-12".to_owned());
    Arc::new(
        Manifest::create(NewManifest {
            specification_version,
            files,
            dirs: Some(dirs),
            ..Default::default()
        })
        .unwrap(),
    )
}

fn source(manifest: Arc<Manifest>, root: &str, last_modified: i64) -> PlanSource {
    PlanSource {
        manifest,
        root_path: root.into(),
        source_path_format: PathFormat::Posix,
        applier: None,
        last_modified,
        key: None,
        job_id: None,
    }
}

fn to_windows(mut source: PlanSource) -> PlanSource {
    let rule = PathMappingRule {
        source_path_format: PathFormat::Posix,
        source_path: source.root_path.clone(),
        destination_path: "D:\\out".into(),
    };
    source.applier = Some(Arc::new(PathMappingApplier::new(&[rule], PathFormat::Windows).unwrap()));
    source
}

fn options(format: PathFormat) -> PlanOptions {
    PlanOptions {
        destination_path_format: format,
        case_insensitive: None,
        include: Vec::new(),
        match_paths_by: MatchPathsBy::Local,
    }
}

fn posix(sources: Vec<PlanSource>) -> DownloadPlan {
    plan_download(sources, &options(PathFormat::Posix)).unwrap()
}

fn windows(sources: Vec<PlanSource>) -> DownloadPlan {
    let sources = sources.into_iter().map(to_windows).collect();
    plan_download(sources, &options(PathFormat::Windows)).unwrap()
}

fn hashes(plan: &DownloadPlan) -> Vec<(String, String)> {
    plan.rows(0, usize::MAX).into_iter().map(|row| (row.local_path, row.hash.unwrap_or_default())).collect()
}

#[test]
fn later_manifest_wins_for_the_same_path_over_all_roots() {
    let later = source(manifest(&[("b/x", HASH_B)]), "/a", 2);
    let earlier = source(manifest(&[("x", HASH_A)]), "/a/b", 1);
    assert_eq!(hashes(&posix(vec![later, earlier])), [("/a/b/x".to_owned(), HASH_B.to_owned())]);
}

#[test]
fn equal_times_go_by_the_folders_timestamp_and_then_the_key() {
    let keyed = |task: u32, time: &str, hash: &str| PlanSource {
        key: Some(format!(
            "p/Manifests/farm-1/queue-1/job-1/step-1/task-1-{task}/{time}_sessionaction-1-{task}/a_output"
        )),
        ..source(manifest(&[("x", hash)]), "/a", 1)
    };
    let winner = |sources: [PlanSource; 2]| hashes(&posix(sources.to_vec()))[0].1.clone();
    let (early, late) = (keyed(9, "2025-05-01", HASH_A), keyed(0, "2025-05-02", HASH_B));
    assert_eq!(winner([early.clone(), late.clone()]), HASH_B);
    assert_eq!(winner([late, early.clone()]), HASH_B);
    assert_eq!(winner([early, keyed(0, "2025-05-01", HASH_B)]), HASH_A);
}

#[test]
fn equal_times_count_in_input_order() {
    let sources = [HASH_B, HASH_A].map(|hash| source(manifest(&[("x", hash)]), "/a", 1)).to_vec();
    assert_eq!(hashes(&posix(sources)), [("/a/x".to_owned(), HASH_A.to_owned())]);
}

#[test]
fn paths_that_differ_by_case_are_one_place_only_where_the_target_folds_case() {
    let sources = ["x", "X"].map(|path| source(manifest(&[(path, HASH_A)]), "C:\\a", 1));
    let on_windows = |folds| {
        let options = PlanOptions { case_insensitive: Some(folds), ..options(PathFormat::Windows) };
        let sources = sources.clone().map(|s| PlanSource { source_path_format: PathFormat::Windows, ..s });
        plan_download(sources.to_vec(), &options).unwrap()
    };
    assert_eq!(on_windows(false).file_count(), 2);
    // On Windows the later manifest has renamed the one file.
    let folded = on_windows(true);
    assert_eq!((folded.file_count(), folded.file(0).local_path, folded.hazard_count()), (1, "C:\\a\\X", 0));
}

#[test]
fn two_files_that_differ_by_case_are_a_hazard_for_the_one_that_loses_its_place() {
    let lost = |sources| {
        let plan = windows(sources);
        let hazards = plan.hazards(0, 9);
        assert_eq!(hazards.iter().map(|hazard| hazard.code).collect::<Vec<_>>(), [HazardCode::CaseCollision]);
        assert_eq!(plan.file_count(), 2);
        let with_hazard = plan.files().find(|file| file.hazard.is_some()).map(|file| file.path.to_owned());
        assert_eq!(with_hazard.as_ref(), Some(&hazards[0].path));
        hazards[0].path.clone()
    };
    assert_eq!(lost(vec![source(manifest(&[("x", HASH_A), ("X", HASH_B)]), "/a", 1)]), "x");
    // Two tasks of a Linux job wrote two files.
    let two = ["x", "X"].map(|path| source(manifest(&[(path, HASH_A)]), "/a", 1));
    assert_eq!(lost(two.to_vec()), "x");
    // The last of three has the place, whatever was lost to it or won by it before.
    let three = [("x", HASH_A), ("X", HASH_B), ("x", HASH_B)];
    assert_eq!(lost(vec![source(manifest(&three), "/a", 1)]), "X");
}

#[test]
fn one_content_at_many_places_is_one_object() {
    let plan = posix(vec![source(manifest(&[("x", HASH_A), ("y", HASH_A), ("z", HASH_B)]), "/a", 1)]);
    assert_eq!((plan.file_count(), plan.object_count(), plan.total_size()), (3, 2, 3));
    assert_eq!(plan.file(0).object, plan.file(1).object);
}

#[test]
fn a_file_that_two_jobs_wrote_is_the_later_ones() {
    let of = |job: &str, time| PlanSource {
        job_id: Some(job.into()),
        ..source(manifest(&[("x", HASH_A), ("../y", HASH_B), (job, HASH_A)]), "/a", time)
    };
    let plan = posix(vec![of("job-1", 1), of("job-2", 2)]);
    let jobs: Vec<_> =
        plan.jobs().into_iter().map(|(id, job)| (id, job.file_count, job.unmapped_count)).collect();
    assert_eq!(jobs, [("job-1", 1, 1), ("job-2", 2, 1)]);
}

#[test]
fn a_path_that_leaves_its_root_is_never_downloaded() {
    for path in ["../x", "/etc/passwd", "a/../../x", ".."] {
        let plan = posix(vec![source(manifest(&[(path, HASH_A)]), "/a", 1)]);
        assert_eq!((plan.file_count(), plan.unmapped_count()), (0, 1), "{path}");
        assert_eq!(plan.unmapped(0, 1)[0].reason.code, ErrorCode::PathOutsideRoot, "{path}");
    }
    let plan = posix(vec![source(manifest(&[("b/../c//./x", HASH_A)]), "/a", 1)]);
    assert_eq!(plan.file(0).local_path, "/a/c/x");
}

#[test]
fn a_windows_drive_in_a_manifest_path_leaves_the_root() {
    for path in ["C:\\x", "C:x", "\\x", "..\\x", "\\\\server\\share\\x"] {
        let mut from = source(manifest(&[(path, HASH_A)]), "Z:\\a", 1);
        from.source_path_format = PathFormat::Windows;
        let plan = plan_download(vec![from], &options(PathFormat::Windows)).unwrap();
        assert_eq!(plan.unmapped_count(), 1, "{path}");
    }
}

#[test]
fn a_part_that_would_reroot_on_windows_is_unmapped() {
    for path in ["C:", "sub/a:b", "..\\..\\x", "\\x", "a\\\\b", "a\\.\\b", "a\\"] {
        let plan = windows(vec![source(manifest(&[(path, HASH_A)]), "/a", 1)]);
        assert_eq!((plan.file_count(), plan.unmapped_count()), (0, 1), "{path}");
    }
}

#[test]
fn a_rule_below_the_asset_root_takes_its_part() {
    let rules = [("/a", "/out"), ("/a/special", "/s")].map(|(from, to)| PathMappingRule {
        source_path_format: PathFormat::Posix,
        source_path: from.into(),
        destination_path: to.into(),
    });
    let mut from = source(manifest(&[("special/x", HASH_A), ("y", HASH_B)]), "/a", 1);
    from.applier = Some(Arc::new(PathMappingApplier::new(&rules, PathFormat::Posix).unwrap()));
    let plan = posix(vec![from]);
    assert_eq!((plan.file(0).local_path, plan.file(0).local_root), ("/s/x", "/s"));
    assert_eq!((plan.file(1).local_path, plan.file(1).local_root), ("/out/y", "/out"));
}

#[test]
fn without_rules_a_path_of_the_other_format_has_no_place() {
    let mut from = source(manifest(&[("x", HASH_A)]), "Z:\\a", 1);
    from.source_path_format = PathFormat::Windows;
    let plan = posix(vec![from]);
    let unmapped = plan.unmapped(0, 9);
    assert_eq!(unmapped[0].absolute_source_path, "Z:\\a\\x");
    assert_eq!(unmapped[0].reason.code, ErrorCode::NoRuleMatched);
}

#[test]
fn a_deletion_in_a_diff_removes_what_came_before_and_not_what_comes_after() {
    let gone = NewManifestFile { path: "x".into(), deleted: Some(true), ..Default::default() };
    let deletion = diff(vec![gone], vec![NewManifestDir { path: "d".into(), deleted: Some(true) }]);
    let before = source(manifest(&[("x", HASH_A), ("y", HASH_A)]), "/a", 1);
    let after = source(manifest(&[("x", HASH_B)]), "/a", 3);
    let plan = posix(vec![before.clone(), source(Arc::clone(&deletion), "/a", 2)]);
    assert_eq!(hashes(&plan), [("/a/y".to_owned(), HASH_A.to_owned())]);
    let deleted: Vec<_> = plan.deletions().iter().map(|d| (d.local_path.as_str(), d.is_directory)).collect();
    assert_eq!(deleted, [("/a/x", false), ("/a/d", true)]);
    let restored = posix(vec![before, source(deletion, "/a", 2), after]);
    assert_eq!(restored.file_count(), 2);
    assert!(restored.deletions().iter().all(|deletion| deletion.is_directory));
}

#[test]
fn a_link_is_made_only_if_its_target_stays_inside_the_root() {
    let link = |target: &str| NewManifestFile {
        path: "link".into(),
        symlink_target: Some(target.into()),
        ..Default::default()
    };
    let plan = posix(vec![source(diff(vec![link("b/../c")], Vec::new()), "/a", 1)]);
    assert_eq!(plan.file(0).content, Content::Symlink { target: "/a/c" });
    assert_eq!((plan.file(0).object, plan.object_count()), (None, 0));
    for target in ["../x", "/etc/passwd"] {
        let plan = posix(vec![source(diff(vec![link(target)], Vec::new()), "/a", 1)]);
        assert_eq!((plan.file_count(), plan.unmapped_count()), (0, 1), "{target}");
    }
}

#[test]
fn names_that_windows_cannot_hold_are_hazards_there_and_fine_elsewhere() {
    let long = "x".repeat(256);
    let cases = [
        ("NUL", HazardCode::ReservedName),
        ("sub/com1.txt", HazardCode::ReservedName),
        ("a<b", HazardCode::InvalidCharacter),
        ("dir./x", HazardCode::TrailingDotOrSpace),
        ("x ", HazardCode::TrailingDotOrSpace),
        (long.as_str(), HazardCode::NameTooLong),
    ];
    for (path, code) in cases {
        let plan = windows(vec![source(manifest(&[(path, HASH_A)]), "/a", 1)]);
        assert_eq!(plan.file(0).hazard.map(|hazard| hazard.code), Some(code), "{path}");
        let fine = posix(vec![source(manifest(&[(path, HASH_A)]), "/a", 1)]);
        assert_eq!(fine.hazard_count(), usize::from(path.len() > 255), "{path}");
    }
}

#[test]
fn a_file_where_a_directory_must_be_is_a_hazard() {
    let plan = posix(vec![source(manifest(&[("x", HASH_A), ("x/y", HASH_B)]), "/a", 1)]);
    let hazard = plan.file(0).hazard.unwrap();
    assert_eq!(hazard.code, HazardCode::FileAsDirectory);
    assert!(hazard.message.contains("/a/x/y") && plan.file(1).hazard.is_none());
}

#[test]
fn a_file_without_a_place_is_ruled_out_by_its_name_but_not_by_a_place_that_it_might_have_had() {
    let unmapped = |filter: &str| {
        let mut from = source(manifest(&[("cache/x.log", HASH_A)]), "Z:\\a", 1);
        from.source_path_format = PathFormat::Windows;
        let options = PlanOptions { include: vec![filter.into()], ..options(PathFormat::Posix) };
        plan_download(vec![from], &options).unwrap().unmapped_count()
    };
    assert_eq!(["*.exr", "cache/*.exr"].map(unmapped), [0, 0]);
    assert_eq!(["*.log", "cache/", "/mnt/projects/*"].map(unmapped), [1, 1, 1]);
}

#[test]
fn include_filters_match_where_the_file_lands_or_where_the_job_wrote_it() {
    let files = [("renders/a.png", HASH_A), ("b.exr", HASH_B)];
    let count = |filter: &str, by| {
        let options =
            PlanOptions { include: vec![filter.into()], match_paths_by: by, ..options(PathFormat::Windows) };
        plan_download(vec![to_windows(source(manifest(&files), "/a", 1))], &options).unwrap().file_count()
    };
    assert_eq!(count("D:/out/renders/*", MatchPathsBy::Local), 1);
    assert_eq!(count("/a/renders/*", MatchPathsBy::Local), 0);
    assert_eq!(count("/a/renders/*", MatchPathsBy::Job), 1);
    assert_eq!(count("*.exr", MatchPathsBy::Job), 1);
}

#[test]
fn an_absolute_manifest_needs_each_name_mapped_or_below_the_root() {
    let parts = NewManifest {
        specification_version: Some("absolute-manifest-snapshot-beta-2025-12".into()),
        files: vec![file("/a/x", HASH_A), file("/b/x", HASH_B)],
        ..Default::default()
    };
    let absolute = Arc::new(Manifest::create(parts).unwrap());
    let plan = posix(vec![source(Arc::clone(&absolute), "/a", 1)]);
    assert_eq!(hashes(&plan), [("/a/x".to_owned(), HASH_A.to_owned())]);
    assert_eq!(plan.unmapped(0, 9)[0].manifest_path, "/b/x");
    let mut mapped = source(absolute, "", 1);
    let rule = PathMappingRule {
        source_path_format: PathFormat::Posix,
        source_path: "/b".into(),
        destination_path: "/out".into(),
    };
    mapped.applier = Some(Arc::new(PathMappingApplier::new(&[rule], PathFormat::Posix).unwrap()));
    assert_eq!(hashes(&posix(vec![mapped])), [("/out/x".to_owned(), HASH_B.to_owned())]);
}

#[test]
fn a_destination_that_is_not_absolute_is_nowhere() {
    for (destination, format) in [
        ("", PathFormat::Posix),
        ("out", PathFormat::Posix),
        ("D:", PathFormat::Windows),
        ("D:out", PathFormat::Windows),
        ("\\out", PathFormat::Windows),
    ] {
        let rule = PathMappingRule {
            source_path_format: PathFormat::Posix,
            source_path: "/a".into(),
            destination_path: destination.into(),
        };
        let mut from = source(manifest(&[("x", HASH_A)]), "/a", 1);
        from.applier = Some(Arc::new(PathMappingApplier::new(&[rule], format).unwrap()));
        let plan = plan_download(vec![from], &options(format)).unwrap();
        assert_eq!((plan.file_count(), plan.unmapped_count()), (0, 1), "{destination:?}");
    }
}

#[test]
fn a_path_of_ten_megabytes_is_planned_as_a_name_that_is_too_long() {
    let plan = posix(vec![source(manifest(&[(&"x/".repeat(5 << 20), HASH_A)]), "/a", 1)]);
    assert_eq!(plan.file(0).hazard.map(|hazard| hazard.code), Some(HazardCode::NameTooLong));
}

#[test]
fn a_filter_keeps_directories_from_being_deleted() {
    let gone = NewManifestDir { path: "d".into(), deleted: Some(true) };
    let options = PlanOptions { include: vec!["*.png".into()], ..options(PathFormat::Posix) };
    let plan = plan_download(vec![source(diff(Vec::new(), vec![gone]), "/a", 1)], &options).unwrap();
    assert!(plan.deletions().is_empty());
}

#[test]
fn a_plan_knows_the_format_of_its_local_paths() {
    let from = source(manifest(&[("x", HASH_A)]), "/a", 1);
    assert_eq!(posix(vec![from.clone()]).destination_path_format(), PathFormat::Posix);
    let plan = plan_download(vec![to_windows(from)], &options(PathFormat::Windows)).unwrap();
    assert_eq!(plan.destination_path_format(), PathFormat::Windows);
}

#[test]
fn a_plan_says_that_it_takes_the_memory_of_its_manifests_and_paths() {
    let path = "x/".repeat(500) + "x";
    let manifest = manifest(&[(&path, HASH_A)]);
    assert!((1_000..2_000).contains(&manifest.memory()));
    assert!((2_000..4_000).contains(&posix(vec![source(manifest, "/a", 1)]).memory()));
}

#[test]
fn a_manifest_that_lies_about_a_size_spoils_its_own_file_alone() {
    let liar = NewManifestFile { size: Some(2), ..file("y", HASH_A) };
    let parts = NewManifest { files: vec![file("x", HASH_A), liar], ..NewManifest::default() };
    let plan = posix(vec![source(Arc::new(Manifest::create(parts).unwrap()), "/a", 1)]);
    assert_eq!(plan.object_count(), 2);
}
