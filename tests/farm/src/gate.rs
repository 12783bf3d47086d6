//! What every request passes before it reaches S3: the record, and the farm's own addresses.

use std::sync::Arc;

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use s3s::service::S3Service;
use s3s::{Body, HttpError};

use crate::requests::{RequestLog, RequestRecord};

/// The one way in. `/_farm/` cannot be a bucket (S3 allows no underscore), so its requests are
/// neither signed nor recorded.
pub(crate) struct Gate {
    pub(crate) s3: S3Service,
    pub(crate) log: Arc<RequestLog>,
}

impl Gate {
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, HttpError> {
        if let Some(address) = request.uri().path().strip_prefix("/_farm/") {
            return Ok(self.own(request.method(), address));
        }
        let (head, body) = request.into_parts();
        let id = self.log.arrived(RequestRecord::new(&head));
        let mut response = self.s3.call(Request::from_parts(head, Body::from(body))).await?;
        self.log.answered(id, response.status().as_u16());
        if let Ok(value) = HeaderValue::from_str(&format!("FARM{id:012}")) {
            response.headers_mut().insert("x-amz-request-id", value);
        }
        Ok(response)
    }

    fn own(&self, method: &Method, address: &str) -> Response<Body> {
        match (address, method) {
            ("requests", &Method::GET) => match serde_json::to_vec(&self.log.all()) {
                Ok(json) => {
                    let mut response = Response::new(Body::from(json));
                    let json = HeaderValue::from_static("application/json");
                    response.headers_mut().insert(header::CONTENT_TYPE, json);
                    response
                }
                Err(_) => empty(StatusCode::INTERNAL_SERVER_ERROR),
            },
            ("requests", &Method::DELETE) => {
                self.log.clear();
                empty(StatusCode::NO_CONTENT)
            }
            ("requests", _) => empty(StatusCode::METHOD_NOT_ALLOWED),
            _ => empty(StatusCode::NOT_FOUND),
        }
    }
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
