//! Types that only examples show: a string that is the name of the webhook.

use std::collections::BTreeMap;

use super::{Candidate, Found, Rule, piece, preference};
use crate::document::{At, Node, Value};
use crate::names::fold;

/// The maximum nesting of a pointer.
const DEPTH_MAX: usize = 4;
/// The maximum number of values that are looked at in one body.
const VALUES_MAX: usize = 2_000;

/// Takes the pointer at which most bodies have their webhook's name. At least half of the events
/// must have such a body.
pub(super) fn pointer(events: &[Candidate<'_, '_>]) -> Option<Found> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for event in events {
        let Some(body) = event.bodies.first() else {
            continue;
        };
        let name = fold(&event.webhook.name);
        each_text(body, &mut |pointer, text| {
            if fold(text) == name {
                *counts.entry(pointer.to_owned()).or_default() += 1;
            }
        });
    }
    let best = counts
        .iter()
        .max_by_key(|(pointer, count)| (**count, std::cmp::Reverse(preference(pointer))));
    let (pointer, count) = best.filter(|(_, count)| **count * 2 >= events.len())?;

    let value = |event: &Candidate<'_, '_>| {
        let body = event.bodies.first()?;
        let at = At::root(body).find(pointer).ok()?;
        at.node.text().map(str::to_owned)
    };
    let types: Vec<_> = events.iter().map(value).collect();
    let why = format!(
        "{count} of {} events have an example that shows it",
        events.len()
    );
    Some(Found {
        rule: Rule::Check(piece(pointer), why),
        warnings: odd_ones(events, &types, pointer),
        types,
        pointers: vec![pointer.clone()],
    })
}

/// Names the events whose examples have another text than their name.
fn odd_ones(events: &[Candidate<'_, '_>], types: &[Option<String>], pointer: &str) -> Vec<String> {
    let pairs = events.iter().zip(types);
    let odd = pairs.filter_map(|(event, found)| {
        let found = found.as_ref()?;
        let name = &event.webhook.name;
        (fold(found) != fold(name)).then(|| {
            let (name, found) = (crate::error::short(name), crate::error::short(found));
            format!("the example of `{name}` has `{found}` at {pointer}")
        })
    });
    odd.collect()
}

/// Calls a function for each text of a body outside of lists, and in the first item of a list.
fn each_text(body: &Node, visit: &mut dyn FnMut(&str, &str)) {
    let mut open = vec![(At::root(body), 0)];
    let mut left = VALUES_MAX;
    while let Some((at, depth)) = open.pop() {
        match &at.node.value {
            Value::Text(text) => visit(&at.pointer, text),
            Value::Object(_) if depth < DEPTH_MAX => {
                // A brace would end the piece of a template.
                let usable = at.entries().filter(|(key, _)| !key.contains(['{', '}']));
                for (_, part) in usable.take(left) {
                    left -= 1;
                    open.push((part, depth + 1));
                }
            }
            Value::List(_) if depth < DEPTH_MAX => {
                open.extend(at.items().take(1).map(|item| (item, depth + 1)));
            }
            _ => {}
        }
    }
}
