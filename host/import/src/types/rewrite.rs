//! The same types with changes: everywhere at once, or along one path.

use std::collections::HashMap;

use super::{Form, Type, TypeId, Types, Use};

/// Changes types wherever they are used, each type once.
pub(crate) struct Rewrite<'t, F> {
    pub(crate) types: &'t mut Types,
    rule: F,
    done: HashMap<TypeId, Use>,
}

impl<'t, F> Rewrite<'t, F>
where
    F: FnMut(&mut Types, TypeId, Type) -> Use,
{
    /// Prepares changes. The rule gets the old id of a type and the type with its parts changed.
    pub(crate) fn new(types: &'t mut Types, rule: F) -> Self {
        let done = HashMap::new();
        Self { types, rule, done }
    }

    /// Returns the changed type.
    pub(crate) fn apply(&mut self, used: Use) -> Use {
        if let Some(done) = self.done.get(&used.id) {
            return done.nullable(used.is_nullable);
        }
        let mut ty = self.types.get(used.id).clone();
        match &mut ty.form {
            Form::List(part) | Form::Map(part) => *part = self.apply(*part),
            Form::Record(fields) => {
                for field in fields {
                    field.ty = self.apply(field.ty);
                }
            }
            _ => {}
        }
        let changed = (self.rule)(self.types, used.id, ty);
        self.done.insert(used.id, changed);
        changed.nullable(used.is_nullable)
    }
}

impl Types {
    /// Changes the type at a path: keys of records, `*` for items and `{}` for values. Returns
    /// `None` if there is no such path. The other uses of the types stay as they are.
    pub(crate) fn edit(
        &mut self,
        used: Use,
        path: &[String],
        change: &mut dyn FnMut(&mut Self, &mut Type, usize),
    ) -> Option<Use> {
        let mut ty = self.get(used.id).clone();
        let (step, rest) = path.split_first()?;
        match &mut ty.form {
            Form::List(part) if step == "*" => *part = self.edit(*part, rest, change)?,
            Form::Map(part) if step == "{}" => *part = self.edit(*part, rest, change)?,
            Form::Record(fields) => {
                let place = fields.iter().position(|field| field.key == *step)?;
                if rest.is_empty() {
                    change(self, &mut ty, place);
                } else {
                    fields[place].ty = self.edit(fields[place].ty, rest, change)?;
                }
            }
            _ => return None,
        }
        let id = self.add(ty);
        Some(Use { id, ..used })
    }
}
