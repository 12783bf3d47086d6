//! In which order objects and ranges are fetched: neither many small files nor a large one waits for the other.

use std::iter;
use std::sync::Arc;

use rusty_attachments_core::Content;

use super::large::Large;
use super::layout::RANGE;
use super::object::{self, Outcome, SMALL};
use super::run::Run;
use crate::pace::Finished;

/// So many large files take turns with their ranges: while one is waited for, the others' are hashed as they come.
const TURNS: usize = 8;

/// One request's worth of work.
pub(crate) enum Job {
    /// One object, for all the files that want it.
    Small(Vec<u32>),
    /// One range of a file, by its number.
    Range(Arc<Large>, usize),
}

impl Job {
    /// What it may hold in memory.
    pub(crate) fn memory(&self, run: &Run) -> u64 {
        match self {
            Self::Small(files) => run.file(files[0]).size.unwrap_or(0),
            Self::Range(large, range) => large.memory(*range),
        }
    }

    pub(crate) async fn run(self, run: Arc<Run>) -> Finished<Vec<Outcome>> {
        match self {
            Self::Small(files) => object::fetch(run, files).await,
            Self::Range(large, range) => large.fetch(run, range).await,
        }
    }
}

/// The jobs for all of these files; those with the same content are one.
pub(crate) fn jobs(run: &Arc<Run>, mut wanted: Vec<u32>) -> impl Iterator<Item = Job> + use<> {
    wanted.sort_by_key(|&index| run.file(index).object);
    let objects = wanted.chunk_by(|&a, &b| run.file(a).object == run.file(b).object).map(<[u32]>::to_vec);
    let (small, large): (Vec<_>, Vec<_>) = objects.partition(|files| is_small(run, files[0]));
    let ranges = large.iter().map(|files| run.file(files[0]).size.unwrap_or(0).div_ceil(RANGE));
    let (small_count, range_count) = (small.len() as u64, ranges.sum());
    let run = run.clone();
    let mut large = large.into_iter().map(move |files| Large::new(&run, files)).peekable();
    let ranges = iter::from_fn(move || {
        let mut group = Vec::new();
        // One at a time always gets on, whatever else the process has open.
        while group.len() < TURNS
            && let Some(next) = large.peek_mut()
            && (next.may_wait() || group.is_empty())
        {
            group.extend(large.next().map(Arc::new));
        }
        (!group.is_empty()).then_some(group)
    });
    weave((small.into_iter().map(Job::Small), small_count), (ranges.flat_map(take_turns), range_count))
}

fn is_small(run: &Run, index: u32) -> bool {
    let file = run.file(index);
    let size = file.size.unwrap_or(0);
    size == 0 || size <= SMALL && matches!(file.content, Content::Object { .. })
}

/// The first range of each, the second of each, and so on.
fn take_turns(group: Vec<Arc<Large>>) -> impl Iterator<Item = Job> {
    let most = group.iter().map(|large| large.range_count()).max().unwrap_or(0);
    (0..most).flat_map(move |range| {
        let having: Vec<_> = group.iter().filter(|large| range < large.range_count()).cloned().collect();
        having.into_iter().map(move |large| Job::Range(large, range))
    })
}

/// Takes from both in proportion to how much each has, so that they end together.
fn weave<T>(a: (impl Iterator<Item = T>, u64), b: (impl Iterator<Item = T>, u64)) -> impl Iterator<Item = T> {
    let ((mut a, a_count), (mut b, b_count)) = (a, b);
    let (mut a_taken, mut b_taken) = (0, 0);
    iter::from_fn(move || {
        if u128::from(a_taken) * u128::from(b_count) <= u128::from(b_taken) * u128::from(a_count) {
            a_taken += 1u64;
            a.next().or_else(|| b.next())
        } else {
            b_taken += 1u64;
            b.next().or_else(|| a.next())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_large_jobs_are_spread_among_many_small_ones() {
        let woven: String = weave(("s".repeat(9).chars(), 9), ("LLL".chars(), 3)).collect();
        assert_eq!(woven.len(), 12);
        for quarter in woven.as_bytes().chunks(4) {
            assert_eq!(quarter.iter().filter(|&&job| job == b'L').count(), 1, "{woven}");
        }
    }

    #[test]
    fn nothing_is_lost_where_a_count_was_wrong() {
        assert_eq!(weave((0..5, 1), (5..7, 9)).count(), 7);
        assert_eq!(weave((0..5, 0), (5..7, 0)).count(), 7);
    }
}
