//! One stored object.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_128;

/// An object as S3 keeps it: bytes, metadata, and a time of whole seconds.
#[derive(Clone, Debug)]
pub struct Object {
    body: Bytes,
    metadata: BTreeMap<String, String>,
    content_type: String,
    last_modified: i64,
    e_tag: String,
}

impl Object {
    /// An object that was stored just now, without metadata.
    pub fn new(body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let e_tag = e_tag(&body);
        Self {
            body,
            metadata: BTreeMap::new(),
            content_type: "binary/octet-stream".to_owned(),
            last_modified: whole_seconds(now()),
            e_tag,
        }
    }

    /// Adds one entry of user metadata; `name` is without `x-amz-meta-`.
    pub fn with_metadata(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.metadata.insert(name.into(), value.into());
        self
    }

    /// Sets the content type (otherwise `binary/octet-stream`, as in S3).
    pub fn with_content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = content_type.into();
        self
    }

    /// Sets the time, in milliseconds since the epoch. S3's times have whole seconds, so the rest
    /// is cut off.
    pub fn with_last_modified(mut self, milliseconds: i64) -> Self {
        self.last_modified = whole_seconds(milliseconds);
        self
    }

    pub(crate) fn with_e_tag(mut self, e_tag: String) -> Self {
        self.e_tag = e_tag;
        self
    }

    /// The same object with other bytes: metadata and time stay as they are.
    pub(crate) fn with_body(mut self, body: Bytes) -> Self {
        self.e_tag = e_tag(&body);
        self.body = body;
        self
    }

    /// The bytes.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The user metadata, by name without `x-amz-meta-`.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// The content type.
    pub fn content_type(&self) -> &str {
        &self.content_type
    }

    /// `LastModified` in milliseconds since the epoch, always a whole second.
    pub fn last_modified(&self) -> i64 {
        self.last_modified
    }

    /// The entity tag without quotes.
    pub fn e_tag(&self) -> &str {
        &self.e_tag
    }
}

/// An entity tag that looks like S3's. It is not an MD5, as it is not one in S3 either for objects
/// that are encrypted with KMS: a client that takes it for one is wrong there too.
pub(crate) fn e_tag(body: &[u8]) -> String {
    format!("{:032x}", xxh3_128(body))
}

fn whole_seconds(milliseconds: i64) -> i64 {
    milliseconds.div_euclid(1000) * 1000
}

fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_whole_seconds_as_in_s3() {
        assert_eq!(Object::new("").with_last_modified(1_999).last_modified(), 1_000);
        assert_eq!(Object::new("").with_last_modified(-1).last_modified(), -1_000);
    }

    #[test]
    fn other_bytes_change_the_entity_tag_and_nothing_else() {
        let before = Object::new("a").with_metadata("k", "v").with_last_modified(5_000);
        let after = before.clone().with_body(Bytes::from_static(b"b"));
        assert_ne!(before.e_tag(), after.e_tag());
        assert_eq!(before.metadata(), after.metadata());
        assert_eq!(before.last_modified(), after.last_modified());
    }
}
