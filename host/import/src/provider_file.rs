//! Writes `provider.toml`. What the description does not say is a comment with `TODO`, and the host refuses the
//! file until the comment is replaced. Every text of a document is quoted.

use crate::names::fold;
use crate::package::Event;
use crate::rules::Rule;
use crate::types::{Form, Types};

/// The content of the file.
pub(crate) struct Content<'c> {
    pub(crate) name: &'c str,
    pub(crate) title: &'c str,
    pub(crate) key: &'c Rule,
    pub(crate) event_type: &'c Rule,
    /// The key under which every event has its content, if all have the same envelope.
    pub(crate) envelope: Option<String>,
    pub(crate) events: &'c [Event],
}

/// Returns the text of the file.
pub(crate) fn write(content: &Content<'_>) -> String {
    let name = content.name;
    let title = crate::note::paragraph(content.title).unwrap_or_default();
    let envelope = content.envelope.as_ref().map(|key| {
        let key = quoted(&format!("/{key}"));
        format!("# Every event has its content at {key}, in an envelope of the same fields.\n")
    });
    let key_why = "what the sender repeats when it sends an event again, such as\n\
                   # \"{header:X-Delivery-Id}\"; or \"none\"";
    let type_why = "where an event has its type, such as \"{json:/type}\", or \"none\"";
    let lines = event_lines(content.events).join("\n");
    format!(
        "# {title}, by `hookyard provider import`.\n\
         name = \"{name}\"\n\
         package = \"{name}:webhooks\"\n\
         {}content = \"\"\n\
         {}{}\n\
         [scheme]\n\
         # TODO: how the sender proves who it is, from the sender's own documentation. A description of\n\
         # webhooks does not say, so the import does not guess.\n\
         # default = \"standard-webhooks\"\n\
         # allowed = [\"standard-webhooks\"]\n\n\
         [events]                        # the sender's type = the case in {name}.wit\n\
         {lines}\n",
        envelope.unwrap_or_default(),
        rule("key", content.key, key_why),
        rule("type", content.event_type, type_why),
    )
}

fn rule(key: &str, rule: &Rule, what_for: &str) -> String {
    match rule {
        Rule::Sure(value) => format!("{key} = {}\n", quoted(value)),
        Rule::Check(value, why) => {
            format!("# TODO check, for {why}:\n# {key} = {}\n", quoted(value))
        }
        Rule::Unknown(candidates) => {
            let mut text = format!("# TODO: {what_for}\n");
            for candidate in candidates {
                text.push_str(&format!("# {key} = {}\n", quoted(candidate)));
            }
            text
        }
    }
}

/// Returns the lines of `[events]`.
pub(crate) fn event_lines(events: &[Event]) -> Vec<String> {
    let line = |event: &Event| format!("{} = {}", quoted(&event.event_type), quoted(&event.case));
    events.iter().map(line).collect()
}

/// Returns a text as a basic string of TOML.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if crate::note::is_hidden(c) => quoted.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Returns the key under which every event has a record, beside the same scalars in all events.
pub(crate) fn envelope(types: &Types, events: &[Event]) -> Option<String> {
    let of = |event: &Event| {
        let mut scalars = Vec::new();
        let mut content = None;
        for field in types.fields(event.ty) {
            match types.form(field.ty) {
                Form::Record(_) if content.is_none() && field.is_required => {
                    content = Some(field.key.clone());
                }
                Form::Record(_) | Form::List(_) | Form::Map(_) | Form::Opaque(_) => return None,
                _ => scalars.push(fold(&field.key)),
            }
        }
        scalars.sort();
        Some((content?, scalars))
    };
    let (first, others) = events.split_first()?;
    let shared = of(first).filter(|(_, scalars)| !scalars.is_empty())?;
    let is_same = others
        .iter()
        .all(|event| of(event).as_ref() == Some(&shared));
    (is_same && !others.is_empty()).then_some(shared.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_quotes() {
        assert_eq!(
            quoted("a\"b\\c\nd\u{7f}\u{202e}"),
            r#""a\"b\\c\nd\u007F\u202E""#
        );
    }
}
