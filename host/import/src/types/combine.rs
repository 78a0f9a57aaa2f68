//! Two types as one: a value of either, or a value of both.
//!
//! JSON has no tag that tells the branches of a union, so a union of objects is one record, and a
//! union that no type of WIT tells apart is JSON text.

use std::collections::{HashMap, HashSet};

use super::{Field, Form, Kinds, MERGED_MAX, Type, Types, Use, Values};

/// The maximum number of known values of one string.
const VALUES_MAX: usize = 1_000;

impl Types {
    /// Returns the type of a value that has one of two types.
    pub(crate) fn either(&mut self, one: Use, another: Use) -> Use {
        let is_nullable = one.is_nullable || another.is_nullable;
        if one.id == another.id {
            return one.nullable(is_nullable);
        }
        if let Some(known) = self.unions.get(&(one.id, another.id)) {
            return known.nullable(is_nullable);
        }

        let pair = (self.get(one.id).clone(), self.get(another.id).clone());
        let union = match (&pair.0.form, &pair.1.form) {
            (Form::Never, _) => Use {
                is_nullable: false,
                ..another
            },
            (_, Form::Never) => Use {
                is_nullable: false,
                ..one
            },
            (Form::Record(_), Form::Record(_)) => self.merged(one, another, &pair),
            _ => {
                let form = self.union(&pair.0.form, &pair.1.form);
                self.reuse(form, (one, &pair.0), (another, &pair.1))
            }
        };
        self.unions.insert((one.id, another.id), union);
        union.nullable(is_nullable)
    }

    /// Returns one of two types if the form is its own, so that the type keeps its name.
    fn reuse(&mut self, form: Form, one: (Use, &Type), another: (Use, &Type)) -> Use {
        let same = [one, another].into_iter().find(|(_, ty)| ty.form == form);
        match same {
            Some((used, _)) => Use {
                is_nullable: false,
                ..used
            },
            None => self.of(form),
        }
    }

    fn merged(&mut self, one: Use, another: Use, pair: &(Type, Type)) -> Use {
        let (Form::Record(ours), Form::Record(theirs)) = (&pair.0.form, &pair.1.form) else {
            return one;
        };
        if !self.spend(ours.len() + theirs.len()) {
            return one;
        }
        let by_key = by_key(theirs);
        let mut fields: Vec<Field> = Vec::new();
        for field in ours {
            fields.push(match by_key.get(field.key.as_str()) {
                Some(other) => self.shared_field(field, other),
                None => optional(field),
            });
        }
        fields.extend(new_fields(ours, theirs).map(optional));

        if fields.len() > MERGED_MAX && fields.len() > ours.len().max(theirs.len()) {
            return self.of(Form::Opaque(Kinds::object()));
        }
        let form = Form::Record(fields);
        self.reuse(form, (one, &pair.0), (another, &pair.1))
    }

    fn shared_field(&mut self, ours: &Field, theirs: &Field) -> Field {
        Field {
            key: ours.key.clone(),
            ty: self.either(ours.ty, theirs.ty),
            is_required: ours.is_required && theirs.is_required,
            note: ours.note.clone().or(theirs.note.clone()),
        }
    }

    fn union(&mut self, one: &Form, another: &Form) -> Form {
        use Form::{Any, Bool, Integer, List, Map, Number, Opaque, Record, Text};
        match (one, another) {
            (Any, _) | (_, Any) => Any,
            (Bool, Bool) => Bool,
            (Integer(a), Integer(b)) => Integer(a.wider(*b)),
            (Integer(_) | Number, Integer(_) | Number) => Number,
            (Text(a), Text(b)) => Text(a.or(b)),
            (List(a), List(b)) => List(self.either(*a, *b)),
            (Map(a), Map(b)) => Map(self.either(*a, *b)),
            (Opaque(kinds), Record(fields)) | (Record(fields), Opaque(kinds))
                if *kinds == Kinds::object() =>
            {
                Record(fields.iter().map(optional).collect())
            }
            _ => match (kinds(one), kinds(another)) {
                (Some(a), Some(b)) => as_text(&a, &b),
                _ => Any,
            },
        }
    }

    /// Returns the type of a value that has two types at once, as in `allOf`.
    pub(crate) fn both(&mut self, one: Use, another: Use) -> Use {
        if one.id == another.id {
            let is_nullable = one.is_nullable && another.is_nullable;
            return Use { is_nullable, ..one };
        }
        let pair = (self.get(one.id).clone(), self.get(another.id).clone());
        let is_nullable = match (&pair.0.form, &pair.1.form) {
            (Form::Any, _) => return another.nullable(one.is_nullable),
            (_, Form::Any) => return one.nullable(another.is_nullable),
            _ => one.is_nullable && another.is_nullable,
        };
        let form = self.intersection(&pair.0.form, &pair.1.form);
        let both = self.reuse(form, (one, &pair.0), (another, &pair.1));
        Use {
            is_nullable,
            ..both
        }
    }

    fn intersection(&mut self, one: &Form, another: &Form) -> Form {
        use Form::{Integer, List, Map, Never, Number, Opaque, Record, Text};
        match (one, another) {
            (Never, _) | (_, Never) => Never,
            (Integer(a), Integer(b)) => Integer(a.narrower(*b)),
            (Integer(it), Number) | (Number, Integer(it)) => Integer(*it),
            (Text(a), Text(b)) => Text(a.and(b).unwrap_or_else(|| {
                self.contradiction();
                a.or(b)
            })),
            (List(a), List(b)) => List(self.both(*a, *b)),
            (Map(a), Map(b)) => Map(self.both(*a, *b)),
            (Record(ours), Record(theirs)) => Record(self.joined(ours, theirs)),
            (Record(fields), Map(_)) | (Map(_), Record(fields)) => Record(fields.clone()),
            // JSON that is kept as text yields to a type that says more.
            (Opaque(kinds), it @ (Record(_) | Map(_)))
            | (it @ (Record(_) | Map(_)), Opaque(kinds))
                if kinds.has_object =>
            {
                it.clone()
            }
            (Opaque(kinds), it @ List(_)) | (it @ List(_), Opaque(kinds)) if kinds.has_array => {
                it.clone()
            }
            (Opaque(kinds), it @ Text(_)) | (it @ Text(_), Opaque(kinds)) if kinds.has_text => {
                it.clone()
            }
            (Opaque(kinds), Opaque(_)) => Opaque(kinds.clone()),
            (one, another) if one == another => one.clone(),
            _ => self.contradiction(),
        }
    }

    fn contradiction(&mut self) -> Form {
        self.contradictions += 1;
        Form::Any
    }

    fn joined(&mut self, ours: &[Field], theirs: &[Field]) -> Vec<Field> {
        if !self.spend(ours.len() + theirs.len()) {
            return Vec::new();
        }
        let by_key = by_key(theirs);
        let mut fields = Vec::new();
        for field in ours {
            fields.push(match by_key.get(field.key.as_str()) {
                None => field.clone(),
                Some(other) => Field {
                    key: field.key.clone(),
                    ty: self.both(field.ty, other.ty),
                    is_required: field.is_required || other.is_required,
                    note: field.note.clone().or(other.note.clone()),
                },
            });
        }
        fields.extend(new_fields(ours, theirs).cloned());
        fields
    }
}

fn by_key(fields: &[Field]) -> HashMap<&str, &Field> {
    let pairs = fields.iter().map(|field| (field.key.as_str(), field));
    pairs.collect()
}

/// Returns the fields that only the second record has.
fn new_fields<'a>(ours: &[Field], theirs: &'a [Field]) -> impl Iterator<Item = &'a Field> {
    let known: HashSet<String> = ours.iter().map(|field| field.key.clone()).collect();
    theirs
        .iter()
        .filter(move |field| !known.contains(&field.key))
}

fn optional(field: &Field) -> Field {
    Field {
        is_required: false,
        ..field.clone()
    }
}

impl Values {
    fn or(&self, other: &Self) -> Self {
        let (Self::Known(ours), Self::Known(theirs)) = (self, other) else {
            return Self::Any;
        };
        let mut values = ours.clone();
        values.extend(theirs.iter().filter(|it| !ours.contains(it)).cloned());
        if values.len() > VALUES_MAX {
            return Self::Any;
        }
        Self::Known(values)
    }

    /// Returns the values of both, or `None` if there are none.
    fn and(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Any, it) | (it, Self::Any) => Some(it.clone()),
            (Self::Known(ours), Self::Known(theirs)) => {
                let values = ours.iter().filter(|it| theirs.contains(it));
                let values: Vec<_> = values.cloned().collect();
                (!values.is_empty()).then_some(Self::Known(values))
            }
        }
    }
}

/// Returns what a type is as JSON text, or `None` if a number, a boolean or null may be in it.
fn kinds(form: &Form) -> Option<Kinds> {
    let none = Kinds::default();
    match form {
        Form::Text(_) => Some(Kinds {
            has_text: true,
            ..none
        }),
        Form::Record(_) | Form::Map(_) => Some(Kinds::object()),
        Form::List(_) => Some(Kinds {
            has_array: true,
            ..none
        }),
        Form::Opaque(kinds) => Some(kinds.clone()),
        _ => None,
    }
}

fn as_text(one: &Kinds, another: &Kinds) -> Form {
    Form::Opaque(Kinds {
        has_text: one.has_text || another.has_text,
        has_object: one.has_object || another.has_object,
        has_array: one.has_array || another.has_array,
        cut: one.cut.clone().or_else(|| another.cut.clone()),
    })
}
