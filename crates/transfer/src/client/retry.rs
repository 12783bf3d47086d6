//! Whether and when to try again: full jitter, the service's own wish, and one budget for all requests.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// How often one thing is tried.
pub(crate) const MAX_ATTEMPTS: u32 = 8;

const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// A retry costs five; each success gives one back. A service that fails broadly is thus left alone soon.
const BUDGET: i64 = 1_000;
const COST: i64 = 5;

/// What all requests of a client together may spend on retries.
#[derive(Debug)]
pub(crate) struct RetryBudget {
    left: AtomicI64,
    spent: AtomicU64,
}

impl RetryBudget {
    pub(crate) fn new() -> Self {
        Self { left: AtomicI64::new(BUDGET), spent: AtomicU64::new(0) }
    }

    /// Takes the price of one retry, if it is there.
    pub(crate) fn spend(&self) -> bool {
        let paid = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| (left >= COST).then_some(left - COST))
            .is_ok();
        if paid {
            self.spent.fetch_add(1, Ordering::Relaxed);
        }
        paid
    }

    /// A request succeeded; one that needed retries gives the price of one back.
    pub(crate) fn earn(&self, attempts: u32) {
        let gain = if attempts > 1 { COST } else { 1 };
        // Most requests find the budget full, and then write to no shared memory.
        if self.left.load(Ordering::Relaxed) < BUDGET {
            let add = |left: i64| Some((left + gain).min(BUDGET));
            let _ = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        }
    }

    /// How many retries there were.
    pub(crate) fn retries(&self) -> u64 {
        self.spent.load(Ordering::Relaxed)
    }
}

/// How long to wait after the `attempt`th failure, counted from one.
pub(crate) fn wait(attempt: u32, retry_after: Option<Duration>) -> Duration {
    let longest = FIRST_WAIT.saturating_mul(1 << (attempt - 1).min(16)).min(LONGEST_WAIT);
    let jittered = longest.mul_f64(fastrand::f64());
    retry_after.map_or(jittered, |wish| wish.min(LONGEST_WAIT) + FIRST_WAIT.mul_f64(fastrand::f64()))
}

/// Reads a `Retry-After` header: seconds, or a date.
pub(crate) fn parse_retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    match value.trim().parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Some(httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn waits_grow_are_jittered_and_have_an_end() {
        for attempt in 1..40 {
            let longest = FIRST_WAIT * 2u32.pow((attempt - 1).min(16));
            assert!(wait(attempt, None) <= longest.min(LONGEST_WAIT));
        }
    }

    #[test]
    fn the_service_s_wish_is_kept_within_reason() {
        assert!(wait(1, Some(Duration::from_secs(3))) >= Duration::from_secs(3));
        assert!(wait(1, Some(Duration::from_secs(86_400))) <= LONGEST_WAIT + FIRST_WAIT);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(parse_retry_after("7", UNIX_EPOCH), Some(Duration::from_secs(7)));
        assert_eq!(
            parse_retry_after("Thu, 01 Jan 1970 00:00:09 GMT", UNIX_EPOCH),
            Some(Duration::from_secs(9))
        );
        assert_eq!(parse_retry_after("soon", UNIX_EPOCH), None);
    }

    #[test]
    fn a_budget_ends_and_is_earned_back() {
        let budget = RetryBudget::new();
        assert_eq!((0..).take_while(|_| budget.spend()).count() as i64, BUDGET / COST);
        budget.earn(2);
        assert!(budget.spend());
        assert_eq!(budget.retries() as i64, BUDGET / COST + 1);
    }
}
