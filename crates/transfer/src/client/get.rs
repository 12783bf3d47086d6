//! Gets one object: its metadata, and its body in pieces, continued where a connection breaks off.

use std::collections::BTreeMap;
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED};
use reqwest::{Response, StatusCode};
use rusty_attachments_core::{Error, ErrorCode, Result};

use super::Client;
use super::error::{Action, broken};
use super::send::Exchange;

const METADATA: &str = "x-amz-meta-";

/// An object whose body is being read.
#[derive(Debug)]
pub struct ObjectReader<'a> {
    client: &'a Client,
    key: String,
    /// The first answer's: a continuation must be of the same object.
    etag: Option<String>,
    length: Option<u64>,
    response: Response,
    position: u64,
    /// Bytes that a service sends again although it was asked for a range.
    to_drop: u64,
    attempts: u32,
}

impl Client {
    /// Begins to read an object.
    ///
    /// # Errors
    /// `NOT_FOUND`, `ACCESS_DENIED`, `CREDENTIALS`, `THROTTLED`, `NETWORK`, `TIMEOUT`.
    pub async fn get(&self, key: &str) -> Result<ObjectReader<'_>> {
        let exchange = Exchange { action: Action::Get(key), key, query: "", from: None };
        let response = self.send(&exchange).await?;
        Ok(ObjectReader {
            client: self,
            key: key.into(),
            etag: header(&response, ETAG.as_str()),
            length: response.content_length(),
            response,
            position: 0,
            to_drop: 0,
            attempts: 1,
        })
    }
}

impl ObjectReader<'_> {
    /// The whole body's length in bytes, if the service says it.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    /// The user's metadata, names in lower case without `x-amz-meta-`.
    pub fn metadata(&self) -> BTreeMap<String, String> {
        let headers = self.response.headers().iter();
        headers
            .filter_map(|(name, value)| {
                let name = name.as_str().strip_prefix(METADATA)?;
                Some((name.to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            })
            .collect()
    }

    /// The media type.
    pub fn content_type(&self) -> Option<String> {
        header(&self.response, CONTENT_TYPE.as_str())
    }

    /// When the object was written, in milliseconds since 1970; S3 tells whole seconds.
    pub fn last_modified(&self) -> Option<i64> {
        let time = httpdate::parse_http_date(&header(&self.response, LAST_MODIFIED.as_str())?).ok()?;
        i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
    }

    /// The next piece of the body; `None` at its end. A body that breaks off or stalls is continued.
    ///
    /// # Errors
    /// As [`Client::get`], when continuing fails too.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>> {
        loop {
            match self.response.chunk().await {
                Ok(Some(mut chunk)) => {
                    let repeated = self.to_drop.min(chunk.len() as u64);
                    self.to_drop -= repeated;
                    let chunk = chunk.split_off(repeated as usize);
                    if chunk.is_empty() {
                        continue;
                    }
                    self.position += chunk.len() as u64;
                    return Ok(Some(chunk));
                }
                Ok(None) if self.length.is_none_or(|length| self.position >= length) => return Ok(None),
                Ok(None) => {
                    let missing = Error::new(
                        ErrorCode::Network,
                        format!("The body of {} ended before its length.", self.place()),
                    );
                    self.resume(missing).await?;
                }
                Err(cause) => {
                    let action = Action::Get(&self.key);
                    let error = broken(cause, action, &self.client.settings.bucket, self.attempts);
                    self.resume(error).await?;
                }
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

    async fn resume(&mut self, error: Error) -> Result<()> {
        // Without an ETag nothing proves that the rest belongs to the same object.
        let Some(etag) = &self.etag else { return Err(error) };
        if !self.client.wait_to_retry(self.attempts, None).await {
            return Err(error);
        }
        self.attempts += 1;
        let exchange = Exchange {
            action: Action::Get(&self.key),
            key: &self.key,
            query: "",
            from: (self.position > 0).then_some((self.position, etag)),
        };
        let response = self.client.send(&exchange).await?;
        if header(&response, ETAG.as_str()).as_ref() != Some(etag) {
            return Err(Error::new(
                ErrorCode::Network,
                format!("{} changed while it was read. Try again.", self.place()),
            )
            .with("bucket", self.client.settings.bucket.as_str())
            .with("key", self.key.as_str()));
        }
        self.to_drop = if response.status() == StatusCode::PARTIAL_CONTENT {
            let first = header(&response, CONTENT_RANGE.as_str()).and_then(|range| range_start(&range));
            self.position - first.unwrap_or(self.position).min(self.position)
        } else {
            self.position
        };
        self.response = response;
        Ok(())
    }

    fn place(&self) -> String {
        format!("s3://{}/{}", self.client.settings.bucket, self.key)
    }
}

fn header(response: &Response, name: &str) -> Option<String> {
    Some(response.headers().get(name)?.to_str().ok()?.to_owned())
}

/// The first byte's number in `bytes 5-9/10`.
fn range_start(content_range: &str) -> Option<u64> {
    content_range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_range_tells_its_first_byte() {
        assert_eq!(range_start("bytes 5-9/10"), Some(5));
        assert_eq!(range_start("bytes */10"), None);
    }
}
