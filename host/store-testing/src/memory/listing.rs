//! What lists of events and lists of messages have in common.

use std::collections::BTreeMap;

use hookyard_store::ListOrder;

/// All that follows `after` in that order.
pub(super) fn in_order<'s, I: Ord, T>(
    all: &'s BTreeMap<usize, T>,
    by_id: &BTreeMap<I, usize>,
    order: ListOrder,
    after: Option<I>,
) -> Box<dyn Iterator<Item = &'s T> + 's> {
    match order {
        ListOrder::OldestFirst => {
            let last = after.and_then(|id| by_id.range(..=id).next_back());
            Box::new(
                all.range(last.map_or(0, |(_, at)| at + 1)..)
                    .map(|(_, stored)| stored),
            )
        }
        ListOrder::NewestFirst => {
            let first = after.and_then(|id| by_id.range(id..).next());
            Box::new(
                all.range(..first.map_or(usize::MAX, |(_, at)| *at))
                    .rev()
                    .map(|(_, stored)| stored),
            )
        }
    }
}

/// Whether the text is in the body.
pub(super) fn contains(body: &[u8], text: &str) -> bool {
    text.is_empty() || body.windows(text.len()).any(|part| part == text.as_bytes())
}
