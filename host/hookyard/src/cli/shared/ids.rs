//! Events and messages that are named by the first digits of their ids.

use std::fmt::Display;

use anyhow::{Context, anyhow, bail};
use hookyard_model::{EventId, MessageId};
use hookyard_store::{EventPage, EventSelection, Events, MessagePage, MessageSelection, Outbox};
use hookyard_store_sqlite::SqliteStore;

use crate::cli::shared::id_prefix::IdPrefix;

/// How many are named where the digits fit several.
const NAMED_MAX: usize = 5;

/// The stored event whose id begins like this.
pub(crate) async fn event(inbox: &SqliteStore, prefix: &IdPrefix) -> anyhow::Result<EventId> {
    let selection = EventSelection {
        id_range: Some(prefix.range(EventId::from_uuid)),
        ..EventSelection::default()
    };
    let found = inbox
        .events(EventPage::first(selection, NAMED_MAX + 1))
        .await
        .context("the events can't be read")?;
    only(
        "event",
        prefix,
        found.into_iter().map(|event| event.id).collect(),
    )
}

/// The stored events whose ids begin like these. Nothing is found where one of them isn't there.
pub(crate) async fn events(
    inbox: &SqliteStore,
    prefixes: &[IdPrefix],
) -> anyhow::Result<Vec<EventId>> {
    let mut ids = Vec::new();
    for prefix in prefixes {
        ids.push(event(inbox, prefix).await?);
    }
    Ok(ids)
}

/// The stored message whose id begins like this.
pub(crate) async fn message(inbox: &SqliteStore, prefix: &IdPrefix) -> anyhow::Result<MessageId> {
    let selection = MessageSelection {
        id_range: Some(prefix.range(MessageId::from_uuid)),
        ..MessageSelection::default()
    };
    let page = MessagePage::first(selection, NAMED_MAX + 1);
    let found = inbox
        .messages(page)
        .await
        .context("the messages can't be read")?;
    only(
        "message",
        prefix,
        found.into_iter().map(|message| message.id).collect(),
    )
}

fn only<I: Display + Copy>(what: &str, prefix: &IdPrefix, found: Vec<I>) -> anyhow::Result<I> {
    match found[..] {
        [id] => Ok(id),
        [] => Err(anyhow!("no {what} {prefix} is stored")),
        _ => {
            let named: Vec<_> = found
                .iter()
                .take(NAMED_MAX)
                .map(ToString::to_string)
                .collect();
            let more = if found.len() > NAMED_MAX {
                ", and others"
            } else {
                ""
            };
            bail!(
                "several {what}s begin with {prefix}: {}{more}; give more digits",
                named.join(", ")
            )
        }
    }
}

/// Fewest characters of a shortened id: with fewer, ids of one minute look alike.
const SHORT_MIN: usize = 13;

/// The ids, each cut to what tells it from the others.
pub(crate) fn shortened(ids: &[String]) -> Vec<String> {
    let mut sorted: Vec<&str> = ids.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    let common = |one: &str, other: &str| {
        one.bytes()
            .zip(other.bytes())
            .take_while(|(a, b)| a == b)
            .count()
    };
    let short = |id: &String| {
        let at = sorted.partition_point(|other| *other < id.as_str());
        let before = at
            .checked_sub(1)
            .map_or(0, |before| common(sorted[before], id));
        let after = sorted.get(at + 1).map_or(0, |after| common(after, id));
        id[..(before.max(after) + 1).max(SHORT_MIN).min(id.len())].to_owned()
    };
    ids.iter().map(short).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_cut_to_what_tells_them_apart() {
        let ids = [
            "0197308f-0001-7000-8000-000000000001",
            "0197308f-0000-7000-8000-000000000001",
            "0197308f-0000-7000-8000-000000000023",
        ];
        let ids = ids.map(str::to_owned);
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
    fn an_id_is_named_alone_or_not_at_all() {
        let prefix: IdPrefix = "0197".parse().expect("a prefix");
        assert_eq!(only("event", &prefix, vec![7]).expect("one"), 7);
        let refused = |found| {
            only("event", &prefix, found)
                .expect_err("not one")
                .to_string()
        };
        assert_eq!(refused(vec![]), "no event 0197 is stored");
        assert_eq!(
            refused(vec![1, 2]),
            "several events begin with 0197: 1, 2; give more digits"
        );
        assert_eq!(
            refused(vec![1, 2, 3, 4, 5, 6]),
            "several events begin with 0197: 1, 2, 3, 4, 5, and others; give more digits"
        );
    }
}
