//! GetObject and HeadObject.

use std::time::{Duration, UNIX_EPOCH};

use s3s::dto::*;
use s3s::{Body, S3Result, s3_error};

use crate::object::Object;

pub(super) fn get(object: &Object, input: &GetObjectInput) -> S3Result<GetObjectOutput> {
    check_conditions(object, input.if_match.as_ref(), input.if_none_match.as_ref())?;
    let (body, content_range) = part(object, input.range)?;
    Ok(GetObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        content_length: Some(length(body.len())),
        content_range,
        content_type: Some(object.content_type().to_owned()),
        e_tag: Some(ETag::Strong(object.e_tag().to_owned())),
        last_modified: Some(last_modified(object)),
        metadata: Some(metadata(object)),
        body: Some(StreamingBlob::from(Body::from(body))),
        ..GetObjectOutput::default()
    })
}

pub(super) fn head(object: &Object, input: &HeadObjectInput) -> S3Result<HeadObjectOutput> {
    check_conditions(object, input.if_match.as_ref(), input.if_none_match.as_ref())?;
    let (body, content_range) = part(object, input.range)?;
    Ok(HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        content_length: Some(length(body.len())),
        content_range,
        content_type: Some(object.content_type().to_owned()),
        e_tag: Some(ETag::Strong(object.e_tag().to_owned())),
        last_modified: Some(last_modified(object)),
        metadata: Some(metadata(object)),
        ..HeadObjectOutput::default()
    })
}

/// When the object was stored, as the protocol writes it.
pub(super) fn last_modified(object: &Object) -> Timestamp {
    let milliseconds = object.last_modified();
    let distance = Duration::from_millis(milliseconds.unsigned_abs());
    let time =
        if milliseconds < 0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
    Timestamp::from(time.unwrap_or(UNIX_EPOCH))
}

/// A length as the protocol counts it.
pub(super) fn length(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn metadata(object: &Object) -> Metadata {
    let entries = object.metadata().iter();
    entries.map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn part(object: &Object, range: Option<Range>) -> S3Result<(bytes::Bytes, Option<String>)> {
    let body = object.body();
    let Some(range) = range else {
        return Ok((body.clone(), None));
    };
    let wanted = range.check(body.len() as u64)?;
    let (Ok(start), Ok(end)) = (usize::try_from(wanted.start), usize::try_from(wanted.end)) else {
        return Err(s3_error!(InvalidRange));
    };
    let header = format!("bytes {start}-{}/{}", end.saturating_sub(1), body.len());
    Ok((body.slice(start..end), Some(header)))
}

fn check_conditions(
    object: &Object,
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<()> {
    let holds = |condition: &ETagCondition| {
        condition.is_any() || condition.as_etag().is_some_and(|tag| tag.value() == object.e_tag())
    };
    if if_match.is_some_and(|condition| !holds(condition)) {
        return Err(s3_error!(
            PreconditionFailed,
            "At least one of the pre-conditions you specified did not hold"
        ));
    }
    if if_none_match.is_some_and(holds) {
        return Err(s3_error!(NotModified));
    }
    Ok(())
}
