//! Lists keys, page after page, with the time each was written.

use std::collections::HashSet;

use percent_encoding::percent_decode_str;
use quick_xml::Reader;
use quick_xml::events::Event;
use reqwest::Response;
use rusty_attachments_core::keys::ListedObject;
use rusty_attachments_core::{Error, ErrorCode, Result};

use super::Client;
use super::body::{Body, Broken};
use super::error::{Action, broken};
use super::retry::{Tries, Trouble};
use super::send::Exchange;
use super::settings::query;

/// One answer of `ListObjectsV2`.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Page {
    pub objects: Vec<ListedObject>,
    /// The token of the next page, if there is one.
    pub next: Option<String>,
}

/// Where a page begins.
#[derive(Debug, PartialEq)]
pub(crate) enum Since {
    /// At the first key.
    Start,
    /// Where the page ended that gave this token.
    Token(String),
    /// After this key, whether there is such a key or not.
    After(String),
}

impl Client {
    /// Every object whose key begins with `prefix`, one page after another, in the service's order.
    ///
    /// # Errors
    /// `NOT_FOUND` without the bucket, `ACCESS_DENIED`, `CREDENTIALS`, `THROTTLED`, `NETWORK`, `TIMEOUT`.
    pub async fn list(&self, prefix: &str) -> Result<Vec<ListedObject>> {
        let (mut objects, mut tokens) = (Vec::new(), HashSet::new());
        let mut since = Since::Start;
        loop {
            let page = self.list_page(prefix, &since).await?;
            objects.extend(page.objects);
            let Some(next) = page.next else { return Ok(objects) };
            if !tokens.insert(next.clone()) {
                return Err(self.unreadable(prefix));
            }
            since = Since::Token(next);
        }
    }

    /// The next thousand keys or fewer.
    pub(crate) async fn list_page(&self, prefix: &str, since: &Since) -> Result<Page> {
        let mut parameters = vec![("encoding-type", "url"), ("list-type", "2"), ("prefix", prefix)];
        match since {
            Since::Start => {}
            Since::Token(token) => parameters.insert(0, ("continuation-token", token)),
            Since::After(key) => parameters.push(("start-after", key)),
        }
        let query = query(&parameters);
        let exchange =
            Exchange { action: Action::List(prefix), key: "", query: &query, range: None, if_match: None };
        let mut tries = Tries::default();
        loop {
            let error = match self.whole(self.send(&exchange).await?).await {
                Ok(body) => {
                    // A service that gives the same token again would be asked for ever.
                    let leads_on = |page: &Page| !matches!(since, Since::Token(token) if page.next.as_ref() == Some(token));
                    let page = parse_page(&body).filter(leads_on);
                    return page.ok_or_else(|| self.unreadable(prefix));
                }
                Err(cause) => broken(cause, exchange.action, &self.settings.bucket, tries.number()),
            };
            if !self.wait_to_retry(&mut tries, Trouble::Failure, None).await {
                return Err(error);
            }
        }
    }

    async fn whole(&self, response: Response) -> Result<Vec<u8>, Broken> {
        let mut body = Body::new(response, self.patience);
        let mut bytes = Vec::new();
        while let Some(piece) = body.chunk().await? {
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }

    /// That an answer is no list, or one that never ends.
    pub(crate) fn unreadable(&self, prefix: &str) -> Error {
        let bucket = &self.settings.bucket;
        Error::new(
            ErrorCode::Network,
            format!("The list of s3://{bucket}/{prefix} is not what S3 sends. Check endpoint and proxy."),
        )
        .with("bucket", bucket.as_str())
        .with("key", prefix)
    }
}

/// Reads a page; `None` for what is none, since an answer of something else must not pass as an empty list.
fn parse_page(xml: &[u8]) -> Option<Page> {
    let mut reader = Reader::from_reader(xml);
    let mut page = Page::default();
    let mut path: Vec<Vec<u8>> = Vec::new();
    let mut text = String::new();
    let mut object = ListedObject::default();
    let (mut encoded, mut truncated, mut next, mut complete) = (false, false, None, false);
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                path.push(start.local_name().as_ref().to_vec());
                if path[0] != b"ListBucketResult" {
                    return None;
                }
                text.clear();
            }
            Event::Text(part) => text.push_str(&part.decode().ok()?),
            Event::GeneralRef(name) => text.push_str(&resolve(&name)?),
            Event::CData(part) => text.push_str(&part.decode().ok()?),
            Event::End(_) => {
                match path.iter().map(Vec::as_slice).collect::<Vec<_>>().as_slice() {
                    [_, b"EncodingType"] => encoded = text == "url",
                    [_, b"IsTruncated"] => truncated = text == "true",
                    [_, b"NextContinuationToken"] => next = Some(std::mem::take(&mut text)),
                    [_, b"Contents", b"Key"] => object.key = std::mem::take(&mut text),
                    [_, b"Contents", b"LastModified"] => object.last_modified = parse_time(&text),
                    [_, b"Contents", b"Size"] => object.size = text.parse().ok(),
                    [_, b"Contents"] => {
                        page.objects.push(std::mem::take(&mut object));
                    }
                    _ => {}
                }
                path.pop();
                complete = path.is_empty();
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if !complete {
        return None;
    }
    if encoded {
        for object in &mut page.objects {
            let spaced = object.key.replace('+', " ");
            object.key = percent_decode_str(&spaced).decode_utf8_lossy().into_owned();
            // Decoding leaves up to as much room again, and a job may have a hundred thousand keys.
            object.key.shrink_to_fit();
        }
    }
    if truncated && next.is_none() {
        // Without the way on, the rest of the keys would be lost in silence.
        return None;
    }
    page.next = next.filter(|_| truncated);
    Some(page)
}

/// The text of an entity such as `&amp;` or `&#13;`.
fn resolve(name: &quick_xml::events::BytesRef<'_>) -> Option<String> {
    if let Some(character) = name.resolve_char_ref().ok()? {
        return Some(character.into());
    }
    quick_xml::escape::resolve_predefined_entity(&name.decode().ok()?).map(str::to_owned)
}

/// Milliseconds since 1970 of `2024-05-06T07:08:09.123Z`; the fraction may be absent.
fn parse_time(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut clock = clock.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let millis: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || !(0..10_000).contains(&year) {
        return None;
    }
    // Days from the first of March of year 0, so that a leap day is a year's last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + (month * 153 + 2) / 5
        + day
        - 1;
    let days_to_1970 = 719_468;
    Some((((days - days_to_1970) * 24 + hour) * 60 + minute) * 60_000 + second * 1_000 + millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_keys_times_and_what_comes_next() {
        let page = parse_page(
            b"<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
              <IsTruncated>true</IsTruncated><EncodingType>url</EncodingType>\
              <Contents><Key>a+b/%C3%A9&amp;c</Key><LastModified>1970-01-02T00:00:00.000Z</LastModified><Size>7</Size>\
              <Owner><ID>x</ID></Owner></Contents>\
              <CommonPrefixes><Prefix>p</Prefix></CommonPrefixes>\
              <NextContinuationToken>t==</NextContinuationToken></ListBucketResult>",
        )
        .unwrap();
        let object =
            ListedObject { key: "a b/\u{e9}&c".into(), last_modified: Some(86_400_000), size: Some(7) };
        assert_eq!(page.objects, [object]);
        assert_eq!(page.next.as_deref(), Some("t=="));
    }

    #[test]
    fn keys_that_are_not_encoded_stay_as_they_are() {
        let page = parse_page(b"<ListBucketResult><Contents><Key>a+%41</Key></Contents></ListBucketResult>")
            .unwrap();
        assert_eq!(page.objects[0].key, "a+%41");
        assert_eq!(page.next, None);
    }

    #[test]
    fn a_page_that_is_not_the_last_and_does_not_lead_on_is_an_error() {
        assert!(
            parse_page(b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>").is_none()
        );
    }

    #[test]
    fn what_is_no_page_does_not_pass_as_an_empty_one() {
        for wrong in ["", "<ListBucketResult>", "<ListBucketResult><b></ListBucketResult>", "<html></html>"] {
            assert_eq!(parse_page(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn times_are_read_to_the_millisecond() {
        assert_eq!(parse_time("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(parse_time("2000-02-29T12:34:56.7Z"), Some(951_827_696_700));
        assert_eq!(parse_time("2026-11-22T08:06:20.123456Z"), Some(1_795_334_780_123));
        for wrong in ["", "2000-13-01T00:00:00Z", "2000-01-01", "x-y-zT1:2:3Z"] {
            assert_eq!(parse_time(wrong), None, "{wrong}");
        }
    }
}
