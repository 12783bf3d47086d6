use super::*;
use crate::manifest::{Manifest, NewManifest, NewManifestFile};
use crate::path_mapping::PathMappingApplier;
use crate::plan::{MatchPathsBy, PlanOptions, PlanSource, plan_download};

fn rule(source: &str, destination: &str) -> PathMappingRule {
    PathMappingRule {
        source_path_format: PathFormat::Posix,
        source_path: source.into(),
        destination_path: destination.into(),
    }
}

/// A plan for Windows of files with sizes, by asset root.
fn plan(roots: &[(&str, &[(&str, u64)])], rules: &[PathMappingRule]) -> Arc<DownloadPlan> {
    plan_for(PathFormat::Windows, roots, rules)
}

fn plan_for(
    destination_path_format: PathFormat,
    roots: &[(&str, &[(&str, u64)])],
    rules: &[PathMappingRule],
) -> Arc<DownloadPlan> {
    let applier = Arc::new(PathMappingApplier::new(rules, destination_path_format).unwrap());
    let source = |&(root, files): &(&str, &[(&str, u64)])| {
        let files = files.iter().map(|&(path, size)| NewManifestFile {
            path: path.into(),
            hash: Some("a".repeat(32)),
            size: Some(size as i64),
            mtime: Some(1_000 - size as i64),
            ..Default::default()
        });
        PlanSource {
            manifest: Arc::new(
                Manifest::create(NewManifest { files: files.collect(), ..Default::default() }).unwrap(),
            ),
            root_path: root.into(),
            source_path_format: PathFormat::Posix,
            applier: Some(Arc::clone(&applier)),
            last_modified: 0,
            key: None,
            job_id: None,
        }
    };
    let options = PlanOptions {
        destination_path_format,
        case_insensitive: None,
        include: Vec::new(),
        match_paths_by: MatchPathsBy::Local,
    };
    Arc::new(plan_download(roots.iter().map(source).collect(), &options).unwrap())
}

fn show() -> Arc<DownloadPlan> {
    plan(
        &[
            ("/p/show", &[("sh1/b.exr", 5), ("sh1/aux.exr", 3), ("sh2/deep/er/Ä.exr", 7), ("notes", 1)]),
            ("/other", &[("x.tmp", 9)]),
        ],
        &[rule("/p", "P:\\"), rule("/p/show/sh2", "S:\\two"), rule("/never", "N:\\")],
    )
}

fn paths(options: PlanViewOptions) -> Vec<String> {
    PlanView::new(&show(), &options).entries(0, 99).into_iter().map(|entry| entry.path).collect()
}

#[test]
fn what_needs_attention_stands_on_top_each_with_its_reason() {
    let view = PlanView::new(&show(), &PlanViewOptions::default());
    assert_eq!((view.entry_count(), view.total_size()), (5, 25));
    let top = view.entries(0, 3);
    let shown = |entry: &PlanEntry| (entry.status, entry.reason.clone().map(|reason| reason.code));
    assert_eq!(shown(&top[0]), (PlanStatus::Unmapped, Some("NO_RULE_MATCHED".to_owned())));
    assert_eq!(top[0].source_path, "/other/x.tmp");
    assert_eq!(top[0].size, Some(9));
    assert_eq!(shown(&top[1]), (PlanStatus::Hazard, Some("RESERVED_NAME".to_owned())));
    assert_eq!(top[1].local_path.as_deref(), Some("P:\\show\\sh1\\aux.exr"));
    assert_eq!(shown(&top[2]), (PlanStatus::Ready, None));
}

#[test]
fn entries_are_found_by_either_path_whatever_their_case_and_separators() {
    let search = |text: &str| paths(PlanViewOptions { search: text.into(), ..Default::default() });
    assert_eq!(search(" SHOW\\sh1/B"), ["sh1/b.exr"]);
    assert_eq!(search("s:/TWO/deep/er/ä"), ["sh2/deep/er/Ä.exr"]);
    assert_eq!(search("/OTHER/x"), ["x.tmp"]);
    assert_eq!(search("nowhere"), [""; 0]);
}

#[test]
fn entries_are_chosen_by_status_root_and_rule() {
    let status = PlanViewOptions { status: Some(PlanStatus::Unmapped), ..Default::default() };
    assert_eq!(paths(status), ["x.tmp"]);
    assert_eq!(paths(PlanViewOptions { rule: Some(1), ..Default::default() }), ["sh2/deep/er/Ä.exr"]);
    let root = PlanViewOptions { root_path: Some("/p/show".into()), ..Default::default() };
    assert_eq!(paths(root).len(), 4);
}

#[test]
fn entries_are_ordered_by_any_column() {
    let by = |order_by, descending| {
        paths(PlanViewOptions { order_by, descending, ..Default::default() })
            .iter()
            .map(|path| path.chars().last().unwrap_or_default().to_string() + &path.len().to_string())
            .collect::<Vec<_>>()
            .join(" ")
    };
    // x.tmp 9, Ä.exr 7, b.exr 5, aux.exr 3, notes 1 bytes.
    assert_eq!(by(PlanOrder::Size, true), "p5 r18 r9 r11 s5");
    assert_eq!(by(PlanOrder::Mtime, false), "p5 r18 r9 r11 s5");
    assert_eq!(by(PlanOrder::SourcePath, false), "p5 s5 r11 r9 r18");
    assert_eq!(by(PlanOrder::LocalPath, false), "p5 s5 r11 r9 r18");
}

#[test]
fn totals_name_every_root_and_every_rule_also_one_that_caught_nothing() {
    let PlanTotals { roots, rules } = show().totals();
    let of_root =
        |root: &RootTotals| (root.file_count, root.total_size, root.hazard_count, root.unmapped_count);
    assert_eq!(roots.iter().map(of_root).collect::<Vec<_>>(), [(4, 16, 1, 0), (0, 0, 0, 1)]);
    let of_rule = |rule: &RuleTotals| (rule.file_count, rule.total_size);
    assert_eq!(rules.iter().map(of_rule).collect::<Vec<_>>(), [(3, 9), (1, 7), (0, 0)]);
}

#[test]
fn folders_pass_over_those_that_hold_one_folder_alone_and_lead_to_every_file() {
    let top = PlanView::new(&show(), &PlanViewOptions::default());
    let names = |view: &PlanView| -> Vec<(String, usize)> {
        view.folders().into_iter().map(|folder| (folder.path, folder.file_count)).collect()
    };
    assert_eq!(names(&top), [("P:\\show".to_owned(), 3), ("S:\\two\\deep\\er".to_owned(), 1)]);
    let show = top.below("P:\\show");
    assert_eq!((show.entry_count(), show.own_count()), (3, 1));
    assert_eq!(show.entries(0, show.own_count())[0].path, "notes");
    assert_eq!(names(&show), [("P:\\show\\sh1".to_owned(), 2)]);
    assert_eq!(show.folders()[0].hazard_count, 1);
    assert_eq!(show.below("P:\\show\\sh1").own_count(), 2);
}

#[test]
fn a_file_in_the_root_of_a_drive_stands_in_that_drive() {
    let view =
        PlanView::new(&plan(&[("/p", &[("x", 1), ("a/y", 1)])], &[rule("/p", "P:\\")]), &Default::default());
    assert_eq!(view.folders().len(), 1);
    assert_eq!(view.folders()[0].path, "P:");
    assert_eq!(view.below("P:").own_count(), 1);
}

#[test]
fn files_in_a_posix_root_stand_in_that_root_with_everything_else() {
    let files: &[_] = &[("x", 1), ("y", 2), ("mnt/a/z", 4), ("home/b", 8)];
    let view = PlanView::new(
        &plan_for(PathFormat::Posix, &[("/p", files)], &[rule("/p", "/")]),
        &PlanViewOptions::default(),
    );
    let root = PlanFolder { path: "/".into(), file_count: 4, total_size: 15, hazard_count: 0 };
    assert_eq!(view.folders(), [root]);
    let below = view.below("/");
    assert_eq!((below.entry_count(), below.own_count()), (4, 2));
    let names: Vec<_> = below.folders().into_iter().map(|folder| folder.path).collect();
    assert_eq!(names, ["/mnt/a", "/home"]);
}
