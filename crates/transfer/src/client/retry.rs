//! Whether and when to try again: full jitter, the service's own wish, and one budget for all requests.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// How often one thing fails before it has failed.
const MOST_FAILURES: u32 = 8;
/// The same where the service only asks for a slower pace, which some seconds of patience answer.
const MOST_THROTTLES: u32 = 12;

const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// A retry costs five; each success gives one back. A service that fails broadly is thus left alone soon, but not
/// before each of 500 requests that are under way at once could have all its retries.
const COST: i64 = 5;
const BUDGET: i64 = 500 * (MOST_FAILURES as i64 - 1) * COST;

/// Why an attempt did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Something broke.
    Failure,
    /// The service is well but has too much to do.
    Throttle,
}

/// The attempts at one thing so far.
#[derive(Debug, Default)]
pub(crate) struct Tries {
    failures: u32,
    throttles: u32,
}

impl Tries {
    /// The number of the attempt that is under way.
    pub(crate) fn number(&self) -> u32 {
        1 + self.failures + self.throttles
    }
}

/// What all requests of a client together may spend on retries.
///
/// A throttle costs none of it, since a burst of them meets every request under way at once and passes; it is time
/// that bounds them.
#[derive(Debug)]
pub(crate) struct RetryBudget {
    left: AtomicI64,
    retries: AtomicU64,
    /// How long a service is asked again that only throttles.
    patience: Duration,
    /// Whether there is a spell, so that most successes need no lock.
    in_spell: AtomicBool,
    spell: Mutex<Option<Spell>>,
}

/// A time of throttles without a success between them.
#[derive(Debug, Clone, Copy)]
struct Spell {
    since: Instant,
    latest: Instant,
}

impl RetryBudget {
    pub(crate) fn new(patience: Duration) -> Self {
        Self {
            left: AtomicI64::new(BUDGET),
            retries: AtomicU64::new(0),
            patience,
            in_spell: AtomicBool::new(false),
            spell: Mutex::new(None),
        }
    }

    /// How long to wait before the next attempt after this trouble; `None` if there is to be none.
    pub(crate) fn retry(
        &self,
        tries: &mut Tries,
        trouble: Trouble,
        retry_after: Option<Duration>,
    ) -> Option<Duration> {
        let again = match trouble {
            Trouble::Failure => {
                tries.failures += 1;
                tries.failures < MOST_FAILURES && self.spend()
            }
            Trouble::Throttle => {
                tries.throttles += 1;
                !self.is_only_throttled() && tries.throttles < MOST_THROTTLES
            }
        };
        again.then(|| {
            self.retries.fetch_add(1, Ordering::Relaxed);
            wait(tries.number() - 1, retry_after)
        })
    }

    /// Takes the price of one retry, if it is there.
    fn spend(&self) -> bool {
        let take = |left: i64| (left >= COST).then_some(left - COST);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    /// A request succeeded; one that needed retries gives the price of one back.
    pub(crate) fn earn(&self, tries: &Tries) {
        self.give(if tries.failures > 0 { COST } else { 1 });
        if self.in_spell.load(Ordering::Relaxed) {
            *self.spell() = None;
            self.in_spell.store(false, Ordering::Relaxed);
        }
    }

    /// The next retry is free: what it continues came a good way.
    pub(crate) fn refund(&self) {
        self.give(COST);
    }

    fn give(&self, gain: i64) {
        // Most requests find the budget full, and then write to no shared memory.
        if self.left.load(Ordering::Relaxed) < BUDGET {
            let add = |left: i64| Some((left + gain).min(BUDGET));
            let _ = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        }
    }

    /// Notes a throttle; whether there has been no success for too long.
    fn is_only_throttled(&self) -> bool {
        let now = Instant::now();
        let mut spell = self.spell();
        // A client that rested is not one that was refused all the while.
        let current = spell.filter(|spell| now - spell.latest < 2 * LONGEST_WAIT);
        let since = current.map_or(now, |spell| spell.since);
        *spell = Some(Spell { since, latest: now });
        self.in_spell.store(true, Ordering::Relaxed);
        now - since >= self.patience
    }

    fn spell(&self) -> MutexGuard<'_, Option<Spell>> {
        self.spell.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many retries there were.
    pub(crate) fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }
}

/// How long to wait after the `attempt`th failure, counted from one.
fn wait(attempt: u32, retry_after: Option<Duration>) -> Duration {
    let longest = FIRST_WAIT.saturating_mul(1 << (attempt - 1).min(16)).min(LONGEST_WAIT);
    // All who heard the same wish would come back at the same moment but for the jitter.
    longest.mul_f64(fastrand::f64()) + retry_after.unwrap_or_default().min(LONGEST_WAIT)
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

    fn patient() -> RetryBudget {
        RetryBudget::new(Duration::from_secs(3_600))
    }

    fn fails(budget: &RetryBudget, tries: &mut Tries) -> bool {
        budget.retry(tries, Trouble::Failure, None).is_none()
    }

    fn is_throttled_off(budget: &RetryBudget, tries: &mut Tries) -> bool {
        budget.retry(tries, Trouble::Throttle, None).is_none()
    }

    #[test]
    fn a_budget_ends_and_is_earned_back() {
        let budget = patient();
        let paid = (0..).take_while(|_| !fails(&budget, &mut Tries::default())).count();
        assert_eq!(paid as i64, BUDGET / COST);
        budget.earn(&Tries { failures: 1, throttles: 0 });
        assert!(!fails(&budget, &mut Tries::default()));
        assert_eq!(budget.retries() as i64, BUDGET / COST + 1);
    }

    #[test]
    fn one_thing_fails_so_often_and_is_throttled_more_often() {
        let (budget, mut tries) = (patient(), Tries::default());
        assert_eq!((1..).find(|_| fails(&budget, &mut tries)), Some(MOST_FAILURES));
        let mut tries = Tries::default();
        assert_eq!((1..).find(|_| is_throttled_off(&budget, &mut tries)), Some(MOST_THROTTLES));
    }

    #[test]
    fn throttles_leave_the_budget_for_failures() {
        let budget = patient();
        for _ in 0..2 * BUDGET {
            assert!(!is_throttled_off(&budget, &mut Tries::default()));
        }
        assert!(!fails(&budget, &mut Tries::default()));
    }

    #[test]
    fn a_service_that_only_throttles_is_left_alone_until_it_serves_again() {
        let budget = RetryBudget::new(Duration::from_millis(1));
        assert!(!is_throttled_off(&budget, &mut Tries::default()));
        std::thread::sleep(Duration::from_millis(2));
        assert!(is_throttled_off(&budget, &mut Tries::default()));
        budget.earn(&Tries::default());
        assert!(!is_throttled_off(&budget, &mut Tries::default()));
    }
}
