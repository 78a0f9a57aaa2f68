//! The own type of a schema: `type`, `enum` and `const`, and what other keywords imply.

use super::{Mapper, Scope};
use crate::document::{At, Node, Value};
use crate::error::{Error, short};
use crate::types::{Form, Integer, Kinds, Use, Values};

/// The maximum number of values of a string that are looked at.
const VALUES_MAX: usize = 1_000;

impl<'a> Mapper<'a> {
    /// Maps a schema without its `$ref` and its combinations of schemas.
    pub(super) fn own(&mut self, at: &At<'a>, scope: Scope<'_>) -> Result<Use, Error> {
        let typed = match at.node.get("type").map(|it| &it.value) {
            Some(Value::Text(name)) => Some(self.named_type(at, name, scope)?),
            Some(Value::List(names)) => {
                let mut union = self.types.of(Form::Never);
                for name in names.iter().filter_map(Node::text) {
                    let part = self.named_type(at, name, scope)?;
                    union = self.types.either(union, part);
                }
                Some(union)
            }
            _ => self.implied(at, scope)?,
        };
        let Some(listed) = self.listed(at.node) else {
            return Ok(typed.unwrap_or_else(|| self.any()));
        };
        Ok(match typed {
            Some(typed) => self.narrowed(at, typed, listed),
            None => listed,
        })
    }

    fn named_type(&mut self, at: &At<'a>, name: &str, scope: Scope<'_>) -> Result<Use, Error> {
        let form = match name {
            "string" => Form::Text(Values::Any),
            "integer" => Form::Integer(integer(at.node)),
            "number" => Form::Number,
            "boolean" => Form::Bool,
            "null" => return Ok(self.null()),
            "array" => return self.array(at, scope),
            "object" => return self.object(at, scope),
            other => {
                self.warnings.push(format!(
                    "{}:{}: the type `{}` is unknown; the value is kept as JSON",
                    self.document.file,
                    at.node.place,
                    short(other)
                ));
                Form::Any
            }
        };
        Ok(self.types.of(form))
    }

    /// Maps a schema without `type` by keywords that only one type has.
    fn implied(&mut self, at: &At<'a>, scope: Scope<'_>) -> Result<Option<Use>, Error> {
        let has = |key| at.node.get(key).is_some();
        let has_table = |key| at.node.get(key).is_some_and(|it| it.object().is_some());
        if ["properties", "patternProperties", "additionalProperties"]
            .into_iter()
            .any(has_table)
        {
            return self.object(at, scope).map(Some);
        }
        if has("items") || has("prefixItems") {
            return self.array(at, scope).map(Some);
        }
        Ok(None)
    }

    fn null(&mut self) -> Use {
        self.types.of(Form::Never).nullable(true)
    }

    /// Maps the values of `enum` or `const`.
    fn listed(&mut self, schema: &Node) -> Option<Use> {
        if let Some(value) = schema.get("const") {
            return Some(self.value(value));
        }
        let values = schema.get("enum").and_then(Node::list)?;
        let texts: Vec<&str> = values.iter().filter_map(Node::text).collect();
        let mut union = self.types.of(Form::Never);
        if !texts.is_empty() {
            let text = self.types.of(Form::Text(known(&texts)));
            union = self.types.either(union, text);
        }
        for value in values.iter().filter(|it| it.text().is_none()) {
            let value = self.value(value);
            union = self.types.either(union, value);
        }
        Some(union)
    }

    fn value(&mut self, value: &Node) -> Use {
        let form = match &value.value {
            Value::Null => return self.null(),
            Value::Bool(_) => Form::Bool,
            Value::Number(number) if number.contains(['.', 'e', 'E']) => Form::Number,
            Value::Number(_) => Form::Integer(Integer::S64),
            Value::Text(text) => Form::Text(known(&[text])),
            Value::List(_) => Form::Opaque(Kinds {
                has_array: true,
                ..Kinds::default()
            }),
            Value::Object(_) => Form::Opaque(Kinds::object()),
        };
        self.types.of(form)
    }
}

fn known(texts: &[&str]) -> Values {
    if texts.len() > VALUES_MAX {
        return Values::Any;
    }
    let mut values: Vec<String> = Vec::new();
    for text in texts {
        if !values.iter().any(|value| value == text) {
            values.push((*text).to_owned());
        }
    }
    Values::Known(values)
}

/// Returns the narrowest type that holds every integer that the schema promises.
fn integer(schema: &Node) -> Integer {
    let number = |key| match schema.get(key).map(|it| &it.value) {
        Some(Value::Number(number)) => number.parse::<f64>().ok(),
        _ => None,
    };
    let is_natural = number("minimum").is_some_and(|min| min >= 0.0)
        || number("exclusiveMinimum").is_some_and(|min| min >= -1.0);
    match schema.get("format").and_then(Node::text) {
        Some("int8" | "int16" | "int32") => Integer::S32,
        Some("uint8" | "uint16" | "uint32") => Integer::U32,
        Some("uint64") => Integer::U64,
        Some("int64") => Integer::S64,
        _ if is_natural => Integer::U64,
        _ => Integer::S64,
    }
}
