//! Points in time as the service and the checkpoint write them: to the microsecond, which a JavaScript Date loses.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// Microseconds since the Unix epoch. Written as Python's `isoformat` writes an aware UTC time: `+00:00`, six
/// digits of fraction or none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Reads ISO 8601 with a `T`, any number of fractional digits, and `Z` or an offset; without either, UTC.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
        if separators.iter().any(|&(at, separator)| bytes.get(at) != Some(&separator)) {
            return None;
        }
        let (year, month, day) = (number(text, 0, 4)?, number(text, 5, 7)?, number(text, 8, 10)?);
        let (hour, minute, second) = (number(text, 11, 13)?, number(text, 14, 16)?, number(text, 17, 19)?);
        let in_range =
            (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
        let mut rest = text.get(19..)?;
        let mut fraction = 0;
        if let Some(digits) = rest.strip_prefix('.') {
            let count = digits.bytes().take_while(u8::is_ascii_digit).count();
            let kept = digits.get(..count.min(6)).filter(|kept| !kept.is_empty())?;
            fraction = kept.parse::<i64>().ok()? * 10_i64.pow(6 - kept.len() as u32);
            rest = digits.get(count..)?;
        }
        let seconds = (hour * 60 + minute) * 60 + second - offset(rest)?;
        in_range.then(|| Self(days_since_epoch(year, month, day) * DAY + seconds * SECOND + fraction))
    }

    /// So many seconds earlier.
    #[must_use]
    pub fn earlier(self, seconds: f64) -> Self {
        Self(self.0.saturating_sub((seconds * SECOND as f64) as i64))
    }

    /// So many seconds later.
    #[must_use]
    pub fn later(self, seconds: f64) -> Self {
        self.earlier(-seconds)
    }

    /// Whole milliseconds since the epoch, rounded down: what the service's filters take.
    pub fn milliseconds(self) -> i64 {
        self.0.div_euclid(1_000)
    }
}

fn number(text: &str, from: usize, to: usize) -> Option<i64> {
    let digits = text.get(from..to)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// Seconds east of UTC.
fn offset(text: &str) -> Option<i64> {
    let sign = match text.bytes().next() {
        None => return Some(0),
        Some(b'Z' | b'z') => return (text.len() == 1).then_some(0),
        Some(b'+') => 1,
        Some(b'-') => -1,
        Some(_) => return None,
    };
    let (hours, minutes) = (number(text, 1, 3)?, number(text, text.len().checked_sub(2)?, text.len())?);
    let is_known = text.len() == 5 || (text.len() == 6 && text.as_bytes()[3] == b':');
    is_known.then_some(sign * (hours * 60 + minutes) * 60)
}

/// Days of the proleptic Gregorian calendar, counted from March so that leap days come last.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day: [`days_since_epoch`] backwards.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * from_march + 2) / 5 + 1)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date(self.0.div_euclid(DAY));
        let of_day = self.0.rem_euclid(DAY);
        let (seconds, fraction) = (of_day / SECOND, of_day % SECOND);
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if fraction != 0 {
            write!(f, ".{fraction:06}")?;
        }
        f.write_str("+00:00")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom(format!("{text:?} is not a time")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(text: &str) -> String {
        Timestamp::parse(text).unwrap().to_string()
    }

    #[test]
    fn times_are_written_as_python_writes_them() {
        assert_eq!(rewritten("2026-11-22T10:53:46.123456Z"), "2026-11-22T10:53:46.123456+00:00");
        assert_eq!(rewritten("2026-11-22T10:53:46.120Z"), "2026-11-22T10:53:46.120000+00:00");
        assert_eq!(rewritten("2026-11-22T10:53:46Z"), "2026-11-22T10:53:46+00:00");
        assert_eq!(rewritten("1969-12-31T23:59:59.5+00:00"), "1969-12-31T23:59:59.500000+00:00");
    }

    #[test]
    fn offsets_are_taken_off_and_digits_beyond_microseconds_dropped() {
        assert_eq!(rewritten("2026-01-01T01:30:00+02:30"), "2025-12-31T23:00:00+00:00");
        assert_eq!(rewritten("2026-01-01T01:30:00-0230"), "2026-01-01T04:00:00+00:00");
        assert_eq!(rewritten("2026-01-01T00:00:00.123456789Z"), "2026-01-01T00:00:00.123456+00:00");
    }

    #[test]
    fn every_day_of_four_centuries_survives_a_round_trip() {
        for day in (-146_097..146_097).step_by(13) {
            let (year, month, of_month) = date(day);
            assert_eq!(days_since_epoch(year, month, of_month), day);
        }
        assert_eq!(days_since_epoch(1970, 1, 1), 0);
        assert_eq!(date(days_since_epoch(2024, 2, 29)), (2024, 2, 29));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let wrong = [
            "",
            "yesterday",
            "2026-11-22",
            "2026-13-01T00:00:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T10:00:00.Z",
            "2026-11-22T10:00:00+1",
            "2026-11-22T10:00:00Zulu",
            "２026-11-22T10:00:00Z",
        ];
        for text in wrong {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }
}
