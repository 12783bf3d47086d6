//! The clock that the farm shows its clients, which a rule may set wrong.

use std::time::{Duration, SystemTime};

/// How far the time of a signature may be off.
const TOLERANCE: Duration = Duration::from_secs(15 * 60);

/// What time a server believes it is.
pub(crate) struct Clock(SystemTime);

impl Clock {
    /// A clock that is ahead by so many seconds, or behind.
    pub(crate) fn ahead(seconds: i64) -> Self {
        let now = SystemTime::now();
        let distance = Duration::from_secs(seconds.unsigned_abs());
        let time = if seconds < 0 { now.checked_sub(distance) } else { now.checked_add(distance) };
        Self(time.unwrap_or(now))
    }

    pub(crate) fn accepts(&self, signed: SystemTime) -> bool {
        let distance = self.0.duration_since(signed).or_else(|_| signed.duration_since(self.0));
        distance.is_ok_and(|distance| distance <= TOLERANCE)
    }

    /// The time as the header `Date` writes it.
    pub(crate) fn date(&self) -> String {
        httpdate::fmt_http_date(self.0)
    }
}
