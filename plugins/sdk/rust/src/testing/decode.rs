//! Reads the event of a fixture into the types of a plugin, as the host does.

use std::path::Path;

use serde_json::Value;

/// A value of a fixture, and its place.
#[derive(Debug, Clone)]
pub struct Json<'a> {
    value: &'a Value,
    place: String,
}

/// A type of a plugin's WIT.
pub trait Decode: Sized {
    /// Reads a value. The error names the place.
    fn decode(json: &Json<'_>) -> Result<Self, String>;

    /// Returns the value of a field that is absent.
    fn absent() -> Option<Self> {
        None
    }
}

/// Reads the event of a fixture, whose path is relative to the folder of the plugin.
///
/// # Panics
///
/// Panics if the file cannot be read or does not fit the type, with the place.
pub fn fixture<T: Decode>(path: &str) -> T {
    fixture_at(path, "")
}

/// Like [`fixture`], for a part of the event, such as `/data`: some providers wrap the part that a
/// typed case contains.
///
/// # Panics
///
/// Panics as [`fixture`] does.
pub fn fixture_at<T: Decode>(path: &str, pointer: &str) -> T {
    let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let text = std::fs::read_to_string(Path::new(&folder).join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"));
    let fixture: Value =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));

    let event = fixture["event"]["body"]
        .pointer(pointer)
        .unwrap_or(&Value::Null);
    let json = Json {
        value: event,
        place: "$".to_owned(),
    };
    T::decode(&json).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Spells a name so that kebab, snake and camel case are equal.
fn plain(name: &str) -> String {
    name.chars()
        .filter(|char| !"-_".contains(*char))
        .collect::<String>()
        .to_ascii_lowercase()
}

impl Json<'_> {
    fn wanted(&self, what: &str) -> String {
        format!("{}: wanted {what}", self.place)
    }

    /// Reads a field of a record.
    pub fn field<T: Decode>(&self, name: &str) -> Result<T, String> {
        let object = self
            .value
            .as_object()
            .ok_or_else(|| self.wanted("an object"))?;
        let found = object.iter().find(|(key, _)| plain(key) == plain(name));
        match found {
            Some((key, value)) => T::decode(&Json {
                value,
                place: format!("{}.{key}", self.place),
            }),
            None => T::absent().ok_or_else(|| self.wanted(&format!("the key `{name}`"))),
        }
    }

    /// Returns the index of the case of an enum or variant, and its payload.
    pub fn case(&self, names: &[&str]) -> Result<(usize, Json<'_>), String> {
        let (name, payload) = match self.value {
            Value::String(name) => (Some(name), self.value),
            Value::Object(object) if object.len() == 1 => object
                .iter()
                .next()
                .map_or((None, self.value), |(name, value)| (Some(name), value)),
            _ => (None, self.value),
        };
        let position = |wanted: &str| names.iter().position(|name| plain(name) == plain(wanted));

        if let Some(index) = name.and_then(|name| position(name)) {
            return Ok((
                index,
                Json {
                    value: payload,
                    place: self.place.clone(),
                },
            ));
        }
        position("other")
            .map(|index| (index, self.clone()))
            .ok_or_else(|| self.wanted("a case"))
    }

    fn items(&self) -> Result<impl Iterator<Item = Json<'_>>, String> {
        let items = self
            .value
            .as_array()
            .ok_or_else(|| self.wanted("an array"))?;
        let place = |index| format!("{}[{index}]", self.place);
        Ok(items.iter().enumerate().map(move |(index, value)| Json {
            value,
            place: place(index),
        }))
    }
}

impl Decode for String {
    fn decode(json: &Json<'_>) -> Result<Self, String> {
        match json.value {
            Value::String(text) => Ok(text.clone()),
            Value::Object(_) | Value::Array(_) => Ok(json.value.to_string()),
            _ => Err(json.wanted("a string")),
        }
    }
}

impl<T: Decode> Decode for Option<T> {
    fn decode(json: &Json<'_>) -> Result<Self, String> {
        if json.value.is_null() {
            Ok(None)
        } else {
            T::decode(json).map(Some)
        }
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(json: &Json<'_>) -> Result<Self, String> {
        json.items()?.map(|item| T::decode(&item)).collect()
    }
}

/// Implements [`Decode`] for types that JSON has as well.
macro_rules! decode {
    ($($type:ty, $what:literal;)+) => {$(
        impl Decode for $type {
            fn decode(json: &Json<'_>) -> Result<Self, String> {
                serde_json::from_value(json.value.clone()).map_err(|_| json.wanted($what))
            }
        }
    )+};
}

decode! {
    bool, "true or false";
    char, "one character";
    u8, "u8"; u16, "u16"; u32, "u32"; u64, "u64";
    i8, "s8"; i16, "s16"; i32, "s32"; i64, "s64";
    f32, "f32"; f64, "f64";
}

/// Implements [`Decode`] for tuples.
macro_rules! tuple {
    ($($name:ident)+) => {
        impl<$($name: Decode),+> Decode for ($($name,)+) {
            fn decode(json: &Json<'_>) -> Result<Self, String> {
                let mut items = json.items()?;
                Ok(($($name::decode(&items.next().ok_or_else(|| json.wanted("more items"))?)?,)+))
            }
        }
    };
}

tuple!(A);
tuple!(A B);
tuple!(A B C);
tuple!(A B C D);
