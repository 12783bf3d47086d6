//! PutObject, and what it shares with multipart uploads.

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::BodyExt;
use s3s::dto::*;
use s3s::{Body, S3Request, S3Result, s3_error};

use super::no_such_bucket;
use crate::object::Object;
use crate::store::Store;

/// Lets a test in any language say when an object was stored, in milliseconds since the epoch.
const LAST_MODIFIED_HEADER: &str = "x-farm-last-modified";

pub(super) async fn put(store: &Store, request: S3Request<PutObjectInput>) -> S3Result<PutObjectOutput> {
    let input = request.input;
    let blank = described(input.metadata, input.content_type, &request.headers)?;
    let object = blank.with_body(collect(input.body).await?);
    let e_tag = object.e_tag().to_owned();
    store.put(&input.bucket, &input.key, object).ok_or_else(no_such_bucket)?;
    Ok(PutObjectOutput { e_tag: Some(ETag::Strong(e_tag)), ..PutObjectOutput::default() })
}

/// An object without bytes as yet, with everything that the request says about it.
pub(super) fn described(
    metadata: Option<Metadata>,
    content_type: Option<String>,
    headers: &HeaderMap,
) -> S3Result<Object> {
    let mut object = Object::new(Bytes::new());
    for (name, value) in metadata.unwrap_or_default() {
        object = object.with_metadata(name, value);
    }
    if let Some(content_type) = content_type {
        object = object.with_content_type(content_type);
    }
    if let Some(value) = headers.get(LAST_MODIFIED_HEADER) {
        let milliseconds = value.to_str().ok().and_then(|text| text.parse().ok());
        let Some(milliseconds) = milliseconds else {
            return Err(s3_error!(
                InvalidArgument,
                "{LAST_MODIFIED_HEADER} must be milliseconds since the epoch"
            ));
        };
        object = object.with_last_modified(milliseconds);
    }
    Ok(object)
}

pub(super) async fn collect(body: Option<StreamingBlob>) -> S3Result<Bytes> {
    let Some(body) = body else {
        return Ok(Bytes::new());
    };
    match Body::from(body).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => {
            let mut refusal = s3_error!(IncompleteBody, "The request body could not be read");
            refusal.set_source(error);
            Err(refusal)
        }
    }
}
