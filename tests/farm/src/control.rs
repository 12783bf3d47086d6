//! The farm's own addresses, for tests in other languages: the record, the rules and the queue's history.

use std::sync::Arc;

use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use s3s::Body;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::deadline::{Deadline, Event, HistoryError};
use crate::judge::Judge;
use crate::requests::RequestLog;
use crate::rule::Rule;

/// What lies behind `/_farm/`.
pub(crate) struct Control {
    pub(crate) log: Arc<RequestLog>,
    pub(crate) judge: Arc<Judge>,
    pub(crate) deadline: Arc<Deadline>,
}

impl Control {
    pub(crate) async fn answer(&self, method: &Method, address: &str, body: Incoming) -> Response<Body> {
        match (address, method) {
            ("requests", &Method::GET) => json(&self.log.all()),
            ("requests", &Method::DELETE) => {
                self.log.clear();
                said(StatusCode::NO_CONTENT, "")
            }
            ("rules", &Method::PUT) => match read::<Vec<Rule>>(body).await {
                Ok(rules) => {
                    self.judge.set(rules);
                    said(StatusCode::NO_CONTENT, "")
                }
                Err(problem) => said(StatusCode::BAD_REQUEST, &format!("these are no rules: {problem}")),
            },
            ("rules", &Method::DELETE) => {
                self.judge.set(Vec::new());
                said(StatusCode::NO_CONTENT, "")
            }
            ("events", &Method::POST) => match read::<Vec<Event>>(body).await {
                Ok(events) => happened(self.deadline.happen(events)),
                Err(problem) => said(StatusCode::BAD_REQUEST, &format!("these are no events: {problem}")),
            },
            ("history/step", &Method::POST) => happened(self.deadline.step()),
            ("history", &Method::GET) => json(&self.deadline.overview()),
            ("requests" | "rules" | "events" | "history" | "history/step", _) => {
                said(StatusCode::METHOD_NOT_ALLOWED, "")
            }
            _ => said(StatusCode::NOT_FOUND, ""),
        }
    }
}

async fn read<T: DeserializeOwned>(body: Incoming) -> Result<T, String> {
    let body = body.collect().await.map_err(|problem| problem.to_string())?;
    serde_json::from_slice(&body.to_bytes()).map_err(|problem| problem.to_string())
}

fn happened(names: Result<Value, HistoryError>) -> Response<Body> {
    match names {
        Ok(names) => json(&names),
        Err(problem) => said(StatusCode::BAD_REQUEST, &problem.to_string()),
    }
}

fn json(value: &impl Serialize) -> Response<Body> {
    let Ok(json) = serde_json::to_vec(value) else {
        return said(StatusCode::INTERNAL_SERVER_ERROR, "");
    };
    let mut response = Response::new(Body::from(json));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn said(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(text.to_owned()));
    *response.status_mut() = status;
    response
}
