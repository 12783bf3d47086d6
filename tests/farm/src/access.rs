//! Who may do what: known credentials, session tokens, a queue's role and the owner of the buckets.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, SystemTime};

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

/// Credentials with what they are good for.
#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) credentials: Credentials,
    /// Until when, for those of a queue's role; they may use the bucket and nothing else.
    pub(crate) role_until: Option<SystemTime>,
}

impl Known {
    pub(crate) fn has_expired(&self) -> bool {
        self.role_until.is_some_and(|until| until <= SystemTime::now())
    }
}

/// Knows all credentials, and answers s3s's two questions: which secret belongs to a key, and may
/// this request go on.
#[derive(Clone)]
pub(crate) struct Guard {
    inner: Arc<RwLock<Inner>>,
}

struct Inner {
    known: BTreeMap<String, Known>,
    roles_issued: u32,
    bucket_is_for_roles: bool,
}

impl Guard {
    pub(crate) fn new(known: &[Credentials]) -> Self {
        let known = known
            .iter()
            .map(|credentials| {
                let known = Known { credentials: credentials.clone(), role_until: None };
                (credentials.access_key_id.clone(), known)
            })
            .collect();
        let inner = Inner { known, roles_issued: 0, bucket_is_for_roles: false };
        Self { inner: Arc::new(RwLock::new(inner)) }
    }

    pub(crate) fn known(&self, access_key_id: &str) -> Option<Known> {
        self.read().known.get(access_key_id).cloned()
    }

    /// New credentials of the queue's role, others each time.
    pub(crate) fn issue_role(&self, lifetime: Duration) -> (Credentials, SystemTime) {
        let until = SystemTime::now() + lifetime;
        let mut inner = self.write();
        inner.roles_issued += 1;
        let number = inner.roles_issued;
        let credentials =
            Credentials::new(format!("ASIAQUEUEROLE{number:07}"), format!("queue-role-secret-{number}"))
                .with_session_token(format!("queue/role+token={number}"));
        let known = Known { credentials: credentials.clone(), role_until: Some(until) };
        inner.known.insert(credentials.access_key_id.clone(), known);
        (credentials, until)
    }

    /// Whether S3 refuses everybody who is not in the queue's role.
    pub(crate) fn keep_bucket_for_roles(&self, keep: bool) {
        self.write().bucket_is_for_roles = keep;
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait::async_trait]
impl S3Auth for Guard {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        match self.known(access_key) {
            Some(known) => Ok(SecretKey::from(known.credentials.secret_access_key)),
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
        let known = request.credentials().and_then(|signer| self.known(&signer.access_key));
        let Some(known) = known else {
            return Err(s3_error!(AccessDenied, "Access Denied"));
        };
        let wanted = known.credentials.session_token.as_deref();
        if wanted.is_some() && wanted != session_token(request).as_deref() {
            return Err(s3_error!(InvalidToken, "The provided token is malformed or otherwise invalid."));
        }
        if known.has_expired() {
            return Err(s3_error!(ExpiredToken, "The provided token has expired."));
        }
        if known.role_until.is_none() && self.read().bucket_is_for_roles {
            return Err(s3_error!(AccessDenied, "Access Denied"));
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

pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
