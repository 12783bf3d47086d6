//! Who may do what: known credentials, session tokens and the owner of the buckets.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use http::HeaderMap;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Result, s3_error};

/// The account that owns every bucket of the farm.
pub const ACCOUNT_ID: &str = "123456789012";

/// Credentials that the farm knows.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The public half.
    pub access_key_id: String,
    /// The secret half, never sent by a client.
    pub secret_access_key: String,
    /// If set, a request must carry exactly this token; if not, any token is accepted.
    pub session_token: Option<String>,
}

impl Credentials {
    /// Long-lived credentials, without a session token.
    pub fn new(access_key_id: impl Into<String>, secret_access_key: impl Into<String>) -> Self {
        Self {
            access_key_id: access_key_id.into(),
            secret_access_key: secret_access_key.into(),
            session_token: None,
        }
    }

    /// The same credentials, now temporary: requests must carry `token`.
    pub fn with_session_token(mut self, token: impl Into<String>) -> Self {
        self.session_token = Some(token.into());
        self
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// Answers s3s's two questions: which secret belongs to a key, and may this request go on.
#[derive(Clone)]
pub(crate) struct Guard {
    known: Arc<BTreeMap<String, Credentials>>,
}

impl Guard {
    pub(crate) fn new(known: &[Credentials]) -> Self {
        let known = known
            .iter()
            .map(|credentials| (credentials.access_key_id.clone(), credentials.clone()))
            .collect();
        Self { known: Arc::new(known) }
    }
}

#[async_trait::async_trait]
impl S3Auth for Guard {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        match self.known.get(access_key) {
            Some(credentials) => Ok(SecretKey::from(credentials.secret_access_key.as_str())),
            None => Err(s3_error!(
                InvalidAccessKeyId,
                "The AWS Access Key Id you provided does not exist in our records."
            )),
        }
    }
}

#[async_trait::async_trait]
impl S3Access for Guard {
    async fn check(&self, request: &mut S3AccessContext<'_>) -> S3Result<()> {
        let Some(signer) = request.credentials() else {
            return Err(s3_error!(AccessDenied, "Access Denied"));
        };
        let wanted = self.known.get(&signer.access_key).and_then(|known| known.session_token.as_deref());
        if wanted.is_some() && wanted != session_token(request).as_deref() {
            return Err(s3_error!(InvalidToken, "The provided token is malformed or otherwise invalid."));
        }
        match header(request.headers(), "x-amz-expected-bucket-owner") {
            Some(owner) if owner != ACCOUNT_ID => Err(s3_error!(AccessDenied, "Access Denied")),
            _ => Ok(()),
        }
    }
}

/// The token of a request: a header, or a query parameter where the URL is presigned.
fn session_token(request: &S3AccessContext<'_>) -> Option<String> {
    if let Some(token) = header(request.headers(), "x-amz-security-token") {
        return Some(token.to_owned());
    }
    request.uri().query()?.split('&').find_map(|pair| {
        let token = pair.strip_prefix("X-Amz-Security-Token=")?;
        Some(urlencoding::decode(token).ok()?.into_owned())
    })
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
