//! The rules of `provider.toml`: where an event has its type and its key.
//!
//! The type is looked for over all events of a document, so that the choice of events moves no
//! rule. A rule that could be wrong for some event is proposed as a comment, and the host refuses
//! the file until somebody has looked at the rule.

mod constant;
mod example;
mod key;
#[cfg(test)]
mod tests;

use crate::dialect::Webhook;
use crate::document::Node;
use crate::events::Mapped;
use crate::names::fold;
use crate::types::Types;

pub(crate) use key::key;

/// The maximum number of events that are compared.
const EVENTS_MAX: usize = 5_000;

/// A rule of `provider.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rule {
    /// The value, in the language of `provider.toml`.
    Sure(String),
    /// A value that somebody must look at, and why.
    Check(String, String),
    /// No value, but some that might be meant.
    Unknown(Vec<String>),
}

/// The rule for types, and the type of each webhook of the description.
#[derive(Debug)]
pub(crate) struct TypeRule {
    pub(crate) rule: Rule,
    /// The JSON pointers that the rule reads.
    pub(crate) pointers: Vec<String>,
    types: Vec<Option<String>>,
    /// What a reader should know about.
    pub(crate) warnings: Vec<String>,
}

impl TypeRule {
    /// Makes the rule that the operator gave as a pointer.
    pub(crate) fn given(pointer: &str, types: Vec<Option<String>>) -> Self {
        Self {
            rule: Rule::Sure(piece(pointer)),
            pointers: vec![pointer.to_owned()],
            types,
            warnings: Vec::new(),
        }
    }

    /// Returns the type of a webhook. Where the rule does not tell, the document's name stands for
    /// the type.
    pub(crate) fn type_of(&self, webhooks: &[Webhook<'_>], place: usize) -> String {
        let known = self.types.get(place).cloned().flatten();
        known.unwrap_or_else(|| webhooks[place].name.clone())
    }
}

/// An event as the rules see it.
pub(crate) struct Candidate<'w, 'a> {
    pub(crate) webhook: &'w Webhook<'a>,
    pub(crate) mapped: &'w Mapped,
    /// Bodies of the event: examples and samples.
    pub(crate) bodies: Vec<&'w Node>,
}

/// Finds the rule for the types of events. `count` is the number of the description's webhooks.
pub(crate) fn event_type(types: &Types, events: &[Candidate<'_, '_>], count: usize) -> TypeRule {
    // No host loads more events, and comparing very many takes long.
    let compared = if events.len() > EVENTS_MAX {
        &[]
    } else {
        events
    };
    let found = constant::pointer(types, compared)
        .or_else(|| example::pointer(compared))
        .or_else(|| constant::pair(types, compared))
        .or_else(|| header(compared));
    let found = found.unwrap_or_else(|| Found {
        rule: Rule::Unknown(constant::candidates(types, compared)),
        pointers: Vec::new(),
        types: vec![None; events.len()],
        warnings: Vec::new(),
    });

    let mut by_webhook = vec![None; count];
    for (event, event_type) in events.iter().zip(found.types) {
        by_webhook[event.mapped.webhook] = event_type;
    }
    TypeRule {
        rule: found.rule,
        pointers: found.pointers,
        types: by_webhook,
        warnings: found.warnings,
    }
}

/// A rule with the type of each event, in the order of the events.
struct Found {
    rule: Rule,
    pointers: Vec<String>,
    types: Vec<Option<String>>,
    warnings: Vec<String>,
}

/// Takes a required header that sounds like the type. Events of one group share a type, because
/// an operation's id has the type before its `/`.
fn header(events: &[Candidate<'_, '_>]) -> Option<Found> {
    let first = events.first()?;
    let is_type = |name: &str| {
        let name = fold(name);
        let is_id = name.ends_with("id") || name.contains("delivery");
        (name.contains("event") || name.contains("topic")) && !is_id
    };
    let everywhere = |name: &str| {
        let has = |event: &Candidate<'_, '_>| {
            let mut headers = event.webhook.headers.iter();
            headers.any(|it| it.is_required && it.name == name)
        };
        events.iter().all(has)
    };
    let headers = first.webhook.headers.iter().map(|header| header.name);
    let name = headers
        .into_iter()
        .find(|name| is_type(name) && everywhere(name))?;

    let event_type = |event: &Candidate<'_, '_>| {
        let group = event.webhook.group.as_ref().unwrap_or(&event.webhook.name);
        Some(group.replace('-', "_"))
    };
    let why = "the document does not say what the header contains";
    Some(Found {
        rule: Rule::Check(format!("{{header:{name}}}"), why.into()),
        pointers: Vec::new(),
        types: events.iter().map(event_type).collect(),
        warnings: Vec::new(),
    })
}

/// Returns a piece of a template that reads a pointer.
fn piece(pointer: &str) -> String {
    format!("{{json:{pointer}}}")
}

/// The keys that usually contain the type, the most usual first.
const USUAL: [&str; 6] = ["type", "event", "event_type", "eventType", "topic", "kind"];

fn is_usual(pointer: &str) -> bool {
    rank(pointer) < USUAL.len()
}

/// The place of a key among those that usually contain the type.
fn rank(pointer: &str) -> usize {
    let key = pointer.rsplit('/').next().unwrap_or_default();
    USUAL
        .iter()
        .position(|usual| *usual == key)
        .unwrap_or(USUAL.len())
}

/// Orders pointers: the shortest first, then the usual keys, then by the alphabet.
fn preference(pointer: &str) -> (usize, usize, String) {
    (
        pointer.matches('/').count(),
        rank(pointer),
        pointer.to_owned(),
    )
}
