//! Passes over a small service that answers as Deadline Cloud does.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::*;

const NOW: &str = "2026-11-22T12:00:00Z";

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// A queue: what each operation answers.
#[derive(Default)]
struct Service {
    /// Whole jobs, as GetJob answers them.
    jobs: BTreeMap<String, Value>,
    /// By job.
    sessions: BTreeMap<String, Vec<Value>>,
    /// By session.
    actions: BTreeMap<String, Vec<Value>>,
    /// What is in S3, where the API does not say.
    keys: Vec<String>,
}

impl Service {
    /// A job on the local profile, its tasks' states, and when it ended.
    fn job(&mut self, id: &str, succeeded: u64, running: u64, ended_at: Option<&str>) -> &mut Value {
        let mut job = json!({
            "jobId": id,
            "name": format!("the {id}"),
            "createdAt": "2026-11-22T11:00:00Z",
            "taskRunStatusCounts": { "SUCCEEDED": succeeded, "RUNNING": running },
            "storageProfileId": "sp-local",
            "attachments": { "manifests": [{ "rootPath": "/out", "rootPathFormat": "posix" }] },
        });
        if let Some(ended_at) = ended_at {
            job["endedAt"] = ended_at.into();
        }
        self.jobs.insert(id.to_owned(), job);
        self.jobs.get_mut(id).unwrap()
    }

    fn session(&mut self, job_id: &str, id: &str, ended_at: Option<&str>) {
        let sessions = self.sessions.entry(job_id.to_owned()).or_default();
        sessions.retain(|session| session["sessionId"] != id);
        sessions.push(match ended_at {
            Some(ended_at) => json!({ "sessionId": id, "endedAt": ended_at }),
            None => json!({ "sessionId": id }),
        });
    }

    /// A task run that wrote a manifest.
    fn run(&mut self, session_id: &str, index: u64) {
        let manifests = json!([{ "outputManifestPath": path(session_id, index) }]);
        self.action(session_id, index, "SUCCEEDED", Some(manifests));
    }

    fn action(&mut self, session_id: &str, index: u64, status: &str, manifests: Option<Value>) {
        let mut action = json!({
            "sessionActionId": action_id(session_id, index),
            "status": status,
            "definition": { "taskRun": { "stepId": "step-1", "taskId": format!("task-{index}") } },
        });
        if let Some(manifests) = manifests {
            action["manifests"] = manifests;
        }
        self.actions.entry(session_id.to_owned()).or_default().push(action);
    }

    fn answer(&self, request: &SyncRequest) -> Option<Value> {
        let input = &request.input;
        let job_id = input["jobId"].as_str().unwrap_or_default();
        Some(match request.operation {
            "SearchJobs" => {
                let filter = &input["filterExpressions"]["filters"][0]["groupFilter"]["filters"][0];
                let since = filter["dateTimeFilter"]["dateTime"].as_i64();
                let ended = |job: &Value| Some(time(job["endedAt"].as_str()?).milliseconds());
                let is_match = |job: &&Value| match since {
                    Some(since) => ended(job).is_some_and(|ended| ended >= since),
                    None => ended(job).is_none(),
                };
                let jobs: Vec<Value> = self.jobs.values().filter(is_match).cloned().map(summary).collect();
                json!({ "totalResults": jobs.len(), "jobs": jobs })
            }
            "GetJob" => self.jobs.get(job_id)?.clone(),
            "ListSessions" => paged(self.sessions.get(job_id)?, input, "sessions"),
            "ListSessionActions" => {
                let none = Vec::new();
                let session_id = input["sessionId"].as_str().unwrap();
                paged(self.actions.get(session_id).unwrap_or(&none), input, "sessionActions")
            }
            "GetStorageProfileForQueue" => match input["storageProfileId"].as_str()? {
                "sp-gone" => return None,
                id => json!({ "storageProfileId": id, "osFamily": "LINUX", "fileSystemLocations": [] }),
            },
            "ListOutputManifests" => {
                let task = input["taskId"].as_str().map(|task| format!("/{task}/")).unwrap_or_default();
                json!(self.keys.iter().filter(|key| key.contains(&task)).collect::<Vec<_>>())
            }
            other => panic!("{other}"),
        })
    }
}

/// What SearchJobs leaves out.
fn summary(mut job: Value) -> Value {
    let job_fields = job.as_object_mut().unwrap();
    job_fields.remove("attachments");
    job_fields.remove("storageProfileId");
    job
}

/// Two to a page, so that there are pages.
fn paged(all: &[Value], input: &Value, name: &str) -> Value {
    let from = input["nextToken"].as_str().map_or(0, |token| token.parse().unwrap());
    let mut page = json!({ name: all.iter().skip(from).take(2).collect::<Vec<_>>() });
    if from + 2 < all.len() {
        page["nextToken"] = (from + 2).to_string().into();
    }
    page
}

fn action_id(session_id: &str, index: u64) -> String {
    format!("{}-{index}", session_id.replace("session-", "sessionaction-"))
}

fn path(session_id: &str, index: u64) -> String {
    format!(
        "farm-1/queue-1/job-1/step-1/task-{index}/2026-11-22T11:00:00.000000Z_{}/hash_output",
        action_id(session_id, index)
    )
}

/// The files between passes, and the requests of the last one.
#[derive(Default)]
struct Disk {
    files: Option<SyncFiles>,
    asked: Vec<&'static str>,
}

impl Disk {
    fn begin(&mut self, service: &Service, now: &str) -> SyncPass {
        let files = self.files.clone();
        let settings = SyncSettings {
            local_storage_profile_id: Some("sp-local".to_owned()),
            now: time(now).0,
            bootstrap_lookback_minutes: 120.0,
            checkpoint: files.as_ref().map(|files| files.checkpoint.clone()),
            failed_jobs: files.as_ref().map(|files| files.failed_jobs.clone()),
            sidecar: files.map(|files| files.sidecar),
        };
        let mut pass = SyncPass::begin(settings).unwrap();
        self.asked.clear();
        loop {
            let requests = pass.requests();
            if requests.is_empty() {
                break;
            }
            for request in requests {
                self.asked.push(request.operation);
                match service.answer(&request) {
                    Some(body) => pass.answer(request.id, &body.to_string()).unwrap(),
                    None => pass.not_found(request.id).unwrap(),
                }
            }
        }
        assert!(pass.is_ready());
        pass
    }

    /// A pass in which everything lands, one file a source; gives the session actions downloaded.
    fn pass(&mut self, service: &Service, now: &str) -> Vec<String> {
        let mut pass = self.begin(service, now);
        let sources = pass.sources();
        for source in 0..sources.len() {
            land(&mut pass, source, &format!("/out/{source}"), 1_000);
        }
        self.files = Some(pass.save(true));
        sources.into_iter().map(|source| source.session_action_id).collect()
    }

    fn checkpoint(&self) -> Value {
        serde_json::from_str(&self.files.as_ref().unwrap().checkpoint).unwrap()
    }

    fn failed_jobs(&self) -> Value {
        serde_json::from_str(&self.files.as_ref().unwrap().failed_jobs).unwrap()
    }
}

fn plan(pass: &mut SyncPass, source: usize, files: usize, last_modified: i64) {
    pass.planned(&[Planned { source, files, last_modified: Some(last_modified), is_overwritten: false }]);
}

fn land(pass: &mut SyncPass, source: usize, local_path: &str, last_modified: i64) {
    plan(pass, source, 1, last_modified);
    pass.landed(vec![Landed { source, local_path: local_path.to_owned() }]);
}

fn fail(pass: &mut SyncPass, source: usize, local_path: Option<&str>, last_modified: i64) {
    plan(pass, source, 1, last_modified);
    let local_path = local_path.map(str::to_owned);
    pass.failed(vec![Failed { source, local_path, message: "no luck".to_owned() }]);
}

/// The path of a manifest whose folder has this fraction of one second.
fn timed_path(time: u32) -> String {
    format!(
        "farm-1/queue-1/job-1/step-1/task-1/2026-11-22T11:00:00.{time}00000Z_sessionaction-a-{time}/0_output"
    )
}

/// One running job with one session of three task runs.
fn running_job() -> Service {
    let mut service = Service::default();
    service.job("job-1", 3, 2, None);
    service.session("job-1", "session-a", None);
    (1..=3).for_each(|index| service.run("session-a", index));
    service
}

#[test]
fn each_task_run_is_found_once_as_a_job_goes_on() {
    let (mut service, mut disk) = (running_job(), Disk::default());
    assert_eq!(disk.pass(&service, NOW).len(), 3);
    assert_eq!(disk.pass(&service, "2026-11-22T12:01:00Z"), Vec::<String>::new());
    service.run("session-a", 5);
    service.job("job-1", 4, 1, None);
    assert_eq!(disk.pass(&service, "2026-11-22T12:02:00Z"), ["sessionaction-a-5"]);
    let entry = &disk.checkpoint()["jobs"][0];
    assert_eq!(entry["sessionCompletedIndexes"], json!({ "session-a": 5 }));
    assert_eq!(entry["job"]["storageProfileId"], "sp-local");
}

#[test]
fn an_idle_pass_asks_for_nothing_but_jobs() {
    let (service, mut disk) = (running_job(), Disk::default());
    disk.pass(&service, NOW);
    disk.pass(&service, "2026-11-22T12:01:00Z");
    assert_eq!(disk.asked, ["SearchJobs", "SearchJobs"]);
}

#[test]
fn the_window_moves_to_now_less_the_allowance() {
    let (service, mut disk) = (running_job(), Disk::default());
    disk.pass(&service, NOW);
    let checkpoint = disk.checkpoint();
    assert_eq!(checkpoint["downloadsStartedTimestamp"], "2026-11-22T10:00:00+00:00");
    assert_eq!(checkpoint["downloadsCompletedTimestamp"], "2026-11-22T11:58:00+00:00");
    assert_eq!(checkpoint["eventualConsistencyMaxSeconds"], 120);
}

#[test]
fn a_pass_that_is_cut_off_keeps_what_landed_and_finds_the_rest_again() {
    let (service, mut disk) = (running_job(), Disk::default());
    let mut pass = disk.begin(&service, NOW);
    land(&mut pass, 0, "/out/0", 1_000);
    land(&mut pass, 2, "/out/2", 1_000);
    plan(&mut pass, 1, 2, 1_000);
    pass.landed(vec![Landed { source: 1, local_path: "/out/1".to_owned() }]);
    disk.files = Some(pass.save(false));

    let checkpoint = disk.checkpoint();
    assert_eq!(checkpoint["downloadsCompletedTimestamp"], "2026-11-22T10:00:00+00:00");
    let entry = json!({ "job": { "jobId": "job-1" }, "sessionCompletedIndexes": { "session-a": 1 } });
    assert_eq!(checkpoint["jobs"], json!([entry]));
    assert_eq!(disk.pass(&service, "2026-11-22T12:01:00Z"), ["sessionaction-a-2"]);
    assert_eq!(disk.checkpoint()["jobs"][0]["sessionCompletedIndexes"], json!({ "session-a": 3 }));
}

#[test]
fn while_a_pass_lasts_a_known_job_keeps_its_old_summary() {
    let (mut service, mut disk) = (running_job(), Disk::default());
    disk.pass(&service, NOW);
    service.job("job-1", 4, 1, None);
    service.run("session-a", 4);
    let mut pass = disk.begin(&service, "2026-11-22T12:01:00Z");
    land(&mut pass, 0, "/out/4", 1_000);
    let files = pass.save(false);
    let checkpoint: Value = serde_json::from_str(&files.checkpoint).unwrap();
    assert_eq!(checkpoint["jobs"][0]["job"]["taskRunStatusCounts"]["SUCCEEDED"], 3);
    assert_eq!(checkpoint["jobs"][0]["sessionCompletedIndexes"], json!({ "session-a": 4 }));
}

#[test]
fn without_the_sidecar_what_was_done_beyond_a_gap_is_found_again() {
    let (service, mut disk) = (running_job(), Disk::default());
    let mut pass = disk.begin(&service, NOW);
    land(&mut pass, 2, "/out/2", 1_000);
    disk.files = Some(SyncFiles { sidecar: String::new(), ..pass.save(false) });
    assert_eq!(disk.pass(&service, "2026-11-22T12:01:00Z").len(), 3);
}

#[test]
fn a_failed_task_run_is_the_references_failed_job_and_tried_again_alone() {
    let (service, mut disk) = (running_job(), Disk::default());
    let mut pass = disk.begin(&service, NOW);
    land(&mut pass, 0, "/out/0", 1_000);
    fail(&mut pass, 1, Some("/out/1"), 1_000);
    land(&mut pass, 2, "/out/2", 1_000);
    disk.files = Some(pass.save(true));
    assert_eq!(disk.checkpoint()["jobs"], json!([]));
    assert_eq!(disk.failed_jobs(), json!({ "job-1": 1 }));

    let mut pass = disk.begin(&service, "2026-11-22T12:01:00Z");
    assert_eq!(disk.asked, ["SearchJobs", "SearchJobs", "GetStorageProfileForQueue"]);
    let sources = pass.sources();
    assert_eq!(sources.len(), 1);
    assert_eq!(sources[0].session_action_id, "sessionaction-a-2");
    assert_eq!(sources[0].only, Some(["/out/1".to_owned()].into()));
    land(&mut pass, 0, "/out/1", 1_000);
    disk.files = Some(pass.save(true));
    assert_eq!(disk.failed_jobs(), json!({}));
    assert_eq!(disk.checkpoint()["jobs"][0]["sessionCompletedIndexes"], json!({ "session-a": 3 }));
}

#[test]
fn what_fails_again_and_again_waits_ever_longer_and_is_counted() {
    let (service, mut disk) = (running_job(), Disk::default());
    for (now, tried) in
        [(NOW, 3), ("2026-11-22T12:00:10Z", 1), ("2026-11-22T12:00:20Z", 0), ("2026-11-22T12:01:00Z", 1)]
    {
        let mut pass = disk.begin(&service, now);
        assert_eq!(pass.sources().len(), tried, "{now}");
        (0..tried.min(1)).for_each(|source| fail(&mut pass, source, Some("/out/x"), 1_000));
        (1..tried).for_each(|source| land(&mut pass, source, "/out/y", 1_000));
        disk.files = Some(pass.save(true));
    }
    assert_eq!(disk.failed_jobs(), json!({ "job-1": 3 }));
}

#[test]
fn a_late_retry_leaves_alone_what_a_newer_task_run_wrote() {
    let (mut service, mut disk) = (running_job(), Disk::default());
    let mut pass = disk.begin(&service, NOW);
    plan(&mut pass, 0, 2, 1_000);
    fail(&mut pass, 0, Some("/out/a"), 1_000);
    fail(&mut pass, 0, Some("/out/b"), 1_000);
    (1..3).for_each(|source| land(&mut pass, source, "/out/c", 1_000));
    let later = pass.save(true).sidecar.replace("12:00:00", "13:00:00");
    disk.files = Some(SyncFiles { sidecar: later, ..pass.save(true) });

    service.run("session-a", 4);
    service.job("job-1", 4, 1, None);
    let mut pass = disk.begin(&service, "2026-11-22T12:01:00Z");
    land(&mut pass, 0, "/out/a", 2_000);
    disk.files = Some(pass.save(true));
    let pass = disk.begin(&service, "2026-11-22T13:01:00Z");
    assert_eq!(pass.sources()[0].only, Some(["/out/b".to_owned()].into()));
}

#[test]
fn a_manifest_that_could_not_be_read_knows_later_what_was_written_since() {
    let (mut service, mut disk) = (running_job(), Disk::default());
    let mut pass = disk.begin(&service, NOW);
    pass.failed(vec![Failed { source: 0, local_path: None, message: "no luck".to_owned() }]);
    (1..3).for_each(|source| land(&mut pass, source, &format!("/out/{source}"), 5_000));
    disk.files = Some(pass.save(true));
    service.run("session-a", 4);
    let pass = disk.begin(&service, "2026-11-22T12:01:00Z");
    let source = &pass.sources()[0];
    assert_eq!((source.only.clone(), source.session_action_id.as_str()), (None, "sessionaction-a-1"));
    let written = pass.written_since().iter().find(|written| written.local_paths.contains("/out/2")).unwrap();
    assert_eq!(
        (written.output_manifest_path.as_str(), written.last_modified),
        (path("session-a", 3).as_str(), Some(5_000))
    );
}

#[test]
fn of_one_second_a_retry_leaves_alone_only_what_a_later_session_folder_wrote() {
    for (failed, kept) in [(0, false), (1, true)] {
        let mut service = running_job();
        // The first task run comes again, and writes the folders before and after those of one second.
        let folder = |time: u32| json!([{ "outputManifestPath": timed_path(time) }]);
        service.actions.clear();
        service.action("session-a", 1, "SUCCEEDED", Some(folder(1)));
        service.action("session-a", 2, "SUCCEEDED", Some(folder(3)));
        let mut disk = Disk::default();
        let mut pass = disk.begin(&service, NOW);
        fail(&mut pass, failed, Some("/out/a"), 1_000);
        land(&mut pass, 1 - failed, "/out/b", 1_000);
        let later = pass.save(true).sidecar.replace("12:00:00", "13:00:00");
        disk.files = Some(SyncFiles { sidecar: later, ..pass.save(true) });

        service.action("session-a", 3, "SUCCEEDED", Some(folder(2)));
        service.job("job-1", 4, 1, None);
        let mut pass = disk.begin(&service, "2026-11-22T12:01:00Z");
        land(&mut pass, 0, "/out/a", 1_000);
        disk.files = Some(pass.save(true));
        let pass = disk.begin(&service, "2026-11-22T13:01:00Z");
        assert_eq!(!pass.sources().is_empty(), kept);
    }
}

#[test]
fn the_references_failed_jobs_are_fetched_whole() {
    let (mut service, mut disk) = (running_job(), Disk::default());
    disk.pass(&service, NOW);
    service.job("job-1", 3, 0, Some("2026-11-22T10:30:00Z"));
    let mut files = disk.files.clone().unwrap();
    let mut checkpoint: Value = serde_json::from_str(&files.checkpoint).unwrap();
    checkpoint["jobs"] = json!([]);
    files.checkpoint = checkpoint.to_string();
    files.failed_jobs = json!({ "job-1": 2, "job-gone": 4 }).to_string();
    disk.files = Some(files);
    assert_eq!(disk.pass(&service, "2026-11-22T12:01:00Z").len(), 3);
    assert_eq!(disk.failed_jobs(), json!({}));
}

#[test]
fn a_sidecar_beside_another_tools_checkpoint_is_not_believed() {
    let (service, mut disk) = (running_job(), Disk::default());
    let mut pass = disk.begin(&service, NOW);
    (0..3).for_each(|source| fail(&mut pass, source, Some("/out/x"), 1_000));
    disk.files = Some(pass.save(true));
    let mut files = disk.files.clone().unwrap();
    files.checkpoint.push('\n');
    disk.files = Some(files);
    let pass = disk.begin(&service, "2026-11-22T12:01:00Z");
    assert!(pass.sources().iter().all(|source| source.only.is_none()));
    assert!(disk.asked.contains(&"ListSessions"));
}

#[test]
fn a_completed_job_becomes_a_stub_and_a_requeue_is_noticed() {
    let (mut service, mut disk) = (running_job(), Disk::default());
    service.job("job-1", 3, 0, Some("2026-11-22T11:30:00Z"));
    service.session("job-1", "session-a", Some("2026-11-22T11:29:00.123Z"));
    assert_eq!(disk.pass(&service, NOW).len(), 3);
    assert_eq!(disk.checkpoint()["jobs"][0]["job"]["endedAt"], "2026-11-22T11:30:00+00:00");
    assert_eq!(disk.pass(&service, "2026-11-22T12:10:00Z").len(), 0);
    let ended = "2026-11-22T11:29:00.123000+00:00";
    assert_eq!(
        disk.checkpoint()["jobs"],
        json!([{ "job": { "jobId": "job-1" }, "sessionEndedTimestamp": ended }])
    );
    // It stays so.
    assert_eq!(disk.pass(&service, "2026-11-22T12:15:00Z").len(), 0);
    assert_eq!(disk.asked, ["SearchJobs", "SearchJobs"]);
    service.job("job-1", 1, 2, None);
    service.session("job-1", "session-b", None);
    service.run("session-b", 7);
    let known = disk.files.clone().unwrap();
    assert_eq!(disk.pass(&service, "2026-11-22T12:20:00Z"), ["sessionaction-b-7"]);
    let indexes = json!({ "session-a": 3, "session-b": 7 });
    assert_eq!(disk.checkpoint()["jobs"][0]["sessionCompletedIndexes"], indexes);

    // Who knows the checkpoint alone takes all of the last session for new, as the reference does.
    let moved = known.checkpoint.replace("12:13:00", "12:13:01");
    for files in
        [SyncFiles { sidecar: String::new(), ..known.clone() }, SyncFiles { checkpoint: moved, ..known }]
    {
        disk.files = Some(files);
        assert_eq!(
            disk.pass(&service, "2026-11-22T12:20:00Z"),
            ["sessionaction-a-1", "sessionaction-a-2", "sessionaction-a-3", "sessionaction-b-7"]
        );
        assert_eq!(disk.checkpoint()["jobs"][0]["sessionCompletedIndexes"], indexes);
    }
}

#[test]
fn a_requeued_job_is_cut_off_and_still_brings_only_what_is_new() {
    let (mut service, mut disk) = (running_job(), Disk::default());
    service.job("job-1", 3, 0, Some("2026-11-22T11:30:00Z"));
    service.session("job-1", "session-a", Some("2026-11-22T11:29:00Z"));
    disk.pass(&service, NOW);
    disk.pass(&service, "2026-11-22T12:10:00Z");
    service.job("job-1", 1, 2, None);
    service.session("job-1", "session-b", None);
    service.run("session-b", 7);
    disk.files = Some(disk.begin(&service, "2026-11-22T12:20:00Z").save(false));
    assert_eq!(disk.pass(&service, "2026-11-22T12:21:00Z"), ["sessionaction-b-7"]);
}

#[test]
fn a_job_of_which_no_task_has_succeeded_any_more_leaves_the_checkpoint_and_brings_only_what_is_new() {
    let (mut service, mut disk) = (running_job(), Disk::default());
    disk.pass(&service, NOW);
    service.job("job-1", 0, 5, None);
    for minute in 1..4 {
        assert_eq!(disk.pass(&service, &format!("2026-11-22T12:0{minute}:00Z")), Vec::<String>::new());
        assert_eq!(disk.checkpoint()["jobs"], json!([]));
    }
    service.run("session-a", 4);
    service.job("job-1", 1, 4, None);
    assert_eq!(disk.pass(&service, "2026-11-22T12:05:00Z"), ["sessionaction-a-4"]);
    assert_eq!(disk.checkpoint()["jobs"][0]["sessionCompletedIndexes"], json!({ "session-a": 4 }));
}

#[test]
fn what_an_inactive_job_has_open_comes_when_it_is_requeued_and_what_is_done_beyond_does_not() {
    let (mut service, mut disk) = (running_job(), Disk::default());
    let mut pass = disk.begin(&service, NOW);
    land(&mut pass, 0, "/out/1", 1_000);
    land(&mut pass, 2, "/out/3", 1_000);
    disk.files = Some(pass.save(false));
    service.job("job-1", 0, 5, None);
    for minute in 1..4 {
        disk.pass(&service, &format!("2026-11-22T12:0{minute}:00Z"));
    }
    service.job("job-1", 1, 4, None);
    assert_eq!(disk.pass(&service, "2026-11-22T12:05:00Z"), ["sessionaction-a-2"]);
}

#[test]
fn of_inactive_jobs_so_many_sessions_are_remembered_and_the_latest_jobs() {
    let mut disk = Disk::default();
    disk.pass(&Service::default(), NOW);
    let files = disk.files.as_mut().unwrap();
    let mut sidecar: Sidecar = serde_json::from_str(&files.sidecar).unwrap();
    let indexes = |sessions: usize| (0..sessions).map(|n| (format!("session-{n}"), 1)).collect();
    for (job_id, since, sessions) in [("job-c", 1, 1), ("job-b", 2, 1), ("job-a", 3, 49_999)] {
        let job = InactiveJob {
            since: Timestamp(since),
            session_completed_indexes: indexes(sessions),
            done_beyond: BTreeMap::new(),
            open_from: BTreeMap::new(),
        };
        sidecar.inactive.insert(job_id.to_owned(), job);
    }
    files.sidecar = serde_json::to_string(&sidecar).unwrap();
    disk.pass(&Service::default(), "2026-11-22T12:01:00Z");
    sidecar.inactive.remove("job-c");
    let kept: Sidecar = serde_json::from_str(&disk.files.unwrap().sidecar).unwrap();
    assert_eq!(kept.inactive, sidecar.inactive);
}

#[test]
fn what_failed_is_known_to_the_next_pass_though_no_checkpoint_of_this_one_could_be_written() {
    let (mut service, mut disk) = (running_job(), Disk::default());
    let mut pass = disk.begin(&service, NOW);
    fail(&mut pass, 0, Some("/out/1"), 1_000);
    (1..3).for_each(|source| land(&mut pass, source, "/out/x", 1_000));
    disk.files = Some(pass.save(true));
    let before = disk.files.clone().unwrap().checkpoint;
    service.job("job-2", 2, 1, None);
    service.session("job-2", "session-b", None);
    (1..=2).for_each(|index| service.run("session-b", index));
    let mut pass = disk.begin(&service, "2026-11-22T12:01:00Z");
    land(&mut pass, 1, "/out/4", 1_000);
    assert_ne!(pass.save(false).checkpoint, before);
    disk.files = Some(SyncFiles { checkpoint: before, ..pass.save(true) });
    let next = disk.begin(&service, "2026-11-22T12:02:00Z").sources();
    assert_eq!(next.iter().filter(|source| source.job_id == "job-1").count(), 1);
    assert_eq!(next[0].only, Some(["/out/1".to_owned()].into()));

    // Once one is written it stands for all before it.
    pass.saved();
    let after: Sidecar = serde_json::from_str(&pass.save(true).sidecar).unwrap();
    assert_eq!(after.checkpoints.len(), 1);
    let mut pass = disk.begin(&service, "2026-11-22T12:02:00Z");
    pass.save(false);
    pass.saved();
    let last: Sidecar = serde_json::from_str(&pass.save(true).sidecar).unwrap();
    assert_eq!(last.checkpoints.len(), 2);
}

#[test]
fn what_was_written_a_moment_ago_stays_though_an_older_task_run_is_seen_later() {
    let (mut service, mut disk) = (running_job(), Disk::default());
    let written_at = time("2026-11-22T11:59:00Z").milliseconds();
    let mut pass = disk.begin(&service, NOW);
    land(&mut pass, 0, "/out/old", time("2026-11-22T11:55:59Z").milliseconds());
    land(&mut pass, 1, "/out/far", time("2026-11-22T13:00:01Z").milliseconds());
    land(&mut pass, 2, "/out/x", written_at);
    let written = |files: &SyncFiles| {
        let sidecar: Sidecar = serde_json::from_str(&files.sidecar).unwrap();
        sidecar.written_since
    };
    assert_eq!(written(&pass.save(false)).len(), 1, "also where it is cut off");
    disk.files = Some(pass.save(true));
    service.job("job-late", 1, 1, None);
    service.session("job-late", "session-late", None);
    service.run("session-late", 1);
    let pass = disk.begin(&service, "2026-11-22T12:03:00Z");
    assert_eq!(pass.sources().len(), 1);
    let [x] = pass.written_since() else { panic!("{:?}", pass.written_since()) };
    assert_eq!(x.local_paths, ["/out/x".to_owned()].into());
    assert!(x.is_after(&path("session-late", 1), Some(written_at - 60_000)));
    disk.pass(&service, "2026-11-22T12:03:00Z");
    assert_eq!(remembered(&disk), ["/out/x".to_owned()].into());
    // Whoever is seen from now on is younger.
    disk.pass(&service, "2026-11-22T12:03:01Z");
    assert_eq!(remembered(&disk), BTreeSet::new());
}

#[test]
fn sessions_that_ended_before_the_threshold_are_not_looked_into() {
    let (mut service, mut disk) = (running_job(), Disk::default());
    service.session("job-1", "session-old", Some("2026-11-22T09:59:59Z"));
    service.run("session-old", 1);
    assert_eq!(disk.pass(&service, NOW).len(), 3);
}

#[test]
fn jobs_that_cannot_be_downloaded_are_said_and_kept_as_such() {
    let (mut service, mut disk) = (Service::default(), Disk::default());
    service.job("job-free", 1, 1, None)["attachments"] = Value::Null;
    service.job("job-lost", 1, 1, None)["storageProfileId"] = Value::Null;
    let pass = disk.begin(&service, NOW);
    let categories: Vec<Category> = pass.report().jobs.iter().map(|job| job.category).collect();
    assert_eq!(categories, [Category::AttachmentsFree, Category::MissingStorageProfile]);
    disk.pass(&service, NOW);
    let keys = |index: usize| {
        let job = &disk.checkpoint()["jobs"][index]["job"];
        job.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(keys(0), "attachments jobId name");
    assert_eq!(keys(1), "attachments jobId name storageProfileId");
    disk.pass(&service, "2026-11-22T12:01:00Z");
    assert_eq!(disk.asked, ["SearchJobs", "SearchJobs"]);
}

#[test]
fn task_runs_without_output_do_not_move_the_index() {
    let (mut service, mut disk) = (running_job(), Disk::default());
    service.action("session-a", 4, "SUCCEEDED", Some(json!([{}])));
    assert_eq!(disk.pass(&service, NOW).len(), 3);
    assert_eq!(disk.checkpoint()["jobs"][0]["sessionCompletedIndexes"], json!({ "session-a": 3 }));
}

#[test]
fn a_task_that_failed_is_reported_unless_it_succeeded_too() {
    let (mut service, mut disk) = (running_job(), Disk::default());
    service.action("session-a", 4, "FAILED", None);
    service.action("session-a", 5, "FAILED", None);
    service.session("job-1", "session-b", None);
    service.actions.insert("session-b".into(), Vec::new());
    let retried = json!({
        "sessionActionId": "sessionaction-b-1",
        "status": "SUCCEEDED",
        "definition": { "taskRun": { "stepId": "step-1", "taskId": "task-5" } },
        "manifests": [{}],
    });
    service.actions.get_mut("session-b").unwrap().push(retried);
    let report = disk.begin(&service, NOW).report();
    assert_eq!(report.jobs[0].failed_tasks, ["task-4".to_owned()].into());
    assert_eq!(report.jobs[0].task_runs_without_output, 1);
}

#[test]
fn manifests_that_the_api_does_not_name_are_looked_up_by_task_then_by_step() {
    let (mut service, mut disk) = (Service::default(), Disk::default());
    service.job("job-1", 2, 2, None);
    service.session("job-1", "session-a", None);
    service.action("session-a", 1, "SUCCEEDED", None);
    service.action("session-a", 2, "SUCCEEDED", None);
    let hash = crate::keys::root_path_hash("/out", None);
    let root = "deadline/Manifests/farm-1/queue-1/job-1/step-1";
    let folder = |index| format!("2026-11-22T11:00:00.000000Z_{}", action_id("session-a", index));
    let of_task = format!("{root}/task-1/{}/{hash}_output", folder(1));
    let of_step = format!("{root}/{}/{hash}_output", folder(2));
    service.keys = vec![of_task.clone(), of_step.clone()];
    let pass = disk.begin(&service, NOW);
    let paths: Vec<String> = pass.sources().into_iter().map(|source| source.output_manifest_path).collect();
    assert_eq!(paths, [of_task, of_step].map(|key| key["deadline/Manifests/".len()..].to_owned()));
    assert_eq!(disk.asked.iter().filter(|operation| **operation == "ListOutputManifests").count(), 3);
}

#[test]
fn a_job_that_is_deleted_meanwhile_is_said_and_forgotten() {
    let (mut service, mut disk) = (running_job(), Disk::default());
    service.sessions.clear();
    let pass = disk.begin(&service, NOW);
    assert_eq!(pass.report().jobs[0].category, Category::Deleted);
    disk.pass(&service, NOW);
    assert_eq!(disk.checkpoint()["jobs"], json!([]));
}

#[test]
fn a_job_that_is_deleted_before_anything_is_known_of_it_keeps_the_name_that_the_queue_had() {
    let (mut service, mut disk) = (running_job(), Disk::default());
    service.sessions.clear();
    let name = |pass: &SyncPass| pass.report().jobs[0].name.clone();
    assert_eq!(name(&disk.begin(&service, NOW)), Some("the job-1".to_owned()));
    let (mut service, mut disk) = (running_job(), Disk::default());
    disk.pass(&service, NOW);
    service.job("job-1", 2, 3, None);
    service.sessions.clear();
    assert_eq!(name(&disk.begin(&service, NOW)), Some("the job-1".to_owned()), "or the checkpoint");
}

#[test]
fn a_manifest_that_belongs_to_no_root_is_named_and_is_not_taken_for_no_output() {
    let (mut service, mut disk) = (Service::default(), Disk::default());
    service.job("job-1", 2, 2, None);
    service.session("job-1", "session-a", None);
    // One is found in the bucket under a root that the job has not; the other is named beyond the job's one root.
    service.action("session-a", 1, "SUCCEEDED", None);
    let beyond = json!([{}, { "outputManifestPath": path("session-a", 2) }]);
    service.action("session-a", 2, "SUCCEEDED", Some(beyond));
    service.keys = vec![format!("deadline/Manifests/{}", path("session-a", 1))];
    let pass = disk.begin(&service, NOW);
    let report = pass.report();
    assert_eq!(report.jobs[0].manifests_without_root, [1, 2].map(|index| path("session-a", index)));
    assert_eq!((report.jobs[0].task_runs, report.jobs[0].task_runs_without_output), (0, 0));
    assert!(pass.sources().is_empty());
}

#[test]
fn what_failed_is_counted_until_it_is_made_good_whether_it_is_tried_or_waits() {
    let (service, mut disk) = (running_job(), Disk::default());
    let mut pass = disk.begin(&service, NOW);
    assert_eq!(pass.outstanding_task_runs(), 0, "what is open is not outstanding yet");
    fail(&mut pass, 0, Some("/out/0"), 1_000);
    fail(&mut pass, 1, None, 1_000);
    land(&mut pass, 2, "/out/2", 1_000);
    assert_eq!(pass.outstanding_task_runs(), 2);
    disk.files = Some(pass.save(true));
    let mut pass = disk.begin(&service, NOW);
    assert_eq!(pass.outstanding_task_runs(), 2);
    fail(&mut pass, 0, Some("/out/0"), 1_000);
    land(&mut pass, 1, "/out/1", 1_000);
    assert_eq!(pass.outstanding_task_runs(), 1);
    disk.files = Some(pass.save(true));
    let pass = disk.begin(&service, NOW);
    assert!(pass.sources().is_empty(), "its turn has not come");
    assert_eq!(pass.outstanding_task_runs(), 1);
    disk.pass(&service, "2026-11-22T13:00:00Z");
    assert_eq!(disk.begin(&service, "2026-11-22T13:01:00Z").outstanding_task_runs(), 0);
}

/// What the sidecar remembers to have been written.
fn remembered(disk: &Disk) -> BTreeSet<String> {
    let sidecar: Sidecar = serde_json::from_str(&disk.files.as_ref().unwrap().sidecar).unwrap();
    sidecar.written_since.into_iter().flat_map(|files| files.local_paths).collect()
}

#[test]
fn once_a_manifest_is_read_only_what_it_lacks_is_remembered() {
    let (mut service, mut disk) = (running_job(), Disk::default());
    let mut pass = disk.begin(&service, NOW);
    fail(&mut pass, 0, None, 1_000);
    land(&mut pass, 1, "/out/shared", 2_000);
    land(&mut pass, 2, "/out/other", 2_000);
    disk.files = Some(pass.save(true));
    assert_eq!(remembered(&disk), ["/out/shared", "/out/other"].map(str::to_owned).into());
    for (minute, index) in (1..4).zip(5..) {
        service.run("session-a", index);
        service.job("job-1", index, 1, None);
        let mut pass = disk.begin(&service, &format!("2026-11-22T12:0{minute}:00Z"));
        let sources = pass.sources();
        for (source, action) in sources.iter().map(|source| &*source.session_action_id).enumerate() {
            match action {
                "sessionaction-a-1" => fail(&mut pass, source, Some("/out/shared"), 1_000),
                _ => land(&mut pass, source, &format!("/out/{index}"), 3_000),
            }
        }
        disk.files = Some(pass.save(true));
        assert_eq!(remembered(&disk), ["/out/shared".to_owned()].into());
    }
}

#[test]
fn what_can_never_be_read_is_given_up_before_too_much_is_remembered_for_it_and_stays_outstanding() {
    const FILES: usize = 100_001;
    let (service, mut disk) = (running_job(), Disk::default());
    let mut pass = disk.begin(&service, NOW);
    fail(&mut pass, 0, None, 1_000);
    plan(&mut pass, 1, FILES, 2_000);
    let file = |number| Landed { source: 1, local_path: format!("/out/{number}") };
    pass.landed((0..FILES).map(file).collect());
    land(&mut pass, 2, "/out/last", 2_000);
    disk.files = Some(pass.save(true));
    assert_eq!(remembered(&disk).len(), FILES + 1);
    for (day, before, after) in [(24, "1", FILES + 1), (25, "30", FILES + 1), (26, "31", 0)] {
        let files = disk.files.as_mut().unwrap();
        let tried = files.sidecar.find("\"attempts\": ").unwrap() + "\"attempts\": ".len();
        let end = tried + files.sidecar[tried..].find(',').unwrap();
        files.sidecar.replace_range(tried..end, before);
        let mut pass = disk.begin(&service, &format!("2026-12-{day}T00:00:00Z"));
        assert_eq!(pass.sources().len(), 1);
        fail(&mut pass, 0, None, 1_000);
        disk.files = Some(pass.save(true));
        assert_eq!(remembered(&disk).len(), after, "after {before} tries and one more");
    }
    let pass = disk.begin(&service, "2026-12-30T00:00:00Z");
    assert!(pass.sources().is_empty());
    assert_eq!(pass.outstanding_task_runs(), 1);
}

#[test]
fn a_checkpoint_of_another_profile_or_cut_short_is_refused_and_unknown_fields_are_kept() {
    let (service, mut disk) = (running_job(), Disk::default());
    disk.pass(&service, NOW);
    let text = disk.files.unwrap().checkpoint;
    let error = |text: &str, profile| Checkpoint::read(text, profile).unwrap_err();
    assert!(
        error(&text, Some("sp-other"))
            .message
            .contains("made for storage profile sp-local, not for sp-other")
    );
    assert!(error(&text, None).message.contains("profiles are now ignored"));
    assert!(error(&text.replace("\"sp-local\"", "null"), Some("sp-local")).message.contains("ignored"));
    assert_eq!(error(&text[..text.len() / 2], Some("sp-local")).code, crate::ErrorCode::Checkpoint);
    assert_eq!(error("{\"localStorageProfileId\":null}", None).code, crate::ErrorCode::Checkpoint);
    let newer = text.replacen('{', "{\"futureField\": {\"é\": 1.5},", 1);
    let read = Checkpoint::read(&newer, Some("sp-local")).unwrap();
    assert!(read.write().contains("\"\\u00e9\": 1.5"));
}

#[test]
fn what_was_not_asked_or_cannot_be_read_is_an_error() {
    let mut disk = Disk::default();
    let mut pass = disk.begin(&Service::default(), NOW);
    assert_eq!(pass.answer(99, "{}").unwrap_err().code, crate::ErrorCode::InvalidArgument);
    let settings = SyncSettings {
        local_storage_profile_id: None,
        now: 0,
        bootstrap_lookback_minutes: 0.0,
        checkpoint: None,
        failed_jobs: Some("{cut".to_owned()),
        sidecar: Some("{cut".to_owned()),
    };
    let error = SyncPass::begin(settings.clone()).unwrap_err();
    assert_eq!(error.code, crate::ErrorCode::Checkpoint, "its jobs would be forgotten");
    let mut pass = SyncPass::begin(SyncSettings { failed_jobs: None, ..settings }).unwrap();
    let first = pass.requests().remove(0);
    assert!(pass.answer(first.id, "<html>").unwrap_err().message.contains("SearchJobs"));
}

#[test]
fn a_failed_job_of_the_reference_is_not_forgotten_by_a_pass_that_is_cut_off() {
    let (mut service, mut disk) = (running_job(), Disk::default());
    service.job("job-1", 3, 0, Some("2026-11-22T09:00:00Z"));
    let checkpoint = Checkpoint::bootstrap(Some("sp-local".to_owned()), time("2026-11-22T08:00:00Z"));
    let checkpoint = Checkpoint { downloads_completed_timestamp: time("2026-11-22T11:00:00Z"), ..checkpoint };
    let failed_jobs = json!({ "job-1": 1 }).to_string();
    disk.files = Some(SyncFiles { checkpoint: checkpoint.write(), failed_jobs, sidecar: String::new() });
    let mut pass = disk.begin(&service, NOW);
    land(&mut pass, 0, "/out/0", 1_000);
    disk.files = Some(pass.save(false));
    assert_eq!(disk.pass(&service, "2026-11-22T12:01:00Z").len(), 2);
}

#[test]
fn a_job_that_is_gone_from_the_queue_keeps_what_its_retries_need() {
    let (mut service, mut disk) = (running_job(), Disk::default());
    service.job("job-1", 3, 0, Some("2026-11-22T11:30:00Z"));
    service.session("job-1", "session-a", Some("2026-11-22T11:29:00Z"));
    for now in [NOW, "2026-11-22T13:00:00Z", "2026-11-22T15:00:00Z", "2026-11-22T17:00:00Z"] {
        let mut pass = disk.begin(&service, now);
        assert_eq!(pass.sources()[0].storage_profile_id.as_deref(), Some("sp-local"));
        assert_eq!(pass.storage_profiles().len(), 1);
        fail(&mut pass, 0, Some("/out/0"), 1_000);
        (1..pass.sources().len()).for_each(|source| land(&mut pass, source, "/out/y", 1_000));
        disk.files = Some(pass.save(true));
    }
    assert_eq!(disk.failed_jobs(), json!({ "job-1": 4 }), "the reference must not give it up");
    assert_eq!(disk.pass(&service, "2026-11-22T19:00:00Z"), ["sessionaction-a-1"]);
    assert_eq!(disk.failed_jobs(), json!({}));
}

#[test]
fn a_retry_does_not_jump_over_what_a_cut_off_pass_left_open() {
    let (mut service, mut disk) = (running_job(), Disk::default());
    disk.pass(&service, NOW);
    (4..=6).for_each(|index| service.run("session-a", index));
    service.job("job-1", 6, 0, None);
    let mut pass = disk.begin(&service, "2026-11-22T12:01:00Z");
    fail(&mut pass, 0, Some("/out/4"), 1_000);
    land(&mut pass, 2, "/out/6", 1_000);
    disk.files = Some(pass.save(false));
    // Requeued: the job looks as it did before.
    service.job("job-1", 3, 3, None);
    assert_eq!(disk.pass(&service, "2026-11-22T12:02:00Z"), ["sessionaction-a-4"]);
    service.job("job-1", 6, 0, None);
    assert_eq!(disk.pass(&service, "2026-11-22T12:03:00Z"), ["sessionaction-a-5"]);
    assert_eq!(disk.checkpoint()["jobs"][0]["sessionCompletedIndexes"], json!({ "session-a": 6 }));
}

#[test]
fn what_is_kept_only_to_be_known_again_is_reported_once() {
    let (mut service, mut disk) = (Service::default(), Disk::default());
    service.job("job-free", 1, 1, None)["attachments"] = Value::Null;
    assert_eq!(disk.begin(&service, NOW).report().jobs.len(), 1);
    disk.pass(&service, NOW);
    let report = disk.begin(&service, "2026-11-22T12:01:00Z").report();
    assert!(report.jobs.is_empty());
    assert_eq!(report.counts[&Category::AttachmentsFree], 1);
}

/// Numbers that are always the same for one seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// A queue of two jobs goes on at random; passes land, fail and are cut off at random, and files are lost or one save
/// old. In the end every task run that wrote something has landed.
#[test]
fn whatever_happens_every_task_run_lands_in_the_end() {
    for seed in 0..100 {
        let (mut service, mut disk, mut dice) = (Service::default(), Disk::default(), Dice(seed));
        let (mut written, mut landed) = (Vec::new(), BTreeSet::new());
        let mut counts = [0, 0];
        for minute in 0..24 {
            let now = format!("2026-11-22T12:{minute:02}:00Z");
            for (number, count) in counts.iter_mut().enumerate() {
                let (job, session) = (format!("job-{number}"), format!("session-{number}{}", minute / 8));
                for _ in 0..dice.roll(3) {
                    service.run(&session, *count);
                    written.push(action_id(&session, *count));
                    *count += 1;
                }
                if *count == 0 {
                    continue;
                }
                let ended = format!("2026-11-22T12:{:02}:00Z", minute / 8 * 8 + 7);
                let has_ended = minute % 8 == 7;
                service.session(&job, &session, has_ended.then_some(&*ended));
                // A requeue now and then makes the count what it was.
                let succeeded = if dice.roll(8) == 0 { 0 } else { *count - dice.roll(2).min(*count - 1) };
                service.job(&job, succeeded, 1, None);
            }
            let mut pass = disk.begin(&service, &now);
            let ids: Vec<String> =
                pass.sources().into_iter().map(|source| source.session_action_id).collect();
            for source in 0..ids.len() {
                plan(&mut pass, source, 1, 1_000);
            }
            for (source, id) in ids.iter().enumerate() {
                let local_path = format!("/out/{id}");
                match dice.roll(6) {
                    0 => fail(&mut pass, source, Some(&local_path), 1_000),
                    1 if dice.roll(2) == 0 => fail(&mut pass, source, None, 1_000),
                    1 => break,
                    _ => {
                        land(&mut pass, source, &local_path, 1_000);
                        landed.insert(id.clone());
                    }
                }
            }
            let finished = dice.roll(3) > 0;
            let before = disk.files.take();
            let saved = pass.save(finished);
            disk.files = match (dice.roll(5), before) {
                // Killed before anything was written, or between sidecar and checkpoint.
                (0, before) => before,
                (1, Some(before)) => Some(SyncFiles { checkpoint: before.checkpoint, ..saved }),
                (2, _) => Some(SyncFiles { sidecar: String::new(), ..saved }),
                _ => Some(saved),
            };
        }
        for (number, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            service.job(&format!("job-{number}"), *count, 0, Some("2026-11-22T12:24:00Z"));
        }
        for hour in 14..18 {
            landed.extend(disk.pass(&service, &format!("2026-11-22T{hour}:00:00Z")));
        }
        let lost: Vec<&String> = written.iter().filter(|id| !landed.contains(*id)).collect();
        assert!(lost.is_empty(), "seed {seed}: {lost:?}");
        assert_eq!(disk.failed_jobs(), json!({}), "seed {seed}");
    }
}

#[test]
fn what_a_cut_off_pass_wrote_is_not_taken_back_by_the_older_task_run_that_it_left_open() {
    let (service, mut disk) = (running_job(), Disk::default());
    let mut pass = disk.begin(&service, NOW);
    // The first wrote /out/b too, and has /out/c alone.
    let planned = Planned { source: 0, files: 1, last_modified: Some(1_000), is_overwritten: true };
    pass.planned(&[planned]);
    land(&mut pass, 1, "/out/b", 2_000);
    disk.files = Some(pass.save(false));
    let mut pass = disk.begin(&service, "2026-11-22T12:01:00Z");
    assert_eq!(pass.sources()[0].session_action_id, "sessionaction-a-1");
    let written = pass.written_since()[0].clone();
    assert!(written.local_paths.contains("/out/b") && written.is_after(&path("session-a", 1), Some(1_000)));
    // As long as it is open, that is not forgotten.
    pass.planned(&[planned]);
    disk.files = Some(pass.save(false));
    assert_eq!(disk.begin(&service, "2026-11-22T12:02:00Z").written_since(), [written]);
    disk.pass(&service, "2026-11-22T12:03:00Z");
    assert!(disk.begin(&service, "2026-11-22T12:04:00Z").written_since().is_empty());
}
