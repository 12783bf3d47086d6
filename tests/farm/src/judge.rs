//! Holds each request against the rules, and counts for those that count.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::requests::RequestRecord;
use crate::rule::{Effect, Often, Requests, Rule};
use crate::signed::Signed;

/// What the rules have in store for one request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) delay: Duration,
    /// Seconds.
    pub(crate) clock_ahead: i64,
    pub(crate) no_entity_tag: bool,
    /// None of the above.
    pub(crate) effect: Option<Effect>,
}

/// The rules that are in force.
#[derive(Default)]
pub(crate) struct Judge {
    rules: Mutex<Vec<Counting>>,
}

struct Counting {
    rule: Rule,
    seen: u64,
    seen_each: HashMap<u64, u64>,
    second: Option<(Instant, u64)>,
}

impl Judge {
    /// Puts these rules in force instead of those before, with all counts at zero.
    pub(crate) fn set(&self, rules: Vec<Rule>) {
        let start = |rule| Counting { rule, seen: 0, seen_each: HashMap::new(), second: None };
        *self.rules.lock().unwrap_or_else(PoisonError::into_inner) = rules.into_iter().map(start).collect();
    }

    pub(crate) fn verdict(&self, request: &RequestRecord, signed: &Signed) -> Verdict {
        let mut verdict = Verdict::default();
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        for (index, counting) in rules.iter_mut().enumerate() {
            if !concerns(&counting.rule.requests, request, signed.access_key_id.as_deref())
                || !counting.strikes(index as u64, request)
            {
                continue;
            }
            match &counting.rule.effect {
                Effect::Delay { milliseconds } => verdict.delay += Duration::from_millis(*milliseconds),
                Effect::ClockAhead { seconds } => verdict.clock_ahead += seconds,
                Effect::NoEntityTag => verdict.no_entity_tag = true,
                Effect::PermanentRedirect { region } | Effect::AuthorizationHeaderMalformed { region }
                    if signed.region.as_ref() == Some(region) => {}
                effect if verdict.effect.is_none() => verdict.effect = Some(effect.clone()),
                _ => {}
            }
        }
        verdict
    }
}

fn concerns(wanted: &Requests, request: &RequestRecord, access_key_id: Option<&str>) -> bool {
    let key = |condition: &Option<String>, holds: fn(&str, &str) -> bool| match (condition, &request.key) {
        (None, _) => true,
        (Some(text), Some(key)) => holds(key, text),
        (Some(_), None) => false,
    };
    let listing = request.key.is_none() && request.bucket.is_some() && request.method == "GET";
    wanted.method.as_ref().is_none_or(|method| *method == request.method)
        && wanted.operation.as_ref().is_none_or(|name| request.operation.as_ref() == Some(name))
        && key(&wanted.key_prefix, |key, text| key.starts_with(text))
        && key(&wanted.key_suffix, |key, text| key.ends_with(text))
        && key(&wanted.key_contains, |key, text| key.contains(text))
        && wanted.listing.is_none_or(|wanted| wanted == listing)
        && wanted.ranged.is_none_or(|ranged| ranged == request.range.is_some())
        && wanted.access_key_id.as_deref().is_none_or(|id| access_key_id == Some(id))
}

impl Counting {
    /// Whether the rule strikes this request of its own.
    fn strikes(&mut self, index: u64, request: &RequestRecord) -> bool {
        self.seen += 1;
        let seen = self.seen;
        match self.rule.often {
            Often::Always => true,
            Often::EveryNth(n) => n > 0 && seen.is_multiple_of(n),
            Often::First(n) => seen <= n,
            Often::After(n) => seen > n,
            Often::Burst { every, length } => (seen - 1) % every.max(1) < length,
            Often::FirstPerKey(n) => {
                let RequestRecord { resource, bucket, key, query, .. } = request;
                let what = format!("{resource:?} {bucket:?} {key:?} {query:?}");
                self.count_of(&what) <= n
            }
            Often::Chance { probability, seed } => {
                let what = format!("{request:?}");
                let dice =
                    xxh3_64_with_seed(format!("{index} {} {what}", self.count_of(&what)).as_bytes(), seed);
                // 53 bits are what a double can hold: a number from 0 to, but not including, 1.
                ((dice >> 11) as f64) / (1_u64 << 53) as f64 <= probability && probability > 0.0
            }
            Often::AbovePerSecond(n) => {
                let now = Instant::now();
                let (start, count) = match self.second {
                    Some((start, count)) if now - start < Duration::from_secs(1) => (start, count + 1),
                    _ => (now, 1),
                };
                self.second = Some((start, count));
                count > n
            }
        }
    }

    /// How often this was seen, with this time.
    fn count_of(&mut self, what: &str) -> u64 {
        let count = self.seen_each.entry(xxh3_64_with_seed(what.as_bytes(), 0)).or_default();
        *count += 1;
        *count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(key: &str) -> RequestRecord {
        let request = http::Request::get(format!("/bucket/{key}")).body(()).unwrap();
        RequestRecord::new(&request.into_parts().0)
    }

    fn struck(often: Often, keys: &[&str]) -> Vec<bool> {
        let judge = Judge::default();
        judge.set(vec![Rule::new(Effect::Reset).often(often)]);
        keys.iter().map(|key| judge.verdict(&request(key), &Signed::default()).effect.is_some()).collect()
    }

    #[test]
    fn rules_strike_as_often_as_they_say() {
        let (yes, no) = (true, false);
        let keys = ["a", "b", "a", "a", "b"];
        assert_eq!(struck(Often::Always, &keys), [yes; 5]);
        assert_eq!(struck(Often::EveryNth(2), &keys), [no, yes, no, yes, no]);
        assert_eq!(struck(Often::First(2), &keys), [yes, yes, no, no, no]);
        assert_eq!(struck(Often::After(2), &keys), [no, no, yes, yes, yes]);
        assert_eq!(struck(Often::FirstPerKey(1), &keys), [yes, yes, no, no, no]);
        assert_eq!(struck(Often::Burst { every: 3, length: 1 }, &keys), [yes, no, no, yes, no]);
        assert_eq!(struck(Often::AbovePerSecond(3), &keys), [no, no, no, yes, yes]);
        assert_eq!(struck(Often::EveryNth(0), &keys), [no; 5]);
    }

    #[test]
    fn chance_is_as_likely_as_it_says_and_does_not_depend_on_the_order() {
        let keys: Vec<String> = (0..2000).map(|i| format!("key-{}", i % 1000)).collect();
        let forward: Vec<&str> = keys.iter().map(String::as_str).collect();
        let chance = |seed| Often::Chance { probability: 0.05, seed };
        let hits = |keys: &[&str], seed| {
            let struck = struck(chance(seed), keys).into_iter().zip(keys);
            let mut hits: Vec<String> =
                struck.filter(|(hit, _)| *hit).map(|(_, key)| key.to_string()).collect();
            hits.sort();
            hits
        };
        let first = hits(&forward, 1);
        assert!((60..140).contains(&first.len()), "{}", first.len());
        let backward: Vec<&str> = forward.iter().rev().copied().collect();
        assert_eq!(first, hits(&backward, 1));
        assert_ne!(first, hits(&forward, 2));
        for (probability, all) in [(0.0, false), (1.0, true)] {
            assert_eq!(struck(Often::Chance { probability, seed: 0 }, &forward[..9]), [all; 9]);
        }
    }

    #[test]
    fn delays_add_up_and_the_first_other_effect_takes_place() {
        let judge = Judge::default();
        let delay = |milliseconds| Rule::new(Effect::Delay { milliseconds });
        judge.set(vec![delay(1), Rule::new(Effect::WrongBytes), Rule::new(Effect::Reset), delay(2)]);
        let verdict = judge.verdict(&request("a"), &Signed::default());
        assert_eq!(
            verdict,
            Verdict {
                delay: Duration::from_millis(3),
                effect: Some(Effect::WrongBytes),
                ..Verdict::default()
            }
        );
        judge.set(Vec::new());
        assert_eq!(judge.verdict(&request("a"), &Signed::default()), Verdict::default());
    }

    #[test]
    fn what_a_service_is_goes_together_with_what_happens_in_it() {
        let judge = Judge::default();
        let region = "eu-west-1".to_owned();
        let rules =
            [Effect::PermanentRedirect { region }, Effect::ClockAhead { seconds: 7 }, Effect::WrongBytes];
        judge.set(rules.clone().map(Rule::new).into());
        let verdict = |region: &str| {
            let signed = Signed { region: Some(region.to_owned()), ..Signed::default() };
            judge.verdict(&request("a"), &signed)
        };
        let strikes =
            |effect: &Effect| Verdict { clock_ahead: 7, effect: Some(effect.clone()), ..Verdict::default() };
        assert_eq!(verdict("us-west-2"), strikes(&rules[0]));
        assert_eq!(verdict("eu-west-1"), strikes(&rules[2]));
    }

    #[test]
    fn a_rule_is_about_the_requests_that_meet_all_its_conditions() {
        let all = Requests {
            method: Some("GET".to_owned()),
            operation: None,
            key_prefix: Some("a/".to_owned()),
            key_suffix: Some(".x".to_owned()),
            key_contains: Some("b".to_owned()),
            listing: Some(false),
            ranged: Some(false),
            access_key_id: Some("me".to_owned()),
        };
        assert!(concerns(&all, &request("a/b.x"), Some("me")));
        assert!(!concerns(&all, &request("a/b.x"), None));
        for other in ["b/b.x", "a/b.y", "a/c.x"] {
            assert!(!concerns(&all, &request(other), Some("me")), "{other}");
        }
        assert!(!concerns(&Requests { ranged: Some(true), ..Requests::default() }, &request("a"), None));
        let get_job = http::Request::get("/2023-10-12/farms/f/queues/q/jobs/j").body(()).unwrap();
        let get_job = RequestRecord::new(&get_job.into_parts().0);
        assert!(concerns(&Requests::for_operation("GetJob"), &get_job, None));
        assert!(!concerns(&Requests::for_operation("GetQueue"), &get_job, None));
        assert!(!concerns(&Requests::for_operation("GetJob"), &request("a"), None));
        assert!(!concerns(&Requests::listings(), &get_job, None));
        assert!(concerns(&Requests::listings(), &request("?list-type=2"), None));
        assert!(!concerns(&Requests::listings(), &request("a"), None));
        assert!(!concerns(&Requests::with_key("a"), &request("?prefix=a"), None));
    }
}
