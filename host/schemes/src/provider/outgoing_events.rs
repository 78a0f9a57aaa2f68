//! The events that the host sends to a provider, as data: their types, the spelling of names, and
//! the envelope around the payload.
//!
//! Other code turns a plugin's values into JSON. This module describes what is put around that
//! JSON.

use std::collections::BTreeMap;

use super::{Envelope, Spelling};
use crate::JsonPointer;

/// The events that the host sends to a provider.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutgoingEvents {
    /// The receiver's name of each event type, by the WIT function that sends it.
    pub types: BTreeMap<String, String>,
    /// The receiver's spelling of the names of fields and cases.
    pub spelling: Spelling,
    /// The envelope around the payload that a plugin gives.
    pub envelope: Envelope,
    /// The location of the ordering key in the payload. Events with the same key are sent in order.
    pub order: Option<JsonPointer>,
}
