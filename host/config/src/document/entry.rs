//! One value of a document, with its place.

use toml::Spanned;
use toml::de::DeValue;

use super::{Origin, Scalar, Section};

/// A value and where it stands.
pub struct Entry<'d> {
    origin: Origin<'d>,
    path: String,
    pub offset: usize,
    value: &'d DeValue<'d>,
}

impl<'d> Entry<'d> {
    pub fn new(origin: Origin<'d>, path: String, value: &'d Spanned<DeValue<'d>>) -> Self {
        Self {
            origin,
            path,
            offset: value.span().start,
            value: value.get_ref(),
        }
    }

    /// The value as a `T`; a value that isn't one is a fault and none.
    pub fn get<T: Scalar>(&self) -> Option<T> {
        T::read(self.value)
            .map_err(|message| self.fault(message))
            .ok()
    }

    /// The value as text, without a fault when it is something else.
    pub fn as_text(&self) -> Option<&'d str> {
        self.value.as_str()
    }

    /// Whether the value is a table.
    pub fn is_table(&self) -> bool {
        self.value.is_table()
    }

    /// The values of a list; anything else is a fault.
    pub fn items(&self) -> Vec<Entry<'d>> {
        let Some(list) = self.value.as_array() else {
            self.fault(format_args!(
                "must be a list in square brackets, not {}",
                kind_of(self.value)
            ));
            return Vec::new();
        };
        let item = |(n, value)| Entry::new(self.origin, format!("{}[{n}]", self.path), value);
        list.iter().enumerate().map(item).collect()
    }

    /// The values of a list, each as a `T`, less those that are faulty.
    pub fn list<T: Scalar>(&self) -> Vec<T> {
        self.items().iter().filter_map(Entry::get).collect()
    }

    /// Reads the value as a table, when it is one; leftover keys are faults.
    pub fn table<T>(&self, read: impl FnOnce(&Section<'d>) -> Option<T>) -> Option<T> {
        let section = self.section()?;
        let value = read(&section);
        section.finish();
        value
    }

    /// A fault of this value.
    pub fn fault(&self, message: impl ToString) {
        self.origin.fault(self.offset, &self.path, message);
    }

    /// A note on this value: something odd that stops nothing.
    pub fn note(&self, message: impl ToString) {
        self.origin.note(self.offset, &self.path, message);
    }

    pub fn section(&self) -> Option<Section<'d>> {
        match self.value.as_table() {
            Some(table) => Some(Section::new(
                self.origin,
                self.path.clone(),
                self.offset,
                Some(table),
            )),
            None => {
                self.fault(format_args!("must be a table, not {}", kind_of(self.value)));
                None
            }
        }
    }
}

/// What a value is, in words, with its article.
pub fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
