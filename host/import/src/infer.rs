//! The type of a body, where there is no schema.

use crate::document::{Node, Value};
use crate::types::{Field, Form, Integer, Kinds, Types, Use, Values};

/// Returns the type of one value.
pub(crate) fn infer(types: &mut Types, value: &Node) -> Use {
    let form = match &value.value {
        Value::Null => return types.of(Form::Never).nullable(true),
        Value::Bool(_) => Form::Bool,
        Value::Number(number) => number_form(number),
        Value::Text(_) => Form::Text(Values::Any),
        Value::List(items) => {
            let mut item = types.of(Form::Never);
            for one in items {
                let one = infer(types, one);
                item = types.either(item, one);
            }
            Form::List(item)
        }
        Value::Object(object) if object.entries().is_empty() => Form::Opaque(Kinds::object()),
        Value::Object(object) => {
            let mut fields = Vec::new();
            for entry in object.entries() {
                fields.push(Field {
                    key: entry.key.clone(),
                    ty: infer(types, &entry.node),
                    is_required: true,
                    note: crate::note::Note::default(),
                });
            }
            Form::Record(fields)
        }
    };
    types.of(form)
}

fn number_form(number: &str) -> Form {
    if number.parse::<i64>().is_ok() {
        return Form::Integer(Integer::S64);
    }
    if number.parse::<u64>().is_ok() {
        return Form::Integer(Integer::U64);
    }
    Form::Number
}

/// Returns the type of several bodies of one event: a field is required if all bodies have it.
/// From a single body, only the scalars of the outermost object are believed to be required.
pub(crate) fn event(types: &mut Types, bodies: &[&Node]) -> Use {
    let mut whole = types.of(Form::Never);
    for body in bodies {
        let one = infer(types, body);
        whole = types.either(whole, one);
    }
    if bodies.len() > 1 {
        return whole;
    }
    let optional = all_optional(types, whole);
    let is_scalar = |types: &Types, used: Use| {
        !matches!(
            types.form(used),
            Form::Record(_) | Form::List(_) | Form::Opaque(_)
        )
    };
    let mut ty = types.get(optional.id).clone();
    if let Form::Record(fields) = &mut ty.form {
        for field in fields {
            field.is_required = is_scalar(types, field.ty);
        }
    }
    let id = types.add(ty);
    Use { id, ..optional }
}

fn all_optional(types: &mut Types, used: Use) -> Use {
    let mut rewrite = crate::types::Rewrite::new(types, |types, _, mut ty| {
        if let Form::Record(fields) = &mut ty.form {
            fields
                .iter_mut()
                .for_each(|field| field.is_required = false);
        }
        Use {
            id: types.add(ty),
            is_nullable: false,
        }
    });
    rewrite.apply(used)
}
