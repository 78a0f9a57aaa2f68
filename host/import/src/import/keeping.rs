//! What a further import keeps of the last one, and which changes it reports.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::{PACKAGE, Work, limits};
use crate::diff::{self, Change, Keep, Keeping, What};
use crate::events::case;
use crate::lock::tree::Node;
use crate::lock::{Lock, LockedEvent, Word};
use crate::note::Note;
use crate::package::{Event, Package};
use crate::required::{Fixes, Required};
use crate::rules::TypeRule;
use crate::types::{Field, Form, Integer, Kinds, Types, Use, Values};

impl Work<'_, '_> {
    /// Returns the types as the description has them, to compare with the last import. Returns
    /// `None` without a last import, and if the types would be too many lines.
    pub(super) fn described(&self, events: &[Event], rule: &TypeRule) -> Option<Lock> {
        const LINES_MAX: u64 = 1_000_000;
        self.request.previous.as_ref()?;
        (limits::parts(&self.types, events) <= LINES_MAX).then(|| self.locked(events, rule))
    }

    fn locked(&self, events: &[Event], rule: &TypeRule) -> Lock {
        let has_types = !matches!(rule.rule, crate::rules::Rule::Unknown(_));
        Lock {
            events: Package::new(&self.types, events).locked(has_types),
            ..Lock::default()
        }
    }

    /// Returns the events of the last import that the description does not have anymore, unless the
    /// operator gives them up.
    pub(super) fn kept_events(&mut self, events: &[Event], rule: &TypeRule) -> Vec<Event> {
        if self.request.keep.prune {
            return Vec::new();
        }
        let gone = self.gone(events, rule);
        let kept = gone.into_iter().filter_map(|case| {
            let event = self.request.previous.as_ref()?.events.get(&case)?;
            kept_event(&mut self.types, &case, event)
        });
        kept.collect()
    }

    /// Returns the cases of the last import whose events the description does not have anymore. An
    /// event that is only not chosen is none of them.
    fn gone(&self, events: &[Event], rule: &TypeRule) -> BTreeSet<String> {
        let webhooks = &self.description.webhooks;
        let types: BTreeSet<String> = (0..webhooks.len())
            .map(|webhook| rule.type_of(webhooks, webhook))
            .collect();
        let described = events.iter().filter(|event| !event.webhooks.is_empty());
        let cases: BTreeSet<String> = types
            .iter()
            .map(|name| case(name, &self.request.name))
            .chain(described.map(|event| event.case.clone()))
            .collect();
        let is_gone = |(case, event): &(&String, &LockedEvent)| {
            !cases.contains(*case) && !event.types.iter().any(|name| types.contains(name))
        };
        let previous = self.request.previous.iter();
        let before = previous.flat_map(|lock| &lock.events);
        before
            .filter(is_gone)
            .map(|(case, _)| case.clone())
            .collect()
    }

    /// Returns the version of the package that is written.
    pub(super) fn package_version(&self, written: &Lock, changes: &[Change]) -> String {
        match &self.request.previous {
            Some(previous) => diff::next_version(previous, written, changes),
            None => PACKAGE.to_owned(),
        }
    }

    /// Compares with the last import, and keeps of it what the operator did not give up.
    ///
    /// `described` has the types as the description has them, before options and bodies changed
    /// them. The changes that only the options or the bodies made are left out.
    pub(super) fn keep(
        &mut self,
        events: &mut [Event],
        rule: &TypeRule,
        described: Option<&Lock>,
    ) -> Vec<Change> {
        let Some(previous) = &self.request.previous else {
            return Vec::new();
        };
        let wanted = self.locked(events, rule);
        let described = described.unwrap_or(&wanted);
        let by_options = diff::compare(previous, &wanted);
        let places: BTreeSet<(&str, &str)> = by_options
            .iter()
            .map(|change| (change.case.as_str(), change.path.as_str()))
            .collect();
        let gone = self.gone(events, rule);
        let mut changes = diff::compare(previous, described);
        changes.retain(|change| match change.what {
            What::EventGone => gone.contains(&change.case),
            _ => places.contains(&(change.case.as_str(), change.path.as_str())),
        });

        let mut options = self.request.keep;
        options.tighten |= self.request.options.required == Required::Trust;
        let mut fixes = Fixes::default();
        for keep in diff::keep(previous, &wanted, options) {
            let is_dropped = matches!(keep.what, Keeping::Field(_)) && has(described, &keep);
            if !is_dropped && let Some(event) = events.iter().find(|it| it.case == keep.case) {
                apply(&mut self.types, event.ty, &keep, &mut fixes);
            }
        }
        fixes.apply_to(&mut self.types, events);
        changes
    }
}

/// Whether the description has the path of a part that was kept: the options drop the part.
fn has(described: &Lock, keep: &Keep) -> bool {
    let event = described.events.get(&keep.case);
    event.is_some_and(|event| event.paths.contains_key(&keep.path))
}

fn kept_event(types: &mut Types, case: &str, event: &LockedEvent) -> Option<Event> {
    let body = Node::of(event)?;
    Some(Event {
        case: case.to_owned(),
        event_type: event.types.first().map_or(case, String::as_str).to_owned(),
        text: Some("The description does not have this event anymore.".to_owned()),
        ty: rebuilt(types, &body),
        webhooks: Vec::new(),
    })
}

/// Notes what is kept at a path of an event.
fn apply(types: &mut Types, body: Use, keep: &Keep, fixes: &mut Fixes) {
    if let Keeping::Field(paths) = &keep.what {
        let event = LockedEvent {
            types: Vec::new(),
            paths: paths.clone(),
        };
        let record = keep.path.rsplit_once('/').map_or("", |(record, _)| record);
        let field = Node::at(&event, &keep.path).map(|node| field(types, &node));
        if let (Some(record), Some(field)) = (types.at(body, record), field) {
            fixes.add(record.id, field);
        }
        return;
    }

    let Some(place) = types.place(body, &keep.path) else {
        return;
    };
    match &keep.what {
        Keeping::Option if place.way.is_empty() => {
            if let Form::Record(fields) = &types.get(place.record).form
                && let Some(field) = fields.iter().find(|field| field.key == place.key)
            {
                fixes.optional(place.record, field);
            }
        }
        Keeping::Option => {
            let null = types.of(Form::Never).nullable(true);
            fixes.value(types, &(place.record, place.key), place.way, null);
        }
        Keeping::Number(word) => {
            let wide = rebuilt_word(types, word);
            fixes.value(types, &(place.record, place.key), place.way, wide);
        }
        Keeping::Values(values) => {
            let values = types.of(Form::Text(Values::Known(values.clone())));
            fixes.value(types, &(place.record, place.key), place.way, values);
        }
        Keeping::Field(_) | Keeping::Event(_) => {}
    }
}

/// Makes a field that the description does not have anymore.
fn field(types: &mut Types, node: &Node<'_>) -> Field {
    Field {
        key: node.key(),
        ty: rebuilt(types, node),
        is_required: false,
        note: Note {
            remarks: vec!["Not in the description anymore.".to_owned()],
            ..Note::default()
        },
    }
}

/// Makes a type of its lines in a lock.
fn rebuilt(types: &mut Types, node: &Node<'_>) -> Use {
    match (&node.locked.word, &node.item) {
        (Word::List, Some(item)) => {
            let item = rebuilt(types, item).nullable(item.locked.is_option);
            types.of(Form::List(item))
        }
        (Word::Map, Some(value)) => {
            let value = rebuilt(types, value).nullable(value.locked.is_option);
            types.of(Form::Map(value))
        }
        (Word::Record, _) => {
            let mut fields = Vec::new();
            for node in node.fields.values() {
                fields.push(Field {
                    key: node.key(),
                    ty: rebuilt(types, node),
                    is_required: !node.locked.is_option,
                    note: Note::default(),
                });
            }
            types.of(Form::Record(fields))
        }
        (word, _) => rebuilt_word(types, word),
    }
}

fn rebuilt_word(types: &mut Types, word: &Word) -> Use {
    let form = match word {
        Word::Bool => Form::Bool,
        Word::S32 => Form::Integer(Integer::S32),
        Word::S64 => Form::Integer(Integer::S64),
        Word::U32 => Form::Integer(Integer::U32),
        Word::U64 => Form::Integer(Integer::U64),
        Word::F64 => Form::Number,
        Word::Text => Form::Text(Values::Any),
        Word::Values(values) => Form::Text(Values::Known(values.clone())),
        Word::JsonText | Word::Cut => Form::Opaque(Kinds::object()),
        Word::Json | Word::List | Word::Map | Word::Record | Word::LeftOut => Form::Any,
    };
    types.of(form)
}
