//! Times as the service keeps and writes them: microseconds since the epoch, ISO 8601.

use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Microseconds since the epoch.
pub(crate) type Micros = i64;

pub(super) fn now() -> Micros {
    since_epoch(SystemTime::now())
}

pub(super) fn since_epoch(time: SystemTime) -> Micros {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| Micros::try_from(since.as_micros()).unwrap_or(Micros::MAX))
}

pub(super) fn micros(seconds: f64) -> Micros {
    (seconds * 1e6).round() as Micros
}

/// `2026-11-22T09:05:35.123Z`, or with six digits where the last three say something.
pub(super) fn iso(micros: Micros) -> String {
    let mut text = iso_microseconds(micros);
    if text.ends_with("000Z") {
        text.truncate(text.len() - "000Z".len());
        text.push('Z');
    }
    text
}

/// `2026-11-22T09:05:35.123000Z`; a time that no calendar holds becomes the epoch.
pub(crate) fn iso_microseconds(micros: Micros) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
        time.year(),
        u8::from(time.month()),
        time.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.microsecond(),
    )
}

/// Reads any time of RFC 3339.
pub(super) fn parse(text: &str) -> Option<Micros> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    Micros::try_from(time.unix_timestamp_nanos().div_euclid(1000)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_as_many_digits_as_they_need_and_read_back() {
        for (micros, text) in [
            (1_747_921_445_000_000, "2025-05-22T13:44:05.000Z"),
            (1_747_921_445_120_000, "2025-05-22T13:44:05.120Z"),
            (1_747_921_445_000_123, "2025-05-22T13:44:05.000123Z"),
        ] {
            assert_eq!(iso(micros), text);
            assert_eq!(parse(text), Some(micros));
        }
        assert_eq!(parse("2025-05-22T15:44:05+02:00"), Some(1_747_921_445_000_000));
        assert_eq!(parse("yesterday"), None);
    }
}
