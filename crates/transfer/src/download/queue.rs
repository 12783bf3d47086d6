//! In which order objects and ranges are fetched: neither many small files nor a large one waits for the other.

use std::collections::VecDeque;
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
            group.extend(large.next().map(|large| (large.range_count(), Arc::new(large))));
        }
        (!group.is_empty()).then_some(group)
    });
    let ranges = ranges.flat_map(take_turns).map(|(range, large)| Job::Range(large, range));
    weave((small.into_iter().map(Job::Small), small_count), (ranges, range_count))
}

fn is_small(run: &Run, index: u32) -> bool {
    let file = run.file(index);
    let size = file.size.unwrap_or(0);
    size == 0 || size <= SMALL && matches!(file.content, Content::Object { .. })
}

/// Counts with what they are of: each with the number 0, each that has more with the number 1, and so on. What has had its
/// last turn is let go of, since a file stays open as long as anybody holds it.
fn take_turns<T: Clone>(group: Vec<(usize, T)>) -> impl Iterator<Item = (usize, T)> {
    let mut turns: VecDeque<_> = group.into_iter().map(|(count, one)| (0..count, one)).collect();
    iter::from_fn(move || {
        loop {
            let (mut numbers, one) = turns.pop_front()?;
            let Some(number) = numbers.next() else { continue };
            if !numbers.is_empty() {
                turns.push_back((numbers, one.clone()));
            }
            return Some((number, one));
        }
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
    fn each_has_its_turn_and_is_let_go_of_with_its_last() {
        let [a, b] = ["a", "b"].map(Arc::new);
        let mut turns = take_turns(vec![(3, a.clone()), (0, Arc::new("none")), (1, b.clone())]);
        let held = || (Arc::strong_count(&a) - 1, Arc::strong_count(&b) - 1);
        let mut next = || turns.next().map(|(number, one)| (*one, number, held()));
        assert_eq!(next(), Some(("a", 0, (2, 1))));
        assert_eq!(next(), Some(("b", 0, (1, 1))));
        assert_eq!((next(), next()), (Some(("a", 1, (2, 0))), Some(("a", 2, (1, 0)))));
        assert_eq!((next(), held()), (None, (0, 0)));
    }

    #[test]
    fn nothing_is_lost_where_a_count_was_wrong() {
        assert_eq!(weave((0..5, 1), (5..7, 9)).count(), 7);
        assert_eq!(weave((0..5, 0), (5..7, 0)).count(), 7);
    }
}
