//! Trouble by rule, as a client meets it.

use std::io;
use std::time::{Duration, Instant, SystemTime};

use http::StatusCode;
use rusty_attachments_farm::{Effect, Farm, FarmOptions, Object, Often, REGION, Requests, Rule};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::client::{Scope, ask, ask_as, ask_unsigned, get_in, host, try_get};

const BODY: &[u8] = &[7; 300_000];

/// A farm with the object `bucket/a` and one rule.
async fn farm(rule: Rule) -> Farm {
    let farm = Farm::start().await.unwrap();
    farm.put_object("bucket", "a", Object::new(BODY));
    farm.set_rules(vec![rule]);
    farm
}

#[tokio::test]
async fn a_refusal_has_its_status_its_code_and_when_to_come_again() {
    let farm = farm(Rule::new(Effect::slow_down(Some(3))).often(Often::FirstPerKey(1))).await;
    let refused = ask(&farm, "GET", "/bucket/a").await;
    assert_eq!((refused.status, refused.code()), (StatusCode::SERVICE_UNAVAILABLE, "SlowDown"));
    assert_eq!(refused.header("retry-after"), "3");
    assert_eq!(ask(&farm, "GET", "/bucket/a").await.body, BODY);
    let effects: Vec<_> =
        farm.requests().into_iter().map(|request| (request.status, request.effect)).collect();
    assert_eq!(effects, [(Some(503), Some("SlowDown".to_owned())), (Some(200), None)]);
}

#[tokio::test]
async fn a_delay_comes_before_the_answer() {
    let farm = farm(Rule::new(Effect::Delay { milliseconds: 50 })).await;
    let start = Instant::now();
    assert_eq!(ask(&farm, "GET", "/bucket/a").await.status, StatusCode::OK);
    assert!(start.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn a_reset_is_a_reset_and_no_end() {
    let farm = farm(Rule::new(Effect::Reset)).await;
    let broken = try_get(&farm, "/bucket/a").await.err().unwrap();
    assert!(broken.is_reset(), "{broken:?}");
    assert_eq!(farm.requests()[0].status, None);
}

#[tokio::test]
async fn in_an_outage_connections_are_refused_until_it_is_over() {
    let farm = farm(Rule::new(Effect::Outage { milliseconds: 200 }).often(Often::First(1))).await;
    let start = Instant::now();
    assert!(try_get(&farm, "/bucket/a").await.is_err());
    let mut refusals = 0;
    while let Err(error) = TcpStream::connect(host(&farm)).await {
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert!(start.elapsed() < Duration::from_secs(10), "it is not over");
        refusals += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(refusals > 0);
    assert_eq!(ask(&farm, "GET", "/bucket/a").await.body, BODY);
}

#[tokio::test]
async fn a_body_is_cut_after_exactly_so_many_bytes() {
    for after_bytes in [0, 1, 100_000, 299_999] {
        let farm = farm(Rule::new(Effect::CutBody { after_bytes })).await;
        let broken = try_get(&farm, "/bucket/a").await.err().unwrap();
        assert_eq!(broken.received.len() as u64, after_bytes);
    }
    let farm = farm(Rule::new(Effect::CutBody { after_bytes: 300_000 })).await;
    assert_eq!(ask(&farm, "GET", "/bucket/a").await.body, BODY);
}

#[tokio::test]
async fn a_body_stalls_and_goes_on_or_never_does() {
    let stall = |milliseconds| Rule::new(Effect::StallBody { after_bytes: 9, milliseconds });
    let slow = farm(stall(Some(50))).await;
    let start = Instant::now();
    assert_eq!(ask(&slow, "GET", "/bucket/a").await.body, BODY);
    assert!(start.elapsed() >= Duration::from_millis(50));
    let dead = farm(stall(None)).await;
    let answer = tokio::time::timeout(Duration::from_millis(100), ask(&dead, "GET", "/bucket/a"));
    assert!(answer.await.is_err());
}

#[tokio::test]
async fn wrong_bytes_have_the_right_length() {
    let farm = farm(Rule::new(Effect::WrongBytes).often(Often::First(2))).await;
    let whole = ask(&farm, "GET", "/bucket/a").await;
    assert_eq!((whole.body.len(), whole.body[0]), (BODY.len(), !7));
    let range = [("range", "bytes=10-19")];
    let part = ask_as(&farm, farm.credentials(), "GET", "/bucket/a", &range, "").await;
    assert_eq!((part.status, &part.body[..2]), (StatusCode::PARTIAL_CONTENT, &[!7, 7][..]));
    assert_eq!(ask(&farm, "GET", "/bucket/a").await.body, BODY);
}

#[tokio::test]
async fn a_new_entity_tag_stays_and_the_old_one_matches_no_more() {
    let ranges = Requests { ranged: Some(true), ..Requests::default() };
    let farm = farm(Rule::new(Effect::NewEntityTag).on(ranges).often(Often::EveryNth(2))).await;
    let tag = ask(&farm, "HEAD", "/bucket/a").await.header("etag").to_owned();
    let headers = [("range", "bytes=0-9"), ("if-match", &tag)];
    let statuses =
        [StatusCode::PARTIAL_CONTENT, StatusCode::PRECONDITION_FAILED, StatusCode::PRECONDITION_FAILED];
    for status in statuses {
        let answer = ask_as(&farm, farm.credentials(), "GET", "/bucket/a", &headers, "").await;
        assert_eq!(answer.status, status);
    }
    assert_eq!(ask(&farm, "GET", "/bucket/a").await.body, BODY);
}

#[tokio::test]
async fn a_server_with_a_wrong_clock_wants_signatures_of_its_own_time() {
    let farm = farm(Rule::new(Effect::ClockAhead { seconds: 3600 })).await;
    let now = SystemTime::now();
    let refused = ask(&farm, "GET", "/bucket/a").await;
    assert_eq!((refused.status, refused.code()), (StatusCode::FORBIDDEN, "RequestTimeTooSkewed"));
    let shown = httpdate::parse_http_date(refused.header("date")).unwrap();
    let ahead = shown.duration_since(now).unwrap().as_secs();
    assert!((3598..3620).contains(&ahead), "{ahead}");
    let answer = get_in(&farm, &Scope { time: shown, ..Scope::default() }, "/bucket/a").await;
    assert_eq!(answer.status, StatusCode::OK);

    farm.set_rules(Vec::new());
    let answer = get_in(&farm, &Scope { time: shown, ..Scope::default() }, "/bucket/a").await;
    assert_eq!(answer.code(), "RequestTimeTooSkewed");
    farm.set_rules(vec![Rule::new(Effect::ClockAhead { seconds: -600 })]);
    assert_eq!(ask(&farm, "GET", "/bucket/a").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_bucket_elsewhere_says_where() {
    let region = "eu-west-1".to_owned();
    let farm = farm(Rule::new(Effect::PermanentRedirect { region: region.clone() })).await;
    let there = Scope { region: &region, ..Scope::default() };
    let here = Scope { region: REGION, ..Scope::default() };
    let redirect = get_in(&farm, &here, "/bucket/a").await;
    assert_eq!((redirect.status, redirect.code()), (StatusCode::MOVED_PERMANENTLY, "PermanentRedirect"));
    assert_eq!(redirect.header("x-amz-bucket-region"), region);
    assert_eq!(redirect.elements("Endpoint"), [host(&farm)]);
    assert_eq!(get_in(&farm, &there, "/bucket/a").await.body, BODY);

    farm.set_rules(vec![Rule::new(Effect::AuthorizationHeaderMalformed { region: region.clone() })]);
    let refused = get_in(&farm, &here, "/bucket/a").await;
    assert_eq!((refused.status, refused.code()), (StatusCode::BAD_REQUEST, "AuthorizationHeaderMalformed"));
    assert_eq!(refused.elements("Region"), [&region]);
    assert_eq!(get_in(&farm, &there, "/bucket/a").await.body, BODY);
}

#[tokio::test]
async fn rules_come_and_go_over_http() {
    let farm = Farm::start().await.unwrap();
    farm.put_object("bucket", "a", Object::new(BODY));
    let rules = r#"[{ "requests": { "listing": true }, "effect": { "refuse": { "status": 500, "code": "InternalError" } } }]"#;
    assert_eq!(ask_unsigned(&farm, "PUT", "/_farm/rules", rules).await.status, StatusCode::NO_CONTENT);
    assert_eq!(ask(&farm, "GET", "/bucket?list-type=2").await.code(), "InternalError");
    assert_eq!(ask(&farm, "GET", "/bucket/a").await.status, StatusCode::OK);
    let wrong = ask_unsigned(&farm, "PUT", "/_farm/rules", r#"[{ "effekt": "reset" }]"#).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(wrong.text().contains("effekt"));
    assert_eq!(ask_unsigned(&farm, "DELETE", "/_farm/rules", "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(ask(&farm, "GET", "/bucket?list-type=2").await.status, StatusCode::OK);
}

#[tokio::test]
async fn over_tls_the_farm_is_who_its_authority_says() {
    let farm = Farm::start_with(FarmOptions { tls: true, ..FarmOptions::default() }).await.unwrap();
    let address = farm.endpoint().strip_prefix("https://").unwrap();
    let mut trusted = RootCertStore::empty();
    trusted.add(CertificateDer::from_pem_slice(farm.ca_pem().unwrap().as_bytes()).unwrap()).unwrap();
    for (roots, trusts) in [(trusted, true), (RootCertStore::empty(), false)] {
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let connected = TlsConnector::from(std::sync::Arc::new(config)).connect(name, stream).await;
        assert_eq!(connected.is_ok(), trusts);
    }
}
