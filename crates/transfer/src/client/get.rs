//! Gets one object or a range of it: its metadata, and its body in pieces, continued where a connection breaks off.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED};
use reqwest::{Response, StatusCode};
use rusty_attachments_core::{Error, ErrorCode, Result};
use serde_json::Value;

use super::Client;
use super::body::{Body, Broken, PROGRESS};
use super::error::{Action, broken};
use super::retry::{Tries, Trouble};
use super::send::Exchange;

const METADATA: &str = "x-amz-meta-";
const REQUEST_ID: &str = "x-amz-request-id";

/// An object whose body is being read.
#[derive(Debug)]
pub struct ObjectReader<'a> {
    client: &'a Client,
    key: String,
    /// The first answer's: a continuation must be of the same object.
    etag: Option<String>,
    /// The whole object's.
    length: Option<u64>,
    /// Where to stop; without a range, the object's end.
    end: Option<u64>,
    ranged: bool,
    body: Body,
    /// The number of the first byte.
    start: u64,
    /// The number of the byte that comes next.
    position: u64,
    /// Where the body broke off last, or began.
    continued_from: u64,
    /// Bytes that a service sends again although it was asked for a range.
    to_drop: u64,
    tries: Tries,
}

impl Client {
    /// Begins to read an object.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ACCESS_DENIED`, `CREDENTIALS`, `THROTTLED`, `NETWORK`, `TIMEOUT`.
    pub async fn get(&self, key: &str) -> Result<ObjectReader<'_>> {
        let exchange = Exchange { action: Action::Get(key), key, query: "", range: None, if_match: None };
        let response = self.send(&exchange).await?;
        let length = whole_length(&response);
        Ok(ObjectReader {
            client: self,
            key: key.into(),
            etag: header(&response, ETAG.as_str()),
            length,
            end: length,
            ranged: false,
            body: Body::new(response, self.patience),
            start: 0,
            position: 0,
            continued_from: 0,
            to_drop: 0,
            tries: Tries::default(),
        })
    }

    /// Begins to read some bytes of an object, which must have the ETag where one is given; [`has_changed`] tells
    /// that it has another.
    pub(crate) async fn get_range(
        &self,
        key: &str,
        range: Range<u64>,
        etag: Option<&str>,
    ) -> Result<ObjectReader<'_>> {
        let bounds = Some((range.start, Some(range.end)));
        let exchange = Exchange { action: Action::Get(key), key, query: "", range: bounds, if_match: etag };
        let response = self.send(&exchange).await?;
        let found = header(&response, ETAG.as_str());
        if etag.is_some() && found.as_deref() != etag {
            return Err(changed(self, key));
        }
        Ok(ObjectReader {
            client: self,
            key: key.into(),
            etag: found,
            length: whole_length(&response),
            end: Some(range.end),
            ranged: true,
            to_drop: bytes_before(&response, range.start),
            body: Body::new(response, self.patience),
            start: range.start,
            position: range.start,
            continued_from: range.start,
            tries: Tries::default(),
        })
    }
}

impl ObjectReader<'_> {
    /// The whole body's length in bytes, if the service says it.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// What tells this version of the object from others.
    pub(crate) fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }

    /// The user's metadata, names in lower case without `x-amz-meta-`.
    pub fn metadata(&self) -> BTreeMap<String, String> {
        let headers = self.body.response.headers().iter();
        headers
            .filter_map(|(name, value)| {
                let name = name.as_str().strip_prefix(METADATA)?;
                Some((name.to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            })
            .collect()
    }

    /// The media type.
    pub fn content_type(&self) -> Option<String> {
        header(&self.body.response, CONTENT_TYPE.as_str())
    }

    /// When the object was written, in milliseconds since 1970; S3 tells whole seconds.
    pub fn last_modified(&self) -> Option<i64> {
        let time = httpdate::parse_http_date(&header(&self.body.response, LAST_MODIFIED.as_str())?).ok()?;
        i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
    }

    /// The next piece of the body; `None` at its end. A body that breaks off or stalls is continued.
    ///
    /// # Errors
    /// As [`Client::get`], when continuing fails too.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        loop {
            match self.body.chunk().await {
                Ok(Some(mut chunk)) => {
                    let repeated = self.to_drop.min(chunk.len() as u64);
                    self.to_drop -= repeated;
                    let mut chunk = chunk.split_off(repeated as usize);
                    if chunk.is_empty() {
                        continue;
                    }
                    if let Some(end) = self.end {
                        // A service that ignores the range sends more than was wanted.
                        chunk.truncate(usize::try_from(end - self.position).unwrap_or(usize::MAX));
                    }
                    self.position += chunk.len() as u64;
                    return Ok((!chunk.is_empty()).then_some(chunk));
                }
                Ok(None) if self.end.is_none_or(|end| self.position >= end) => return Ok(None),
                Ok(None) => self.resume(Broken::Short).await?,
                Err(cause) => self.resume(cause).await?,
            }
        }
    }

    /// The rest of the body at once, which must not be longer than `limit` bytes.
    ///
    /// # Errors
    /// As [`ObjectReader::chunk`]; `SIZE_MISMATCH` beyond the limit.
    pub async fn read_to_end(mut self, limit: u64) -> Result<Vec<u8>> {
        let expected = self.length.unwrap_or(0).min(limit);
        let mut body = Vec::with_capacity(usize::try_from(expected).unwrap_or(0));
        while let Some(chunk) = self.chunk().await? {
            if (body.len() + chunk.len()) as u64 > limit {
                return Err(Error::new(
                    ErrorCode::SizeMismatch,
                    format!("{} has more than the {limit} bytes that were expected.", self.place()),
                )
                .with("bucket", self.client.settings.bucket.as_str())
                .with("key", self.key));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    async fn resume(&mut self, cause: Broken) -> Result<()> {
        let action = Action::Get(&self.key);
        let mut error = broken(cause, action, &self.client.settings.bucket, self.tries.number());
        if let Some(id) = header(&self.body.response, REQUEST_ID) {
            error = error.with("requestId", id);
        }
        // However bad the line is, a body that gets on gets to its end.
        if self.position - self.continued_from >= PROGRESS {
            self.tries = Tries::default();
            self.client.budget.refund();
        }
        self.continued_from = self.position;
        if !self.client.wait_to_retry(&mut self.tries, Trouble::Failure, None).await {
            return Err(error);
        }
        if self.etag.is_none() && self.position > self.start {
            error.message.push_str(" It has no ETag, so nothing proves what would continue it.");
            return Err(error.with("etag", Value::Null));
        }
        let wanted = self.ranged || self.position > 0;
        let exchange = Exchange {
            action,
            key: &self.key,
            query: "",
            range: wanted.then_some((self.position, self.end.filter(|_| self.ranged))),
            if_match: self.etag.as_deref(),
        };
        let response = self.client.send(&exchange).await?;
        let other_length =
            matches!((whole_length(&response), self.length), (Some(now), Some(before)) if now != before);
        if other_length || header(&response, ETAG.as_str()) != self.etag {
            return Err(self.changed());
        }
        self.to_drop = bytes_before(&response, self.position);
        self.body = Body::new(response, self.client.patience);
        Ok(())
    }

    /// That the object is another than before.
    pub(crate) fn changed(&self) -> Error {
        changed(self.client, &self.key)
    }

    fn place(&self) -> String {
        format!("s3://{}/{}", self.client.settings.bucket, self.key)
    }
}

fn header(response: &Response, name: &str) -> Option<String> {
    Some(response.headers().get(name)?.to_str().ok()?.to_owned())
}

fn changed(client: &Client, key: &str) -> Error {
    let bucket = &client.settings.bucket;
    Error::new(ErrorCode::Network, format!("s3://{bucket}/{key} changed while it was read. Try again."))
        .with("bucket", bucket.as_str())
        .with("key", key)
        .with("status", StatusCode::PRECONDITION_FAILED.as_u16())
}

/// Whether an error says that the object is another than the one that was asked for before, or may be: what was read
/// of it so far is of no use, and what a new beginning brings may be whole.
pub(crate) fn has_changed(error: &Error) -> bool {
    let detail = |name| error.details.get(name);
    detail("status").is_some_and(|status| *status == StatusCode::PRECONDITION_FAILED.as_u16())
        || detail("etag").is_some_and(Value::is_null)
}

/// How many bytes an answer begins before `position`: all of them, if it is the whole object.
fn bytes_before(response: &Response, position: u64) -> u64 {
    if response.status() != StatusCode::PARTIAL_CONTENT {
        return position;
    }
    let first = header(response, CONTENT_RANGE.as_str()).and_then(|range| range_start(&range));
    position - first.unwrap_or(position).min(position)
}

/// The whole object's length, also where the answer is a part of it.
fn whole_length(response: &Response) -> Option<u64> {
    match header(response, CONTENT_RANGE.as_str()) {
        Some(range) => range_whole(&range),
        None => response.content_length(),
    }
}

/// The object's length in `bytes 5-9/10`.
fn range_whole(content_range: &str) -> Option<u64> {
    content_range.rsplit('/').next()?.parse().ok()
}

/// The first byte's number in `bytes 5-9/10`.
fn range_start(content_range: &str) -> Option<u64> {
    content_range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_tells_its_first_byte_and_the_range_whole() {
        assert_eq!((range_start("bytes 5-9/10"), range_whole("bytes 5-9/10")), (Some(5), Some(10)));
        assert_eq!((range_start("bytes 5-9/*"), range_whole("bytes 5-9/*")), (Some(5), None));
        assert_eq!(range_start("bytes */10"), None);
    }
}
