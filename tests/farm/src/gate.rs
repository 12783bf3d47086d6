//! What every request passes before it reaches its service: the farm's own addresses, the record,
//! the rules.

use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use s3s::service::S3Service;
use s3s::{Body, HttpError};
use tokio::sync::mpsc;

use crate::access::Guard;
use crate::clock::Clock;
use crate::control::Control;
use crate::faulty_body::{Cut, FaultyBody};
use crate::refusal::Refusal;
use crate::requests::RequestRecord;
use crate::rule::Effect;
use crate::service::Service;
use crate::signed::Signed;
use crate::store::Store;
use crate::sts;
use crate::wire::Reset;

/// The one way in. `/_farm/` cannot be a bucket (S3 allows no underscore), so its requests are
/// neither signed nor recorded, and meet no rules.
pub(crate) struct Gate {
    pub(crate) s3: S3Service,
    pub(crate) guard: Guard,
    pub(crate) store: Arc<Store>,
    pub(crate) control: Control,
    pub(crate) outages: mpsc::UnboundedSender<Duration>,
}

impl Gate {
    /// An error ends the connection without an answer.
    pub(crate) async fn answer(
        &self,
        request: Request<Incoming>,
        reset: &Reset,
    ) -> Result<Response<Body>, HttpError> {
        let (head, body) = request.into_parts();
        if let Some(address) = head.uri.path().strip_prefix("/_farm/") {
            return Ok(self.control.answer(&head.method, address, body).await);
        }
        let service = Service::of(&head);
        let signed = Signed::new(&head);
        let mut record = RequestRecord::new(&head);
        let verdict = self.control.judge.verdict(&record, &signed);
        record.effect = verdict.effect.as_ref().map(|effect| effect.name().to_owned());
        let id = self.control.log.arrived(record.clone());
        if !verdict.delay.is_zero() {
            tokio::time::sleep(verdict.delay).await;
        }
        let clock = Clock::ahead(verdict.clock_ahead);
        let mut response = match &verdict.effect {
            Some(Effect::Reset) => return Err(hang_up(reset)),
            Some(Effect::Outage { milliseconds }) => {
                // Nobody hears it once the farm has stopped, and then nobody listens anyway.
                let _ = self.outages.send(Duration::from_millis(*milliseconds));
                return Err(hang_up(reset));
            }
            Some(Effect::Refuse { status, code, retry_after_seconds }) => {
                let mut response = refusal(*status, code).response(service);
                if let Some(seconds) = retry_after_seconds {
                    response.headers_mut().insert("retry-after", HeaderValue::from(*seconds));
                }
                response
            }
            Some(Effect::PermanentRedirect { region }) => {
                let host = head.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
                let bucket = record.bucket.as_deref().unwrap_or_default();
                let detail = format!("<Endpoint>{host}</Endpoint><Bucket>{bucket}</Bucket>");
                in_region(refusal(301, "PermanentRedirect").with_elements(detail).response(service), region)
            }
            Some(Effect::AuthorizationHeaderMalformed { region }) => {
                let detail = format!("<Region>{region}</Region>");
                let refusal = refusal(400, "AuthorizationHeaderMalformed").with_elements(detail);
                in_region(refusal.response(service), region)
            }
            effect => {
                if let (Some(Effect::NewEntityTag), Some(bucket), Some(key)) =
                    (effect, &record.bucket, &record.key)
                {
                    self.store.renew_e_tag(bucket, key, id);
                }
                if signed.time.is_some_and(|time| !clock.accepts(time)) {
                    refusal(403, service.too_skewed()).response(service)
                } else {
                    let response = self.served(service, &signed, head, body).await?;
                    spoilt(response, effect.as_ref()).await?
                }
            }
        };
        self.control.log.answered(id, response.status().as_u16());
        let headers: &mut HeaderMap = response.headers_mut();
        if verdict.no_entity_tag {
            headers.remove("etag");
        }
        if let Ok(value) = HeaderValue::from_str(&format!("FARM{id:012}")) {
            headers.insert("x-amz-request-id", value);
        }
        if let Ok(value) = HeaderValue::from_str(&clock.date()) {
            headers.insert("date", value);
        }
        Ok(response)
    }

    /// The service's own answer.
    async fn served(
        &self,
        service: Service,
        signed: &Signed,
        head: Parts,
        body: Incoming,
    ) -> Result<Response<Body>, HttpError> {
        if service == Service::S3 {
            return self.s3.call(Request::from_parts(head, Body::from(body))).await;
        }
        let body = body.collect().await.map_err(|error| HttpError::new(Box::new(error)))?.to_bytes();
        Ok(match service {
            Service::Sts => sts::answer(&head, &body, signed, &self.guard),
            _ => self.control.deadline.answer(&head, &body, signed),
        })
    }
}

/// The answer with the body that the effect makes of it.
async fn spoilt(response: Response<Body>, effect: Option<&Effect>) -> Result<Response<Body>, HttpError> {
    match effect {
        Some(
            Effect::WrongBytes | Effect::CutBody { .. } | Effect::StallBody { .. } | Effect::DripBody { .. },
        ) => {}
        _ => return Ok(response),
    }
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.map_err(HttpError::new)?.to_bytes();
    let body = match effect {
        Some(Effect::WrongBytes) => {
            let mut bytes = Vec::from(bytes);
            if let Some(first) = bytes.first_mut() {
                *first ^= 0xff;
            }
            Body::from(bytes)
        }
        Some(Effect::CutBody { after_bytes }) => Body::http_body(FaultyBody::cut(bytes, *after_bytes)),
        Some(Effect::DripBody { after_bytes, milliseconds }) => {
            Body::http_body(FaultyBody::dripping(bytes, *after_bytes, *milliseconds))
        }
        Some(Effect::StallBody { after_bytes, milliseconds }) => {
            Body::http_body(FaultyBody::stalled(bytes, *after_bytes, *milliseconds))
        }
        _ => Body::from(bytes),
    };
    Ok(Response::from_parts(head, body))
}

fn hang_up(reset: &Reset) -> HttpError {
    reset.order();
    HttpError::new(Box::new(Cut))
}

fn refusal(status: u16, code: &str) -> Refusal {
    Refusal::new(status, code, "A rule of the farm says so.")
}

fn in_region(mut response: Response<Body>, region: &str) -> Response<Body> {
    if let Ok(region) = HeaderValue::from_str(region) {
        response.headers_mut().insert("x-amz-bucket-region", region);
    }
    response
}
