//! The types of a package as `import.lock` has them: one line for each path.

use std::collections::BTreeMap;

use super::{Event, Package, cases, emitted, has_name};
use crate::document::child;
use crate::lock::{Locked, LockedEvent, Word};
use crate::types::{Field, Form, Integer, Use, Values};

impl Package<'_> {
    /// Returns the events with the type at each path.
    pub(crate) fn locked(&self, has_types: bool) -> BTreeMap<String, LockedEvent> {
        let locked = |event: &Event| {
            let mut paths = BTreeMap::new();
            self.add("", event.ty, event.ty.is_nullable, &mut paths);
            let types = if has_types {
                vec![event.event_type.clone()]
            } else {
                Vec::new()
            };
            (event.case.clone(), LockedEvent { types, paths })
        };
        self.events.iter().map(locked).collect()
    }

    fn add(&self, path: &str, used: Use, is_option: bool, paths: &mut BTreeMap<String, Locked>) {
        let word = self.word(used);
        paths.insert(path.to_owned(), Locked { is_option, word });
        match self.types.form(used) {
            Form::List(item) => self.add(&format!("{path}/*"), *item, item.is_nullable, paths),
            Form::Map(value) => self.add(&format!("{path}/{{}}"), *value, value.is_nullable, paths),
            Form::Record(fields) => self.add_fields(path, fields, paths),
            _ => {}
        }
    }

    fn add_fields(&self, path: &str, fields: &[Field], paths: &mut BTreeMap<String, Locked>) {
        let emitted = emitted(fields);
        for (_, field) in emitted.fields {
            let is_option = field.ty.is_nullable || !field.is_required;
            self.add(&child(path, &field.key), field.ty, is_option, paths);
        }
        for field in emitted.nameless.into_iter().chain(emitted.clashing) {
            let locked = Locked {
                is_option: true,
                word: Word::LeftOut,
            };
            paths.insert(child(path, &field.key), locked);
        }
    }

    fn word(&self, used: Use) -> Word {
        match self.types.form(used) {
            Form::Any | Form::Never => Word::Json,
            Form::Bool => Word::Bool,
            Form::Integer(Integer::S32) => Word::S32,
            Form::Integer(Integer::S64) => Word::S64,
            Form::Integer(Integer::U32) => Word::U32,
            Form::Integer(Integer::U64) => Word::U64,
            Form::Number => Word::F64,
            Form::Text(values) => match (cases(values), values) {
                (Some(_), Values::Known(values)) => {
                    let mut values = values.clone();
                    values.sort();
                    Word::Values(values)
                }
                _ => Word::Text,
            },
            Form::Opaque(kinds) if kinds.cut.is_some() => Word::Cut,
            Form::Opaque(_) => Word::JsonText,
            Form::List(_) => Word::List,
            Form::Map(_) => Word::Map,
            Form::Record(_) if has_name(self.types, used.id) => Word::Record,
            Form::Record(_) => Word::JsonText,
        }
    }
}
