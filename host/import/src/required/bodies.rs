//! What bodies show: missing fields, nulls, and values of another type.

use std::collections::HashMap;

use hookyard_shape::fold;

use super::fixes::{Fixes, Way};
use crate::document::{Node, Object, Value, child};
use crate::infer::infer;
use crate::package::{cases, emitted};
use crate::types::{Form, Integer, TypeId, Types, Use};

/// Compares a body with the type of its event. A body that is not real, such as an example of the
/// document, shows which fields may be missing, and changes no types. Returns the places of values whose type differs,
/// with what was found.
pub(crate) fn learn(
    types: &mut Types,
    ty: Use,
    body: &Node,
    is_real: bool,
    fixes: &mut Fixes,
) -> Vec<String> {
    let mut learner = Learner {
        types,
        fixes,
        is_real,
        differences: Vec::new(),
    };
    learner.walk(ty, body, None, Way::new(), "");
    learner.differences
}

struct Learner<'l> {
    types: &'l mut Types,
    fixes: &'l mut Fixes,
    is_real: bool,
    differences: Vec<String>,
}

/// The field that a value is in.
type Site<'s> = Option<&'s (TypeId, String)>;

impl Learner<'_> {
    fn walk(&mut self, used: Use, value: &Node, site: Site<'_>, way: Way, path: &str) {
        let form = self.types.form(used).clone();
        match (&form, &value.value) {
            (_, Value::Null) if used.is_nullable => {}
            (_, Value::Null) => self.differs(site, way, value, path),
            (Form::List(item), Value::List(items)) => {
                let way = [way, vec![true]].concat();
                for one in items {
                    self.walk(*item, one, site, way.clone(), &format!("{path}/*"));
                }
            }
            (Form::Map(part), Value::Object(object)) => {
                let way = [way, vec![false]].concat();
                for entry in object.entries() {
                    let path = child(path, &entry.key);
                    self.walk(*part, &entry.node, site, way.clone(), &path);
                }
            }
            (Form::Record(_), Value::Object(object)) => self.record(used, object, path),
            _ if fits(&form, &value.value) => {}
            _ => self.differs(site, way, value, path),
        }
    }

    fn record(&mut self, used: Use, object: &Object, path: &str) {
        let fields = self.types.fields(used).to_vec();
        let mut folded: HashMap<String, &Node> = HashMap::new();
        for entry in object.entries() {
            folded.insert(fold(&entry.key), &entry.node);
        }
        for (_, field) in emitted(&fields).fields {
            let site = (used.id, field.key.clone());
            match folded.get(&fold(&field.key)) {
                None => self.fixes.optional(site.0, field),
                Some(value) if value.value == Value::Null => self.fixes.optional(site.0, field),
                Some(value) => {
                    let path = child(path, &field.key);
                    self.walk(field.ty, value, Some(&site), Way::new(), &path);
                }
            }
        }
    }

    fn differs(&mut self, site: Site<'_>, way: Way, value: &Node, path: &str) {
        let Some(site) = site.filter(|_| self.is_real) else {
            return;
        };
        if value.value != Value::Null {
            self.differences.push(format!("{path} is {}", value.kind()));
        }
        let found = infer(self.types, value);
        self.fixes.value(self.types, site, way, found);
    }
}

/// Whether the host decodes a value by a type that is not a record, a list or a map.
fn fits(form: &Form, value: &Value) -> bool {
    match (form, value) {
        (Form::Any | Form::Never, _) => true,
        (Form::Text(values), _) if cases(values).is_some() => true,
        (Form::Text(_) | Form::Opaque(_), Value::Text(_) | Value::Object(_) | Value::List(_)) => {
            true
        }
        // A record without any field is a text as well.
        (Form::Record(fields), Value::Text(_) | Value::List(_)) => {
            emitted(fields).fields.is_empty()
        }
        (Form::Bool, Value::Bool(_)) | (Form::Number, Value::Number(_)) => true,
        (Form::Integer(integer), Value::Number(number)) => integer.holds(number),
        _ => false,
    }
}

impl Integer {
    /// Whether a number as it is written is one of the type's.
    fn holds(self, number: &str) -> bool {
        match self {
            Self::S32 => number.parse::<i32>().is_ok(),
            Self::S64 => number.parse::<i64>().is_ok(),
            Self::U32 => number.parse::<u32>().is_ok(),
            Self::U64 => number.parse::<u64>().is_ok(),
        }
    }
}
