//! A client of a few lines: it signs with AWS's own signer and sends with hyper, so that the farm
//! is not judged by the library it is made of.

use std::io;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as AwsCredentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rusty_attachments_farm::{Credentials, Farm, REGION};
use tokio::net::TcpStream;

/// An answer, read to its end.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answer {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    /// The contents of every element of a name, in order.
    pub fn elements(&self, name: &str) -> Vec<&str> {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let parts = self.text().split(open.as_str()).skip(1);
        parts.map(|part| part.split(close.as_str()).next().unwrap()).collect()
    }

    /// The code of a refusal.
    pub fn code(&self) -> &str {
        self.elements("Code")[0]
    }
}

/// What came before the connection broke.
#[derive(Debug)]
pub struct Broken {
    pub received: Bytes,
    pub error: hyper::Error,
}

impl Broken {
    pub fn is_reset(&self) -> bool {
        let cause =
            std::error::Error::source(&self.error).and_then(|cause| cause.downcast_ref::<io::Error>());
        cause.is_some_and(|cause| cause.kind() == io::ErrorKind::ConnectionReset)
    }
}

/// When, where and for which service a request is signed.
pub struct Scope<'a> {
    pub time: SystemTime,
    pub region: &'a str,
    pub service: &'a str,
}

impl Default for Scope<'_> {
    fn default() -> Self {
        Self { time: SystemTime::now(), region: REGION, service: "s3" }
    }
}

/// A request to `address` (path and query), signed by whom the farm knows.
pub async fn ask(farm: &Farm, method: &str, address: &str) -> Answer {
    ask_as(farm, farm.credentials(), method, address, &[], "").await
}

/// A signed request with headers and a body.
pub async fn ask_as(
    farm: &Farm,
    credentials: &Credentials,
    method: &str,
    address: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let request = signed(farm, credentials, &Scope::default(), method, address, headers, body);
    send(farm, request).await.unwrap()
}

/// A signed request for another service than S3.
pub async fn ask_service(
    farm: &Farm,
    credentials: &Credentials,
    service: &str,
    method: &str,
    address: &str,
    body: &str,
) -> Answer {
    let scope = Scope { service, ..Scope::default() };
    send(farm, signed(farm, credentials, &scope, method, address, &[], body)).await.unwrap()
}

/// A GET that need not succeed.
pub async fn try_get(farm: &Farm, address: &str) -> Result<Answer, Broken> {
    send(farm, signed(farm, farm.credentials(), &Scope::default(), "GET", address, &[], "")).await
}

/// A GET, signed for another time or place.
pub async fn get_in(farm: &Farm, scope: &Scope<'_>, address: &str) -> Answer {
    send(farm, signed(farm, farm.credentials(), scope, "GET", address, &[], "")).await.unwrap()
}

fn signed(
    farm: &Farm,
    credentials: &Credentials,
    scope: &Scope<'_>,
    method: &str,
    address: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Request<Full<Bytes>> {
    let url = format!("{}{address}", farm.endpoint());
    let identity = AwsCredentials::new(
        credentials.access_key_id.as_str(),
        credentials.secret_access_key.as_str(),
        credentials.session_token.clone(),
        None,
        "test",
    )
    .into();
    let mut settings = SigningSettings::default();
    if scope.service == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name(scope.service)
        .time(scope.time)
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let signable = SignableRequest::new(
        method,
        url.as_str(),
        headers.iter().copied(),
        SignableBody::Bytes(body.as_bytes()),
    )
    .unwrap();
    let (instructions, _) = sign(signable, &params).unwrap().into_parts();
    let mut request = request(farm, method, address, headers, body);
    instructions.apply_to_request_http1x(&mut request);
    request
}

/// A request without a signature.
pub async fn ask_unsigned(farm: &Farm, method: &str, address: &str, body: &str) -> Answer {
    send(farm, request(farm, method, address, &[], body)).await.unwrap()
}

fn request(
    farm: &Farm,
    method: &str,
    address: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(address).header("host", host(farm));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::from(body.to_owned())).unwrap()
}

async fn send(farm: &Farm, request: Request<Full<Bytes>>) -> Result<Answer, Broken> {
    let exchange = async {
        let mut received = BytesMut::new();
        let stream = TcpStream::connect(host(farm)).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let result = async {
            let (head, mut body) = sender.send_request(request).await?.into_parts();
            while let Some(frame) = body.frame().await {
                received.extend_from_slice(frame?.data_ref().unwrap());
            }
            Ok(head)
        };
        match result.await {
            Ok(head) => Ok(Answer { status: head.status, headers: head.headers, body: received.freeze() }),
            Err(error) => Err(Broken { received: received.freeze(), error }),
        }
    };
    tokio::time::timeout(Duration::from_secs(20), exchange).await.expect("the farm answers in time")
}

pub fn host(farm: &Farm) -> &str {
    farm.endpoint().trim_start_matches("http://")
}
