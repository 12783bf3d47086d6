//! The objects of all buckets, in memory and in key order.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::object::Object;

type Bucket = BTreeMap<String, Arc<Object>>;

/// Every bucket. `None` from a method that names a bucket means that there is no such bucket.
#[derive(Default)]
pub(crate) struct Store {
    buckets: RwLock<BTreeMap<String, Bucket>>,
}

impl Store {
    pub(crate) fn create_bucket(&self, bucket: &str) {
        self.write().entry(bucket.to_owned()).or_default();
    }

    pub(crate) fn has_bucket(&self, bucket: &str) -> bool {
        self.read().contains_key(bucket)
    }

    pub(crate) fn get(&self, bucket: &str, key: &str) -> Option<Option<Arc<Object>>> {
        Some(self.read().get(bucket)?.get(key).cloned())
    }

    pub(crate) fn put(&self, bucket: &str, key: &str, object: Object) -> Option<()> {
        self.write().get_mut(bucket)?.insert(key.to_owned(), Arc::new(object));
        Some(())
    }

    /// Stores an object again, with the same bytes and another entity tag.
    pub(crate) fn renew_e_tag(&self, bucket: &str, key: &str, number: u64) {
        if let Some(object) = self.write().get_mut(bucket).and_then(|bucket| bucket.get_mut(key)) {
            *object = Arc::new(Object::clone(object).with_e_tag(format!("{number:032x}")));
        }
    }

    pub(crate) fn remove(&self, bucket: &str, key: &str) -> Option<Option<Arc<Object>>> {
        Some(self.write().get_mut(bucket)?.remove(key))
    }

    pub(crate) fn list(&self, bucket: &str, query: &ListQuery<'_>) -> Option<Page> {
        Some(page(self.read().get(bucket)?, query))
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Bucket>> {
        self.buckets.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Bucket>> {
        self.buckets.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which part of a bucket to list.
#[derive(Default)]
pub(crate) struct ListQuery<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) delimiter: &'a str,
    /// Only entries after this one.
    pub(crate) after: &'a str,
    pub(crate) limit: usize,
}

/// One page of a listing.
#[derive(Default)]
pub(crate) struct Page {
    pub(crate) objects: Vec<(String, Arc<Object>)>,
    pub(crate) common_prefixes: Vec<String>,
    /// Where the next page goes on, if there is one.
    pub(crate) next: Option<String>,
}

fn page(bucket: &Bucket, query: &ListQuery<'_>) -> Page {
    let mut page = Page::default();
    if query.limit == 0 {
        return page;
    }
    let from = query.after.max(query.prefix);
    let keys = bucket.range::<str, _>((Bound::Included(from), Bound::Unbounded));
    let mut last = "";
    let mut taken = 0;
    for (key, object) in keys.take_while(|(key, _)| key.starts_with(query.prefix)) {
        let shared = common_prefix(key, query);
        let entry = shared.unwrap_or(key);
        // A common prefix stands for all its keys: those behind it are neither entries of their own
        // nor, on the next page, the same entry again.
        if entry <= query.after && !query.after.is_empty() || shared == Some(last) {
            continue;
        }
        if taken == query.limit {
            page.next = Some(last.to_owned());
            break;
        }
        match shared {
            Some(prefix) => page.common_prefixes.push(prefix.to_owned()),
            None => page.objects.push((key.clone(), Arc::clone(object))),
        }
        taken += 1;
        last = entry;
    }
    page
}

fn common_prefix<'k>(key: &'k str, query: &ListQuery<'_>) -> Option<&'k str> {
    if query.delimiter.is_empty() {
        return None;
    }
    let rest = key.get(query.prefix.len()..)?;
    let end = query.prefix.len() + rest.find(query.delimiter)? + query.delimiter.len();
    key.get(..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(keys: &[&str]) -> Bucket {
        keys.iter().map(|key| ((*key).to_owned(), Arc::new(Object::new("")))).collect()
    }

    fn walk(bucket: &Bucket, prefix: &str, delimiter: &str, limit: usize) -> Vec<String> {
        let mut entries = Vec::new();
        let mut after = String::new();
        for _ in 0..100 {
            let query = ListQuery { prefix, delimiter, after: &after, limit };
            let page = page(bucket, &query);
            let mut names = page.common_prefixes;
            names.extend(page.objects.into_iter().map(|(key, _)| key));
            names.sort();
            entries.extend(names);
            match page.next {
                Some(next) => after = next,
                None => return entries,
            }
        }
        panic!("the listing does not end");
    }

    #[test]
    fn every_page_size_yields_every_entry_exactly_once() {
        let bucket = bucket(&["a/", "a/1", "a/2", "b", "c/1/x", "c/2", "d/ü", "e", "z/1"]);
        for limit in 1..12 {
            assert_eq!(walk(&bucket, "", "/", limit), ["a/", "b", "c/", "d/", "e", "z/"], "limit {limit}");
            assert_eq!(walk(&bucket, "", "", limit).len(), 9, "limit {limit}");
            assert_eq!(walk(&bucket, "c/", "/", limit), ["c/1/", "c/2"], "limit {limit}");
            assert_eq!(walk(&bucket, "a/", "/", limit), ["a/", "a/1", "a/2"], "limit {limit}");
        }
    }

    #[test]
    fn a_full_last_page_does_not_announce_another() {
        let bucket = bucket(&["a", "b"]);
        let query = ListQuery { limit: 2, ..ListQuery::default() };
        assert_eq!(page(&bucket, &query).next, None);
    }

    #[test]
    fn nothing_is_listed_up_to_the_start() {
        let bucket = bucket(&["a", "b", "c"]);
        let query = ListQuery { after: "b", limit: 9, ..ListQuery::default() };
        let keys: Vec<_> = page(&bucket, &query).objects.into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["c"]);
    }
}
