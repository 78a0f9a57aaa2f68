//! Finds the values at several locations of one JSON document.
//!
//! The text of each level is read once, however many locations are wanted, and no name or value is
//! copied.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{JsonPointer, Unreadable, index, not_json, read};

/// A location, and the value that was found there.
#[derive(Debug)]
pub(crate) struct Wanted<'p, 'a> {
    pub(crate) pointer: &'p JsonPointer,
    /// The text of the value, or `None` if there is no such value. An error says that a name on the
    /// path occurs twice.
    pub(crate) found: Result<Option<&'a RawValue>, Unreadable>,
}

impl<'p> Wanted<'p, '_> {
    pub(crate) fn new(pointer: &'p JsonPointer) -> Self {
        Self {
            pointer,
            found: Ok(None),
        }
    }
}

/// Finds the values at all wanted locations of `json`.
///
/// # Errors
///
/// Returns [`Unreadable::NotJson`] if `json` is not JSON.
pub(crate) fn find_all<'a>(
    json: &'a [u8],
    wanted: &mut [Wanted<'_, 'a>],
) -> Result<(), Unreadable> {
    let text = std::str::from_utf8(json).map_err(|error| {
        Unreadable::NotJson(format!("no UTF-8 after {} bytes", error.valid_up_to()))
    })?;

    let is_container = text.trim_ascii_start().starts_with(['{', '[']);
    if !is_container || wanted.iter().any(|wanted| wanted.pointer.is_root()) {
        let whole = serde_json::from_str(text).map_err(not_json)?;
        for wanted in wanted.iter_mut().filter(|wanted| wanted.pointer.is_root()) {
            wanted.found = Ok(Some(whole));
        }
    }

    if is_container {
        let mut within: Vec<_> = wanted
            .iter_mut()
            .filter(|wanted| !wanted.pointer.is_root())
            .collect();
        descend(text, &mut within, 0)?;
    }
    Ok(())
}

/// Reads an object or an array, and everything below it that is wanted. The paths of `wanted` are
/// equal up to `depth`.
fn descend<'a>(
    text: &'a str,
    wanted: &mut [&mut Wanted<'_, 'a>],
    depth: usize,
) -> Result<(), Unreadable> {
    wanted.sort_unstable_by(|one, other| one.token(depth).cmp(other.token(depth)));
    let mut members: Vec<Member<'_, 'a>> = wanted
        .chunk_by(|one, other| one.token(depth) == other.token(depth))
        .map(|group| Member::new(group[0].token(depth)))
        .collect();
    read(text, Level(&mut members))?;

    let groups = wanted.chunk_by_mut(|one, other| one.token(depth) == other.token(depth));
    for (group, member) in groups.zip(members) {
        if member.is_repeated {
            for wanted in group {
                wanted.found = Err(Unreadable::Repeated(member.name.to_owned()));
            }
            continue;
        }
        let Some(value) = member.value else {
            continue;
        };

        // A pointer that ends here sorts before all pointers that lead on.
        group.sort_unstable_by_key(|wanted| wanted.pointer.tokens.len());
        let ending = group.partition_point(|wanted| wanted.pointer.tokens.len() == depth + 1);
        let (ending, leading_on) = group.split_at_mut(ending);
        for wanted in ending {
            wanted.found = Ok(Some(value));
        }
        if !leading_on.is_empty() && value.get().starts_with(['{', '[']) {
            descend(value.get(), leading_on, depth + 1)?;
        }
    }
    Ok(())
}

impl<'p> Wanted<'p, '_> {
    fn token(&self, depth: usize) -> &'p str {
        &self.pointer.tokens[depth]
    }
}

/// A wanted member of an object, or a wanted item of an array.
struct Member<'n, 'a> {
    name: &'n str,
    value: Option<&'a RawValue>,
    is_repeated: bool,
}

impl<'n> Member<'n, '_> {
    fn new(name: &'n str) -> Self {
        Self {
            name,
            value: None,
            is_repeated: false,
        }
    }
}

/// Reads one object or array, and keeps the wanted members.
struct Level<'m, 'n, 'a>(&'m mut [Member<'n, 'a>]);

impl<'de> Visitor<'de> for Level<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(place) = map.next_key_seed(Name(self.0))? {
            let Some(place) = place else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let member = &mut self.0[place];
            member.is_repeated |= member.value.is_some();
            member.value = Some(map.next_value()?);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let indices: Vec<_> = self.0.iter().map(|member| index(member.name)).collect();
        let mut position = 0;

        loop {
            let place = indices.iter().position(|index| *index == Some(position));
            let is_end = match place {
                Some(place) => {
                    self.0[place].value = items.next_element()?;
                    self.0[place].value.is_none()
                }
                None => items.next_element::<IgnoredAny>()?.is_none(),
            };
            if is_end {
                return Ok(());
            }
            position += 1;
        }
    }
}

/// Reads the name of a member, and returns the place of the wanted member with this name.
struct Name<'m, 'n, 'a>(&'m [Member<'n, 'a>]);

impl<'de> DeserializeSeed<'de> for Name<'_, '_, '_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_, '_, '_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Option<usize>, E> {
        Ok(self.0.iter().position(|member| member.name == name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the texts at the locations; `None` for an error.
    fn found(json: &str, pointers: &[&str]) -> Vec<Option<Option<String>>> {
        let pointers: Vec<_> = pointers
            .iter()
            .map(|text| JsonPointer::parse(text).expect("a pointer"))
            .collect();
        let mut wanted: Vec<_> = pointers.iter().map(Wanted::new).collect();
        find_all(json.as_bytes(), &mut wanted).expect("JSON");

        let text = |wanted: &Wanted<'_, '_>| {
            let value = wanted.found.as_ref().ok()?;
            Some(value.map(|value| value.get().to_owned()))
        };
        wanted.sort_by_key(|wanted| {
            pointers
                .iter()
                .position(|pointer| pointer == wanted.pointer)
        });
        wanted.iter().map(text).collect()
    }

    #[test]
    fn values_with_common_paths_are_found_together() {
        let json = r#"{"a":{"b":[1,{"c":2}],"d":"x"},"e":null}"#;
        let text = |text: &str| Some(Some(text.to_owned()));
        assert_eq!(
            found(
                json,
                &["", "/a/b/1/c", "/a", "/e", "/a/b/0", "/a/d", "/a/x", "/e/x"]
            ),
            [
                text(json),
                text("2"),
                text(r#"{"b":[1,{"c":2}],"d":"x"}"#),
                text("null"),
                text("1"),
                text(r#""x""#),
                Some(None),
                Some(None),
            ]
        );
    }

    #[test]
    fn repeated_name_affects_only_its_own_paths() {
        let json = r#"{"a":{"b":1,"b":2,"c":3},"d":{"e":4},"f":5,"d":{}}"#;
        let text = |text: &str| Some(Some(text.to_owned()));
        assert_eq!(
            found(json, &["/a/b", "/a/c", "/d", "/d/e", "/f"]),
            [None, text("3"), None, None, text("5")]
        );
    }

    #[test]
    fn same_location_can_be_wanted_twice() {
        let text = Some(Some("1".to_owned()));
        assert_eq!(found(r#"{"a":1}"#, &["/a", "/a"]), [text.clone(), text]);
    }
}
