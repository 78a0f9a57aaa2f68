//! A value of a document, together with its position in the file.

use toml::Spanned;
use toml::de::DeValue;

use super::{Origin, Scalar, Section};

/// A value and its place in the file.
#[derive(Clone)]
pub struct Entry<'d> {
    origin: Origin<'d>,
    path: String,
    /// The byte offset that faults refer to.
    pub offset: usize,
    value: &'d DeValue<'d>,
}

impl<'d> Entry<'d> {
    /// Returns the entry for `value` at the dotted `path`.
    pub fn new(origin: Origin<'d>, path: String, value: &'d Spanned<DeValue<'d>>) -> Self {
        Self {
            origin,
            path,
            offset: value.span().start,
            value: value.get_ref(),
        }
    }

    /// Returns the value as a `T`. Reports a fault and returns `None` if the value is not a `T`.
    pub fn get<T: Scalar>(&self) -> Option<T> {
        T::read(self.value)
            .map_err(|message| self.fault(message))
            .ok()
    }

    /// Returns the value if it is a string. Does not report a fault otherwise.
    pub fn as_text(&self) -> Option<&'d str> {
        self.value.as_str()
    }

    /// Returns whether the value is a table.
    pub fn is_table(&self) -> bool {
        self.value.is_table()
    }

    /// Returns whether the value is a list.
    pub fn is_list(&self) -> bool {
        self.value.is_array()
    }

    /// Returns the values of a list. Reports a fault if the value is not a list.
    pub fn items(&self) -> Vec<Entry<'d>> {
        let Some(list) = self.value.as_array() else {
            self.fault(format_args!(
                "must be a list in square brackets, not {}",
                kind_of(self.value)
            ));
            return Vec::new();
        };

        let mut items = Vec::new();
        for (index, value) in list.iter().enumerate() {
            let path = format!("{}[{index}]", self.path);
            items.push(Entry::new(self.origin, path, value));
        }
        items
    }

    /// Returns the values of a list as `T`s. Reports the values that are not a `T` and skips them.
    pub fn list<T: Scalar>(&self) -> Vec<T> {
        self.items().iter().filter_map(Entry::get).collect()
    }

    /// Reads the value as a table. Reports unknown keys, and a value that is not a table.
    pub fn table<T>(&self, read: impl FnOnce(&Section<'d>) -> Option<T>) -> Option<T> {
        let section = self.section()?;
        let value = read(&section);
        section.finish();

        value
    }

    /// Reports a fault of this value.
    pub fn fault(&self, message: impl ToString) {
        self.origin.fault(self.offset, &self.path, message);
    }

    /// Reports a note about this value. A note does not make the file invalid.
    pub fn note(&self, message: impl ToString) {
        self.origin.note(self.offset, &self.path, message);
    }

    /// Gives advice about this value.
    pub fn advise(&self, message: impl ToString) {
        self.origin.advise(self.offset, &self.path, message);
    }

    /// Returns the value as a section. Reports a fault if the value is not a table.
    ///
    /// The caller must call [`Section::finish`].
    pub fn section(&self) -> Option<Section<'d>> {
        let Some(table) = self.value.as_table() else {
            self.fault(format_args!("must be a table, not {}", kind_of(self.value)));
            return None;
        };
        Some(Section::new(
            self.origin,
            self.path.clone(),
            self.offset,
            Some(table),
        ))
    }
}

/// Returns the kind of a value in words, with its article.
pub(crate) fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
