//! Helpers that lists of events and lists of messages share.

use std::collections::BTreeMap;

use hookyard_store::ListOrder;

/// Returns the items that follow `after` in the given order.
pub(super) fn in_order<'s, Id: Ord, T>(
    all: &'s BTreeMap<usize, T>,
    by_id: &BTreeMap<Id, usize>,
    order: ListOrder,
    after: Option<Id>,
) -> Box<dyn Iterator<Item = &'s T> + 's> {
    match order {
        ListOrder::OldestFirst => {
            let last = after.and_then(|id| by_id.range(..=id).next_back());
            let first = last.map_or(0, |(_, at)| at + 1);
            Box::new(all.range(first..).map(|(_, stored)| stored))
        }
        ListOrder::NewestFirst => {
            let last = after.and_then(|id| by_id.range(id..).next());
            let end = last.map_or(usize::MAX, |(_, at)| *at);
            Box::new(all.range(..end).rev().map(|(_, stored)| stored))
        }
    }
}

/// Returns whether the body contains the text, byte for byte.
pub(super) fn contains(body: &[u8], text: &str) -> bool {
    text.is_empty() || body.windows(text.len()).any(|part| part == text.as_bytes())
}
