//! What is sent to a provider, as data: its types, how it spells names, and the envelope around what a plugin says.
//!
//! Making the JSON of a plugin's values is not done here; what is put around it is.

use std::collections::BTreeMap;

use crate::JsonPointer;

pub use envelope::{Envelope, Filling, Piece, Unfilled};
pub use spelling::{Case, Spelling};

mod envelope;
mod spelling;

/// The events that a provider is sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// From the WIT function that sends an event to the receiver's name of its type.
    pub types: BTreeMap<String, String>,
    /// How the receiver writes the names of fields and cases.
    pub spelling: Spelling,
    /// What is sent, around the payload that a plugin gives.
    pub envelope: Envelope,
    /// Where in the payload stands what orders the events: those that have the same are sent in their order.
    pub order: Option<JsonPointer>,
}
