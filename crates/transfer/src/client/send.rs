//! Sends one signed request until it is answered: retries, new credentials, the right region, the right time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap, HeaderValue, IF_MATCH, RANGE, RETRY_AFTER};
use reqwest::{Method, Response};
use rusty_attachments_core::{Error, Result};

use super::body::Broken;
use super::error::{Action, Refusal, broken};
use super::retry::{Tries, Trouble, parse_retry_after};
use super::sign::sign;
use super::{Client, credentials::Credentials};

/// An error's body is a few hundred bytes; what is longer is not S3's.
const LONGEST_ERROR_BODY: usize = 64 * 1024;

/// One GET.
#[derive(Debug)]
pub(crate) struct Exchange<'a> {
    pub action: Action<'a>,
    /// The object's key; empty when listing.
    pub key: &'a str,
    /// Already encoded, in the order of the names.
    pub query: &'a str,
    /// The first byte wanted, and the one after the last; without that, all up to the end.
    pub range: Option<(u64, Option<u64>)>,
    /// The ETag that the object must still have.
    pub if_match: Option<&'a str>,
}

/// What may be put right once for a request, since doing it twice would lead in a circle.
#[derive(Default)]
struct Corrections {
    region: bool,
    credentials: bool,
    time: bool,
}

impl Client {
    /// The answer, if it is a success; otherwise why there is none, after all retries.
    pub(crate) async fn send(&self, exchange: &Exchange<'_>) -> Result<Response> {
        let mut corrections = Corrections::default();
        let mut tries = Tries::default();
        loop {
            let credentials = self.credentials.get().await?;
            let region = self.region();
            let answer = self.try_once(exchange, &credentials, &region).await?;
            let (error, trouble, retry_after) = match answer {
                Ok(response) if response.status().is_success() => {
                    self.budget.earn(&tries);
                    return Ok(response);
                }
                Ok(response) => {
                    let date = response.headers().get(DATE).cloned();
                    let refusal = self.read_refusal(response).await;
                    if self.correct(&refusal, date, &credentials, &region, &mut corrections).await? {
                        continue;
                    }
                    let trouble = if refusal.wants_slower_pace() {
                        self.throttles.fetch_add(1, Ordering::Relaxed);
                        Trouble::Throttle
                    } else {
                        Trouble::Failure
                    };
                    let (retry, after) = (refusal.wants_retry(&region), refusal.retry_after);
                    let error = refusal.into_error(exchange.action, &self.settings.bucket, tries.number());
                    if !retry {
                        return Err(error);
                    }
                    (error, trouble, after)
                }
                Err(cause) => {
                    let cause = Broken::Connection(cause);
                    let error = broken(cause, exchange.action, &self.settings.bucket, tries.number());
                    (error, Trouble::Failure, None)
                }
            };
            if !self.wait_to_retry(&mut tries, trouble, retry_after).await {
                return Err(error);
            }
        }
    }

    /// Waits before the next attempt; `false` if there is to be none.
    pub(crate) async fn wait_to_retry(
        &self,
        tries: &mut Tries,
        trouble: Trouble,
        retry_after: Option<Duration>,
    ) -> bool {
        let wait = self.budget.retry(tries, trouble, retry_after);
        if let Some(wait) = wait {
            tokio::time::sleep(wait).await;
        }
        wait.is_some()
    }

    async fn try_once(
        &self,
        exchange: &Exchange<'_>,
        credentials: &Credentials,
        region: &str,
    ) -> Result<reqwest::Result<Response>> {
        let url = self.addressing.url(region, exchange.key, exchange.query)?;
        let mut request = reqwest::Request::new(Method::GET, url);
        let headers = request.headers_mut();
        if let Some(owner) = &self.bucket_owner {
            headers.insert("x-amz-expected-bucket-owner", owner.clone());
        }
        if let Some((first, end)) = exchange.range {
            let last = end.map(|end| (end - 1).to_string()).unwrap_or_default();
            headers
                .insert(RANGE, HeaderValue::try_from(format!("bytes={first}-{last}")).map_err(impossible)?);
        }
        if let Some(etag) = exchange.if_match {
            headers.insert(IF_MATCH, HeaderValue::try_from(etag).map_err(impossible)?);
        }
        sign(&mut request, credentials, region, self.now())?;
        Ok(self.http.execute(request).await)
    }

    /// Puts right what the refusal says is wrong; `true` if the request is to be sent again at once.
    async fn correct(
        &self,
        refusal: &Refusal,
        date: Option<HeaderValue>,
        credentials: &Arc<Credentials>,
        region: &str,
        done: &mut Corrections,
    ) -> Result<bool> {
        if let Some(region) = refusal.other_region(region).filter(|_| !done.region) {
            done.region = true;
            self.set_region(region);
            return Ok(true);
        }
        if refusal.wants_new_credentials() && !done.credentials {
            done.credentials = true;
            return Ok(self.credentials.replace(credentials).await?.is_some());
        }
        if refusal.wants_the_time() && !done.time {
            done.time = true;
            return Ok(date.is_some_and(|date| self.set_time(&date)));
        }
        Ok(false)
    }

    async fn read_refusal(&self, mut response: Response) -> Refusal {
        let header = |headers: &HeaderMap, name: &str| Some(headers.get(name)?.to_str().ok()?.to_owned());
        let headers = response.headers();
        let mut refusal = Refusal {
            status: response.status(),
            region: header(headers, "x-amz-bucket-region"),
            request_id: header(headers, "x-amz-request-id"),
            retry_after: header(headers, RETRY_AFTER.as_str())
                .and_then(|value| parse_retry_after(&value, self.now())),
            ..Refusal::default()
        };
        let mut body = Vec::new();
        // A body that breaks off or takes too long still leaves the status, and perhaps the code.
        let read = async {
            while let Ok(Some(chunk)) = response.chunk().await {
                body.extend_from_slice(&chunk);
                if body.len() > LONGEST_ERROR_BODY {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(self.patience, read).await;
        refusal.read_body(&body);
        refusal
    }

    /// The service's time, as far as it is known.
    fn now(&self) -> SystemTime {
        let ahead = self.clock_ahead.load(Ordering::Relaxed);
        let by = Duration::from_secs(ahead.unsigned_abs());
        let now = SystemTime::now();
        if ahead < 0 { now.checked_sub(by) } else { now.checked_add(by) }.unwrap_or(now)
    }

    fn set_time(&self, date: &HeaderValue) -> bool {
        let Some(theirs) = date.to_str().ok().and_then(|date| httpdate::parse_http_date(date).ok()) else {
            return false;
        };
        let ahead = match theirs.duration_since(SystemTime::now()) {
            Ok(ahead) => i64::try_from(ahead.as_secs()),
            Err(behind) => i64::try_from(behind.duration().as_secs()).map(|seconds| -seconds),
        };
        ahead.is_ok_and(|ahead| self.clock_ahead.swap(ahead, Ordering::Relaxed) != ahead || ahead != 0)
    }
}

fn impossible(cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(
        rusty_attachments_core::ErrorCode::Network,
        "The service gave an ETag that no header can hold.",
    )
    .caused_by(cause)
}

#[cfg(test)]
mod tests {
    use httpdate::fmt_http_date;

    use super::*;
    use crate::client::{Credentials, CredentialsSource, S3Settings};

    #[tokio::test]
    async fn a_date_to_come_back_at_is_of_the_service_s_clock() {
        let credentials = Credentials {
            access_key_id: "k".into(),
            secret_access_key: "s".into(),
            session_token: None,
            expiration: None,
        };
        let settings = S3Settings { bucket: "bucket".into(), ..S3Settings::default() };
        let client = Client::new(settings, CredentialsSource::Static(credentials)).unwrap();
        let theirs = |seconds: u64| fmt_http_date(SystemTime::now() + Duration::from_secs(3_600 + seconds));
        assert!(client.set_time(&HeaderValue::try_from(theirs(0)).unwrap()));
        let refusal = http::Response::builder().status(503).header(RETRY_AFTER, theirs(10)).body("").unwrap();
        let wait = client.read_refusal(refusal.into()).await.retry_after.unwrap();
        assert!((8..=11).contains(&wait.as_secs()), "{wait:?}");
    }
}
