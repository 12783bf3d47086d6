//! The farm as tests use it: start it, fill it, look at what was asked of it.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::access::{Credentials, Guard};
use crate::control::Control;
use crate::deadline::{Deadline, Event, History, HistoryError};
use crate::gate::Gate;
use crate::judge::Judge;
use crate::object::Object;
use crate::outputs::QueueLocation;
use crate::requests::{RequestLog, RequestRecord};
use crate::rule::Rule;
use crate::s3::FarmS3;
use crate::server::Server;
use crate::show::Show;
use crate::store::{ListQuery, Store};
use crate::tls::Tls;

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
    /// Whether to speak TLS, with a certificate that leads to [`Farm::ca_pem`].
    pub tls: bool,
    /// The queue of Deadline Cloud, and where it keeps its jobs' attachments.
    pub queue: QueueLocation,
}

impl Default for FarmOptions {
    fn default() -> Self {
        Self {
            port: 0,
            credentials: vec![Credentials::new("AKIAFARMFARMFARMFARM", "farm-secret-for-loopback-only")],
            buckets: Vec::new(),
            tls: false,
            queue: Show::default_location("farm-attachments"),
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
    /// No certificate could be made.
    #[error("the farm has no certificate to speak TLS with")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A running server of S3, Deadline Cloud and STS on the loopback interface, stopped when it is dropped.
pub struct Farm {
    server: Server,
    endpoint: String,
    credentials: Credentials,
    ca_pem: Option<String>,
    store: Arc<Store>,
    log: Arc<RequestLog>,
    judge: Arc<Judge>,
    deadline: Arc<Deadline>,
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
        let tls = if options.tls { Some(Tls::new().map_err(FarmError::Tls)?) } else { None };
        let (acceptor, ca_pem) = tls.map(|tls| (tls.acceptor, tls.ca_pem)).unzip();
        let scheme = if acceptor.is_some() { "https" } else { "http" };

        let log = Arc::new(RequestLog::default());
        let judge = Arc::new(Judge::default());
        let guard = Guard::new(&options.credentials);
        let deadline = Deadline::new(options.queue, Arc::clone(&store), guard.clone());
        let deadline = Arc::new(deadline);
        let (outages, outages_ordered) = mpsc::unbounded_channel();
        let gate = Gate {
            s3: service(&store, guard.clone()),
            guard,
            store: Arc::clone(&store),
            control: Control {
                log: Arc::clone(&log),
                judge: Arc::clone(&judge),
                deadline: Arc::clone(&deadline),
            },
            outages,
        };
        let server = Server::start(options.port, acceptor, gate, outages_ordered)
            .await
            .map_err(|source| FarmError::Listen { port: options.port, source })?;
        let endpoint = format!("{scheme}://127.0.0.1:{}", server.port());
        Ok(Self { server, endpoint, credentials, ca_pem, store, log, judge, deadline })
    }

    /// Stops the farm and waits a moment for requests that are under way.
    pub async fn stop(self) {
        self.server.stop().await;
    }

    /// `http://127.0.0.1:port` (or `https`); buckets are addressed path style.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The certificate that clients must trust, where the farm speaks TLS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// The first credentials that the farm knows.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
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

    /// Lets events happen in the queue, as [`deadline`](crate::deadline) lists them, and says the
    /// names and ids of what they were about.
    pub fn happen(&self, events: Vec<Event>) -> Result<Value, HistoryError> {
        self.deadline.happen(events)
    }

    /// Takes a history and lets its first step happen, if it has any. The others wait for
    /// `POST /_farm/history/step`.
    pub fn begin(&self, history: History) -> Result<(), HistoryError> {
        let is_empty = history.steps.is_empty();
        self.deadline.load(history);
        if is_empty { Ok(()) } else { self.deadline.step().map(drop) }
    }

    /// The names and ids of all jobs and storage profiles.
    pub fn names(&self) -> Value {
        self.deadline.overview()
    }

    /// Every request since the start or the last [`Farm::clear_requests`], in order of arrival.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.log.all()
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.log.clear();
    }

    /// Puts rules in force instead of those before: from now on, the requests that they strike are
    /// late, or fail. None at all is peace again.
    pub fn set_rules(&self, rules: Vec<Rule>) {
        self.judge.set(rules);
    }
}

fn service(store: &Arc<Store>, guard: Guard) -> S3Service {
    let mut s3 = S3ServiceBuilder::new(FarmS3::new(Arc::clone(store)));
    s3.set_auth(guard.clone());
    s3.set_access(guard);
    let mut config = S3Config::default();
    // The gate looks at the time, since a rule may set its clock wrong.
    config.presigned_url_max_skew_time_secs = u32::MAX;
    s3.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
    s3.build()
}
