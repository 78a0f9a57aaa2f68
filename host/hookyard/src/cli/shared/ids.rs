//! Finds stored items by the first digits of their ids, and shortens ids for tables.

use std::fmt::Display;

use anyhow::{Context, anyhow, bail};
use hookyard_store::Page;
use hookyard_store_sqlite::SqliteStore;

use super::UNREADABLE;
use super::id_prefix::IdPrefix;
use super::item::Item;

/// The maximum number of ids that an error about an ambiguous prefix lists.
const LISTED_MAX: usize = 5;

/// Returns the id of the one stored item whose id begins with these digits.
///
/// # Errors
///
/// Fails if no item matches, or more than one.
pub(crate) async fn find<T: Item>(store: &SqliteStore, prefix: &IdPrefix) -> anyhow::Result<T::Id> {
    let selection = T::with_id_range(prefix.range(T::id_from));
    let items = T::page(store, Page::first(selection, LISTED_MAX + 1))
        .await
        .context(UNREADABLE)?;

    only(T::NOUN, prefix, items.iter().map(T::id).collect())
}

/// Returns the ids of the stored items whose ids begin with these digits.
///
/// # Errors
///
/// Fails if one of the prefixes matches no item, or more than one.
pub(crate) async fn find_all<T: Item>(
    store: &SqliteStore,
    prefixes: &[IdPrefix],
) -> anyhow::Result<Vec<T::Id>> {
    let mut ids = Vec::new();
    for prefix in prefixes {
        ids.push(find::<T>(store, prefix).await?);
    }
    Ok(ids)
}

fn only<I: Display + Copy>(noun: &str, prefix: &IdPrefix, found: Vec<I>) -> anyhow::Result<I> {
    match found[..] {
        [id] => Ok(id),
        [] => Err(anyhow!("no {noun} {prefix} is stored")),
        _ => {
            let listed: Vec<_> = found
                .iter()
                .take(LISTED_MAX)
                .map(ToString::to_string)
                .collect();
            let more = if found.len() > LISTED_MAX {
                ", and others"
            } else {
                ""
            };
            bail!(
                "several {noun}s begin with {prefix}: {}{more}; give more digits",
                listed.join(", ")
            )
        }
    }
}

/// The minimum length of a shortened id. With fewer characters, all ids of one minute look alike.
const SHORT_MIN: usize = 13;

/// Shortens each id to as many characters as distinguish it from the others.
pub(crate) fn shortened(ids: &[String]) -> Vec<String> {
    let mut sorted: Vec<&str> = ids.iter().map(String::as_str).collect();
    sorted.sort_unstable();

    let short = |id: &String| {
        // The ids that share the most with this one are next to it in the sorted list.
        let at = sorted.partition_point(|other| *other < id.as_str());
        let before = at
            .checked_sub(1)
            .map_or(0, |before| common_length(sorted[before], id));
        let after = sorted
            .get(at + 1)
            .map_or(0, |after| common_length(after, id));

        let length = (before.max(after) + 1).max(SHORT_MIN);
        id[..length.min(id.len())].to_owned()
    };
    ids.iter().map(short).collect()
}

/// Returns the length of the beginning that two ids have in common.
fn common_length(one: &str, other: &str) -> usize {
    one.bytes()
        .zip(other.bytes())
        .take_while(|(a, b)| a == b)
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortened_ids_stay_distinct() {
        let ids = [
            "0197308f-0001-7000-8000-000000000001",
            "0197308f-0000-7000-8000-000000000001",
            "0197308f-0000-7000-8000-000000000023",
        ]
        .map(str::to_owned);
        let expected = [
            "0197308f-0001",
            "0197308f-0000-7000-8000-00000000000",
            "0197308f-0000-7000-8000-00000000002",
        ];

        assert_eq!(shortened(&ids), expected);
        assert_eq!(shortened(&ids[..1]), ["0197308f-0001"]);
        assert_eq!(shortened(&[]), [""; 0]);
    }

    #[test]
    fn ambiguous_id_prefix_is_refused() {
        let prefix: IdPrefix = "0197".parse().expect("a prefix");
        let error = |found| {
            only("event", &prefix, found)
                .expect_err("not one")
                .to_string()
        };

        assert_eq!(only("event", &prefix, vec![7]).expect("one"), 7);
        assert_eq!(error(vec![]), "no event 0197 is stored");
        assert_eq!(
            error(vec![1, 2]),
            "several events begin with 0197: 1, 2; give more digits"
        );
        assert_eq!(
            error(vec![1, 2, 3, 4, 5, 6]),
            "several events begin with 0197: 1, 2, 3, 4, 5, and others; give more digits"
        );
    }
}
