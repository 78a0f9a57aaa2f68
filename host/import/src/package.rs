//! The types of the chosen events as a package of WIT: which types have names, and which names.
//!
//! Everything that is written of the types reads them here, so that the WIT, the lock and the types
//! that samples are decoded with are always the same.

mod cases;
mod fields;
mod locked;
mod naming;
mod shape;
mod size;
mod written;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::types::{Form, TypeId, Types, Use};

pub(crate) use cases::cases;
pub(crate) use fields::{Emitted, emitted};
pub(crate) use size::{Sizes, shallow};

/// An event of the package: a case of the variant.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// The case in WIT.
    pub(crate) case: String,
    /// The sender's type, or the document's name where the type is not known.
    pub(crate) event_type: String,
    /// The first paragraph of the description.
    pub(crate) text: Option<String>,
    pub(crate) ty: Use,
    /// The webhooks of the description that are this event, by their places.
    pub(crate) webhooks: Vec<usize>,
}

/// The types of a package with their names.
#[derive(Debug)]
pub(crate) struct Package<'t> {
    pub(crate) types: &'t Types,
    pub(crate) events: &'t [Event],
    /// The names of the types that have one.
    pub(crate) names: BTreeMap<TypeId, String>,
}

impl<'t> Package<'t> {
    /// Names the types of events.
    pub(crate) fn new(types: &'t Types, events: &'t [Event]) -> Self {
        Self {
            names: naming::names(types, events),
            types,
            events,
        }
    }
}

/// Whether a type is declared with a name. Any other type is written where it is used.
pub(crate) fn has_name(types: &Types, id: TypeId) -> bool {
    match &types.get(id).form {
        Form::Record(fields) => !emitted(fields).fields.is_empty(),
        Form::Text(values) => cases(values).is_some(),
        _ => false,
    }
}
