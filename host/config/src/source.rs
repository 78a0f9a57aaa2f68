//! `[tenants.<tenant>.sources.<source>]`: one endpoint each.

use std::collections::BTreeMap;
use std::sync::Arc;

use hookyard_schemes::{JsonPointer, Provider, Verifier};

use super::references::Surroundings;
use super::settings::Source;
use super::tenant::Defaults;
use super::{host, scheme};
use crate::document::{Entry, Section, unknown};

/// All providers by name.
pub type Providers = BTreeMap<String, Arc<Provider>>;

/// Reads a source.
pub fn read(
    section: &Section<'_>,
    providers: &Providers,
    defaults: &Defaults,
    around: &Surroundings<'_>,
) -> Option<Source> {
    let faults_before = section.fault_count();
    let provider = provider(section, providers);
    let body_max = section
        .get("body_max")
        .and_then(host::bytes)
        .unwrap_or(defaults.body_max);
    let retry = section.table("retry", |section| {
        super::retry::read(section, &defaults.retry)
    });
    let ordering = ordering(section);
    let dedupe_window = section
        .get("dedupe_window")
        .unwrap_or(defaults.dedupe_window);
    let scheme = scheme::read(section, provider.as_deref(), around);
    let (provider, scheme) = (provider?, scheme?);
    if section.fault_count() > faults_before {
        // What is missing because it was faulty would only be complained of twice.
        return None;
    }
    let allow_http = scheme::allows_http(&scheme);
    let verifier = Verifier::new(scheme)
        .map_err(|error| section.fault(error))
        .ok()?;
    Some(Source {
        provider,
        verifier: Arc::new(verifier),
        body_max,
        allow_http,
        retry,
        ordering,
        dedupe_window,
    })
}

fn ordering(section: &Section<'_>) -> Option<JsonPointer> {
    let entry = section.entry("ordering")?;
    let pointer = JsonPointer::parse(&entry.get::<String>()?)
        .map_err(|error| entry.fault(error))
        .ok()?;
    if pointer.is_root() {
        entry.fault(
            "points at the whole event; name the field that says what the event is about, such as \"/object_id\"",
        );
    }
    Some(pointer)
}

fn provider(section: &Section<'_>, providers: &Providers) -> Option<Arc<Provider>> {
    match section.entry("provider") {
        Some(entry) => find(&entry, providers),
        None => {
            let list = providers
                .keys()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", ");
            section.missing("provider", format_args!("who sends to it; one of {list}"));
            None
        }
    }
}

/// The provider that `entry` names.
pub fn find(entry: &Entry<'_>, providers: &Providers) -> Option<Arc<Provider>> {
    let name = entry.get::<String>()?;
    let found = providers.get(&name).cloned();
    if found.is_none() {
        let known = || providers.keys().map(String::as_str);
        let list = known().collect::<Vec<_>>().join(", ");
        entry.fault(format_args!(
            "{} (there are {list})",
            unknown("provider", &name, known())
        ));
    }
    found
}
