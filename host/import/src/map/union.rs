//! `oneOf`, `anyOf`, and the conditions `if`, `then` and `else`.

use std::collections::HashSet;

use super::{Mapper, Scope};
use crate::document::{At, Node};
use crate::error::Error;
use crate::resolve::{name_of, reference, target};
use crate::types::{Field, Form, Kinds, Use, Values};

impl<'a> Mapper<'a> {
    /// Maps a union, or returns `None` if the schema has none. `whole` is the rest of the schema.
    pub(super) fn union(
        &mut self,
        at: &At<'a>,
        keyword: &str,
        whole: Use,
        scope: Scope<'_>,
    ) -> Result<Option<Use>, Error> {
        let branches = at.list(keyword);
        if branches.is_empty() {
            return Ok(None);
        }
        let is_object = matches!(self.types.form(whole), Form::Record(_) | Form::Opaque(_));
        let mut union = self.types.of(Form::Never);
        for branch in branches {
            let part = if is_object && is_constraint(branch.node) {
                self.types.of(Form::Opaque(Kinds::object()))
            } else {
                self.schema(&branch, scope.deeper())?
            };
            union = self.types.either(union, part);
        }
        Ok(Some(self.discriminated(at, union)))
    }

    /// Makes the property that tells the branches of a union apart a variant of their names.
    fn discriminated(&mut self, at: &At<'a>, union: Use) -> Use {
        let discriminator = at.get("discriminator");
        let name = discriminator
            .as_ref()
            .and_then(|it| it.text("propertyName"));
        let mapping = discriminator.as_ref().and_then(|it| it.get("mapping"));
        let (Some(name), Some(mapping)) = (name, mapping) else {
            return union;
        };
        let tags: Vec<_> = mapping.entries().collect();
        let values = tags.iter().map(|(tag, _)| (*tag).to_owned()).collect();
        let known = self.types.of(Form::Text(Values::Known(values)));

        let is_tag = |field: &Field| field.key == name;
        let mut ty = self.types.get(union.id).clone();
        let Form::Record(fields) = &mut ty.form else {
            return union;
        };
        let Some(field) = fields.iter_mut().find(|field| is_tag(field)) else {
            return union;
        };
        field.note.remarks.extend(branches(&tags));
        if *self.types.form(field.ty) == Form::Text(Values::Any) {
            field.ty = known.nullable(field.ty.is_nullable);
        }
        let id = self.types.add(ty);
        Use { id, ..union }
    }

    /// Adds the fields of `then` and `else`, which an object may have.
    pub(super) fn with_conditions(
        &mut self,
        at: &At<'a>,
        whole: Use,
        scope: Scope<'_>,
    ) -> Result<Use, Error> {
        let Form::Record(mut fields) = self.types.form(whole).clone() else {
            return Ok(whole);
        };
        let count = fields.len();
        let mut known: HashSet<String> = fields.iter().map(|field| field.key.clone()).collect();
        for keyword in ["then", "else"] {
            let Some(part) = at.get(keyword) else {
                continue;
            };
            let part = self.schema(&part, scope.deeper())?;
            for field in self.types.fields(part) {
                if known.insert(field.key.clone()) {
                    fields.push(Field {
                        is_required: false,
                        ..field.clone()
                    });
                }
            }
        }
        if fields.len() == count {
            return Ok(whole);
        }
        let with_fields = self.types.of(Form::Record(fields));
        Ok(with_fields.nullable(whole.is_nullable))
    }

    /// Returns what the values of a schema are as JSON text, or `None` if a number, a boolean or
    /// anything else may be among them.
    pub(super) fn kinds(&self, at: &At<'a>) -> Result<Option<Kinds>, Error> {
        let mut kinds = Kinds::default();
        let mut seen = HashSet::new();
        let mut open = vec![at.clone()];
        while let Some(at) = open.pop() {
            if !seen.insert(at.pointer.clone()) {
                continue;
            }
            let lists = ["allOf", "oneOf", "anyOf"].map(|key| at.list(key));
            let parts: Vec<_> = lists.into_iter().flatten().collect();
            let reference = reference(&at);
            let is_combined = reference.is_some() || !parts.is_empty();
            if let Some(reference) = reference {
                open.push(target(self.document, &reference)?);
            }
            open.extend(parts);
            if !add_kinds(at.node, &mut kinds, is_combined) {
                return Ok(None);
            }
        }
        Ok((kinds != Kinds::default()).then_some(kinds))
    }
}

/// Adds the kinds of a schema's own type. Returns `false` if another kind is among them.
fn add_kinds(schema: &Node, kinds: &mut Kinds, is_combined: bool) -> bool {
    let names: Vec<&str> = match schema.get("type") {
        Some(ty) => match ty.list() {
            Some(names) => names.iter().filter_map(Node::text).collect(),
            None => ty.text().into_iter().collect(),
        },
        None if schema.get("properties").is_some() => vec!["object"],
        None if schema.get("items").is_some() => vec!["array"],
        None => return is_combined,
    };
    names.into_iter().all(|name| {
        match name {
            "object" => kinds.has_object = true,
            "array" => kinds.has_array = true,
            "string" => kinds.has_text = true,
            "null" => {}
            _ => return false,
        }
        true
    })
}

/// Whether a branch says only which fields must be there.
fn is_constraint(branch: &Node) -> bool {
    let keys = branch.object().map_or(&[][..], |it| it.entries());
    let is_one = |key: &str| matches!(key, "required" | "not" | "title" | "description");
    !keys.is_empty() && keys.iter().all(|entry| is_one(&entry.key))
}

/// Says which value of a discriminator stands for which schema.
fn branches(tags: &[(&str, At<'_>)]) -> Option<String> {
    const MAX: usize = 12;
    let tag = |(value, schema): &(&str, At<'_>)| {
        let name = name_of(schema.node.text().unwrap_or_default());
        format!(
            "`{}` is `{}`",
            crate::error::short(value),
            crate::error::short(name)
        )
    };
    let shown: Vec<_> = tags.iter().take(MAX).map(tag).collect();
    let more = if tags.len() > MAX { ", …" } else { "" };
    (!shown.is_empty()).then(|| format!("Names the schema: {}{more}.", shown.join(", ")))
}
