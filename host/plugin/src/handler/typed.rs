//! The typed handler: chooses the case of its `event` variant for a stored event, and decodes the
//! event to that case.

use std::borrow::Cow;
use std::collections::BTreeMap;

use hookyard_model::{Event, Payload};
use hookyard_schemes::value::{form_as_json, is_form};
use wasmtime::component::Val;

use crate::Contract;
use crate::plan::{
    Case, ComponentValues, DecodeError, Names, OTHER, Plan, Pointer, Shape, TypeError,
};

/// The event variant of one typed handler, as the plugin declared it.
#[derive(Debug)]
pub(crate) struct Events {
    cases: Vec<(String, Option<Plan>)>,
    /// The index of the case for each of the sender's event types, for the cases that the plugin
    /// has.
    by_type: BTreeMap<String, usize>,
    /// The index of the case `other`.
    other: Option<usize>,
    /// The part of the event that a case is decoded from.
    content: Pointer,
}

impl Events {
    /// Compiles a plugin's event variant under a provider's contract.
    ///
    /// # Errors
    ///
    /// Fails if the type is not a variant, or if the JSON of a case could not be decoded without
    /// guessing.
    pub(crate) fn new(shape: &Shape, contract: &Contract) -> Result<Self, TypeError> {
        let error = |reason: &str| TypeError {
            at: "event".into(),
            reason: reason.to_owned(),
        };
        let Shape::Variant(declared) = shape else {
            return Err(error("it is not a variant"));
        };
        let names = Names::new(declared.iter().map(|case| case.name.as_str())).map_err(|_| {
            error("two of its cases have names that differ only in upper case and `-`")
        })?;
        let content = Pointer::parse(&contract.content).ok_or_else(|| {
            error("the provider's `content` is not a JSON pointer; correct its provider.toml")
        })?;

        let mut cases = Vec::new();
        for Case { name, payload } in declared {
            let plan = match payload {
                Some(payload) => Some(Plan::new(payload, &format!("event.{name}"))?),
                None => None,
            };
            cases.push((name.clone(), plan));
        }
        let by_type = contract
            .cases
            .iter()
            .filter_map(|(event_type, case)| Some((event_type.clone(), names.find(case)?)))
            .collect();
        Ok(Self {
            cases,
            by_type,
            other: declared.iter().position(|case| case.name == OTHER),
            content,
        })
    }

    /// Whether there is a case for events of this type.
    pub(crate) fn takes(&self, event_type: Option<&str>) -> bool {
        self.case_index(event_type).is_some()
    }

    fn case_index(&self, event_type: Option<&str>) -> Option<usize> {
        event_type
            .and_then(|event_type| self.by_type.get(event_type).copied())
            .or(self.other)
    }

    /// Returns the variant for an event, of at most `values_max` values.
    ///
    /// A named case is decoded from the event's content, which the contract locates. The case
    /// `other` gets the whole event: as the sender's text if its payload is a string, otherwise
    /// decoded. A form is decoded like an object of its fields.
    ///
    /// # Errors
    ///
    /// Fails if there is no case for the event, or if the event does not fit the type of the case.
    pub(crate) fn value(&self, event: &Event, values_max: usize) -> Result<Val, DecodeError> {
        let event_type = event.event_type.as_deref();
        let index = self.case_index(event_type).ok_or_else(|| DecodeError {
            path: "$".into(),
            message: no_case(event_type),
        })?;
        let (name, plan) = &self.cases[index];
        let is_other = self.other == Some(index);

        let payload = match plan {
            None => None,
            Some(Plan::String) if is_other => Some(Val::String(event_text(event)?.into_owned())),
            Some(plan) => {
                let whole = Pointer::default();
                let content = if is_other { &whole } else { &self.content };
                Some(plan.decode::<ComponentValues>(content, &event_json(event)?, values_max)?)
            }
        };
        Ok(Val::Variant(name.clone(), payload.map(Box::new)))
    }
}

/// Returns the event as the sender wrote it, taken out of its envelope if it has one.
///
/// # Errors
///
/// Fails if the event is not text, or if it is not in its envelope.
pub(super) fn event_text(event: &Event) -> Result<Cow<'_, str>, DecodeError> {
    let error = |message: &str| DecodeError {
        path: "$".into(),
        message: message.into(),
    };
    let body = std::str::from_utf8(&event.body).map_err(|_| error("the body is not UTF-8"))?;

    match &event.payload {
        Payload::Body => Ok(Cow::Borrowed(body)),
        Payload::TextAt(pointer) => {
            let pointer = Pointer::parse(pointer).ok_or_else(|| {
                error("the stored position of the event in its envelope is not a JSON pointer")
            })?;
            pointer.text(body).map(Cow::Owned)
        }
        Payload::Covered(_) => {
            let signed = hookyard_schemes::payload_bytes(&event.payload, &event.body)
                .map_err(|unreadable| error(&format!("the signed fields: {unreadable}")))?;
            let signed = String::from_utf8(signed.into_owned())
                .map_err(|_| error("the signed fields are not UTF-8"))?;
            Ok(Cow::Owned(signed))
        }
    }
}

/// Returns the event as JSON. A form becomes an object of its fields.
///
/// Some clients, such as curl, send JSON under the media type of a form. No form begins like JSON,
/// because `{` and `[` are encoded in a form.
fn event_json(event: &Event) -> Result<Cow<'_, str>, DecodeError> {
    let mut headers = event.headers.iter();
    let content_type = headers.find(|header| header.name == "content-type");
    let content_type = content_type.and_then(|header| str::from_utf8(&header.value).ok());
    let is_form = content_type.is_some_and(is_form) && !begins_like_json(&event.body);
    if event.payload != Payload::Body || !is_form {
        return event_text(event);
    }

    form_as_json(&event.body)
        .map(Cow::Owned)
        .ok_or_else(|| DecodeError {
            path: "$".into(),
            message: "the form is not UTF-8, or has too many fields".into(),
        })
}

fn begins_like_json(body: &[u8]) -> bool {
    let text = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    matches!(text.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// Returns the message for the operator when a plugin has no handler for an event.
pub(super) fn no_case(event_type: Option<&str>) -> String {
    let event = match event_type {
        Some(event_type) => format!("`{event_type}`"),
        None => "event without a known type".to_owned(),
    };
    format!(
        "the plugin takes no {event}; add a case for it or `other(string)` to its event variant, \
         export hookyard:plugin/handler, or give it other sources"
    )
}
