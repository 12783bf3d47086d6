//! The pages of SearchJobs: by ascending creation time, which never changes, so that no job slips through between
//! two pages; offsets would shift as jobs end.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Timestamp;
use super::checkpoint::text;

/// The most that a page can hold.
const PAGE: usize = 100;

/// Which jobs are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filter {
    /// Jobs whose tasks may still run.
    Active,
    /// Jobs that ended then or later, in milliseconds since the epoch.
    EndedSince(i64),
}

/// A page to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Search {
    filter: Filter,
    /// Only jobs that were created then or later, in milliseconds since the epoch.
    from: Option<i64>,
    /// Only jobs that were created earlier.
    until: Option<i64>,
    offset: usize,
}

/// An answer to a page.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    #[serde(default)]
    pub jobs: Vec<Map<String, Value>>,
    #[serde(default)]
    total_results: usize,
}

impl Search {
    /// The first page of jobs that ended then or later.
    pub(super) fn ended(since: Timestamp) -> Self {
        Self { filter: Filter::EndedSince(since.milliseconds()), from: None, until: None, offset: 0 }
    }

    /// The first pages of active jobs. The creation times of those that were active last time cut them into ranges of
    /// about a page each, which can be asked for at once.
    pub(super) fn active(mut known: Vec<Timestamp>) -> Vec<Self> {
        known.sort_unstable();
        let cuts: Vec<i64> =
            known.iter().skip(PAGE).step_by(PAGE).map(|created| created.milliseconds()).collect();
        let starts = std::iter::once(None).chain(cuts.iter().copied().map(Some));
        let ends = cuts.iter().copied().map(Some).chain(std::iter::once(None));
        let range = |(from, until)| Self { filter: Filter::Active, from, until, offset: 0 };
        starts.zip(ends).filter(|(from, until)| from.is_none() || from != until).map(range).collect()
    }

    /// The page after this one.
    pub(super) fn next(self, page: &Page) -> Option<Self> {
        let last = page.jobs.last()?;
        if self.offset + page.jobs.len() >= page.total_results {
            return None;
        }
        let created = created_at(last);
        Some(match created {
            // More jobs than a page holds were created in one millisecond.
            Some(created) if page.jobs.first().and_then(created_at) == Some(created) => {
                let known = if self.from == Some(created) { self.offset } else { 0 };
                Self { from: Some(created), offset: known + page.jobs.len(), ..self }
            }
            Some(created) => Self { from: Some(created), offset: 0, ..self },
            None => Self { offset: self.offset + page.jobs.len(), ..self },
        })
    }

    /// The request's input.
    pub(super) fn input(self) -> Value {
        let date = |name: &str, time: i64, operator: &str| json!({ "dateTimeFilter": { "name": name, "dateTime": time, "operator": operator } });
        let of_jobs = match self.filter {
            Filter::Active => json!({ "stringListFilter": {
                "name": "TASK_RUN_STATUS",
                "operator": "ANY_EQUALS",
                "values": ["READY", "ASSIGNED", "STARTING", "SCHEDULED", "RUNNING"],
            } }),
            Filter::EndedSince(time) => date("ENDED_AT", time, "GREATER_THAN_EQUAL_TO"),
        };
        let mut filters = vec![json!({ "groupFilter": { "filters": [of_jobs], "operator": "AND" } })];
        filters.extend(self.from.map(|time| date("CREATED_AT", time, "GREATER_THAN_EQUAL_TO")));
        filters.extend(self.until.map(|time| date("CREATED_AT", time, "LESS_THAN")));
        json!({
            "itemOffset": self.offset,
            "pageSize": PAGE,
            "filterExpressions": { "filters": filters, "operator": "AND" },
            "sortExpressions": [{ "fieldSort": { "name": "CREATED_AT", "sortOrder": "ASCENDING" } }],
        })
    }
}

/// When a job was created, in milliseconds since the epoch.
fn created_at(job: &Map<String, Value>) -> Option<i64> {
    text(job, "createdAt").and_then(Timestamp::parse).map(Timestamp::milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Jobs by creation time in microseconds, as the service would answer.
    fn answer(search: Search, jobs: &[i64]) -> Page {
        let mut matching: Vec<i64> = jobs
            .iter()
            .copied()
            .filter(|created| search.from.is_none_or(|from| *created >= from * 1_000))
            .filter(|created| search.until.is_none_or(|until| *created < until * 1_000))
            .collect();
        matching.sort_unstable();
        let total_results = matching.len();
        let page = matching.into_iter().skip(search.offset).take(PAGE);
        let job = |created| Map::from_iter([("createdAt".into(), Timestamp(created).to_string().into())]);
        Page { jobs: page.map(job).collect(), total_results }
    }

    fn walk(jobs: &[i64], known: &[i64]) -> (Vec<i64>, usize) {
        let known = known.iter().copied().map(Timestamp).collect();
        let mut open = Search::active(known);
        let (mut seen, mut requests) = (Vec::new(), 0);
        while let Some(search) = open.pop() {
            let page = answer(search, jobs);
            requests += 1;
            assert!(requests < 1_000, "it never ends");
            let created =
                |job: &Map<String, Value>| Timestamp::parse(text(job, "createdAt").unwrap()).unwrap().0;
            seen.extend(page.jobs.iter().map(created));
            open.extend(search.next(&page));
        }
        seen.sort_unstable();
        seen.dedup();
        (seen, requests)
    }

    #[test]
    fn every_job_is_seen_whatever_the_times() {
        let spread: Vec<i64> = (0..1_050).map(|n| n * 1_000_500).collect();
        assert_eq!(walk(&spread, &[]).0, spread);
        let crowded: Vec<i64> = (0..950).map(|n| 5_000_000 + n).collect();
        assert_eq!(walk(&crowded, &[]).0, crowded);
        let mixed: Vec<i64> = (0..50).map(|n| n * 1_000).chain((0..350).map(|n| 60_000 + n)).collect();
        assert_eq!(walk(&mixed, &[]).0, mixed);
    }

    #[test]
    fn known_jobs_cost_a_page_each_hundred_and_all_at_once() {
        let jobs: Vec<i64> = (0..10_000).map(|n| n * 1_000_500).collect();
        assert_eq!(walk(&jobs, &jobs), (jobs.clone(), 100));
        assert_eq!(Search::active(jobs.iter().copied().map(Timestamp).collect()).len(), 100);
    }

    #[test]
    fn new_jobs_between_known_ones_are_seen() {
        let known: Vec<i64> = (0..500).map(|n| n * 10_000).collect();
        let all: Vec<i64> = (0..5_000).map(|n| n * 1_000).collect();
        assert_eq!(walk(&all, &known).0, all);
    }

    #[test]
    fn an_empty_queue_takes_one_page() {
        assert_eq!(walk(&[], &[]), (Vec::new(), 1));
    }
}
