//! A service that fails in every way the engine knows: answers are scripted, one connection each.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use rusty_attachments_core::{ErrorCode, Result};
use rusty_attachments_transfer::{
    Client, Credentials, CredentialsSource, ProvideCredentials, ProvidedCredentials, S3Settings,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Answers each connection's one request with the next line of its script, and remembers the requests.
struct Service {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Service {
    async fn new(script: impl IntoIterator<Item = String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, mut script) = (requests.clone(), script.into_iter().collect::<VecDeque<_>>());
        tokio::spawn(async move {
            while let Some(answer) = script.pop_front() {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read_request(&mut stream).await;
                seen.lock().unwrap().push(String::from_utf8(request).unwrap().to_lowercase());
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { address, requests }
    }

    fn client(&self, credentials: CredentialsSource) -> Client {
        let settings = S3Settings {
            bucket: "b".into(),
            endpoint: Some(format!("http://{}", self.address)),
            region: Some("us-east-1".into()),
            ..S3Settings::default()
        };
        Client::new(settings, credentials).unwrap()
    }

    async fn get(&self) -> Result<Vec<u8>> {
        self.client(CredentialsSource::Static(credentials("k"))).get("k").await?.read_to_end(1_000).await
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn read_request(stream: &mut TcpStream) -> Vec<u8> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.unwrap());
    }
    request
}

fn credentials(id: &str) -> Credentials {
    Credentials {
        access_key_id: id.into(),
        secret_access_key: "s".into(),
        session_token: None,
        expiration: None,
    }
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len())
}

fn refusal(status: &str, headers: &str, code: &str) -> String {
    answer(status, headers, &format!("<Error><Code>{code}</Code><Message>m</Message></Error>"))
}

/// An answer that says it is longer than it is.
fn cut(status: &str, headers: &str, body: &str, length: usize) -> String {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}")
}

#[tokio::test]
async fn a_slower_pace_is_kept_and_then_it_works() {
    let throttled = refusal("503 Slow Down", "Retry-After: 1\r\n", "SlowDown");
    let service = Service::new([throttled, answer("200 OK", "", "whole")]).await;
    let began = SystemTime::now();
    assert_eq!(service.get().await.unwrap(), b"whole");
    assert!(began.elapsed().unwrap().as_millis() >= 1_000);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_continued_under_its_etag() {
    let service = Service::new([
        cut("200 OK", "ETag: \"e\"\r\n", "01234", 10),
        cut("206 Partial Content", "ETag: \"e\"\r\nContent-Range: bytes 5-9/10\r\n", "567", 5),
        answer("200 OK", "ETag: \"e\"\r\n", "0123456789"),
    ])
    .await;
    assert_eq!(service.get().await.unwrap(), b"0123456789");
    let requests = service.requests();
    assert!(requests[1].contains("range: bytes=5-\r\n") && requests[1].contains("if-match: \"e\"\r\n"));
    assert!(requests[2].contains("range: bytes=8-\r\n"), "a service may ignore the range");
}

#[tokio::test]
async fn a_body_that_gets_on_gets_to_its_end_however_often_it_is_cut() {
    let (piece, pieces) = ("x".repeat(1_500), 30);
    let script = (0..pieces).map(|number| {
        let (start, end) = (number * piece.len(), pieces * piece.len());
        let range = format!("ETag: \"e\"\r\nContent-Range: bytes {start}-{}/{end}\r\n", end - 1);
        match number {
            0 => cut("200 OK", "ETag: \"e\"\r\n", &piece, end),
            _ => cut("206 Partial Content", &range, &piece, end - start),
        }
    });
    let service = Service::new(script).await;
    let client = service.client(CredentialsSource::Static(credentials("k")));
    let body = client.get("k").await.unwrap().read_to_end(100_000).await.unwrap();
    assert_eq!(body.len(), pieces * piece.len());
    assert_eq!(client.retries(), pieces as u64 - 1);
}

#[tokio::test]
async fn a_body_that_gets_no_further_is_given_up() {
    let service = Service::new((0..20).map(|_| cut("200 OK", "ETag: \"e\"\r\n", "", 10))).await;
    assert_eq!(service.get().await.unwrap_err().code, ErrorCode::Network);
    assert_eq!(service.requests().len(), 8);
}

#[tokio::test]
async fn without_an_etag_a_body_is_not_continued_but_one_that_did_not_begin_is_asked_for_again() {
    let service = Service::new([cut("200 OK", "", "", 5), answer("200 OK", "", "whole")]).await;
    assert_eq!(service.get().await.unwrap(), b"whole");
    let service = Service::new([cut("200 OK", "", "wh", 5), answer("200 OK", "", "whole")]).await;
    assert!(service.get().await.unwrap_err().message.contains("no ETag"));
}

#[tokio::test]
async fn what_has_another_length_is_not_its_continuation() {
    let longer = answer("206 Partial Content", "ETag: \"e\"\r\nContent-Range: bytes 5-10/11\r\n", "56789a");
    let service = Service::new([cut("200 OK", "ETag: \"e\"\r\n", "01234", 10), longer]).await;
    assert!(service.get().await.unwrap_err().message.contains("changed while it was read"));
}

#[tokio::test]
async fn another_object_under_the_same_key_is_not_its_continuation() {
    let other = answer("206 Partial Content", "ETag: \"f\"\r\nContent-Range: bytes 5-9/10\r\n", "56789");
    let service = Service::new([cut("200 OK", "ETag: \"e\"\r\n", "01234", 10), other]).await;
    assert!(service.get().await.unwrap_err().message.contains("changed while it was read"));
}

#[tokio::test]
async fn a_refusal_that_will_not_change_is_not_asked_for_again() {
    let service = Service::new([refusal("403 Forbidden", "", "AccessDenied")]).await;
    assert_eq!(service.get().await.unwrap_err().code, ErrorCode::AccessDenied);
    assert_eq!(service.requests().len(), 1);
}

#[tokio::test]
async fn a_refusal_for_now_is_asked_for_again_whatever_its_status() {
    let by_status = [408, 429, 500, 502, 503, 504].map(|status| refusal(&format!("{status} No"), "", ""));
    let by_code = ["RequestTimeout", "SlowDown", "InternalError"].map(|code| refusal("400 No", "", code));
    for refusal in by_status.into_iter().chain(by_code) {
        let service = Service::new([refusal.clone(), answer("200 OK", "", "whole")]).await;
        assert_eq!(service.get().await.unwrap(), b"whole", "{refusal}");
        assert_eq!(service.requests().len(), 2);
    }
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_set_by_the_service_s() {
    let date = "Date: Thu, 06 May 2100 07:08:09 GMT\r\n";
    let skewed = refusal("403 Forbidden", date, "RequestTimeTooSkewed");
    let service = Service::new([skewed, answer("200 OK", "", "whole")]).await;
    assert_eq!(service.get().await.unwrap(), b"whole");
    assert!(service.requests()[1].contains("x-amz-date: 21000506t07080"), "{:?}", service.requests());
}

#[tokio::test]
async fn a_redirect_s_region_is_signed_for() {
    let moved = refusal("301 Moved Permanently", "x-amz-bucket-region: eu-west-1\r\n", "PermanentRedirect");
    let service = Service::new([moved.clone(), answer("200 OK", "", "whole")]).await;
    assert_eq!(service.get().await.unwrap(), b"whole");
    assert!(service.requests()[1].contains("/eu-west-1/s3/"));
    let circle = moved.replace("eu-west-1", "eu-west-2");
    let service = Service::new([moved, circle]).await;
    let error = service.get().await.unwrap_err();
    assert!(error.message.contains("eu-west-2"), "{error}");
}

/// Says that its body is long, and sends it a byte at a time.
async fn drip(listener: TcpListener, head: &'static str) {
    while let Ok((mut stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            read_request(&mut stream).await;
            let mut bytes = head.as_bytes();
            while stream.write_all(bytes).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
                bytes = b" ";
            }
        });
    }
}

#[tokio::test]
async fn a_refusal_whose_body_drips_is_heard_by_its_status() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = S3Settings {
        bucket: "b".into(),
        endpoint: Some(format!("http://{}", listener.local_addr().unwrap())),
        ..S3Settings::default()
    };
    tokio::spawn(drip(listener, "HTTP/1.1 403 Forbidden\r\nContent-Length: 60000\r\n\r\n"));
    let source = CredentialsSource::Static(credentials("k"));
    let client = Client::with_patience(settings, source, Duration::from_millis(200)).unwrap();
    let error = tokio::time::timeout(Duration::from_secs(20), client.get("k")).await;
    assert_eq!(error.expect("it hangs").unwrap_err().code, ErrorCode::AccessDenied);
}

#[tokio::test]
async fn a_redirect_for_now_or_to_where_the_request_was_is_asked_again() {
    for redirect in [
        refusal("307 Temporary Redirect", "Location: http://elsewhere.example/k\r\n", "TemporaryRedirect"),
        refusal("301 Moved Permanently", "x-amz-bucket-region: us-east-1\r\n", "PermanentRedirect"),
    ] {
        let service = Service::new([redirect.clone(), redirect, answer("200 OK", "", "whole")]).await;
        assert_eq!(service.get().await.unwrap(), b"whole");
    }
}

struct Renewing(AtomicU32);

impl ProvideCredentials for Renewing {
    fn provide(&self) -> ProvidedCredentials<'_> {
        let id = format!("key{}", self.0.fetch_add(1, Ordering::SeqCst));
        Box::pin(async move { Ok(credentials(&id)) })
    }
}

#[tokio::test]
async fn expired_credentials_are_renewed_once() {
    let expired = || refusal("400 Bad Request", "", "ExpiredToken");
    let service = Service::new([expired(), answer("200 OK", "", "whole")]).await;
    let client = service.client(CredentialsSource::Provider(Arc::new(Renewing(AtomicU32::new(0)))));
    client.get("k").await.unwrap();
    assert!(service.requests()[1].contains("credential=key1/"));
    let service = Service::new([expired(), expired()]).await;
    let client = service.client(CredentialsSource::Provider(Arc::new(Renewing(AtomicU32::new(0)))));
    assert_eq!(client.get("k").await.unwrap_err().code, ErrorCode::Credentials);
}

#[tokio::test]
async fn a_list_that_is_not_a_list_is_an_error() {
    let service = Service::new([answer("200 OK", "", "<html><body></html>")]).await;
    let client = service.client(CredentialsSource::Static(credentials("k")));
    let error = client.list("p/").await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Network);
    assert!(error.message.contains("s3://b/p/"));
}
