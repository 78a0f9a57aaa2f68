//! The types of a description, before they have names in WIT.
//!
//! Types are kept once each: two types of equal structure have the same id. So a type may be large
//! when it is written out, and is still cheap to compare and to combine. A type from a `$ref` keeps
//! its origin, and types of different origin stay apart.

mod combine;
mod integer;
mod place;
mod rewrite;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use crate::error::Fault;
use crate::note::Note;

pub(crate) use integer::Integer;
pub(crate) use rewrite::Rewrite;

/// The maximum number of different types of one import. A document of the maximum size that is
/// made to be combined without end meets this bound.
const TYPES_MAX: usize = 400_000;
/// The maximum number of fields that are compared when types are combined.
const WORK_MAX: usize = 10_000_000;
/// The maximum number of fields of a record that was merged of several.
pub(crate) const MERGED_MAX: usize = 128;

/// A type in [`Types`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct TypeId(u32);

/// A type as it is used at a place: there it may be null.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Use {
    pub(crate) id: TypeId,
    pub(crate) is_nullable: bool,
}

/// A type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Type {
    pub(crate) form: Form,
    /// The JSON pointer of the `$ref` that the type is from.
    pub(crate) origin: Option<String>,
    pub(crate) note: Note,
}

/// What a type is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    /// Any JSON value.
    Any,
    /// No value. If it may be null, the value is always null.
    Never,
    Bool,
    Integer(Integer),
    Number,
    Text(Values),
    /// JSON that is kept as text.
    Opaque(Kinds),
    List(Use),
    /// An object whose keys are data.
    Map(Use),
    Record(Vec<Field>),
}

/// The values of a string.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Values {
    Any,
    /// Only these, in the order of the document.
    Known(Vec<String>),
}

/// The kinds of JSON that a text stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Kinds {
    pub(crate) has_text: bool,
    pub(crate) has_object: bool,
    pub(crate) has_array: bool,
    /// The name of the type that would contain itself here.
    pub(crate) cut: Option<String>,
}

/// A field of a record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Field {
    /// The key as the sender writes it.
    pub(crate) key: String,
    pub(crate) ty: Use,
    pub(crate) is_required: bool,
    pub(crate) note: Note,
}

impl Use {
    /// Returns the same type where it may also be null.
    pub(crate) fn nullable(self, is_nullable: bool) -> Self {
        Self {
            is_nullable: self.is_nullable || is_nullable,
            ..self
        }
    }
}

impl Kinds {
    /// An object of any content.
    pub(crate) fn object() -> Self {
        Self {
            has_object: true,
            ..Self::default()
        }
    }
}

/// All types of an import.
#[derive(Debug)]
pub(crate) struct Types {
    all: Vec<Type>,
    ids: HashMap<Type, TypeId>,
    unions: HashMap<(TypeId, TypeId), Use>,
    work_left: usize,
    /// The first reason why there is no further type.
    fault: Option<Fault>,
    /// How many times two schemas of an `allOf` contradicted each other.
    pub(crate) contradictions: usize,
}

impl Default for Types {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            ids: HashMap::new(),
            unions: HashMap::new(),
            work_left: WORK_MAX,
            fault: None,
            contradictions: 0,
        }
    }
}

impl Types {
    /// Returns the id of a type.
    pub(crate) fn add(&mut self, ty: Type) -> TypeId {
        if let Some(id) = self.ids.get(&ty) {
            return *id;
        }
        if self.all.len() == TYPES_MAX {
            self.fault.get_or_insert(Fault::TooManyTypes(TYPES_MAX));
            return TypeId(0);
        }
        let id = TypeId(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        self.all.push(ty.clone());
        self.ids.insert(ty, id);
        id
    }

    /// Returns the use of a form without a name, where it is not null.
    pub(crate) fn of(&mut self, form: Form) -> Use {
        let id = self.add(Type {
            form,
            origin: None,
            note: Note::default(),
        });
        Use {
            id,
            is_nullable: false,
        }
    }

    /// Returns a type.
    pub(crate) fn get(&self, id: TypeId) -> &Type {
        &self.all[id.0 as usize]
    }

    /// Returns the form of a used type.
    pub(crate) fn form(&self, used: Use) -> &Form {
        &self.get(used.id).form
    }

    /// Returns the fields of a record, or nothing of another type.
    pub(crate) fn fields(&self, used: Use) -> &[Field] {
        match self.form(used) {
            Form::Record(fields) => fields,
            _ => &[],
        }
    }

    /// Whether the use has no value, not even null.
    pub(crate) fn is_never(&self, used: Use) -> bool {
        !used.is_nullable && *self.form(used) == Form::Never
    }

    /// Gives the type an origin and its note, if it can have a name and has no origin yet.
    pub(crate) fn named(&mut self, used: Use, origin: String, note: Note) -> Use {
        let ty = self.get(used.id).clone();
        let has_name = matches!(ty.form, Form::Record(_) | Form::Text(Values::Known(_)));
        if !has_name || ty.origin.is_some() {
            return used;
        }
        let origin = Some(origin);
        let id = self.add(Type { origin, note, ..ty });
        Use { id, ..used }
    }

    /// Takes the work of combining two records from what is left, or returns `false`.
    fn spend(&mut self, fields: usize) -> bool {
        let left = self.work_left.checked_sub(fields);
        if left.is_none() {
            self.fault.get_or_insert(Fault::TooManyTypes(TYPES_MAX));
        }
        self.work_left = left.unwrap_or(0);
        left.is_some()
    }

    /// Returns an error if a bound was exceeded since the types were made.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        self.fault.clone().map_or(Ok(()), Err)
    }
}
