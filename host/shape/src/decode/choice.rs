//! Decodes enums, variants and results, whose content decides how they are decoded, and the strings
//! that stand for something else than their text.

use std::borrow::Cow;

use super::reader::{Kind, Reader};
use super::{Decoded, Decoder, Fault, NESTING_MAX, OTHER, unescaped};
use crate::path::Step;
use crate::{Cases, Names, Output, Plan};

/// A value that may be a case of a variant. It has been read as a whole.
struct Candidate<'de> {
    kind: Kind,
    text: &'de str,
    /// The name of the case: the string itself, or the only key of the object.
    name: Option<Cow<'de, str>>,
    /// The text of the value of the only key.
    payload: Option<&'de str>,
}

impl<'de, O: Output> Decoder<'de, O> {
    pub(super) fn char(&mut self) -> Decoded<'de, O::Value> {
        let string = self.string()?;
        let mut chars = string.chars();
        match (chars.next(), chars.next()) {
            (Some(char), None) => Ok(O::char(char)),
            _ => Err(Fault::mismatch("a string of another length", &Plan::Char)),
        }
    }

    pub(super) fn named(&mut self, cases: &[String], names: &Names) -> Decoded<'de, O::Value> {
        let found = names.find(&self.string()?).map(|place| &cases[place]);
        let case = found.or_else(|| cases.iter().find(|name| *name == OTHER));
        case.map(|case| O::enumeration(case))
            .ok_or_else(|| no_case(cases.iter().map(String::as_str)))
    }

    pub(super) fn result(&mut self, plan: &Plan, cases: &Cases) -> Decoded<'de, O::Value> {
        let (name, payload) = self.case(plan, cases)?;
        Ok(O::result(if name == "ok" {
            Ok(payload)
        } else {
            Err(payload)
        }))
    }

    pub(super) fn variant(&mut self, plan: &Plan, cases: &Cases) -> Decoded<'de, O::Value> {
        let (name, payload) = self.case(plan, cases)?;
        Ok(O::variant(name, payload))
    }

    /// Reads any value as its JSON text.
    pub(super) fn json(&mut self) -> Decoded<'de, O::Value> {
        self.spend(1)?;
        let text = json_text(self.reader.value()?)?;
        Ok(O::variant(OTHER, Some(O::string(Cow::Borrowed(text)))))
    }

    /// Reads the next value as the name of a case and its payload.
    fn case<'p>(
        &mut self,
        plan: &Plan,
        cases: &'p Cases,
    ) -> Decoded<'de, (&'p str, Option<O::Value>)> {
        let candidate = self.candidate()?;
        let name = candidate.name.as_deref();
        let found = name
            .and_then(|name| cases.names.find(name))
            .map(|place| &cases.cases[place]);

        match (found, candidate.payload) {
            (Some((name, None)), None | Some("null")) => Ok((name, None)),
            (Some((name, Some(plan))), Some(text)) => {
                let step = candidate.name.map(Step::Key);
                let value = self.of_text(plan, text).map_err(|fault| match step {
                    Some(step) => fault.at(step),
                    None => fault,
                })?;
                Ok((name, Some(value)))
            }
            // An event may name the case `other` like any other case. Otherwise it takes what fits
            // no case.
            _ if cases.other().is_some() => Ok((OTHER, self.other(cases, &candidate)?)),
            (Some((name, Some(_))), None) => Err(Fault::new(format!(
                "found the case `{name}` without its payload"
            ))),
            (Some((name, None)), Some(_)) => Err(Fault::new(format!(
                "found a payload for `{name}`, which has none"
            ))),
            (None, _) if name.is_some() => {
                Err(no_case(cases.cases.iter().map(|(name, _)| name.as_str())))
            }
            (None, _) => Err(Fault::mismatch(candidate.kind.name(), plan)),
        }
    }

    /// Reads the next value as a case of a variant.
    fn candidate(&mut self) -> Decoded<'de, Candidate<'de>> {
        let kind = self.reader.kind()?;
        let text = self.reader.value()?;
        let (name, payload) = match kind {
            Kind::String => (Some(unescaped(Reader::new(text).string()?)?), None),
            Kind::Object => only_entry(text).unzip(),
            _ => (None, None),
        };
        Ok(Candidate {
            kind,
            text,
            name,
            payload,
        })
    }

    /// Decodes the payload of the case `other`.
    fn other(
        &mut self,
        cases: &Cases,
        candidate: &Candidate<'de>,
    ) -> Decoded<'de, Option<O::Value>> {
        Ok(match cases.other() {
            Some((_, Some(Plan::String))) if candidate.kind != Kind::String => {
                self.spend(1)?;
                Some(O::string(Cow::Borrowed(json_text(candidate.text)?)))
            }
            Some((_, Some(plan))) => Some(self.of_text(plan, candidate.text)?),
            Some((_, None)) | None => None,
        })
    }

    /// Decodes a text that has been read as a value.
    fn of_text(&mut self, plan: &Plan, text: &'de str) -> Decoded<'de, O::Value> {
        let after = std::mem::replace(&mut self.reader, Reader::new(text));
        let value = self.value(plan);
        self.reader = after;
        value
    }
}

fn no_case<'de, 'n>(names: impl Iterator<Item = &'n str>) -> Box<Fault<'de>> {
    const SHOWN_MAX: usize = 8;
    let mut shown: Vec<&str> = names.take(SHOWN_MAX + 1).collect();
    if shown.len() > SHOWN_MAX {
        shown[SHOWN_MAX] = "…";
    }
    Fault::new(format!(
        "found none of the cases that the plugin has ({}); it has no `{OTHER}`",
        shown.join(", ")
    ))
}

/// Returns the key of an object that has only one entry, and the text of its value.
fn only_entry(object: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut reader = Reader::new(object);
    reader.kind().ok()?;
    reader.enter();

    let key = reader.next_key(true).ok()??;
    let value = reader.value().ok()?;
    let is_only = reader.next_key(false).ok()?.is_none();
    Some((key.unescape()?, value)).filter(|_| is_only)
}

/// Returns the text of a JSON value, unless it is nested too deeply.
pub(super) fn json_text<'de>(text: &'de str) -> Decoded<'de, &'de str> {
    if nesting(text) > NESTING_MAX {
        return Err(Fault::new(format!(
            "found JSON that is nested more than {NESTING_MAX} deep"
        )));
    }
    Ok(text)
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
