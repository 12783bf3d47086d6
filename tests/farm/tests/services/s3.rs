//! The farm as a client of S3 meets it.

use http::StatusCode;
use rusty_attachments_farm::outputs::{AssetRoot, OutputFile, QueueLocation, SessionAction};
use rusty_attachments_farm::{ACCOUNT_ID, Credentials, Farm, FarmOptions, Object};

use crate::client::{ask, ask_as, ask_unsigned};

const BUCKET: &str = "bucket";

async fn farm() -> Farm {
    let farm = Farm::start().await.unwrap();
    farm.create_bucket(BUCKET);
    farm
}

#[tokio::test]
async fn a_wrong_secret_an_unknown_key_and_no_signature_are_refused() {
    let farm = farm().await;
    let key = &farm.credentials().access_key_id;
    let wrong = Credentials::new(key.as_str(), "not the secret");
    let answer = ask_as(&farm, &wrong, "GET", "/bucket/a", &[], "").await;
    assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, "SignatureDoesNotMatch"));

    let unknown = Credentials::new("AKIANOBODY", "secret");
    let answer = ask_as(&farm, &unknown, "GET", "/bucket/a", &[], "").await;
    assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, "InvalidAccessKeyId"));

    let answer = ask_unsigned(&farm, "GET", "/bucket/a", "").await;
    assert_eq!((answer.status, answer.code()), (StatusCode::FORBIDDEN, "AccessDenied"));
}

#[tokio::test]
async fn temporary_credentials_need_their_own_token() {
    let temporary = Credentials::new("ASIATEMPORARY", "secret").with_session_token("token/+=");
    let farm = Farm::start_with(FarmOptions {
        credentials: vec![Credentials::new("AKIALONGLIVED", "other"), temporary.clone()],
        buckets: vec![BUCKET.to_owned()],
        ..FarmOptions::default()
    })
    .await
    .unwrap();
    assert_eq!(ask(&farm, "HEAD", "/bucket").await.status, StatusCode::OK);
    let answer = ask_as(&farm, &temporary, "HEAD", "/bucket", &[], "").await;
    assert_eq!(answer.status, StatusCode::OK);
    let stale = temporary.with_session_token("an older one");
    let answer = ask_as(&farm, &stale, "GET", "/bucket/a", &[], "").await;
    assert_eq!((answer.status, answer.code()), (StatusCode::BAD_REQUEST, "InvalidToken"));
}

#[tokio::test]
async fn only_the_owner_that_the_request_expects_will_do() {
    let farm = farm().await;
    for (owner, status) in [(ACCOUNT_ID, StatusCode::OK), ("999999999999", StatusCode::FORBIDDEN)] {
        let headers = [("x-amz-expected-bucket-owner", owner)];
        let answer = ask_as(&farm, farm.credentials(), "GET", "/bucket?list-type=2", &headers, "").await;
        assert_eq!(answer.status, status);
    }
}

#[tokio::test]
async fn what_is_put_comes_back_with_its_metadata_and_its_time() {
    let farm = farm().await;
    let headers = [
        ("content-type", "image/png"),
        ("x-amz-meta-asset-root", r"Z:\Projects"),
        ("x-farm-last-modified", "1700000000999"),
    ];
    let put = ask_as(&farm, farm.credentials(), "PUT", "/bucket/a%20b/%C3%BC", &headers, "hello").await;
    assert_eq!(put.status, StatusCode::OK);
    for method in ["GET", "HEAD"] {
        let got = ask(&farm, method, "/bucket/a%20b/%C3%BC").await;
        assert_eq!(got.text(), if method == "GET" { "hello" } else { "" });
        assert_eq!(got.header("content-length"), "5");
        assert_eq!(got.header("content-type"), "image/png");
        assert_eq!(got.header("x-amz-meta-asset-root"), r"Z:\Projects");
        assert_eq!(got.header("last-modified"), "Tue, 14 Nov 2023 22:13:20 GMT");
        assert_eq!(got.header("etag"), put.header("etag"));
        assert!(!got.header("x-amz-request-id").is_empty());
    }
    let listed = ask(&farm, "GET", "/bucket?list-type=2").await;
    assert_eq!(listed.elements("LastModified"), ["2023-11-14T22:13:20.000Z"]);
}

#[tokio::test]
async fn metadata_beyond_ascii_travels_as_encoded_words() {
    let farm = farm().await;
    farm.put_object(BUCKET, "a", Object::new("").with_metadata("note", "jörg"));
    let got = ask(&farm, "HEAD", "/bucket/a").await;
    assert_eq!(got.header("x-amz-meta-note"), "=?UTF-8?B?asO2cmc=?=");
}

#[tokio::test]
async fn ranges_give_parts_and_what_is_outside_is_refused() {
    let farm = farm().await;
    farm.put_object(BUCKET, "a", Object::new("0123456789"));
    let get = async |range: &'static str| {
        ask_as(&farm, farm.credentials(), "GET", "/bucket/a", &[("range", range)], "").await
    };
    for (range, part, content_range) in [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=7-", "789", "bytes 7-9/10"),
        ("bytes=-2", "89", "bytes 8-9/10"),
        ("bytes=8-99", "89", "bytes 8-9/10"),
    ] {
        let answer = get(range).await;
        assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(answer.text(), part, "{range}");
        assert_eq!(answer.header("content-range"), content_range, "{range}");
    }
    let answer = get("bytes=10-").await;
    assert_eq!((answer.status, answer.code()), (StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange"));
}

#[tokio::test]
async fn a_changed_object_does_not_match_its_old_entity_tag() {
    let farm = farm().await;
    farm.put_object(BUCKET, "a", Object::new("one"));
    let before = ask(&farm, "GET", "/bucket/a").await;
    let tag = before.header("etag");
    let get = async |name: &'static str| {
        ask_as(&farm, farm.credentials(), "GET", "/bucket/a", &[(name, tag)], "").await.status
    };
    assert_eq!(get("if-match").await, StatusCode::OK);
    assert_eq!(get("if-none-match").await, StatusCode::NOT_MODIFIED);
    assert!(farm.replace_body(BUCKET, "a", "two"));
    assert_eq!(get("if-match").await, StatusCode::PRECONDITION_FAILED);
    assert_eq!(get("if-none-match").await, StatusCode::OK);
}

#[tokio::test]
async fn what_is_missing_says_what_is_missing() {
    let farm = farm().await;
    for (address, code) in [
        ("/bucket/nothing", "NoSuchKey"),
        ("/no-bucket/nothing", "NoSuchBucket"),
        ("/no-bucket?list-type=2", "NoSuchBucket"),
    ] {
        let answer = ask(&farm, "GET", address).await;
        assert_eq!((answer.status, answer.code()), (StatusCode::NOT_FOUND, code), "{address}");
    }
    farm.put_object(BUCKET, "a", Object::new("a"));
    assert_eq!(ask(&farm, "DELETE", "/bucket/a").await.status, StatusCode::NO_CONTENT);
    assert_eq!(ask(&farm, "GET", "/bucket/a").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn pages_hold_every_key_exactly_once_and_never_more_than_a_thousand() {
    let farm = farm().await;
    let keys: Vec<String> = (0..2500).map(|number| format!("p/{number:05}")).collect();
    for key in &keys {
        farm.put_object(BUCKET, key, Object::new(""));
    }
    let mut listed: Vec<String> = Vec::new();
    let mut address = "/bucket?list-type=2&prefix=p%2F&max-keys=5000".to_owned();
    for size in ["1000", "1000", "500"] {
        let page = ask(&farm, "GET", &address).await;
        assert_eq!(page.elements("KeyCount"), [size]);
        listed.extend(page.elements("Key").into_iter().map(str::to_owned));
        if let [token] = page.elements("NextContinuationToken")[..] {
            address = format!("/bucket?continuation-token={token}&list-type=2&prefix=p%2F");
        }
    }
    assert_eq!(listed, keys);
}

#[tokio::test]
async fn a_delimiter_folds_keys_and_names_come_encoded_when_asked() {
    let farm = farm().await;
    for key in ["t/a b/1", "t/a b/2", "t/ü"] {
        farm.put_object(BUCKET, key, Object::new(""));
    }
    let address = "/bucket?delimiter=%2F&encoding-type=url&list-type=2&prefix=t%2F";
    let page = ask(&farm, "GET", address).await;
    assert_eq!(page.elements("Key"), ["t/%C3%BC"]);
    let folded = page.elements("CommonPrefixes");
    assert_eq!(folded, ["<Prefix>t/a+b/</Prefix>"]);
    let start = ask(&farm, "GET", "/bucket?list-type=2&start-after=t%2Fa%20b%2F2").await;
    assert_eq!(start.elements("Key"), ["t/ü"]);
}

#[tokio::test]
async fn parts_become_one_object() {
    let farm = farm().await;
    let as_known = farm.credentials();
    let headers = [("x-amz-meta-k", "v")];
    let created = ask_as(&farm, as_known, "POST", "/bucket/big?uploads=", &headers, "").await;
    let id = created.elements("UploadId")[0];
    let mut list = String::new();
    for (number, part) in [(1, "first "), (2, "second")] {
        let address = format!("/bucket/big?partNumber={number}&uploadId={id}");
        let sent = ask_as(&farm, as_known, "PUT", &address, &[], part).await;
        let tag = sent.header("etag");
        list += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>");
    }
    assert!(farm.object(BUCKET, "big").is_none());
    let address = format!("/bucket/big?uploadId={id}");
    let list = format!("<CompleteMultipartUpload>{list}</CompleteMultipartUpload>");
    let completed = ask_as(&farm, as_known, "POST", &address, &[], &list).await;
    assert_eq!(completed.status, StatusCode::OK, "{}", completed.text());
    let object = farm.object(BUCKET, "big").unwrap();
    assert_eq!(object.body(), "first second");
    assert_eq!(object.metadata()["k"], "v");
    let again = ask_as(&farm, as_known, "POST", &address, &[], &list).await;
    assert_eq!((again.status, again.code()), (StatusCode::NOT_FOUND, "NoSuchUpload"));
}

#[tokio::test]
async fn requests_are_remembered_in_order_until_they_are_forgotten() {
    let farm = farm().await;
    farm.put_object(BUCKET, "a b", Object::new("0123"));
    let headers = [("range", "bytes=1-2"), ("x-amz-expected-bucket-owner", "123456789012")];
    ask_as(&farm, farm.credentials(), "GET", "/bucket/a%20b", &headers, "").await;
    ask_unsigned(&farm, "GET", "/bucket?list-type=2", "").await;
    let told = ask_unsigned(&farm, "GET", "/_farm/requests", "").await;
    assert_eq!(told.header("content-type"), "application/json");
    let told: serde_json::Value = serde_json::from_slice(&told.body).unwrap();
    assert_eq!(
        told,
        serde_json::json!([
            { "method": "GET", "operation": null, "resource": null, "bucket": "bucket", "key": "a b", "query": null, "range": "bytes=1-2", "expectedBucketOwner": "123456789012", "status": 206, "effect": null },
            { "method": "GET", "operation": null, "resource": null, "bucket": "bucket", "key": null, "query": "list-type=2", "range": null, "expectedBucketOwner": null, "status": 403, "effect": null },
        ])
    );
    let forgotten = ask_unsigned(&farm, "DELETE", "/_farm/requests", "").await;
    assert_eq!(forgotten.status, StatusCode::NO_CONTENT);
    assert_eq!(farm.requests(), []);
}

#[tokio::test]
async fn outputs_lie_where_a_worker_puts_them() {
    let farm = farm().await;
    let location = QueueLocation {
        bucket: BUCKET.to_owned(),
        root_prefix: "root".to_owned(),
        farm_id: "farm-f".to_owned(),
        queue_id: "queue-q".to_owned(),
    };
    let action = SessionAction {
        job_id: "job-j".to_owned(),
        step_id: "step-s".to_owned(),
        task_id: Some("task-t-3".to_owned()),
        session_action_id: "sessionaction-a-7".to_owned(),
        folder_time_us: 1_791_914_640_000_000,
        last_modified_ms: 1_791_914_700_000,
    };
    let root = AssetRoot { path: "/mnt/ü".to_owned(), file_system_location_name: None };
    let files = [OutputFile::new("a", "same", 1), OutputFile::new("b", "same", 2)];
    let key = farm.add_outputs(&location, &action, &root, &files);
    assert_eq!(farm.keys(BUCKET, "root/Manifests/"), [key.as_str()]);
    assert_eq!(farm.keys(BUCKET, "root/Data/").len(), 1, "equal contents are one object");
    let manifest = farm.object(BUCKET, &key).unwrap();
    assert_eq!(manifest.last_modified(), 1_791_914_700_000);
    assert_eq!(manifest.metadata()["asset-root-json"], r#""/mnt/\u00fc""#);
}

#[tokio::test]
async fn a_stopped_farm_frees_its_port() {
    let farm = farm().await;
    let port = farm.endpoint().rsplit(':').next().unwrap().parse().unwrap();
    let taken = Farm::start_with(FarmOptions { port, ..FarmOptions::default() }).await;
    assert!(taken.is_err());
    farm.stop().await;
    let next = Farm::start_with(FarmOptions { port, ..FarmOptions::default() }).await;
    assert!(next.is_ok());
}
