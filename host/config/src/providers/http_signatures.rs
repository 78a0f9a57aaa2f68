//! The `http-signatures` table of a provider's scheme: what its signatures cover (RFC 9421).

use std::time::Duration;

use hookyard_schemes::http_signatures::{self, COMPONENTS, MAX_AGE, Rules};
use hookyard_schemes::recipe::Encoding;

use super::jwt::url;
use super::recipe::choice;
use crate::document::Section;

/// Reads the rules for signatures.
pub(super) fn read(section: &Section<'_>) -> Option<Rules> {
    let faults_before = section.fault_count();
    let components = match section.entry("components") {
        Some(entry) => entry.list(),
        None => COMPONENTS.map(str::to_owned).to_vec(),
    };
    let key = match section.entry("key") {
        Some(_) => choice(section, "key", &Encoding::OF_KEYS),
        None => Some(Encoding::Utf8),
    };

    let rules = Rules {
        components,
        algorithms: algorithms(section),
        label: section.get("label"),
        tag: section.get("tag"),
        max_age: Some(section.get_or::<Duration>("max_age", MAX_AGE)),
        keys_url: section.entry("keys_url").and_then(|entry| url(&entry)),
        key: key?,
    };
    if section.fault_count() > faults_before {
        return None;
    }
    rules
        .check()
        .map_err(|error| section.fault(error))
        .ok()
        .map(|()| rules)
}

fn algorithms(section: &Section<'_>) -> Vec<String> {
    let Some(entry) = section.entry("algorithms") else {
        let what_for = "the algorithms that the sender signs with, such as [\"ed25519\"]";
        section.missing("algorithms", what_for);
        return Vec::new();
    };
    for item in entry.items() {
        if let Some(name) = item.get::<String>()
            && let Err(error) = http_signatures::check_algorithm(&name)
        {
            item.fault(error);
        }
    }
    entry.list()
}
