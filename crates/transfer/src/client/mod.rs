//! An S3 client of exactly the two operations that downloads need, over one pool of connections.

mod body;
mod connect;
mod credentials;
mod error;
mod get;
mod list;
mod retry;
mod send;
mod settings;
mod sign;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use reqwest::header::HeaderValue;
use rusty_attachments_core::{Error, ErrorCode, Result};

pub use self::credentials::{Credentials, CredentialsSource, ProvideCredentials, ProvidedCredentials};
pub use self::get::ObjectReader;
pub(crate) use self::get::has_changed;
pub(crate) use self::list::{Page, Since};
pub use self::settings::S3Settings;

use self::connect::{IDLE, connect};
use self::credentials::CredentialsCache;
use self::retry::RetryBudget;
use self::settings::Addressing;
use crate::pace::Width;

/// Reads one bucket.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    settings: S3Settings,
    addressing: Addressing,
    bucket_owner: Option<HeaderValue>,
    credentials: CredentialsCache,
    /// Where the bucket is, as far as it is known: an answer may say better.
    region: RwLock<String>,
    /// Seconds that the service's clock is ahead of this machine's.
    clock_ahead: AtomicI64,
    /// A body or answer that brings next to nothing for so long has stalled.
    patience: Duration,
    budget: RetryBudget,
    throttles: AtomicU64,
    width: Width,
}

impl Client {
    /// A client of the bucket; nothing is sent yet.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` for a bucket, endpoint or owner that cannot be; `IO` if `AWS_CA_BUNDLE` cannot be read.
    pub fn new(settings: S3Settings, credentials: CredentialsSource) -> Result<Self> {
        Self::with_patience(settings, credentials, IDLE)
    }

    /// The same, with another time after which what brings nothing has stalled: tests have less patience.
    #[doc(hidden)]
    pub fn with_patience(
        settings: S3Settings,
        credentials: CredentialsSource,
        patience: Duration,
    ) -> Result<Self> {
        let addressing = settings.addressing()?;
        let bucket_owner = settings.expected_bucket_owner.as_deref().map(HeaderValue::from_str).transpose();
        let bucket_owner = bucket_owner.map_err(|cause| {
            Error::new(ErrorCode::InvalidArgument, "The expected bucket owner is not an account number.")
                .caused_by(cause)
        })?;
        Ok(Self {
            http: connect(patience)?,
            region: RwLock::new(settings.initial_region()),
            settings,
            addressing,
            bucket_owner,
            credentials: CredentialsCache::new(credentials),
            clock_ahead: AtomicI64::new(0),
            patience,
            budget: RetryBudget::new(3 * patience),
            throttles: AtomicU64::new(0),
            width: Width::default(),
        })
    }

    /// What the client was made with.
    pub fn settings(&self) -> &S3Settings {
        &self.settings
    }

    /// How many requests were sent again so far.
    pub fn retries(&self) -> u64 {
        self.budget.retries()
    }

    /// How often the service asked for a slower pace so far.
    pub(crate) fn throttles(&self) -> u64 {
        self.throttles.load(Ordering::Relaxed)
    }

    /// How many requests at once were found to help.
    pub(crate) fn width(&self) -> &Width {
        &self.width
    }

    fn region(&self) -> String {
        self.region.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_region(&self, region: String) {
        *self.region.write().unwrap_or_else(PoisonError::into_inner) = region;
    }
}
