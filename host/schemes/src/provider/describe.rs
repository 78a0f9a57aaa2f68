//! Finds the idempotency key and the type of a verified event.

use std::cell::OnceCell;

use aws_lc_rs::digest;
use hookyard_model::is_hidden;
use serde_json::value::RawValue;

use super::{Description, Direction, KeyFallback, KeyRule, KeySource, Provider, Shape, TypeRule};
use crate::json::{Wanted, find_all, payload_bytes, string};
use crate::verify::{Headers, ascii, single_header};
use crate::{JsonPointer, Refusal, Unreadable, Verified};

/// The maximum size of a key, in bytes.
const KEY_BYTES_MAX: usize = 512;
/// The maximum size of a type, in bytes.
const TYPE_BYTES_MAX: usize = 256;

impl Provider {
    /// Returns the key and the type of a verified event. `headers` and `body` are those of the
    /// request.
    ///
    /// # Errors
    ///
    /// Returns a [`Refusal`] if the body cannot be read, the key is missing, or the event is one
    /// that the host sends and never receives.
    pub fn describe(
        &self,
        verified: &Verified,
        headers: &dyn Headers,
        body: &[u8],
    ) -> Result<Description, Refusal> {
        let bytes = payload_bytes(&verified.payload, body)?;
        let payload = EventPayload::new(&bytes, self);
        let event_type = self
            .event_type(headers, &payload)?
            .filter(|name| is_name(name, TYPE_BYTES_MAX));
        if let Some(event_type) = &event_type {
            self.refuse_outgoing(event_type)?;
        }

        let key = self.key.read(verified, headers, &payload)?;
        Ok(Description { key, event_type })
    }

    /// Returns every location in the payload that a rule names.
    fn pointers(&self) -> impl Iterator<Item = &JsonPointer> {
        let (json, shapes) = match &self.event_type {
            TypeRule::Json(pointer) => (Some(pointer), &[][..]),
            TypeRule::Header(_) => (None, &[][..]),
            TypeRule::Shapes(shapes) => (None, &shapes[..]),
        };
        let of_shapes = shapes.iter().flat_map(|shape| {
            shape
                .any
                .iter()
                .chain(&shape.none)
                .chain(shape.is.pointers())
        });
        let of_key = self.key.from.iter().filter_map(|source| match source {
            KeySource::Json(pointer) => Some(pointer),
            KeySource::SchemeId | KeySource::Header(_) => None,
        });
        json.into_iter().chain(of_shapes).chain(of_key)
    }

    fn refuse_outgoing(&self, event_type: &str) -> Result<(), Refusal> {
        match self.events.get(event_type) {
            Some(case) if case.direction == Direction::Outgoing => Err(Refusal::NotIncoming {
                event_type: event_type.to_owned(),
            }),
            _ => Ok(()),
        }
    }

    fn event_type(
        &self,
        headers: &dyn Headers,
        payload: &EventPayload<'_>,
    ) -> Result<Option<String>, Refusal> {
        match &self.event_type {
            TypeRule::Json(pointer) => payload.find_string(pointer).map_err(Refusal::from),
            TypeRule::Header(name) => header_text(headers, name),
            TypeRule::Shapes(shapes) => type_by_shape(shapes, payload).map_err(Refusal::from),
        }
    }
}

impl KeyRule {
    fn read(
        &self,
        verified: &Verified,
        headers: &dyn Headers,
        payload: &EventPayload<'_>,
    ) -> Result<String, Refusal> {
        for source in &self.from {
            let found = match source {
                KeySource::SchemeId => verified.id.clone(),
                KeySource::Header(name) => header_text(headers, name)?,
                KeySource::Json(pointer) => payload.find(pointer)?.and_then(identifier),
            };
            if let Some(key) = found.filter(|key| is_name(key, KEY_BYTES_MAX)) {
                return Ok(key);
            }
        }

        match self.otherwise {
            Some(KeyFallback::BodySha256) => Ok(hashed(payload.bytes)),
            None => Err(Refusal::MissingKey),
        }
    }
}

fn header_text(headers: &dyn Headers, name: &str) -> Result<Option<String>, Refusal> {
    Ok(single_header(headers, name)?
        .and_then(ascii)
        .map(str::to_owned))
}

/// The payload of an event. It is read in one pass for all values that the provider's rules name,
/// and only if a rule needs one of them.
struct EventPayload<'a> {
    bytes: &'a [u8],
    provider: &'a Provider,
    values: OnceCell<Result<Vec<Wanted<'a, 'a>>, Unreadable>>,
}

impl<'a> EventPayload<'a> {
    fn new(bytes: &'a [u8], provider: &'a Provider) -> Self {
        Self {
            bytes,
            provider,
            values: OnceCell::new(),
        }
    }

    /// Returns the value at a location that a rule of the provider names.
    fn find(&self, pointer: &JsonPointer) -> Result<Option<&'a RawValue>, Unreadable> {
        let values = self.values.get_or_init(|| self.read()).as_ref();
        let wanted = values.map_err(Clone::clone)?;

        let wanted = wanted.iter().find(|wanted| wanted.pointer == pointer);
        wanted.map_or(Ok(None), |wanted| wanted.found.clone())
    }

    fn find_string(&self, pointer: &JsonPointer) -> Result<Option<String>, Unreadable> {
        Ok(self.find(pointer)?.and_then(string))
    }

    fn read(&self) -> Result<Vec<Wanted<'a, 'a>>, Unreadable> {
        let mut values: Vec<_> = self.provider.pointers().map(Wanted::new).collect();
        find_all(self.bytes, &mut values)?;
        Ok(values)
    }
}

/// Returns the type of the one shape that matches; `None` if no shape or more than one shape
/// matches.
fn type_by_shape(
    shapes: &[Shape],
    payload: &EventPayload<'_>,
) -> Result<Option<String>, Unreadable> {
    let has_value = |pointer: &JsonPointer| {
        Ok(payload
            .find(pointer)?
            .is_some_and(|value| value.get() != "null"))
    };
    // Every pointer is looked up, so that unreadable JSON is an error wherever it is.
    let any_has_value = |pointers: &[JsonPointer]| {
        pointers.iter().try_fold(false, |found, pointer| {
            Ok::<_, Unreadable>(found | has_value(pointer)?)
        })
    };

    let mut matching = None;
    for shape in shapes {
        if any_has_value(&shape.any)? && !any_has_value(&shape.none)? {
            if matching.is_some() {
                return Ok(None);
            }
            matching = Some(shape);
        }
    }

    Ok(matching.and_then(|shape| {
        shape
            .is
            .fill(|pointer| payload.find_string(pointer).ok().flatten())
    }))
}

/// Returns the text of a string, or a number as it is written.
pub(crate) fn identifier(value: &RawValue) -> Option<String> {
    let text = value.get();
    let is_number = text.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    if is_number {
        Some(text.to_owned())
    } else {
        string(value)
    }
}

/// Returns whether a text can be a name. Hidden characters are refused: they would break lines in
/// logs, or make one name look like another.
fn is_name(text: &str, bytes_max: usize) -> bool {
    !text.is_empty() && text.len() <= bytes_max && !text.chars().any(is_hidden)
}

/// Returns whether a text can be an identifier.
pub(crate) fn is_identifier(text: &str) -> bool {
    is_name(text, KEY_BYTES_MAX)
}

/// Returns the replacement for bytes that cannot be an identifier.
pub(crate) fn hashed(bytes: &[u8]) -> String {
    let hash = digest::digest(&digest::SHA256, bytes);
    let digits: String = hash.as_ref().iter().map(|b| format!("{b:02x}")).collect();
    format!("sha256:{digits}")
}
