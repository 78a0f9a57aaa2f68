//! The size of types as a host counts it: a shared type counts each time.

use std::collections::HashMap;

use super::{cases, emitted, has_name};
use crate::types::{Form, Kinds, Type, TypeId, Types, Use};

/// Counts the parts and the nesting of types, each type once.
#[derive(Debug, Default)]
pub(crate) struct Sizes {
    known: HashMap<TypeId, Size>,
}

/// The size of a type.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// The parts, saturating: a small document can describe a type of any size.
    pub(crate) parts: u64,
    /// The nesting; 1 for a type without parts.
    pub(crate) depth: usize,
}

impl Size {
    fn around(self, parts: u64, depth: usize) -> Self {
        Self {
            parts: self.parts.saturating_add(parts),
            depth: self.depth + depth,
        }
    }
}

impl Sizes {
    /// Returns the size of a used type, with its option.
    pub(crate) fn of(&mut self, types: &Types, used: Use) -> Size {
        self.optional(types, used, used.is_nullable)
    }

    fn optional(&mut self, types: &Types, used: Use, is_optional: bool) -> Size {
        let size = self.inner(types, used.id);
        if is_optional { size.around(1, 1) } else { size }
    }

    fn inner(&mut self, types: &Types, id: TypeId) -> Size {
        if let Some(known) = self.known.get(&id) {
            return *known;
        }
        let leaf = Size { parts: 1, depth: 1 };
        let size = match &types.get(id).form {
            Form::Any | Form::Never => leaf.around(1, 1),
            Form::Text(values) if cases(values).is_some() => leaf.around(1, 1),
            Form::List(item) => self.of(types, *item).around(1, 1),
            Form::Map(value) => self.of(types, *value).around(3, 2),
            Form::Record(fields) if has_name(types, id) => {
                let mut size = leaf;
                for (_, field) in emitted(fields).fields {
                    let is_optional = field.ty.is_nullable || !field.is_required;
                    let part = self.optional(types, field.ty, is_optional);
                    size.parts = size.parts.saturating_add(part.parts);
                    size.depth = size.depth.max(part.depth + 1);
                }
                size
            }
            _ => leaf,
        };
        self.known.insert(id, size);
        size
    }
}

/// Returns the type with everything below a depth kept as JSON.
pub(crate) fn shallow(types: &mut Types, sizes: &mut Sizes, used: Use, depth_max: usize) -> Use {
    if sizes.of(types, used).depth <= depth_max {
        return used;
    }
    let left = depth_max.saturating_sub(usize::from(used.is_nullable) + 1);
    let mut ty = types.get(used.id).clone();
    // The deepest that a value without parts of its own needs: an option of a variant of a string.
    if left < 3 {
        let text = types.of(as_text(&ty));
        return text.nullable(used.is_nullable);
    }
    match &mut ty.form {
        Form::List(part) => *part = shallow(types, sizes, *part, left),
        Form::Map(part) => *part = shallow(types, sizes, *part, left - 1),
        Form::Record(fields) => {
            for field in fields {
                let left = left - usize::from(!field.is_required && !field.ty.is_nullable);
                field.ty = shallow(types, sizes, field.ty, left);
            }
        }
        _ => {}
    }
    let id = types.add(ty);
    Use { id, ..used }
}

fn as_text(ty: &Type) -> Form {
    match &ty.form {
        Form::Record(_) | Form::Map(_) => Form::Opaque(Kinds::object()),
        Form::List(_) => Form::Opaque(Kinds {
            has_array: true,
            ..Kinds::default()
        }),
        other => other.clone(),
    }
}
