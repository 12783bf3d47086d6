//! Errors in the form that each service gives them.

use http::{HeaderValue, Response, StatusCode};
use s3s::Body;
use serde_json::{Value, json};

use crate::service::Service;

/// An error that a client can take apart.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: u16,
    code: String,
    message: String,
    /// The other members of the error's shape in Deadline Cloud.
    members: Value,
    /// The other elements of the error in S3.
    elements: String,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Self {
        let (code, message) = (code.into(), message.into());
        Self { status, code, message, members: json!({}), elements: String::new() }
    }

    /// The same with further elements for S3.
    pub(crate) fn with_elements(mut self, elements: String) -> Self {
        self.elements = elements;
        self
    }

    /// Deadline Cloud's: a field of the request that cannot be.
    pub(crate) fn invalid(field: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let members = json!({
            "reason": "FIELD_VALIDATION_FAILED",
            "fieldList": [{ "name": field, "message": message }],
        });
        Self { members, ..Self::new(400, "ValidationException", message) }
    }

    /// Deadline Cloud's: a resource that is not there. `kind` is `job`, `queue` and so on.
    pub(crate) fn not_found(kind: &str, id: &str) -> Self {
        let members = json!({ "resourceType": kind, "resourceId": id });
        Self { members, ..Self::new(404, "ResourceNotFoundException", format!("There is no {kind} {id}.")) }
    }

    pub(crate) fn response(&self, service: Service) -> Response<Body> {
        let Self { code, message, members, elements, .. } = self;
        let (content_type, body) = match service {
            Service::S3 => (
                "application/xml",
                format!(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
                     <Error><Code>{code}</Code><Message>{message}</Message>{elements}</Error>"
                ),
            ),
            Service::Sts => (
                "text/xml",
                format!(
                    "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>\
                     <Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
                ),
            ),
            Service::Deadline => {
                let mut body = members.clone();
                body["message"] = json!(message);
                ("application/json", body.to_string())
            }
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert("content-type", HeaderValue::from_static(content_type));
        if let (Service::Deadline, Ok(code)) = (service, HeaderValue::from_str(code)) {
            headers.insert("x-amzn-errortype", code);
        }
        response
    }
}
