//! ListObjectsV2.

use s3s::dto::*;
use s3s::{S3Result, s3_error};

use super::no_such_bucket;
use super::read::{last_modified, length};
use crate::store::{ListQuery, Store};

/// S3 gives no more in one page, whatever is asked for.
const MAX_KEYS: i32 = 1000;

pub(super) fn list(store: &Store, input: ListObjectsV2Input) -> S3Result<ListObjectsV2Output> {
    let asked = input.max_keys.unwrap_or(MAX_KEYS);
    let Ok(limit) = usize::try_from(asked.min(MAX_KEYS)) else {
        return Err(s3_error!(InvalidArgument, "max-keys must not be negative"));
    };
    let token = input.continuation_token.as_deref().map(position).transpose()?;
    let query = ListQuery {
        prefix: input.prefix.as_deref().unwrap_or_default(),
        delimiter: input.delimiter.as_deref().unwrap_or_default(),
        after: token.as_deref().or(input.start_after.as_deref()).unwrap_or_default(),
        limit,
    };
    let page = store.list(&input.bucket, &query).ok_or_else(no_such_bucket)?;

    let url_encoded = match input.encoding_type.as_ref().map(EncodingType::as_str) {
        None => false,
        Some(EncodingType::URL) => true,
        Some(_) => return Err(s3_error!(InvalidArgument, "Invalid Encoding Method specified in Request")),
    };
    let name = |name: String| if url_encoded { url_encode(&name) } else { name };
    let count = page.objects.len() + page.common_prefixes.len();
    let objects = page.objects.into_iter().map(|(key, object)| Object {
        e_tag: Some(ETag::Strong(object.e_tag().to_owned())),
        last_modified: Some(last_modified(&object)),
        size: Some(length(object.body().len())),
        storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
        key: Some(name(key)),
        ..Object::default()
    });
    let prefixes = page.common_prefixes.into_iter().map(|prefix| CommonPrefix { prefix: Some(name(prefix)) });
    Ok(ListObjectsV2Output {
        contents: Some(objects.collect()),
        common_prefixes: Some(prefixes.collect()),
        is_truncated: Some(page.next.is_some()),
        next_continuation_token: page.next.as_deref().map(continuation_token),
        key_count: Some(i32::try_from(count).unwrap_or(MAX_KEYS)),
        max_keys: Some(asked.min(MAX_KEYS)),
        name: Some(input.bucket),
        prefix: input.prefix.map(name),
        delimiter: input.delimiter.map(name),
        start_after: input.start_after.map(name),
        continuation_token: input.continuation_token,
        encoding_type: input.encoding_type,
        ..ListObjectsV2Output::default()
    })
}

/// Percent-encoding as S3 does it for `encoding-type=url`: slashes stay, a space is a plus.
fn url_encode(name: &str) -> String {
    urlencoding::encode(name).replace("%2F", "/").replace("%20", "+")
}

/// Tokens are opaque to clients; hexadecimal keeps them so, and free of anything to escape.
fn continuation_token(last_entry: &str) -> String {
    last_entry.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn position(token: &str) -> S3Result<String> {
    let digits = token.as_bytes().chunks(2);
    let bytes: Option<Vec<u8>> =
        digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
    bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| s3_error!(InvalidArgument, "The continuation token provided is incorrect"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded_as_s3_encodes_them() {
        assert_eq!(url_encode("a b/c+d/ü"), "a+b/c%2Bd/%C3%BC");
    }

    #[test]
    fn a_token_leads_back_to_its_entry_and_nonsense_is_refused() {
        assert_eq!(position(&continuation_token("a/ü b")).unwrap(), "a/ü b");
        for nonsense in ["zz", "ff", "ü", "abc"] {
            assert!(position(nonsense).is_err(), "{nonsense}");
        }
    }
}
