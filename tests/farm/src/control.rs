//! The farm's own addresses, for tests in other languages: the record and the rules.

use std::sync::Arc;

use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use s3s::Body;

use crate::judge::Judge;
use crate::requests::RequestLog;

/// What lies behind `/_farm/`.
pub(crate) struct Control {
    pub(crate) log: Arc<RequestLog>,
    pub(crate) judge: Arc<Judge>,
}

impl Control {
    pub(crate) async fn answer(&self, method: &Method, address: &str, body: Incoming) -> Response<Body> {
        match (address, method) {
            ("requests", &Method::GET) => match serde_json::to_vec(&self.log.all()) {
                Ok(json) => {
                    let mut response = Response::new(Body::from(json));
                    let json = HeaderValue::from_static("application/json");
                    response.headers_mut().insert(header::CONTENT_TYPE, json);
                    response
                }
                Err(_) => said(StatusCode::INTERNAL_SERVER_ERROR, ""),
            },
            ("requests", &Method::DELETE) => {
                self.log.clear();
                said(StatusCode::NO_CONTENT, "")
            }
            ("rules", &Method::PUT) => self.set_rules(body).await,
            ("rules", &Method::DELETE) => {
                self.judge.set(Vec::new());
                said(StatusCode::NO_CONTENT, "")
            }
            ("requests" | "rules", _) => said(StatusCode::METHOD_NOT_ALLOWED, ""),
            _ => said(StatusCode::NOT_FOUND, ""),
        }
    }

    async fn set_rules(&self, body: Incoming) -> Response<Body> {
        let Ok(body) = body.collect().await else {
            return said(StatusCode::BAD_REQUEST, "the body did not arrive");
        };
        match serde_json::from_slice(&body.to_bytes()) {
            Ok(rules) => {
                self.judge.set(rules);
                said(StatusCode::NO_CONTENT, "")
            }
            Err(problem) => said(StatusCode::BAD_REQUEST, &format!("these are no rules: {problem}")),
        }
    }
}

fn said(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(text.to_owned()));
    *response.status_mut() = status;
    response
}
