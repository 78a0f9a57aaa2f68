//! The types of a package as the host has them, to decode samples by the host's own rules.

use hookyard_shape::{Case, Field, Shape};

use super::{Package, cases, emitted, has_name};
use crate::types::{Form, Integer, TypeId, Use};

impl Package<'_> {
    /// Returns a used type as a shape.
    pub(crate) fn shape(&self, used: Use, is_optional: bool) -> Shape {
        let inner = self.inner_shape(used.id);
        if is_optional || used.is_nullable {
            return Shape::Option(Box::new(inner));
        }
        inner
    }

    fn inner_shape(&self, id: TypeId) -> Shape {
        let part = |used: &Use| Box::new(self.shape(*used, false));
        match &self.types.get(id).form {
            Form::Any | Form::Never => Shape::Variant(vec![other()]),
            Form::Bool => Shape::Bool,
            Form::Integer(Integer::S32) => Shape::S32,
            Form::Integer(Integer::S64) => Shape::S64,
            Form::Integer(Integer::U32) => Shape::U32,
            Form::Integer(Integer::U64) => Shape::U64,
            Form::Number => Shape::Float64,
            Form::List(item) => Shape::List(part(item)),
            Form::Map(value) => {
                let pair = Shape::Tuple(vec![Shape::String, *part(value)]);
                Shape::List(Box::new(pair))
            }
            Form::Record(fields) if has_name(self.types, id) => {
                let fields = emitted(fields).fields.into_iter();
                let fields = fields.map(|(name, field)| Field {
                    name,
                    shape: self.shape(field.ty, !field.is_required),
                });
                Shape::Record(fields.collect())
            }
            Form::Text(values) => match cases(values) {
                Some(names) => Shape::Variant(variant(names)),
                None => Shape::String,
            },
            Form::Opaque(_) | Form::Record(_) => Shape::String,
        }
    }
}

fn variant(names: Vec<String>) -> Vec<Case> {
    let case = |name| Case {
        name,
        payload: None,
    };
    names.into_iter().map(case).chain([other()]).collect()
}

fn other() -> Case {
    Case {
        name: "other".into(),
        payload: Some(Shape::String),
    }
}
