//! Finds the idempotency key and the type of a verified event.

use aws_lc_rs::digest;
use hookyard_model::{Header, is_hidden};

use super::{Description, Direction, KeyFallback, KeySource, Provider, Shape, TypeRule};
use crate::json::{payload_bytes, string};
use crate::verify::{ascii, single_header};
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
        headers: &[Header],
        body: &[u8],
    ) -> Result<Description, Refusal> {
        let payload = payload_bytes(&verified.payload, body).map_err(unreadable)?;
        let event_type = self
            .event_type(headers, &payload)?
            .filter(|name| is_name(name, TYPE_BYTES_MAX));
        if let Some(event_type) = &event_type {
            self.refuse_outgoing(event_type)?;
        }

        let key = self.key(verified, headers, &payload)?;
        Ok(Description { key, event_type })
    }

    fn refuse_outgoing(&self, event_type: &str) -> Result<(), Refusal> {
        match self.events.get(event_type) {
            Some(case) if case.direction == Direction::Outgoing => Err(Refusal::NotIncoming {
                event_type: event_type.to_owned(),
            }),
            _ => Ok(()),
        }
    }

    fn event_type(&self, headers: &[Header], payload: &[u8]) -> Result<Option<String>, Refusal> {
        match &self.event_type {
            TypeRule::Json(pointer) => pointer.find_string(payload).map_err(unreadable),
            TypeRule::Header(name) => Ok(single_header(headers, name)?
                .and_then(ascii)
                .map(str::to_owned)),
            TypeRule::Shapes(shapes) => type_by_shape(shapes, payload).map_err(unreadable),
        }
    }

    fn key(
        &self,
        verified: &Verified,
        headers: &[Header],
        payload: &[u8],
    ) -> Result<String, Refusal> {
        for source in &self.key.from {
            let found = find_key(source, verified, headers, payload)?;
            if let Some(key) = found.filter(|key| is_name(key, KEY_BYTES_MAX)) {
                return Ok(key);
            }
        }

        match self.key.otherwise {
            Some(KeyFallback::BodySha256) => Ok(hashed(payload)),
            None => Err(Refusal::MissingKey),
        }
    }
}

fn find_key(
    source: &KeySource,
    verified: &Verified,
    headers: &[Header],
    payload: &[u8],
) -> Result<Option<String>, Refusal> {
    match source {
        KeySource::SchemeId => Ok(verified.id.clone()),
        KeySource::Header(name) => Ok(single_header(headers, name)?
            .and_then(ascii)
            .map(str::to_owned)),
        KeySource::Json(pointer) => Ok(pointer
            .find(payload)
            .map_err(unreadable)?
            .and_then(identifier)),
    }
}

/// Returns the type of the one shape that matches; `None` if no shape or more than one shape
/// matches.
fn type_by_shape(shapes: &[Shape], payload: &[u8]) -> Result<Option<String>, Unreadable> {
    let has_value = |pointer: &JsonPointer| {
        Ok(pointer
            .find(payload)?
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
            .fill(|pointer| pointer.find_string(payload).ok().flatten())
    }))
}

/// Returns the text of a string, or a number as it is written.
pub(crate) fn identifier(value: &serde_json::value::RawValue) -> Option<String> {
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

pub(crate) fn unreadable(error: Unreadable) -> Refusal {
    match error {
        Unreadable::Repeated(name) => Refusal::RepeatedField { name },
        error => Refusal::UnreadableBody {
            why: error.to_string(),
        },
    }
}
