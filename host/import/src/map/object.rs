//! Objects and arrays.

use std::collections::HashSet;

use super::{Mapper, Scope, is_anything};
use crate::document::{At, Node};
use crate::error::Error;
use crate::note::Note;
use crate::types::{Field, Form, Kinds, Use, Values};

impl<'a> Mapper<'a> {
    /// Maps an object: a record by its properties, a map by its values, or JSON text.
    pub(super) fn object(&mut self, at: &At<'a>, scope: Scope<'_>) -> Result<Use, Error> {
        if !at.table("properties").is_empty() {
            let fields = self.fields(at, scope)?;
            return Ok(self.types.of(Form::Record(fields)));
        }

        let patterns = at.table("patternProperties").into_iter();
        let mut values: Vec<_> = patterns.map(|(_, value)| value).collect();
        let additional = at.get("additionalProperties");
        values.extend(additional.filter(|it| it.node.object().is_some()));
        if values.is_empty() || values.iter().any(|it| is_anything(it.node)) {
            return Ok(self.types.of(Form::Opaque(Kinds::object())));
        }
        let mut value = self.types.of(Form::Never);
        for part in values {
            let part = self.schema(&part, scope.deeper())?;
            value = self.types.either(value, part);
        }
        Ok(self.types.of(Form::Map(value)))
    }

    fn fields(&mut self, at: &At<'a>, scope: Scope<'_>) -> Result<Vec<Field>, Error> {
        let required = at
            .node
            .get("required")
            .and_then(Node::list)
            .unwrap_or_default();
        let required: HashSet<_> = required.iter().filter_map(Node::text).collect();
        let mut fields = Vec::new();
        for (key, property) in at.table("properties") {
            if property.node.get("writeOnly").is_some_and(Node::is_true) {
                continue;
            }
            let ty = self.schema(&property, scope.deeper())?;
            if self.types.is_never(ty) {
                continue;
            }
            fields.push(Field {
                key: key.to_owned(),
                is_required: required.contains(key),
                note: self.note(&property, ty),
                ty,
            });
        }
        Ok(fields)
    }

    /// Returns the comment of a property. A type with a comment of its own needs none.
    fn note(&self, property: &At<'a>, ty: Use) -> Note {
        let note = Note::of(property.node);
        let has_own = matches!(
            self.types.form(ty),
            Form::Record(_) | Form::Text(Values::Known(_))
        );
        if has_own {
            return note;
        }
        match crate::resolve::resolved(self.document, property.clone()) {
            Ok(target) if target.pointer != property.pointer => note.or(Note::of(target.node)),
            _ => note,
        }
    }

    /// Maps an array. One whose items differ by position is a list of any JSON.
    pub(super) fn array(&mut self, at: &At<'a>, scope: Scope<'_>) -> Result<Use, Error> {
        let items = at.get("items").filter(|it| it.node.object().is_some());
        let item = match items {
            Some(items) if at.get("prefixItems").is_none() => {
                self.schema(&items, scope.deeper())?
            }
            _ => self.any(),
        };
        Ok(self.types.of(Form::List(item)))
    }
}
