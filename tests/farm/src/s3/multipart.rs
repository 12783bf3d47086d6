//! Multipart uploads: the ones that are open, until they become objects.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use s3s::dto::*;
use s3s::{S3Error, S3Request, S3Result, s3_error};

use super::no_such_bucket;
use super::write::{collect, described};
use crate::object::{self, Object};
use crate::store::Store;

/// All open uploads, by id.
#[derive(Default)]
pub(super) struct Uploads {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    started: u64,
    open: BTreeMap<String, Upload>,
}

struct Upload {
    bucket: String,
    key: String,
    blank: Object,
    parts: BTreeMap<i32, Bytes>,
}

impl Uploads {
    pub(super) fn create(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<CreateMultipartUploadOutput> {
        let input = request.input;
        let upload = Upload {
            blank: described(input.metadata, input.content_type, &request.headers)?,
            bucket: input.bucket.clone(),
            key: input.key.clone(),
            parts: BTreeMap::new(),
        };
        let mut inner = self.lock();
        inner.started += 1;
        let id = format!("upload-{}", inner.started);
        inner.open.insert(id.clone(), upload);
        Ok(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            ..CreateMultipartUploadOutput::default()
        })
    }

    pub(super) async fn add_part(&self, input: UploadPartInput) -> S3Result<UploadPartOutput> {
        let body = collect(input.body).await?;
        let e_tag = object::e_tag(&body);
        let mut inner = self.lock();
        let upload = inner.open.get_mut(&input.upload_id).ok_or_else(no_such_upload)?;
        upload.parts.insert(input.part_number, body);
        Ok(UploadPartOutput { e_tag: Some(ETag::Strong(e_tag)), ..UploadPartOutput::default() })
    }

    pub(super) fn complete(
        &self,
        store: &Store,
        input: CompleteMultipartUploadInput,
    ) -> S3Result<CompleteMultipartUploadOutput> {
        let mut inner = self.lock();
        let upload = inner.open.get(&input.upload_id).ok_or_else(no_such_upload)?;
        let (body, e_tag) = joined(upload, input.multipart_upload.and_then(|list| list.parts))?;
        let object = upload.blank.clone().with_body(body).with_e_tag(e_tag.clone());
        store.put(&upload.bucket, &upload.key, object).ok_or_else(no_such_bucket)?;
        inner.open.remove(&input.upload_id);
        Ok(CompleteMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(ETag::Strong(e_tag)),
            ..CompleteMultipartUploadOutput::default()
        })
    }

    pub(super) fn abort(&self, input: &AbortMultipartUploadInput) -> S3Result<()> {
        self.lock().open.remove(&input.upload_id).map(drop).ok_or_else(no_such_upload)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bytes and the entity tag of the parts that the client names, which need not be all.
fn joined(upload: &Upload, named: Option<Vec<CompletedPart>>) -> S3Result<(Bytes, String)> {
    let mut body = BytesMut::new();
    let mut tags = String::new();
    let mut last = 0;
    let named = named.unwrap_or_default();
    for part in &named {
        let number = part.part_number.unwrap_or_default();
        if number <= last {
            return Err(s3_error!(InvalidPartOrder, "The list of parts was not in ascending order."));
        }
        last = number;
        let bytes = upload.parts.get(&number).ok_or_else(invalid_part)?;
        let tag = object::e_tag(bytes);
        if part.e_tag.as_ref().is_none_or(|named| named.value() != tag) {
            return Err(invalid_part());
        }
        tags.push_str(&tag);
        body.extend_from_slice(bytes);
    }
    if named.is_empty() {
        return Err(s3_error!(InvalidRequest, "You must specify at least one part"));
    }
    let e_tag = format!("{}-{}", object::e_tag(tags.as_bytes()), named.len());
    Ok((body.freeze(), e_tag))
}

fn invalid_part() -> S3Error {
    s3_error!(InvalidPart, "One or more of the specified parts could not be found.")
}

fn no_such_upload() -> S3Error {
    s3_error!(NoSuchUpload, "The specified upload does not exist.")
}
