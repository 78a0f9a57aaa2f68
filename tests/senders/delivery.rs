//! A delivery of an event: what a sender knows before it signs.

use std::collections::BTreeMap;

use hookyard_testkit::samples::Sample;
use hookyard_testkit::sign::now;
use serde_json::Value;

use crate::sign::unhex;

/// An event that a sender delivers.
pub(crate) struct Delivery<'a> {
    /// The name of the sender.
    pub(crate) sender: &'static str,
    /// The sample.
    pub(crate) sample: &'a Sample,
    /// The type that the sender gives the event, or an empty text.
    pub(crate) kind: String,
    /// The id that the sender makes for the event, for senders that send one in a header.
    pub(crate) id: String,
    /// The time of the signature, in seconds since the Unix epoch.
    pub(crate) time: i64,
}

impl<'a> Delivery<'a> {
    pub(crate) fn new(sender: &'static str, sample: &'a Sample, kind: Option<String>) -> Self {
        Self {
            sender,
            sample,
            kind: kind.unwrap_or_default(),
            id: format!("{sender}-{}", sample.name),
            time: now(),
        }
    }

    /// Returns the body as the sample has it.
    pub(crate) fn body(&self) -> Vec<u8> {
        self.sample.body.clone().into_bytes()
    }

    /// Returns the body with another value at this JSON pointer.
    pub(crate) fn body_with(&self, pointer: &str, value: impl Into<Value>) -> Vec<u8> {
        self.sample.with(pointer, value).into_bytes()
    }

    /// Returns the text or number at a JSON pointer as text.
    pub(crate) fn json(&self, pointer: &str) -> String {
        match self.sample.json().pointer(pointer) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        }
    }

    /// Returns the fields of a form; none if the sample is not a form.
    pub(crate) fn form(&self) -> BTreeMap<String, String> {
        if !self.sample.is_form {
            return BTreeMap::new();
        }
        let pairs = self.sample.body.split('&');
        pairs
            .filter_map(|pair| pair.split_once('='))
            .map(|(name, value)| (unescaped(name), unescaped(value)))
            .collect()
    }

    /// Returns the media type of the body.
    pub(crate) fn content_type(&self) -> &'static str {
        if self.sample.is_form {
            "application/x-www-form-urlencoded"
        } else {
            "application/json"
        }
    }

    /// Returns the URL of the source, as the page has it in `public_url`.
    pub(crate) fn url(&self) -> String {
        format!("https://hooks.example.com/acme/{}", self.sender)
    }
}

/// Returns the text that a name or value of a form means.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits: Vec<u8> = rest.by_ref().take(2).collect();
                bytes.extend(unhex(&String::from_utf8_lossy(&digits)));
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
