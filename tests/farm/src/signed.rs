//! What a request says of its own signature, before anybody checks it.

use std::time::{Duration, SystemTime};

use http::request::Parts;
use time::{Date, Month, PrimitiveDateTime, Time};

/// Who signed, where for and when; each absent where the request does not say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Signed {
    pub(crate) access_key_id: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) service: Option<String>,
    pub(crate) time: Option<SystemTime>,
}

impl Signed {
    pub(crate) fn new(head: &Parts) -> Self {
        let header = |name: &str| Some(head.headers.get(name)?.to_str().ok()?.to_owned());
        let parameter = |name: &str| {
            let mut pairs = head.uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
            let (_, value) = pairs.find(|(key, _)| *key == name)?;
            Some(urlencoding::decode(value).ok()?.into_owned())
        };
        let credential = header("authorization")
            .and_then(|value| Some(value.split_once("Credential=")?.1.split(',').next()?.to_owned()))
            .or_else(|| parameter("X-Amz-Credential"))
            .unwrap_or_default();
        // An access key, a day, a region, the service and a fixed word.
        let mut parts = credential.split('/').map(str::to_owned);
        Self {
            access_key_id: parts.next().filter(|id| !id.is_empty()),
            region: parts.nth(1),
            service: parts.next(),
            time: header("x-amz-date").or_else(|| parameter("X-Amz-Date")).and_then(|text| time(&text)),
        }
    }
}

/// A time as signatures write it: `20261122T090535Z`.
fn time(text: &str) -> Option<SystemTime> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u8>().ok();
    let month = Month::try_from(number(4, 6)?).ok()?;
    let date = Date::from_calendar_date(text.get(0..4)?.parse().ok()?, month, number(6, 8)?).ok()?;
    let time = Time::from_hms(number(9, 11)?, number(11, 13)?, number(13, 15)?).ok()?;
    let seconds = PrimitiveDateTime::new(date, time).assume_utc().unix_timestamp();
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_in_the_headers_and_one_in_the_query_say_the_same() {
        let headers = http::Request::get("/bucket/a")
            .header("authorization", "AWS4-HMAC-SHA256 Credential=AK/20130524/eu-west-1/s3/aws4_request, Sig")
            .header("x-amz-date", "20130524T000001Z")
            .body(())
            .unwrap();
        let query =
            "/a?X-Amz-Credential=AK%2F20130524%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000001Z";
        let query = http::Request::get(query).body(()).unwrap();
        let expected = Signed {
            access_key_id: Some("AK".to_owned()),
            region: Some("eu-west-1".to_owned()),
            service: Some("s3".to_owned()),
            time: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_369_353_601)),
        };
        assert_eq!(Signed::new(&headers.into_parts().0), expected);
        assert_eq!(Signed::new(&query.into_parts().0), expected);
    }

    #[test]
    fn a_request_without_a_signature_says_nothing() {
        let plain = http::Request::get("/bucket/a").header("x-amz-date", "today").body(()).unwrap();
        assert_eq!(Signed::new(&plain.into_parts().0), Signed::default());
    }
}
