//! The farm as a client of Deadline Cloud and STS meets it, after a history of events.

use std::collections::BTreeSet;

use http::StatusCode;
use rusty_attachments_farm::outputs::id;
use rusty_attachments_farm::{ACCOUNT_ID, Credentials, Effect, Farm, Requests, Rule};
use serde_json::{Value, json};

use crate::client::{Answer, ask, ask_as, ask_service, ask_unsigned};

async fn farm(events: Value) -> Farm {
    let farm = Farm::start().await.unwrap();
    happen(&farm, events);
    farm
}

fn happen(farm: &Farm, events: Value) -> Value {
    farm.happen(serde_json::from_value(events).unwrap()).unwrap()
}

/// The address of something of the queue.
fn at(rest: &str) -> String {
    format!("/2023-10-12/farms/{}/queues/{}{rest}", id("farm", "studio"), id("queue", "studio/nightly"))
}

fn job(name: &str) -> String {
    at(&format!("/jobs/{}", id("job", name)))
}

async fn get(farm: &Farm, address: &str) -> Answer {
    ask_service(farm, farm.credentials(), "deadline", "GET", address, "").await
}

async fn read(farm: &Farm, address: &str) -> Value {
    let answer = get(farm, address).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    serde_json::from_str(answer.text()).unwrap()
}

async fn try_search(farm: &Farm, mut request: Value) -> Answer {
    request["queueIds"] = json!([id("queue", "studio/nightly")]);
    let address = format!("/2023-10-12/farms/{}/search/jobs", id("farm", "studio"));
    ask_service(farm, farm.credentials(), "deadline", "POST", &address, &request.to_string()).await
}

async fn search(farm: &Farm, request: Value) -> Value {
    let answer = try_search(farm, request).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    serde_json::from_str(answer.text()).unwrap()
}

/// The names of the jobs on the first page for a filter.
async fn found(farm: &Farm, filters: Value) -> BTreeSet<String> {
    let filters = json!({ "filters": filters, "operator": "AND" });
    let found = search(farm, json!({ "itemOffset": 0, "filterExpressions": filters })).await;
    found["jobs"].as_array().unwrap().iter().map(|job| job["name"].as_str().unwrap().to_owned()).collect()
}

fn kind(answer: &Answer) -> (u16, &str) {
    (answer.status.as_u16(), answer.header("x-amzn-errortype"))
}

/// One job of two tasks, the first of which wrote a file under the first of two roots.
fn half_done() -> Value {
    json!([
        { "event": "storageProfile", "name": "mac", "osFamily": "MACOS",
          "locations": [{ "name": "Projects", "path": "/Volumes/P", "type": "SHARED" }] },
        { "event": "job", "name": "shot", "storageProfile": "mac", "secondsAgo": 60,
          "roots": [{ "path": "/Volumes/P/shot", "format": "posix", "location": "Projects" },
                    { "path": "/tmp", "format": "posix" }],
          "steps": [{ "name": "render", "tasks": 2 }] },
        { "event": "session", "job": "shot", "name": "first", "secondsAgo": 50 },
        { "event": "task", "job": "shot", "session": "first", "secondsAgo": 40,
          "files": [{ "path": "a.txt", "text": "hello" }] },
    ])
}

#[tokio::test]
async fn a_summary_says_less_than_the_job() {
    let farm = farm(half_done()).await;
    let summary = search(&farm, json!({ "itemOffset": 0 })).await["jobs"][0].clone();
    assert_eq!(summary["name"], "shot");
    assert_eq!(summary["taskRunStatus"], "READY");
    assert_eq!(summary["taskRunStatusCounts"]["SUCCEEDED"], 1);
    assert_eq!(summary["taskRunStatusCounts"].as_object().unwrap().len(), 12);
    assert!(summary.get("endedAt").is_none());
    for member in ["attachments", "storageProfileId"] {
        assert!(summary.get(member).is_none(), "{member}");
    }
    let whole = read(&farm, &job("shot")).await;
    assert_eq!(whole["storageProfileId"], id("sp", "mac"));
    assert_eq!(whole["attachments"]["manifests"][0]["fileSystemLocationName"], "Projects");
    assert_eq!(whole["attachments"]["manifests"][1]["rootPath"], "/tmp");
    assert!(whole.get("queueId").is_none());
}

#[tokio::test]
async fn sessions_and_their_actions_tell_what_ran_and_what_it_wrote() {
    let farm = farm(half_done()).await;
    let sessions = read(&farm, &(job("shot") + "/sessions")).await;
    assert_eq!(sessions["sessions"][0]["lifecycleStatus"], "STARTED");
    let actions = read(&farm, &(job("shot") + "/session-actions")).await;
    let actions = actions["sessionActions"].as_array().unwrap();
    let kinds: Vec<_> =
        actions.iter().map(|action| action["definition"].as_object().unwrap().keys()).collect();
    assert_eq!(
        kinds.into_iter().flatten().collect::<Vec<_>>(),
        ["syncInputJobAttachments", "envEnter", "taskRun"]
    );
    let [.., run] = &actions[..] else { panic!("no action") };
    assert!(run["sessionActionId"].as_str().unwrap().ends_with("-2"));
    assert_eq!(run["manifests"][1], json!({}));
    let path = run["manifests"][0]["outputManifestPath"].as_str().unwrap();
    let manifest = farm.object("farm-attachments", &format!("studio/attachments/Manifests/{path}")).unwrap();
    assert_eq!(manifest.metadata()["asset-root"], "/Volumes/P/shot");

    let task = run["definition"]["taskRun"]["taskId"].as_str().unwrap();
    let step = run["definition"]["taskRun"]["stepId"].as_str().unwrap();
    assert!(path.contains(&format!("/{step}/{task}/")));
    let task = read(&farm, &format!("{}/steps/{step}/tasks/{task}", job("shot"))).await;
    assert_eq!(task["runStatus"], "SUCCEEDED");
    assert_eq!(task["latestSessionActionId"], run["sessionActionId"]);
}

#[tokio::test]
async fn an_older_service_names_no_manifests_and_a_chunk_names_no_task() {
    let farm = farm(half_done()).await;
    happen(
        &farm,
        json!([
            { "event": "task", "job": "shot", "session": "first", "chunk": [0, 1], "manifests": false,
              "files": [{ "path": "b.bin", "bytes": 10, "seed": 3, "mtime": 1_700_000_000_000_001_i64 }] },
        ]),
    );
    let session = id("session", "shot/first");
    let actions = read(&farm, &format!("{}/session-actions?sessionId={session}", job("shot"))).await;
    let run = &actions["sessionActions"][3];
    assert!(run.get("manifests").is_none());
    assert!(run["definition"]["taskRun"].get("taskId").is_none());
    let action = run["sessionActionId"].as_str().unwrap();
    let step = format!("/{}/", id("step", "shot/render"));
    let keys = farm.keys("farm-attachments", "studio/attachments/Manifests/");
    let key = keys.iter().find(|key| key.contains(action)).unwrap();
    assert!(!key.contains("/task-") && key.contains(&step), "{key}");
    let manifest = farm.object("farm-attachments", key).unwrap();
    assert!(std::str::from_utf8(manifest.body()).unwrap().contains("1700000000000001"));
}

#[tokio::test]
async fn a_task_that_runs_is_the_action_that_ends_and_a_session_runs_one_at_a_time() {
    let farm = farm(half_done()).await;
    let task = |task: u32, status: &str| json!({ "event": "task", "job": "shot", "session": "first", "task": task, "status": status });
    happen(&farm, json!([task(1, "RUNNING")]));
    assert_eq!(read(&farm, &job("shot")).await["taskRunStatus"], "RUNNING");
    let other = farm.happen(serde_json::from_value(json!([task(0, "FAILED")])).unwrap());
    assert!(other.unwrap_err().to_string().contains("still runs another task"));
    happen(&farm, json!([task(1, "FAILED")]));
    let actions = read(&farm, &(job("shot") + "/session-actions")).await;
    assert_eq!(actions["sessionActions"].as_array().unwrap().len(), 4);
    assert_eq!(actions["sessionActions"][3]["status"], "FAILED");
    let ended = read(&farm, &job("shot")).await;
    assert_eq!((&ended["taskRunStatus"], ended["endedAt"].is_string()), (&json!("FAILED"), true));

    happen(&farm, json!([{ "event": "requeue", "job": "shot", "tasks": [1] }]));
    let requeued = read(&farm, &job("shot")).await;
    assert_eq!((&requeued["taskRunStatus"], requeued.get("endedAt")), (&json!("READY"), None));
    happen(&farm, json!([{ "event": "jobEnded", "job": "shot", "status": "CANCELED" }]));
    let canceled = read(&farm, &job("shot")).await;
    assert_eq!(canceled["taskRunStatusCounts"]["CANCELED"], 1);
    happen(&farm, json!([{ "event": "jobDeleted", "job": "shot" }]));
    assert_eq!(kind(&get(&farm, &job("shot")).await), (404, "ResourceNotFoundException"));
    assert_eq!(search(&farm, json!({ "itemOffset": 0 })).await["totalResults"], 0);
}

#[tokio::test]
async fn a_filter_finds_the_jobs_that_it_holds_for_and_no_other() {
    let job = |name: &str, seconds: f64| json!({ "event": "job", "name": name, "secondsAgo": seconds });
    let session = |job: &str| json!({ "event": "session", "job": job, "name": "s", "secondsAgo": 50 });
    let run = |job: &str, status: &str, seconds: f64| json!({ "event": "task", "job": job, "session": "s", "status": status, "secondsAgo": seconds });
    let farm = farm(json!([
        job("ready", 100.0),
        job("running", 90.0),
        session("running"),
        run("running", "RUNNING", 40.0),
        job("Done Early", 80.0),
        session("Done Early"),
        run("Done Early", "SUCCEEDED", 30.0),
        job("done late", 70.0),
        session("done late"),
        run("done late", "SUCCEEDED", 10.0),
    ]))
    .await;
    let summary = |name: &'static str| {
        let farm = &farm;
        async move { read(farm, &self::job(name)).await }
    };
    let early = summary("Done Early").await;
    let ended = |operator: &str| json!([{ "dateTimeFilter": { "name": "ENDED_AT", "operator": operator, "dateTime": early["endedAt"] } }]);
    let text = |name: &str, operator: &str, value: &str| json!({ "stringFilter": { "name": name, "operator": operator, "value": value } });
    let list = |operator: &str| json!([{ "stringListFilter": { "name": "TASK_RUN_STATUS", "operator": operator, "values": ["READY", "RUNNING"] } }]);
    let either = json!([{ "groupFilter": { "operator": "OR", "filters": [
        text("NAME", "EQUAL", "ready"), text("NAME", "EQUAL", "running") ] } },
        text("TASK_RUN_STATUS", "NOT_EQUAL", "READY")]);
    for (filters, names) in [
        (ended("EQUAL"), vec!["Done Early"]),
        (ended("NOT_EQUAL"), vec!["done late"]),
        (ended("GREATER_THAN_EQUAL_TO"), vec!["Done Early", "done late"]),
        (ended("GREATER_THAN"), vec!["done late"]),
        (ended("LESS_THAN_EQUAL_TO"), vec!["Done Early"]),
        (ended("LESS_THAN"), vec![]),
        (list("ANY_EQUALS"), vec!["ready", "running"]),
        (list("ALL_NOT_EQUALS"), vec!["Done Early", "done late"]),
        (json!([{ "searchTermFilter": { "searchTerm": "DONE" } }]), vec!["Done Early", "done late"]),
        (either, vec!["running"]),
    ] {
        let names: BTreeSet<_> = names.into_iter().map(str::to_owned).collect();
        assert_eq!(found(&farm, filters.clone()).await, names, "{filters}");
    }
}

#[tokio::test]
async fn a_search_beyond_its_limits_is_refused_with_the_field_that_is_wrong() {
    let farm = farm(json!([])).await;
    let filter = json!({ "stringFilter": { "name": "NAME", "operator": "EQUAL", "value": "a" } });
    let group = |filters: Value| json!({ "filters": filters, "operator": "AND" });
    let nested = |inner: Value| json!({ "groupFilter": group(json!([inner])) });
    let filtered = |filters: Value| json!({ "itemOffset": 0, "filterExpressions": group(filters) });
    let unknown = json!({ "stringFilter": { "name": "COLOR", "operator": "EQUAL", "value": "a" } });
    for (request, field) in [
        (json!({}), "itemOffset"),
        (json!({ "itemOffset": 10_001 }), "itemOffset"),
        (json!({ "itemOffset": 0, "pageSize": 101 }), "pageSize"),
        (filtered(json!([])), "filters"),
        (filtered(json!([filter, filter, filter, filter])), "filters"),
        (filtered(json!([nested(nested(filter.clone()))])), "groupFilter"),
        (filtered(json!([unknown])), "name"),
    ] {
        let answer = try_search(&farm, request.clone()).await;
        assert_eq!(kind(&answer), (400, "ValidationException"), "{request}");
        let problem: Value = serde_json::from_str(answer.text()).unwrap();
        assert_eq!(problem["reason"], "FIELD_VALIDATION_FAILED");
        assert_eq!(problem["fieldList"][0]["name"], field, "{request}");
    }
}

#[tokio::test]
async fn pages_hold_every_job_once_in_the_order_asked_for() {
    let farm =
        farm(json!([{ "event": "bulk", "name": "b", "jobs": 250, "tasks": 1, "files": 0, "bytes": 0 }]))
            .await;
    let mut created = Vec::new();
    let mut offset = json!(0);
    while !offset.is_null() {
        let sort = json!([{ "fieldSort": { "name": "CREATED_AT", "sortOrder": "DESCENDING" } }]);
        let page = search(&farm, json!({ "itemOffset": offset, "sortExpressions": sort })).await;
        assert_eq!(page["totalResults"], 250);
        let jobs = page["jobs"].as_array().unwrap();
        assert!(jobs.len() <= 100);
        created.extend(jobs.iter().map(|job| job["createdAt"].as_str().unwrap().to_owned()));
        offset = page["nextItemOffset"].clone();
    }
    assert_eq!(created.len(), 250);
    assert!(created.is_sorted_by(|a, b| a > b));
}

#[tokio::test]
async fn of_more_than_ten_thousand_jobs_only_so_many_are_counted_and_reached() {
    let farm =
        farm(json!([{ "event": "bulk", "name": "b", "jobs": 10_150, "tasks": 1, "files": 0, "bytes": 0 }]))
            .await;
    let page = search(&farm, json!({ "itemOffset": 10_000 })).await;
    assert_eq!(page["jobs"].as_array().unwrap().len(), 100);
    assert_eq!(page["totalResults"], 10_000);
    assert!(page.get("nextItemOffset").is_none());
}

#[tokio::test]
async fn a_late_view_shows_a_job_as_it_was() {
    let farm = farm(json!([
        { "event": "settings", "viewLagSeconds": 30 },
        { "event": "job", "name": "old", "secondsAgo": 60 },
        { "event": "session", "job": "old", "name": "s", "secondsAgo": 50 },
    ]))
    .await;
    happen(
        &farm,
        json!([
            { "event": "task", "job": "old", "session": "s", "secondsAgo": 20 },
            { "event": "job", "name": "new", "secondsAgo": 10 },
        ]),
    );
    let late = search(&farm, json!({ "itemOffset": 0 })).await;
    assert_eq!((&late["totalResults"], &late["jobs"][0]["taskRunStatus"]), (&json!(1), &json!("READY")));
    assert_eq!(read(&farm, &job("old")).await["taskRunStatus"], "SUCCEEDED");
    happen(&farm, json!([{ "event": "settings", "viewLagSeconds": 15 }]));
    let later = search(&farm, json!({ "itemOffset": 0 })).await;
    assert_eq!(
        (&later["totalResults"], &later["jobs"][0]["taskRunStatus"]),
        (&json!(1), &json!("SUCCEEDED"))
    );
}

#[tokio::test]
async fn lists_come_in_pages_by_token() {
    let farm = farm(json!([
        { "event": "bulk", "name": "b", "jobs": 1, "tasks": 7, "sessions": 3, "files": 0, "bytes": 0 },
    ]))
    .await;
    let address = job("b/0") + "/session-actions?maxResults=5";
    let mut ids = BTreeSet::new();
    let mut page = read(&farm, &address).await;
    let mut sizes = Vec::new();
    loop {
        let actions = page["sessionActions"].as_array().unwrap();
        sizes.push(actions.len());
        ids.extend(actions.iter().map(|action| action["sessionActionId"].as_str().unwrap().to_owned()));
        let Some(token) = page["nextToken"].as_str() else { break };
        page = read(&farm, &format!("{address}&nextToken={token}")).await;
    }
    // Seven tasks, and three sessions that fetch inputs, enter and leave.
    assert_eq!((sizes, ids.len()), (vec![5, 5, 5, 1], 16));
    for nonsense in ["nextToken=x", "maxResults=0", "maxResults=101", "maxResults=many"] {
        let answer = get(&farm, &format!("{}/sessions?{nonsense}", job("b/0"))).await;
        assert_eq!(kind(&answer), (400, "ValidationException"), "{nonsense}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let farm = farm(half_done()).await;
    let step = id("step", "shot/render");
    for (address, kind_of) in [
        ("/2023-10-12/farms/farm-x/queues/queue-x".to_owned(), "farm"),
        (format!("/2023-10-12/farms/{}/queues/queue-x", id("farm", "studio")), "queue"),
        (job("nobody's"), "job"),
        (job("shot") + "/session-actions?sessionId=session-x", "session"),
        (job("shot") + "/steps/step-x/tasks/task-x", "step"),
        (format!("{}/steps/{step}/tasks/task-x", job("shot")), "task"),
        (at("/storage-profiles/sp-x"), "storage-profile"),
    ] {
        let answer = get(&farm, &address).await;
        assert_eq!(kind(&answer), (404, "ResourceNotFoundException"), "{address}");
        let problem: Value = serde_json::from_str(answer.text()).unwrap();
        assert_eq!(problem["resourceType"], kind_of);
    }
    assert_eq!(kind(&get(&farm, "/2023-10-12/budgets").await), (404, "UnknownOperationException"));
}

#[tokio::test]
async fn a_signature_must_be_right_and_for_the_service() {
    let farm = farm(json!([])).await;
    let (known, queue) = (farm.credentials(), at(""));
    let ask = |credentials: Credentials, service: &'static str| {
        let (farm, queue) = (&farm, &queue);
        async move { ask_service(farm, &credentials, service, "GET", queue, "").await }
    };
    assert_eq!(ask(known.clone(), "deadline").await.status, StatusCode::OK);
    let wrong = Credentials::new(known.access_key_id.as_str(), "not the secret");
    assert_eq!(kind(&ask(wrong, "deadline").await), (403, "InvalidSignatureException"));
    assert_eq!(kind(&ask(known.clone(), "s3").await), (403, "InvalidSignatureException"));
    let unknown = Credentials::new("AKIANOBODY", "secret");
    assert_eq!(kind(&ask(unknown, "deadline").await), (403, "UnrecognizedClientException"));
    let unsigned = ask_unsigned(&farm, "GET", &queue, "").await;
    assert_eq!(kind(&unsigned), (403, "MissingAuthenticationTokenException"));

    let identity = "Action=GetCallerIdentity&Version=2011-06-15";
    let answer = ask_service(&farm, known, "sts", "POST", "/", identity).await;
    assert_eq!(answer.elements("Account"), [ACCOUNT_ID]);
    let answer = ask_service(&farm, known, "deadline", "POST", "/", identity).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (403, "SignatureDoesNotMatch"));
    let answer = ask_service(&farm, known, "sts", "POST", "/", "Action=AssumeRole").await;
    assert_eq!((answer.status.as_u16(), answer.code()), (400, "InvalidAction"));
}

#[tokio::test]
async fn a_queues_role_reads_the_bucket_until_it_expires_and_does_nothing_else() {
    let farm = farm(half_done()).await;
    happen(&farm, json!([{ "event": "settings", "bucketNeedsRole": true }]));
    let list = "/farm-attachments?list-type=2";
    let refused = ask(&farm, "GET", list).await;
    assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, "AccessDenied"));

    let role = role(&farm).await;
    assert_eq!(ask_as(&farm, &role, "GET", list, &[], "").await.status, StatusCode::OK);
    let other = ask_service(&farm, &role, "deadline", "GET", &at(""), "").await;
    assert_eq!(kind(&other), (403, "AccessDeniedException"));

    happen(&farm, json!([{ "event": "settings", "roleSeconds": 0 }]));
    let role = self::role(&farm).await;
    let expired = ask_as(&farm, &role, "GET", list, &[], "").await;
    assert_eq!((expired.status, expired.code()), (StatusCode::BAD_REQUEST, "ExpiredToken"));
    let expired = ask_service(&farm, &role, "deadline", "GET", &at(""), "").await;
    assert_eq!(kind(&expired), (403, "ExpiredTokenException"));
}

async fn role(farm: &Farm) -> Credentials {
    let answer = read(farm, &at("/user-roles")).await;
    let part = |name: &str| answer["credentials"][name].as_str().unwrap();
    Credentials::new(part("accessKeyId"), part("secretAccessKey")).with_session_token(part("sessionToken"))
}

#[tokio::test]
async fn a_rule_strikes_the_operation_that_it_names() {
    let farm = farm(half_done()).await;
    farm.set_rules(vec![Rule::new(Effect::throttle(Some(7))).on(Requests::for_operation("SearchJobs"))]);
    let throttled = try_search(&farm, json!({ "itemOffset": 0 })).await;
    assert_eq!(kind(&throttled), (429, "ThrottlingException"));
    assert_eq!(throttled.header("retry-after"), "7");
    assert_eq!(get(&farm, &job("shot")).await.status, StatusCode::OK);
    let asked: Vec<_> = farm.requests().into_iter().map(|record| record.operation.unwrap()).collect();
    assert_eq!(asked, ["SearchJobs", "GetJob"]);
}

#[tokio::test]
async fn damage_is_done_to_content_and_made_good_again() {
    let farm = farm(half_done()).await;
    let keys = farm.keys("farm-attachments", "studio/attachments/Data/");
    let body = || farm.object("farm-attachments", &keys[0]).map(|object| object.body().clone());
    for (how, expected) in [
        ("cutShort", Some(&b"he"[..])),
        ("missing", None),
        ("none", Some(b"hello")),
        ("wrongBytes", Some(&[!b'h', !b'e', !b'l', !b'l', !b'o'])),
    ] {
        happen(&farm, json!([{ "event": "damage", "job": "shot", "path": "a.txt", "how": how }]));
        assert_eq!(body().as_deref(), expected, "{how}");
    }
}

#[tokio::test]
async fn events_and_steps_come_over_http_and_nonsense_is_named() {
    let farm = Farm::start().await.unwrap();
    let steps = json!({ "steps": [half_done(), [{ "event": "jobDeleted", "job": "shot" }]] });
    farm.begin(serde_json::from_value(steps).unwrap()).unwrap();
    let post = |address: &'static str, body: &'static str| {
        let farm = &farm;
        async move { ask_unsigned(farm, "POST", address, body).await }
    };
    let happened =
        post("/_farm/events", r#"[{ "event": "sessionEnded", "job": "shot", "name": "first" }]"#).await;
    let names: Value = serde_json::from_str(happened.text()).unwrap();
    assert_eq!(names["jobs"]["shot"]["jobId"], id("job", "shot"));
    for (nonsense, word) in [
        (r#"[{ "event": "jobs" }]"#, "jobs"),
        (r#"[{ "event": "jobDeleted", "job": "shot", "why": 1 }]"#, "why"),
        (r#"[{ "event": "jobDeleted", "job": "shoot" }]"#, "shoot"),
        (r#"[{ "event": "task", "job": "shot", "session": "second" }]"#, "second"),
        (r#"[{ "event": "task", "job": "shot", "session": "first" }]"#, "has ended"),
    ] {
        let answer = post("/_farm/events", nonsense).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert!(answer.text().contains(word), "{}", answer.text());
    }
    let overview = ask_unsigned(&farm, "GET", "/_farm/history", "").await;
    let overview: Value = serde_json::from_str(overview.text()).unwrap();
    assert_eq!((&overview["step"], &overview["stepsLeft"]), (&json!(1), &json!(1)));
    assert_eq!(post("/_farm/history/step", "").await.status, StatusCode::OK);
    assert!(post("/_farm/history/step", "").await.text().contains("no further step"));
}
