//! The memory of what was asked: one record per request, in the order of arrival.

use std::sync::{Mutex, MutexGuard, PoisonError};

use http::request::Parts;
use serde::Serialize;

use crate::deadline::Deadline;
use crate::service::{DEADLINE, Service};
use crate::sts;

/// One request that reached the farm, refused ones included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestRecord {
    /// The HTTP method.
    pub method: String,
    /// The operation, of Deadline Cloud and STS; absent for S3.
    pub operation: Option<String>,
    /// What a request to Deadline Cloud is about: its path below the version, `farms/…`.
    pub resource: Option<String>,
    /// The bucket, if the path names one.
    pub bucket: Option<String>,
    /// The object's key, decoded, if the path names one.
    pub key: Option<String>,
    /// The query as it was sent, without `?`.
    pub query: Option<String>,
    /// The `Range` header as it was sent.
    pub range: Option<String>,
    /// Whose bucket it is meant to be: the header `x-amz-expected-bucket-owner` as it was sent.
    pub expected_bucket_owner: Option<String>,
    /// The status of the answer; absent until there is one, and for ever where the client hung up.
    pub status: Option<u16>,
    /// What a rule did to it besides a delay, a wrong clock or a lack of tags: [`Effect::name`](crate::Effect::name).
    pub effect: Option<String>,
}

impl RequestRecord {
    pub(crate) fn new(head: &Parts) -> Self {
        let (operation, resource) = match Service::of(head) {
            Service::S3 => (None, None),
            Service::Sts => (Some(sts::OPERATION), None),
            Service::Deadline => (Deadline::operation(head), head.uri.path().strip_prefix(DEADLINE)),
        };
        let path = if resource.is_some() { "" } else { head.uri.path().trim_start_matches('/') };
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        Self {
            method: head.method.to_string(),
            operation: operation.map(str::to_owned),
            resource: resource.map(str::to_owned),
            bucket: decoded(bucket),
            key: decoded(key),
            query: head.uri.query().map(str::to_owned),
            range: text(head, "range"),
            expected_bucket_owner: text(head, "x-amz-expected-bucket-owner"),
            status: None,
            effect: None,
        }
    }
}

fn text(head: &Parts, header: &str) -> Option<String> {
    head.headers.get(header).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn decoded(part: &str) -> Option<String> {
    if part.is_empty() {
        return None;
    }
    Some(urlencoding::decode(part).map_or_else(|_| part.to_owned(), |text| text.into_owned()))
}

/// Names a record for as long as the farm lives, also after the log was emptied.
pub(crate) type RequestId = u64;

/// All records since the start or the last [`RequestLog::clear`].
#[derive(Default)]
pub(crate) struct RequestLog {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    first: RequestId,
    records: Vec<RequestRecord>,
}

impl RequestLog {
    pub(crate) fn arrived(&self, record: RequestRecord) -> RequestId {
        let mut inner = self.lock();
        inner.records.push(record);
        inner.first + inner.records.len() as u64 - 1
    }

    pub(crate) fn answered(&self, id: RequestId, status: u16) {
        let mut inner = self.lock();
        let index = id.checked_sub(inner.first).and_then(|index| usize::try_from(index).ok());
        if let Some(record) = index.and_then(|index| inner.records.get_mut(index)) {
            record.status = Some(status);
        }
    }

    pub(crate) fn all(&self) -> Vec<RequestRecord> {
        self.lock().records.clone()
    }

    pub(crate) fn clear(&self) {
        let mut inner = self.lock();
        inner.first += inner.records.len() as u64;
        inner.records.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(uri: &str) -> RequestRecord {
        let request = http::Request::get(uri).body(()).unwrap();
        RequestRecord::new(&request.into_parts().0)
    }

    #[test]
    fn a_key_is_recorded_decoded_and_a_query_as_sent() {
        let record = record("/bucket/a%20b/%C3%BC?x=%20y");
        assert_eq!(record.bucket.as_deref(), Some("bucket"));
        assert_eq!(record.key.as_deref(), Some("a b/ü"));
        assert_eq!(record.query.as_deref(), Some("x=%20y"));
    }

    #[test]
    fn a_request_to_deadline_cloud_is_recorded_with_its_operation_and_without_a_bucket() {
        let record = record("/2023-10-12/farms/farm-f/queues/queue-q/jobs/job-j/sessions?maxResults=5");
        assert_eq!(record.operation.as_deref(), Some("ListSessions"));
        assert_eq!(record.resource.as_deref(), Some("farms/farm-f/queues/queue-q/jobs/job-j/sessions"));
        assert_eq!((record.bucket, record.key), (None, None));
    }

    #[test]
    fn an_answer_to_a_request_from_before_the_log_was_emptied_marks_no_other_request() {
        let log = RequestLog::default();
        let old = log.arrived(record("/bucket/old"));
        log.clear();
        let new = log.arrived(record("/bucket/new"));
        log.answered(old, 500);
        assert_eq!(log.all()[0].status, None);
        log.answered(new, 200);
        assert_eq!(log.all()[0].status, Some(200));
    }
}
