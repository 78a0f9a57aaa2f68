//! The corrections of types, collected first and applied at once.

use std::collections::{BTreeMap, BTreeSet};

use crate::package::Event;
use crate::types::{Field, Form, Rewrite, TypeId, Types, Use};

/// The way from a field to a value within lists and maps: `true` for a list.
pub(crate) type Way = Vec<bool>;

/// Corrections of the fields of records.
#[derive(Debug, Default)]
pub(crate) struct Fixes {
    fields: BTreeMap<(TypeId, String), Fix>,
    /// Fields that records get.
    added: BTreeMap<TypeId, Vec<Field>>,
}

/// The corrections of one field.
#[derive(Debug, Default)]
struct Fix {
    is_optional: bool,
    /// The types of values that did not fit, by the way to them.
    values: BTreeMap<Way, Use>,
}

impl Fixes {
    /// Notes that a field may be missing.
    pub(crate) fn optional(&mut self, record: TypeId, field: &Field) {
        if field.is_required && !field.ty.is_nullable {
            let fix = self.fields.entry((record, field.key.clone())).or_default();
            fix.is_optional = true;
        }
    }

    /// Notes a value that did not fit.
    pub(crate) fn value(&mut self, types: &mut Types, field: &(TypeId, String), way: Way, ty: Use) {
        let fix = self.fields.entry(field.clone()).or_default();
        let known = fix.values.entry(way).or_insert(ty);
        *known = types.either(*known, ty);
    }

    /// Notes a field that a record gets, unless it has a field with this key.
    pub(crate) fn add(&mut self, record: TypeId, field: Field) {
        let added = self.added.entry(record).or_default();
        if !added.iter().any(|it| it.key == field.key) {
            added.push(field);
        }
    }

    /// Returns how many fields are corrected.
    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    /// Applies the corrections to the types of events.
    pub(crate) fn apply_to(&self, types: &mut Types, events: &mut [Event]) {
        let roots: Vec<_> = events.iter().map(|event| event.ty).collect();
        let fixed = self.apply(types, roots.into_iter());
        for (event, ty) in events.iter_mut().zip(fixed) {
            event.ty = ty;
        }
    }

    fn apply(&self, types: &mut Types, roots: impl Iterator<Item = Use>) -> Vec<Use> {
        let records: BTreeSet<TypeId> = self.fields.keys().map(|(id, _)| *id).collect();
        let mut rewrite = Rewrite::new(types, |types, id, mut ty| {
            if let Form::Record(fields) = &mut ty.form
                && (records.contains(&id) || self.added.contains_key(&id))
            {
                for field in &mut *fields {
                    if let Some(fix) = self.fields.get(&(id, field.key.clone())) {
                        field.is_required &= !fix.is_optional;
                        for (way, value) in &fix.values {
                            field.ty = widened(types, field.ty, way, *value);
                        }
                    }
                }
                let added = self.added.get(&id).into_iter().flatten();
                fields.extend(added.cloned());
            }
            Use {
                id: types.add(ty),
                is_nullable: false,
            }
        });
        roots.map(|root| rewrite.apply(root)).collect()
    }
}

/// Returns a type that takes another value as well, at the end of a way.
fn widened(types: &mut Types, used: Use, way: &[bool], value: Use) -> Use {
    let Some((_, rest)) = way.split_first() else {
        let union = types.either(used, value);
        let is_same = union.id == used.id && *types.form(value) != Form::Never;
        // A value that fits no wider type, such as an integer that is too large, is kept as JSON.
        return if is_same { types.of(Form::Any) } else { union };
    };
    let mut ty = types.get(used.id).clone();
    match &mut ty.form {
        Form::List(part) | Form::Map(part) => *part = widened(types, *part, rest, value),
        _ => return types.of(Form::Any),
    }
    let id = types.add(ty);
    Use { id, ..used }
}
