//! Who signs: fixed credentials, a provider that is asked again before they expire, or the environment.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rusty_attachments_core::{Error, ErrorCode, Result};

use super::settings::variable;

/// Credentials are renewed this long before they expire, or at half their life if that is later.
const RENEW_BEFORE: Duration = Duration::from_secs(300);
/// A renewal that failed is tried again so much later, or at half the life that is left if that is sooner.
const RENEW_AGAIN: Duration = Duration::from_secs(30);

/// An access key, with the session token and end that temporary credentials have.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The access key's id.
    pub access_key_id: String,
    /// The access key's secret.
    pub secret_access_key: String,
    /// The token of temporary credentials.
    pub session_token: Option<String>,
    /// When temporary credentials end.
    pub expiration: Option<SystemTime>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("expiration", &self.expiration).finish_non_exhaustive()
    }
}

/// What [`ProvideCredentials::provide`] returns.
pub type ProvidedCredentials<'a> = Pin<Box<dyn Future<Output = Result<Credentials>> + Send + 'a>>;

/// Something that can be asked for credentials, as often as they expire.
pub trait ProvideCredentials: Send + Sync {
    /// Credentials that are valid now.
    fn provide(&self) -> ProvidedCredentials<'_>;
}

/// Where credentials come from.
#[derive(Clone, Default)]
pub enum CredentialsSource {
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, read again when they expire.
    #[default]
    Environment,
    /// These, and no others.
    Static(Credentials),
    /// Asked at first use, before the end of the last, and once more when the service says they expired.
    Provider(Arc<dyn ProvideCredentials>),
}

impl fmt::Debug for CredentialsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Environment => "Environment",
            Self::Static(_) => "Static",
            Self::Provider(_) => "Provider",
        })
    }
}

impl CredentialsSource {
    async fn ask(&self) -> Result<Credentials> {
        match self {
            Self::Environment => from_environment(variable),
            Self::Static(credentials) => Ok(credentials.clone()),
            Self::Provider(provider) => provider.provide().await,
        }
    }
}

/// The credentials in use; many requests share one renewal.
#[derive(Debug)]
pub(crate) struct CredentialsCache {
    source: CredentialsSource,
    held: RwLock<Option<Held>>,
    renewing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone)]
struct Held {
    credentials: Arc<Credentials>,
    renew_at: Option<SystemTime>,
}

impl CredentialsCache {
    pub(crate) fn new(source: CredentialsSource) -> Self {
        Self { source, held: RwLock::new(None), renewing: tokio::sync::Mutex::new(()) }
    }

    /// The credentials in use, renewed first if their end is near.
    pub(crate) async fn get(&self) -> Result<Arc<Credentials>> {
        if let Some(credentials) = self.current() {
            return Ok(credentials);
        }
        let _one_at_a_time = self.renewing.lock().await;
        match self.current() {
            Some(credentials) => Ok(credentials),
            None => self.renew().await.or_else(|error| self.keep().ok_or(error)),
        }
    }

    /// New credentials in place of `refused` ones; `None` if there are no others to be had.
    pub(crate) async fn replace(&self, refused: &Arc<Credentials>) -> Result<Option<Arc<Credentials>>> {
        let _one_at_a_time = self.renewing.lock().await;
        if let Some(credentials) = self.current().filter(|current| current != refused) {
            return Ok(Some(credentials));
        }
        let renewed = self.renew().await?;
        Ok((renewed != *refused).then_some(renewed))
    }

    fn current(&self) -> Option<Arc<Credentials>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let held = held.as_ref()?;
        let fresh = held.renew_at.is_none_or(|at| SystemTime::now() < at);
        fresh.then(|| held.credentials.clone())
    }

    /// What is held, for some more time, if it has not expired yet.
    fn keep(&self) -> Option<Arc<Credentials>> {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let held = held.as_mut()?;
        let now = SystemTime::now();
        let left = held.credentials.expiration?.duration_since(now).ok()?;
        held.renew_at = Some(now + RENEW_AGAIN.min(left / 2));
        Some(held.credentials.clone())
    }

    async fn renew(&self) -> Result<Arc<Credentials>> {
        let credentials = Arc::new(self.source.ask().await?);
        if credentials.access_key_id.is_empty() || credentials.secret_access_key.is_empty() {
            return Err(Error::new(
                ErrorCode::Credentials,
                "The credentials have an empty access key id or secret. Check where they come from.",
            ));
        }
        let renew_at = credentials.expiration.map(|end| {
            let left = end.duration_since(SystemTime::now()).unwrap_or_default();
            end - RENEW_BEFORE.min(left / 2)
        });
        *self.held.write().unwrap_or_else(PoisonError::into_inner) =
            Some(Held { credentials: credentials.clone(), renew_at });
        Ok(credentials)
    }
}

fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Credentials> {
    let required = |name: &'static str| {
        variable(name).ok_or_else(|| {
            Error::new(
                ErrorCode::Credentials,
                format!("There are no credentials: none were given and {name} is not set. Give credentials or a provider of them."),
            )
        })
    };
    Ok(Credentials {
        access_key_id: required("AWS_ACCESS_KEY_ID")?,
        secret_access_key: required("AWS_SECRET_ACCESS_KEY")?,
        session_token: variable("AWS_SESSION_TOKEN"),
        expiration: None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    struct Counting {
        asked: AtomicU64,
        life: Option<Duration>,
    }

    impl ProvideCredentials for Counting {
        fn provide(&self) -> ProvidedCredentials<'_> {
            let number = self.asked.fetch_add(1, Ordering::SeqCst) + 1;
            let expiration = self.life.map(|life| SystemTime::now() + life);
            Box::pin(async move {
                Ok(Credentials {
                    access_key_id: number.to_string(),
                    secret_access_key: "s".into(),
                    session_token: None,
                    expiration,
                })
            })
        }
    }

    fn counting(life: Option<Duration>) -> (Arc<Counting>, CredentialsCache) {
        let provider = Arc::new(Counting { asked: AtomicU64::new(0), life });
        (provider.clone(), CredentialsCache::new(CredentialsSource::Provider(provider)))
    }

    #[tokio::test]
    async fn a_provider_is_asked_once_while_its_credentials_last() {
        let (provider, cache) = counting(Some(Duration::from_secs(3600)));
        for _ in 0..3 {
            cache.get().await.unwrap();
        }
        assert_eq!(provider.asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn credentials_at_their_end_are_asked_for_again() {
        let (_, cache) = counting(Some(Duration::ZERO));
        assert_eq!(cache.get().await.unwrap().access_key_id, "1");
        assert_eq!(cache.get().await.unwrap().access_key_id, "2");
    }

    /// Gives credentials for an hour, once.
    struct Once(AtomicU64);

    impl ProvideCredentials for Once {
        fn provide(&self) -> ProvidedCredentials<'_> {
            let first = self.0.fetch_add(1, Ordering::SeqCst) == 0;
            Box::pin(async move {
                let gone = || Error::new(ErrorCode::Network, "The provider is gone. Call it back.");
                let end = SystemTime::now() + Duration::from_secs(3_600);
                Ok(Credentials {
                    access_key_id: "1".into(),
                    secret_access_key: "s".into(),
                    session_token: None,
                    expiration: Some(first.then_some(end).ok_or_else(gone)?),
                })
            })
        }
    }

    fn once() -> (Arc<Once>, CredentialsCache) {
        let provider = Arc::new(Once(AtomicU64::new(0)));
        (provider.clone(), CredentialsCache::new(CredentialsSource::Provider(provider)))
    }

    /// What is held is due to be renewed, and ends so much later.
    fn age(cache: &CredentialsCache, left: Duration) {
        let mut held = cache.held.write().unwrap();
        let held = held.as_mut().unwrap();
        let (now, mut credentials) = (SystemTime::now(), Credentials::clone(&held.credentials));
        credentials.expiration = Some(now + left);
        *held = Held { credentials: Arc::new(credentials), renew_at: Some(now) };
    }

    #[tokio::test]
    async fn a_renewal_that_fails_leaves_what_has_not_expired_in_use() {
        let (provider, cache) = once();
        cache.get().await.unwrap();
        age(&cache, Duration::from_secs(299));
        for _ in 0..3 {
            assert_eq!(cache.get().await.unwrap().access_key_id, "1");
        }
        assert_eq!(provider.0.load(Ordering::SeqCst), 2, "it is not asked each time");
        age(&cache, Duration::ZERO);
        assert!(cache.get().await.unwrap_err().message.contains("Call it back"));
    }

    #[tokio::test]
    async fn a_renewal_that_fails_does_not_bring_back_what_the_service_refused() {
        let (_, cache) = once();
        let refused = cache.get().await.unwrap();
        assert!(cache.replace(&refused).await.is_err());
    }

    #[tokio::test]
    async fn many_refused_requests_share_one_renewal() {
        let (provider, cache) = counting(None);
        let refused = cache.get().await.unwrap();
        let (a, b) = tokio::join!(cache.replace(&refused), cache.replace(&refused));
        assert_eq!(a.unwrap().unwrap().access_key_id, "2");
        assert_eq!(b.unwrap().unwrap().access_key_id, "2");
        assert_eq!(provider.asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn fixed_credentials_have_no_replacement() {
        let fixed = Credentials {
            access_key_id: "a".into(),
            secret_access_key: "s".into(),
            session_token: None,
            expiration: None,
        };
        let cache = CredentialsCache::new(CredentialsSource::Static(fixed));
        let refused = cache.get().await.unwrap();
        assert_eq!(cache.replace(&refused).await.unwrap(), None);
    }

    #[test]
    fn a_missing_variable_is_named() {
        let error = from_environment(|name| (name == "AWS_ACCESS_KEY_ID").then(|| "a".into())).unwrap_err();
        assert_eq!(error.code, ErrorCode::Credentials);
        assert!(error.message.contains("AWS_SECRET_ACCESS_KEY"));
    }

    #[test]
    fn a_secret_is_never_shown() {
        let credentials = Credentials {
            access_key_id: "id".into(),
            secret_access_key: "hush".into(),
            session_token: Some("hush".into()),
            expiration: None,
        };
        let source = CredentialsSource::Static(credentials.clone());
        assert!(!format!("{credentials:?} {source:?}").contains("hush"));
    }
}
