//! The farm as tests use it: start it, fill it, look at what was asked of it.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use s3s::service::S3ServiceBuilder;

use crate::access::{Credentials, Guard};
use crate::gate::Gate;
use crate::object::Object;
use crate::requests::{RequestLog, RequestRecord};
use crate::s3::FarmS3;
use crate::server::Server;
use crate::store::{ListQuery, Store};

/// The region that the farm's buckets are in.
pub const REGION: &str = "us-west-2";

/// How to start a farm; [`Default`] is a free port and one pair of credentials.
#[derive(Clone, Debug)]
pub struct FarmOptions {
    /// The TCP port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Who may sign requests. The first are [`Farm::credentials`].
    pub credentials: Vec<Credentials>,
    /// Buckets that exist from the start.
    pub buckets: Vec<String>,
}

impl Default for FarmOptions {
    fn default() -> Self {
        Self {
            port: 0,
            credentials: vec![Credentials::new("AKIAFARMFARMFARMFARM", "farm-secret-for-loopback-only")],
            buckets: Vec::new(),
        }
    }
}

/// Why a farm did not start.
#[derive(Debug, thiserror::Error)]
pub enum FarmError {
    /// The port is taken or may not be used.
    #[error("the farm cannot listen on 127.0.0.1:{port}; choose another port, or 0 for a free one")]
    Listen {
        /// The port that was asked for.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// There is nobody who could sign a request.
    #[error("the farm needs at least one pair of credentials")]
    NoCredentials,
}

/// A running S3 server on the loopback interface, stopped when it is dropped.
pub struct Farm {
    server: Server,
    endpoint: String,
    credentials: Credentials,
    store: Arc<Store>,
    log: Arc<RequestLog>,
}

impl Farm {
    /// Starts a farm with [`FarmOptions::default`] on the current tokio runtime.
    pub async fn start() -> Result<Self, FarmError> {
        Self::start_with(FarmOptions::default()).await
    }

    /// Starts a farm on the current tokio runtime.
    pub async fn start_with(options: FarmOptions) -> Result<Self, FarmError> {
        let Some(credentials) = options.credentials.first().cloned() else {
            return Err(FarmError::NoCredentials);
        };
        let store = Arc::new(Store::default());
        for bucket in &options.buckets {
            store.create_bucket(bucket);
        }
        let log = Arc::new(RequestLog::default());
        let guard = Guard::new(&options.credentials);
        let mut s3 = S3ServiceBuilder::new(FarmS3::new(Arc::clone(&store)));
        s3.set_auth(guard.clone());
        s3.set_access(guard);
        let gate = Gate { s3: s3.build(), log: Arc::clone(&log) };
        let server = Server::start(options.port, gate)
            .await
            .map_err(|source| FarmError::Listen { port: options.port, source })?;
        Ok(Self { endpoint: format!("http://127.0.0.1:{}", server.port()), server, credentials, store, log })
    }

    /// Stops the farm and waits a moment for requests that are under way.
    pub async fn stop(self) {
        self.server.stop().await;
    }

    /// `http://127.0.0.1:port`; buckets are addressed path style.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The first credentials that the farm knows.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Makes an empty bucket, if there is none of that name.
    pub fn create_bucket(&self, bucket: &str) {
        self.store.create_bucket(bucket);
    }

    /// Stores an object, and makes its bucket if there is none.
    pub fn put_object(&self, bucket: &str, key: &str, object: Object) {
        self.store.create_bucket(bucket);
        self.store.put(bucket, key, object);
    }

    /// The object as it is now.
    pub fn object(&self, bucket: &str, key: &str) -> Option<Arc<Object>> {
        self.store.get(bucket, key).flatten()
    }

    /// Removes an object; says whether there was one.
    pub fn remove_object(&self, bucket: &str, key: &str) -> bool {
        self.store.remove(bucket, key).flatten().is_some()
    }

    /// Puts other bytes under a key, as bit rot or a careless writer would: metadata and
    /// `LastModified` stay. Says whether there was such an object.
    pub fn replace_body(&self, bucket: &str, key: &str, body: impl Into<Bytes>) -> bool {
        let Some(object) = self.object(bucket, key) else {
            return false;
        };
        let object = Object::clone(&object).with_body(body.into());
        self.store.put(bucket, key, object).is_some()
    }

    /// All keys under a prefix, in S3's order.
    pub fn keys(&self, bucket: &str, prefix: &str) -> Vec<String> {
        let query = ListQuery { prefix, limit: usize::MAX, ..ListQuery::default() };
        let page = self.store.list(bucket, &query).unwrap_or_default();
        page.objects.into_iter().map(|(key, _)| key).collect()
    }

    /// Every request since the start or the last [`Farm::clear_requests`], in order of arrival.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.log.all()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.log.clear();
    }
}
