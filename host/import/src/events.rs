//! The chosen events: which webhooks they are, what type each has, and which are one event.

use std::collections::BTreeMap;

use crate::dialect::Webhook;
use crate::error::{Error, Fault, short};
use crate::names::{Given, is_match, kebab};
use crate::package::Event;
use crate::resolve::nearest;
use crate::types::{Types, Use};

/// A webhook with its type.
#[derive(Debug, Clone)]
pub(crate) struct Mapped {
    /// The place among the webhooks of the description.
    pub(crate) webhook: usize,
    pub(crate) ty: Use,
}

/// Returns the places of the webhooks that a list of patterns chooses; of all without patterns.
///
/// # Errors
///
/// Fails if a pattern matches no webhook.
pub(crate) fn chosen(webhooks: &[Webhook<'_>], patterns: &[String]) -> Result<Vec<usize>, Error> {
    let has = |webhook: &Webhook<'_>, pattern: &str| {
        let group = webhook.group.as_deref();
        is_match(pattern, &webhook.name) || group.is_some_and(|it| is_match(pattern, it))
    };
    let unknown = patterns
        .iter()
        .find(|pattern| !webhooks.iter().any(|it| has(it, pattern)));
    if let Some(pattern) = unknown {
        let groups = webhooks.iter().filter_map(|it| it.group.as_deref());
        let names = webhooks.iter().map(|it| it.name.as_str()).chain(groups);
        return Err(Error::general(Fault::UnknownEvent {
            pattern: short(pattern),
            near: nearest(pattern, names, 3),
        }));
    }
    let is_chosen = |webhook| patterns.is_empty() || patterns.iter().any(|it| has(webhook, it));
    let places = (0..webhooks.len()).filter(|place| is_chosen(&webhooks[*place]));
    Ok(places.collect())
}

/// Makes one event of the webhooks that have the same type of event. The type of a merged event
/// is the union of its webhooks' types.
pub(crate) fn merged(
    types: &mut Types,
    webhooks: &[Webhook<'_>],
    mapped: &[Mapped],
    type_of: impl Fn(usize) -> String,
    provider: &str,
) -> Vec<Event> {
    let mut groups: BTreeMap<String, Vec<&Mapped>> = BTreeMap::new();
    for one in mapped {
        groups.entry(type_of(one.webhook)).or_default().push(one);
    }

    let mut given = Given::reserving(&["other"]);
    let mut events = Vec::new();
    for (event_type, group) in groups {
        let mut union = group[0].ty;
        for one in &group[1..] {
            union = types.either(union, one.ty);
        }
        let text = match group.as_slice() {
            [only] => webhooks[only.webhook].text.clone(),
            _ => None,
        };
        events.push(Event {
            case: given.give(&case(&event_type, provider)),
            text,
            ty: Use {
                is_nullable: false,
                ..union
            },
            webhooks: group.iter().map(|one| one.webhook).collect(),
            event_type,
        });
    }
    events
}

/// Returns the case of a type, without the provider's own name at its start.
pub(crate) fn case(event_type: &str, provider: &str) -> String {
    let name = kebab(event_type);
    let prefix = format!("{}-", kebab(provider));
    let name = match name.strip_prefix(&prefix) {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase()) => rest.to_owned(),
        _ => name,
    };
    match name.as_str() {
        "other" => "other-event".into(),
        // A name begins with a letter.
        "" => match kebab(&format!("e{event_type}")) {
            name if name.len() > 1 => name,
            _ => "event".into(),
        },
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_the_type_without_the_provider() {
        for (event_type, provider, wanted) in [
            ("topi_saas.offer.accepted", "topi-saas", "offer-accepted"),
            ("pull_request", "github", "pull-request"),
            ("github", "github", "github"),
            ("github.2fa", "github", "github2fa"),
            ("other", "x", "other-event"),
            ("2fa.enabled", "x", "e2fa-enabled"),
            ("日本", "x", "event"),
        ] {
            assert_eq!(case(event_type, provider), wanted, "{event_type}");
        }
    }
}
