//! Types that the schemas name: a string of one value at the same pointer of every event.

use std::collections::{BTreeMap, BTreeSet};

use super::{Candidate, Found, Rule, piece, preference};
use crate::document::child;
use crate::names::fold;
use crate::types::{Field, Form, Types, Use, Values};

/// The maximum nesting of a pointer.
const DEPTH_MAX: usize = 4;
/// The maximum number of fields that are looked at in one event.
const FIELDS_MAX: usize = 2_000;
/// The maximum number of pointers that are tried in pairs.
const PAIRED_MAX: usize = 20;

type Constants = BTreeMap<String, String>;

/// Takes one pointer at which every event has another value.
pub(super) fn pointer(types: &Types, events: &[Candidate<'_, '_>]) -> Option<Found> {
    let constants = all(types, events);
    let pointers = common(&constants);
    let pointer = pointers.into_iter().find(|pointer| {
        let values = constants.iter().map(|it| &it[pointer]);
        let is_different = values.collect::<BTreeSet<_>>().len() == events.len();
        is_different && (events.len() > 1 || is_likely(pointer, &constants[0], &events[0]))
    })?;
    Some(Found {
        rule: Rule::Sure(piece(&pointer)),
        types: constants
            .iter()
            .map(|it| it.get(&pointer).cloned())
            .collect(),
        pointers: vec![pointer],
        warnings: Vec::new(),
    })
}

/// Whether a pointer contains the type of a single event, whose other constants mean something else.
fn is_likely(pointer: &str, constants: &Constants, event: &Candidate<'_, '_>) -> bool {
    let is_name = constants
        .get(pointer)
        .is_some_and(|it| fold(it) == fold(&event.webhook.name));
    is_name || super::is_usual(pointer)
}

/// Takes two pointers that tell the events apart together.
pub(super) fn pair(types: &Types, events: &[Candidate<'_, '_>]) -> Option<Found> {
    if events.len() < 2 {
        return None;
    }
    let constants = all(types, events);
    let pointers: Vec<_> = common(&constants).into_iter().take(PAIRED_MAX).collect();
    let pairs = pointers.iter().enumerate();
    let mut pairs = pairs.flat_map(|(place, one)| {
        pointers[place + 1..]
            .iter()
            .map(move |another| (one, another))
    });
    let (one, another) = pairs.find(|(one, another)| {
        let values = constants.iter().map(|it| (&it[*one], &it[*another]));
        values.collect::<BTreeSet<_>>().len() == events.len()
    })?;
    let joined = |it: &Constants| Some(format!("{}.{}", it[one], it[another]));
    Some(Found {
        rule: Rule::Sure(format!("{}.{}", piece(one), piece(another))),
        types: constants.iter().map(joined).collect(),
        pointers: vec![one.clone(), another.clone()],
        warnings: Vec::new(),
    })
}

/// Returns pointers that could contain the type: strings that every event has and requires.
pub(super) fn candidates(types: &Types, events: &[Candidate<'_, '_>]) -> Vec<String> {
    const SHOWN_MAX: usize = 5;
    let mut everywhere: Option<BTreeSet<String>> = None;
    for event in events {
        let mut texts = BTreeSet::new();
        each_text(types, event.mapped.ty, &mut |pointer, _| {
            texts.insert(pointer.to_owned());
        });
        everywhere = Some(match everywhere {
            Some(known) => known.intersection(&texts).cloned().collect(),
            None => texts,
        });
    }
    let mut pointers: Vec<_> = everywhere.unwrap_or_default().into_iter().collect();
    pointers.sort_by_key(|pointer| (super::rank(pointer), preference(pointer)));
    pointers
        .iter()
        .take(SHOWN_MAX)
        .map(|it| piece(it))
        .collect()
}

/// Returns the strings of one value of each event.
fn all(types: &Types, events: &[Candidate<'_, '_>]) -> Vec<Constants> {
    let of = |event: &Candidate<'_, '_>| {
        let mut constants = Constants::new();
        each_text(types, event.mapped.ty, &mut |pointer, values| {
            if let Values::Known(values) = values
                && let [only] = values.as_slice()
            {
                constants.insert(pointer.to_owned(), only.clone());
            }
        });
        constants
    };
    events.iter().map(of).collect()
}

/// Returns the pointers that all events have, in the order of preference.
fn common(constants: &[Constants]) -> Vec<String> {
    let Some((first, others)) = constants.split_first() else {
        return Vec::new();
    };
    let everywhere = |pointer: &&String| others.iter().all(|it| it.contains_key(*pointer));
    let mut pointers: Vec<_> = first.keys().filter(everywhere).cloned().collect();
    pointers.sort_by_key(|pointer| preference(pointer));
    pointers
}

/// Calls a function for each string that a body must have outside of lists.
pub(super) fn each_text(types: &Types, body: Use, visit: &mut dyn FnMut(&str, &Values)) {
    let mut open = vec![(String::new(), body, 0)];
    let mut left = FIELDS_MAX;
    while let Some((pointer, used, depth)) = open.pop() {
        match types.form(used) {
            Form::Text(values) => visit(&pointer, values),
            Form::Record(fields) if depth < DEPTH_MAX => {
                let is_certain = |it: &&Field| it.is_required && !it.ty.is_nullable;
                let certain = fields.iter().filter(is_certain);
                // A brace would end the piece of a template.
                let usable = certain.filter(|it| !it.key.contains(['{', '}']));
                for field in usable.take(left) {
                    left -= 1;
                    open.push((child(&pointer, &field.key), field.ty, depth + 1));
                }
            }
            _ => {}
        }
    }
}
