//! What S3 answers when it refuses, and the same in the words of a person with the next step to take.

use std::time::Duration;

use quick_xml::Reader;
use quick_xml::events::Event;
use reqwest::StatusCode;
use rusty_attachments_core::{Error, ErrorCode};

use super::body::Broken;

/// What was asked of which object.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Action<'a> {
    /// List the keys that begin so.
    List(&'a str),
    /// Get the object with this key.
    Get(&'a str),
}

impl Action<'_> {
    fn permission(self) -> &'static str {
        match self {
            Self::List(_) => "s3:ListBucket",
            Self::Get(_) => "s3:GetObject",
        }
    }
}

/// An answer that is not a success.
#[derive(Debug, Default)]
pub(crate) struct Refusal {
    pub status: StatusCode,
    /// S3's own name for the failure, as `NoSuchKey`; empty if the body holds none.
    pub code: String,
    pub message: String,
    /// The bucket's region, if the answer tells it.
    pub region: Option<String>,
    pub request_id: Option<String>,
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// Takes code, message and region out of an XML error; other bodies leave them empty.
    pub(crate) fn read_body(&mut self, body: &[u8]) {
        let mut reader = Reader::from_reader(body);
        let mut field = Vec::new();
        loop {
            match reader.read_event() {
                Ok(Event::Start(start)) => field = start.local_name().as_ref().to_vec(),
                Ok(Event::End(_)) => field.clear(),
                Ok(Event::Text(text)) => {
                    let Ok(text) = text.decode() else { continue };
                    match field.as_slice() {
                        b"Code" => self.code.push_str(&text),
                        b"Message" => self.message.push_str(&text),
                        b"Region" if self.region.is_none() => self.region = Some(text.into_owned()),
                        b"RequestId" if self.request_id.is_none() => {
                            self.request_id = Some(text.into_owned())
                        }
                        _ => {}
                    }
                }
                Ok(Event::Eof) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    /// Whether the same request, signed for the region `asked`, may succeed later.
    pub(crate) fn wants_retry(&self, asked: &str) -> bool {
        matches!(self.status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
            || matches!(self.code.as_str(), "RequestTimeout" | "InternalError")
            || self.wants_slower_pace()
            || self.is_temporary_redirect()
            // Sent where it already was: the service has not yet told all its parts where the bucket is.
            || self.status.is_redirection() && self.region.as_deref() == Some(asked)
    }

    fn is_temporary_redirect(&self) -> bool {
        self.status == StatusCode::TEMPORARY_REDIRECT || self.code == "TemporaryRedirect"
    }

    pub(crate) fn wants_slower_pace(&self) -> bool {
        matches!(self.status.as_u16(), 429 | 503) || matches!(self.code.as_str(), "SlowDown" | "Throttling")
    }

    pub(crate) fn wants_new_credentials(&self) -> bool {
        matches!(self.code.as_str(), "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired")
    }

    pub(crate) fn wants_the_time(&self) -> bool {
        matches!(self.code.as_str(), "RequestTimeTooSkewed" | "RequestExpired")
    }

    /// The region to ask instead, if the answer says that another was meant.
    pub(crate) fn other_region(&self, asked: &str) -> Option<String> {
        let misdirected = self.status.is_redirection()
            || matches!(self.status.as_u16(), 400 | 403) && self.is_about_region();
        self.region.clone().filter(|region| misdirected && region != asked)
    }

    fn is_about_region(&self) -> bool {
        matches!(
            self.code.as_str(),
            "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException" | "PermanentRedirect"
        )
    }

    pub(crate) fn into_error(self, action: Action<'_>, bucket: &str, attempts: u32) -> Error {
        let (key, what) = match action {
            Action::List(prefix) => (prefix, format!("Listing s3://{bucket}/{prefix}")),
            Action::Get(key) => (key, format!("Getting s3://{bucket}/{key}")),
        };
        let (code, advice) = self.advice(action);
        let answer = match (self.code.as_str(), self.message.as_str()) {
            ("", _) => self.status.to_string(),
            (code, "") => format!("{} {code}", self.status.as_u16()),
            (code, message) => format!("{} {code}: {}", self.status.as_u16(), message.trim_end_matches('.')),
        };
        let mut error = Error::new(code, format!("{what} failed ({answer}). {advice}"))
            .with("bucket", bucket)
            .with("key", key)
            .with("status", self.status.as_u16())
            .with("attempts", attempts);
        if !self.code.is_empty() {
            error = error.with("serviceCode", self.code);
        }
        if let Some(id) = self.request_id {
            error = error.with("requestId", id);
        }
        if let Some(region) = self.region {
            error = error.with("region", region);
        }
        error
    }

    fn advice(&self, action: Action<'_>) -> (ErrorCode, String) {
        let permission = action.permission();
        match (self.code.as_str(), self.status.as_u16()) {
            ("NoSuchBucket", _) => (
                ErrorCode::NotFound,
                "There is no such bucket. Check the bucket's name, the endpoint and the queue's job attachment settings.".into(),
            ),
            ("ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired", _) => {
                (ErrorCode::Credentials, "The credentials have expired. Log in again, or give a provider that renews them.".into())
            }
            ("SignatureDoesNotMatch", _) => (
                ErrorCode::Credentials,
                "The signature is not accepted. Check the secret access key, and that no proxy rewrites requests.".into(),
            ),
            (
                "InvalidAccessKeyId" | "InvalidToken" | "InvalidSecurity" | "AuthFailure" | "NotSignedUp"
                | "UnrecognizedClientException",
                _,
            ) => (ErrorCode::Credentials, "The credentials are not accepted. Check the access key id and session token.".into()),
            ("RequestTimeTooSkewed" | "RequestExpired", _) => {
                (ErrorCode::Credentials, "This machine's clock is wrong. Set it.".into())
            }
            _ if self.is_temporary_redirect() => (
                ErrorCode::Network,
                "The service is about to move the bucket. Try again later, or give the bucket's own region.".into(),
            ),
            ("AuthorizationHeaderMalformed" | "PermanentRedirect", _) | (_, 300..=399) => (
                ErrorCode::InvalidArgument,
                match &self.region {
                    Some(region) => format!("The bucket is in region {region}. Give that as the region."),
                    None => "The bucket is in another region or at another endpoint. Give the right one.".into(),
                },
            ),
            (_, 401 | 403) if self.message.contains("kms:") || self.code.starts_with("KMS") => (
                ErrorCode::AccessDenied,
                "The object is encrypted with a KMS key. Allow kms:Decrypt and kms:DescribeKey on that key to these credentials.".into(),
            ),
            (_, 401 | 403) => (
                ErrorCode::AccessDenied,
                format!(
                    "Allow {permission} on it to these credentials; for Deadline Cloud, use the queue's credentials. \
                     Without s3:ListBucket, S3 answers the same for an object that does not exist."
                ),
            ),
            (_, 404 | 410) => (ErrorCode::NotFound, "It does not exist. A lifecycle rule may have deleted it: restore it, or render it again.".into()),
            _ if self.wants_slower_pace() => {
                (ErrorCode::Throttled, "The service asks for a slower pace. Try again later.".into())
            }
            ("RequestTimeout", _) | (_, 408 | 504) => {
                (ErrorCode::Timeout, "The service did not answer in time. Try again later.".into())
            }
            (_, 412) => (ErrorCode::Network, "The object changed while it was read. Try again.".into()),
            (_, 500..=599) => (ErrorCode::Network, "The service failed. Try again later.".into()),
            _ => (ErrorCode::Network, "The answer was not expected. Check the endpoint.".into()),
        }
    }
}

/// An exchange that did not come to an answer, or an answer whose body broke off.
pub(crate) fn broken(broken: Broken, action: Action<'_>, bucket: &str, attempts: u32) -> Error {
    let key = match action {
        Action::List(key) | Action::Get(key) => key,
    };
    let (code, what, cause) = match broken {
        Broken::Dripping => (ErrorCode::Timeout, "brings next to nothing".into(), None),
        Broken::Short => (ErrorCode::Network, "ended before its length".into(), None),
        Broken::Connection(cause) => {
            let cause = cause.without_url();
            let (code, what) = match () {
                () if cause.is_timeout() => (ErrorCode::Timeout, "gave no answer in time"),
                () if cause.is_connect() => (ErrorCode::Network, "could not be connected"),
                () => (ErrorCode::Network, "broke off"),
            };
            let mut root: &dyn std::error::Error = &cause;
            while let Some(deeper) = root.source() {
                root = deeper;
            }
            (code, format!("{what} ({root})"), Some(cause))
        }
    };
    let message = format!("The request for s3://{bucket}/{key} {what}. Check network, endpoint and proxy.");
    let error = Error::new(code, message).with("bucket", bucket).with("key", key).with("attempts", attempts);
    match cause {
        Some(cause) => error.caused_by(cause),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(status: u16, body: &str, action: Action<'_>) -> Error {
        let mut refusal = Refusal { status: StatusCode::from_u16(status).unwrap(), ..Refusal::default() };
        refusal.read_body(body.as_bytes());
        refusal.into_error(action, "bucket", 1)
    }

    #[test]
    fn a_refusal_names_the_permission_that_is_missing() {
        let body = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message><RequestId>R1</RequestId></Error>";
        let get = error(403, body, Action::Get("k"));
        assert_eq!(get.code, ErrorCode::AccessDenied);
        assert!(get.message.contains("s3:GetObject") && get.message.contains("s3://bucket/k"));
        assert_eq!(get.details["requestId"], "R1");
        assert!(error(403, body, Action::List("p")).message.contains("Allow s3:ListBucket"));
    }

    #[test]
    fn a_refusal_by_kms_names_the_permissions_on_the_key() {
        let body = "<Error><Code>AccessDenied</Code><Message>not authorized to perform: kms:Decrypt</Message></Error>";
        let error = error(403, body, Action::Get("k"));
        assert!(error.message.contains("kms:DescribeKey"));
    }

    #[test]
    fn codes_of_s3_become_codes_of_ours() {
        for (status, service_code, code) in [
            (403, "SignatureDoesNotMatch", ErrorCode::Credentials),
            (403, "InvalidAccessKeyId", ErrorCode::Credentials),
            (400, "ExpiredToken", ErrorCode::Credentials),
            (404, "NoSuchBucket", ErrorCode::NotFound),
            (404, "NoSuchKey", ErrorCode::NotFound),
            (503, "SlowDown", ErrorCode::Throttled),
            (500, "InternalError", ErrorCode::Network),
            (301, "PermanentRedirect", ErrorCode::InvalidArgument),
            (307, "TemporaryRedirect", ErrorCode::Network),
        ] {
            let body = format!("<Error><Code>{service_code}</Code></Error>");
            assert_eq!(error(status, &body, Action::Get("k")).code, code, "{service_code}");
        }
    }

    #[test]
    fn another_region_is_heard_in_a_redirect_and_in_a_malformed_header_only() {
        let mut refusal = Refusal { status: StatusCode::BAD_REQUEST, ..Refusal::default() };
        refusal
            .read_body(b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>");
        assert_eq!(refusal.other_region("us-east-1").as_deref(), Some("eu-west-1"));
        assert_eq!(refusal.other_region("eu-west-1"), None);
        refusal.code = "AccessDenied".into();
        assert_eq!(refusal.other_region("us-east-1"), None);
    }

    #[test]
    fn a_redirect_is_asked_again_if_it_is_temporary_or_leads_where_it_came_from() {
        let redirect = |status: u16, region: Option<&str>| Refusal {
            status: StatusCode::from_u16(status).unwrap(),
            region: region.map(str::to_owned),
            ..Refusal::default()
        };
        assert!(redirect(307, None).wants_retry("eu-west-1"));
        assert!(redirect(301, Some("eu-west-1")).wants_retry("eu-west-1"));
        assert!(!redirect(301, Some("eu-west-2")).wants_retry("eu-west-1"));
        assert!(!redirect(301, None).wants_retry("eu-west-1"));
    }

    #[test]
    fn a_body_that_is_not_xml_does_no_harm() {
        assert_eq!(error(502, "<html><body>Bad & ugly", Action::Get("k")).code, ErrorCode::Network);
    }
}
