//! How a type is written in WIT at the place where it is used.

use super::{Package, has_name};
use crate::names::escaped;
use crate::types::{Form, Integer, TypeId, Use};

impl Package<'_> {
    /// Writes a type, with its option.
    pub(crate) fn written(&self, used: Use, is_optional: bool) -> String {
        let inner = self.inner(used.id);
        if is_optional || used.is_nullable {
            return format!("option<{inner}>");
        }
        inner
    }

    fn inner(&self, id: TypeId) -> String {
        if has_name(self.types, id) {
            return escaped(self.names.get(&id).map_or("json", String::as_str));
        }
        match &self.types.get(id).form {
            Form::Any | Form::Never => "json".into(),
            Form::Bool => "bool".into(),
            Form::Integer(integer) => integer.name().into(),
            Form::Number => "f64".into(),
            Form::Text(_) | Form::Opaque(_) | Form::Record(_) => "string".into(),
            Form::List(item) => format!("list<{}>", self.written(*item, false)),
            Form::Map(value) => format!("list<tuple<string, {}>>", self.written(*value, false)),
        }
    }

    /// Whether a type is written with `json`, itself or within a list or a map.
    pub(crate) fn has_json(&self, used: Use) -> bool {
        match self.types.form(used) {
            Form::Any | Form::Never => true,
            Form::List(part) | Form::Map(part) => self.has_json(*part),
            _ => false,
        }
    }

    /// Returns the named type that is written at a use, also within a list or a map.
    pub(crate) fn named_in(&self, used: Use) -> Option<&str> {
        match self.types.form(used) {
            Form::List(part) | Form::Map(part) => self.named_in(*part),
            _ => self.names.get(&used.id).map(String::as_str),
        }
    }
}

impl Integer {
    /// Returns the type's name in WIT.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::S32 => "s32",
            Self::S64 => "s64",
            Self::U32 => "u32",
            Self::U64 => "u64",
        }
    }
}
