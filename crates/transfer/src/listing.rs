//! Lists all keys below some prefixes, many pages at once: what is left of a long list is split where keys are likely.

use std::collections::HashSet;
use std::sync::Arc;

use rusty_attachments_core::Result;
use rusty_attachments_core::keys::ListedObject;

use crate::client::{Client, Page, Since};
use crate::concurrency::Concurrency;
use crate::pace::{Finished, Pace};

/// What a page holds in memory, as XML and as keys.
const PAGE: u64 = 1024 * 1024;
const DECIMAL: &str = "0123456789";
const HEXADECIMAL: &str = "0123456789abcdef";
/// The length of the hexadecimal part of an id.
const ID: usize = 32;

/// Keys of one list that are still to be listed, by one page after another or by several at once.
#[derive(Debug, PartialEq)]
struct Stretch {
    /// The number of the list.
    list: usize,
    since: Since,
    /// The last key that is listed, where a token leads on from there.
    listed: Option<String>,
    /// The last key that may belong to it; the next stretch begins after that.
    up_to: Option<String>,
}

/// For each prefix, every object whose key begins with it, in the order of the keys.
///
/// # Errors
/// As [`Client::list`].
pub(crate) async fn list_all(
    client: &Arc<Client>,
    prefixes: Vec<String>,
    concurrency: Concurrency,
) -> Result<Vec<Vec<ListedObject>>> {
    let mut found: Vec<Vec<ListedObject>> = prefixes.iter().map(|_| Vec::new()).collect();
    let whole = |list| Stretch { list, since: Since::Start, listed: None, up_to: None };
    let mut stretches: Vec<Stretch> = (0..prefixes.len()).map(whole).collect();
    let prefixes: Arc<[String]> = prefixes.into();
    let mut tokens = HashSet::new();
    while !stretches.is_empty() {
        let (mut left, mut failure) = (Vec::new(), None);
        let list = |stretch: Stretch| {
            let (client, prefixes) = (client.clone(), prefixes.clone());
            async move {
                let value = list_some(&client, &prefixes[stretch.list], &stretch).await;
                Finished { bytes: PAGE, value: value.map(|(objects, left)| (stretch.list, objects, left)) }
            }
        };
        let take = |listed: Result<(usize, Vec<ListedObject>, Vec<Stretch>)>| match listed {
            Ok((number, objects, more)) => {
                found[number].extend(objects);
                let leads_back = more.iter().any(|stretch| match &stretch.since {
                    Since::Token(token) => !tokens.insert((number, token.clone())),
                    Since::Start | Since::After(_) => false,
                });
                if leads_back {
                    // Pages without a key would be followed for ever.
                    failure.get_or_insert(client.unreadable(&prefixes[number]));
                }
                left.extend(more);
                !leads_back
            }
            Err(error) => {
                failure.get_or_insert(error);
                false
            }
        };
        let pace = Pace::new(concurrency, client.width());
        pace.run(stretches, |_| PAGE, || client.throttles(), list, take).await?;
        if let Some(error) = failure {
            return Err(error);
        }
        stretches = left;
    }
    for list in &mut found {
        list.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        list.dedup_by(|a, b| a.key == b.key);
    }
    Ok(found)
}

/// One page of a stretch, and what is left of the stretch after it.
async fn list_some(
    client: &Client,
    prefix: &str,
    stretch: &Stretch,
) -> Result<(Vec<ListedObject>, Vec<Stretch>)> {
    let mut page = client.list_page(prefix, &stretch.since).await?;
    if !page.objects.is_sorted_by(|a, b| a.key < b.key) {
        // Directory buckets have no order, so nothing tells where their lists could be split.
        return Ok((client.list(prefix).await?, Vec::new()));
    }
    let first = page.objects.first().map(|object| &object.key);
    if first.zip(stretch.listed.as_ref()).is_some_and(|(first, listed)| first <= listed) {
        // Tokens that lead back would be followed for ever.
        return Err(client.unreadable(prefix));
    }
    let left = rest(stretch, &page);
    let belongs = |key: &str| {
        stretch.up_to.as_deref().is_none_or(|last| key <= last)
            && !matches!(&stretch.since, Since::After(before) if key <= before.as_str())
    };
    page.objects.retain(|object| belongs(&object.key));
    Ok((page.objects, left))
}

/// What is left of a stretch when a page of it is there: as much as has passed or less is one stretch again.
fn rest(stretch: &Stretch, page: &Page) -> Vec<Stretch> {
    let Some(token) = page.next.as_ref() else { return Vec::new() };
    let (first, last) = match page.objects.as_slice() {
        [] => ("", ""),
        [one] => (one.key.as_str(), one.key.as_str()),
        [first, .., last] => (first.key.as_str(), last.key.as_str()),
    };
    if stretch.up_to.as_deref().is_some_and(|up_to| last >= up_to) {
        return Vec::new();
    }
    let mut since = Since::Token(token.clone());
    let mut listed = if last.is_empty() { stretch.listed.clone() } else { Some(last.to_owned()) };
    let mut stretches = Vec::new();
    let inside = |place: &String| stretch.up_to.as_ref().is_none_or(|up_to| place < up_to);
    for place in likely_places(first, last).into_iter().filter(inside) {
        stretches.push(Stretch {
            list: stretch.list,
            since,
            listed: listed.take(),
            up_to: Some(place.clone()),
        });
        since = Since::After(place);
    }
    stretches.push(Stretch { list: stretch.list, since, listed, up_to: stretch.up_to.clone() });
    stretches
}

/// Places behind `last`, in order, between which there are likely to be keys, if those from `first` to `last` were
/// only the smaller part. Keys differ in the digits of an id, of a number or of a time.
fn likely_places(first: &str, last: &str) -> Vec<String> {
    let shared = first.bytes().zip(last.bytes()).take_while(|(a, b)| a == b).count();
    let (Some(stem), Some(&reached)) = (last.get(..shared), last.as_bytes().get(shared)) else {
        return Vec::new();
    };
    let is_hexadecimal = |byte: &u8| HEXADECIMAL.as_bytes().contains(byte);
    let before = stem.bytes().rev().take_while(is_hexadecimal).count();
    let after = last.bytes().skip(shared).take_while(is_hexadecimal).count();
    let digits = if before + after == ID { HEXADECIMAL } else { DECIMAL };
    let Some(reached) = digits.find(char::from(reached)) else { return Vec::new() };
    let began = first.as_bytes().get(shared).and_then(|&byte| digits.find(char::from(byte))).unwrap_or(0);
    let left = &digits[reached + 1..];
    if left.len() <= reached - began {
        return Vec::new();
    }
    left.chars().map(|digit| format!("{stem}{digit}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_numbered_tasks_is_split_at_their_first_digits() {
        let stem = format!("job/step-{0}/task-{0}-", "0f".repeat(16));
        let places = likely_places(&format!("{stem}0/x"), &format!("{stem}1089/x"));
        let expected: Vec<String> = (2..=9).map(|digit| format!("{stem}{digit}")).collect();
        assert_eq!(places, expected);
    }

    #[test]
    fn a_list_of_steps_is_split_at_their_hexadecimal_digits() {
        let step = |digit: &str| format!("job/step-{}/task", digit.repeat(32));
        let places = likely_places(&step("0"), &step("4"));
        assert_eq!(places.len(), 11);
        assert_eq!((places[0].as_str(), places[10].as_str()), ("job/step-5", "job/step-f"));
    }

    #[test]
    fn what_is_likely_no_longer_than_a_page_is_not_split() {
        assert_eq!(likely_places("t-21/", "t-218/x"), Vec::<String>::new());
        for (first, last) in [("", ""), ("a", "a"), ("ab", "a"), ("ä", "ö"), ("x", "y")] {
            assert_eq!(likely_places(first, last), Vec::<String>::new(), "{first} {last}");
        }
    }

    #[test]
    fn stretches_follow_each_other_without_a_gap() {
        let object = |key: &str| ListedObject { key: key.into(), ..Default::default() };
        let page = Page { objects: vec![object("k0"), object("k2")], next: Some("t".into()) };
        let whole = Stretch { list: 3, since: Since::Start, listed: None, up_to: Some("k55".into()) };
        let stretch =
            |since, up_to: &str| Stretch { list: 3, since, listed: None, up_to: Some(up_to.into()) };
        let next = Stretch { listed: Some("k2".into()), ..stretch(Since::Token("t".into()), "k3") };
        assert_eq!(
            rest(&whole, &page),
            [
                next,
                stretch(Since::After("k3".into()), "k4"),
                stretch(Since::After("k4".into()), "k5"),
                stretch(Since::After("k5".into()), "k55"),
            ]
        );
        let ended = Stretch { list: 0, since: Since::Start, listed: None, up_to: Some("k2".into()) };
        assert_eq!(rest(&ended, &page), []);
    }

    /// What S3 answers, with the last key as the token.
    fn page(keys: &[String], since: &Since) -> Page {
        let start = match since {
            Since::Start => 0,
            Since::Token(key) | Since::After(key) => keys.partition_point(|other| other <= key),
        };
        let end = keys.len().min(start + 1_000);
        let objects = keys[start..end].iter();
        Page {
            objects: objects.map(|key| ListedObject { key: key.clone(), ..Default::default() }).collect(),
            next: (end < keys.len()).then(|| keys[end - 1].clone()),
        }
    }

    #[test]
    fn a_hundred_thousand_manifests_take_few_answers_one_after_another() {
        let id = "0f".repeat(16);
        let key =
            |task: u32| format!("job-{id}/step-{id}/task-{id}-{task}/2026_sessionaction-{id}-0/r_output");
        let mut keys: Vec<String> = (0..100_000).map(key).collect();
        keys.sort();
        let mut stretches = vec![Stretch { list: 0, since: Since::Start, listed: None, up_to: None }];
        let (mut answers, mut requests) = (0, 0);
        while !stretches.is_empty() {
            answers += 1;
            requests += stretches.len();
            stretches =
                stretches.iter().flat_map(|stretch| rest(stretch, &page(&keys, &stretch.since))).collect();
        }
        assert!(answers <= 8 && requests <= 250, "{answers} one after another, {requests} in all");
    }
}
