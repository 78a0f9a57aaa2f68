//! Which keys of an object are fields.

use std::collections::HashMap;

use crate::names::{fold, matching};
use crate::types::Field;

/// The fields of a record, and its other keys.
#[derive(Debug)]
pub(crate) struct Emitted<'f> {
    /// The fields with their names in WIT.
    pub(crate) fields: Vec<(String, &'f Field)>,
    /// The keys for which WIT has no name.
    pub(crate) nameless: Vec<&'f Field>,
    /// The keys that the host could not tell from each other.
    pub(crate) clashing: Vec<&'f Field>,
}

/// Decides about the keys of an object. The host calls two keys for one field an error, so both
/// keys are left out.
pub(crate) fn emitted(fields: &[Field]) -> Emitted<'_> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for field in fields {
        *counts.entry(fold(&field.key)).or_default() += 1;
    }

    let mut emitted = Emitted {
        fields: Vec::new(),
        nameless: Vec::new(),
        clashing: Vec::new(),
    };
    for field in fields {
        match matching(&field.key) {
            None => emitted.nameless.push(field),
            Some(_) if counts.get(&fold(&field.key)) > Some(&1) => emitted.clashing.push(field),
            Some(name) => emitted.fields.push((name, field)),
        }
    }
    emitted
}
