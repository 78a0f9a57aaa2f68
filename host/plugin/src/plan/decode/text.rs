//! Decodes values that are first taken as text: leaves, and variants, whose content decides how
//! they are decoded.

use std::borrow::Cow;

use serde::de::{DeserializeSeed as _, Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use wasmtime::component::Val;

use super::{Context, Failed, Key, NESTING_MAX, Seed};
use crate::plan::compile::{Cases, OTHER};
use crate::plan::path::Step;
use crate::plan::{Names, Plan, number};

impl<'de> Context<'de> {
    /// Decodes one JSON value from its text. The text is known to be JSON without surrounding white
    /// space.
    pub(super) fn value(&self, plan: &Plan, text: &'de str) -> Result<Val, Failed> {
        let kind = kind(text);
        let numbered = |decoded: Result<Val, String>| decoded.map_err(|message| self.fail(message));
        match (plan, kind) {
            (Plan::Bool, "a boolean") => Ok(Val::Bool(text == "true")),
            (Plan::Integer(integer), "a number") => numbered(integer.decode(text)),
            (Plan::Float32, "a number") => numbered(number::decode_f32(text)),
            (Plan::Float64, "a number") => numbered(number::decode_f64(text)),
            (Plan::String, "a string") => self
                .string(text)
                .map(|string| Val::String(string.into_owned())),
            (Plan::String, "an object" | "an array") => self.json_text(text).map(Val::String),
            (Plan::Char, "a string") => self.char(text),
            (Plan::Enum { cases, names }, "a string") => self.named(cases, names, text),
            (Plan::Variant(cases), kind) => self.variant(plan, cases, kind, text),
            (Plan::Result(cases), kind) => match self.variant(plan, cases, kind, text)? {
                Val::Variant(name, payload) if name == "ok" => Ok(Val::Result(Ok(payload))),
                Val::Variant(_, payload) => Ok(Val::Result(Err(payload))),
                _ => unreachable!("a variant is made of cases"),
            },
            (plan, _) if plan.is_container() || matches!(plan, Plan::Option(_)) => {
                self.again(plan, text)
            }
            (plan, kind) => Err(self.mismatch(kind, plan)),
        }
    }

    /// Decodes a text by another plan, in a new deserializer.
    fn again(&self, plan: &Plan, text: &'de str) -> Result<Val, Failed> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        Seed { plan, cx: self }
            .deserialize(&mut deserializer)
            .map_err(|error| self.fail(format!("not JSON: {error}")))
    }

    /// Returns the string that a string literal stands for.
    fn string(&self, literal: &'de str) -> Result<Cow<'de, str>, Failed> {
        let plain = literal
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        match plain {
            Some(plain) if !plain.contains('\\') => Ok(Cow::Borrowed(plain)),
            // The only possible fault is an escape for half of a surrogate pair.
            _ => Key
                .deserialize(&mut serde_json::Deserializer::from_str(literal))
                .map_err(|_| {
                    self.fail("found a string with an escape that stands for no character")
                }),
        }
    }

    fn json_text(&self, text: &str) -> Result<String, Failed> {
        if nesting(text) > NESTING_MAX {
            return Err(self.fail(format!(
                "found JSON that is nested more than {NESTING_MAX} deep"
            )));
        }
        Ok(text.to_owned())
    }

    fn char(&self, literal: &'de str) -> Result<Val, Failed> {
        let string = self.string(literal)?;
        let mut chars = string.chars();
        match (chars.next(), chars.next()) {
            (Some(char), None) => Ok(Val::Char(char)),
            _ => Err(self.mismatch("a string of another length", &Plan::Char)),
        }
    }

    fn named(&self, cases: &[String], names: &Names, literal: &'de str) -> Result<Val, Failed> {
        let found = names
            .find(&self.string(literal)?)
            .map(|place| &cases[place]);
        let case = found.or_else(|| cases.iter().find(|name| *name == OTHER));
        case.cloned()
            .map(Val::Enum)
            .ok_or_else(|| self.no_case(cases.iter().map(String::as_str)))
    }

    fn no_case<'n>(&self, names: impl Iterator<Item = &'n str>) -> Failed {
        const SHOWN_MAX: usize = 8;
        let mut shown: Vec<&str> = names.take(SHOWN_MAX + 1).collect();
        if shown.len() > SHOWN_MAX {
            shown[SHOWN_MAX] = "…";
        }
        self.fail(format!(
            "found none of the cases that the plugin has ({}); it has no `{OTHER}`",
            shown.join(", ")
        ))
    }

    fn variant(
        &self,
        plan: &Plan,
        cases: &Cases,
        kind: &str,
        text: &'de str,
    ) -> Result<Val, Failed> {
        let (key, payload) = match kind {
            "a string" => (Some(self.string(text)?), None),
            "an object" => self
                .only_entry(text)
                .map_or((None, None), |(key, payload)| (Some(key), Some(payload))),
            _ => (None, None),
        };
        let found = key
            .as_deref()
            .and_then(|key| cases.names.find(key))
            .map(|place| &cases.cases[place]);
        match (found, key, payload) {
            (Some((name, None)), _, None | Some("null")) => Ok(Val::Variant(name.clone(), None)),
            (Some((name, Some(plan))), Some(key), Some(text)) => {
                self.spend(1)?;
                let value = self.at(Step::Key(key), || self.value(plan, text))?;
                Ok(Val::Variant(name.clone(), Some(Box::new(value))))
            }
            // An event may name the case `other` like any other case. Otherwise it takes what fits
            // no case.
            (_, _, _) if cases.other().is_some() => self.other(cases, kind, text),
            (Some((name, Some(_))), _, _) => {
                Err(self.fail(format!("found the case `{name}` without its payload")))
            }
            (Some((name, None)), _, _) => {
                Err(self.fail(format!("found a payload for `{name}`, which has none")))
            }
            (None, Some(_), _) => {
                Err(self.no_case(cases.cases.iter().map(|(name, _)| name.as_str())))
            }
            (None, None, _) => Err(self.mismatch(kind, plan)),
        }
    }

    fn other(&self, cases: &Cases, kind: &str, text: &'de str) -> Result<Val, Failed> {
        let payload = match cases.other() {
            Some((_, Some(Plan::String))) if kind != "a string" => {
                Some(Val::String(self.json_text(text)?))
            }
            Some((_, Some(plan))) => Some(self.value(plan, text)?),
            Some((_, None)) | None => None,
        };
        Ok(Val::Variant(OTHER.to_owned(), payload.map(Box::new)))
    }

    /// Returns the key of an object that has only one entry, and the text of its value.
    fn only_entry(&self, text: &'de str) -> Option<(Cow<'de, str>, &'de str)> {
        serde_json::Deserializer::from_str(text)
            .deserialize_map(OnlyEntry)
            .ok()
            .flatten()
    }
}

struct OnlyEntry;

impl<'de> Visitor<'de> for OnlyEntry {
    type Value = Option<(Cow<'de, str>, &'de str)>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Some(key) = map.next_key_seed(Key)? else {
            return Ok(None);
        };
        let value: &'de RawValue = map.next_value()?;
        let mut is_only = true;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            is_only = false;
        }
        Ok(is_only.then(|| (key, value.get())))
    }
}

/// What a JSON text is, by its first character.
fn kind(text: &str) -> &'static str {
    match text.bytes().next() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// How deep objects and arrays of a JSON text stand in each other.
fn nesting(text: &str) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0usize, 0, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
