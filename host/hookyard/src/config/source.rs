//! `[tenants.<tenant>.sources.<source>]`: one endpoint each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hookyard_inbox::Keep;
use hookyard_model::{RetryPolicy, SourceName, SourceRef, TenantName};
use hookyard_plugin::Limits;
use hookyard_verify::{JsonPointer, Provider, Verifier};

use super::references::Surroundings;
use super::settings::Source;
use super::{host, limits, scheme};
use crate::document::{Entry, Section, unknown};

type Providers = BTreeMap<String, Arc<Provider>>;

/// What a source has that says nothing of its own.
pub(super) struct Defaults {
    pub(super) retry: RetryPolicy,
    pub(super) dedupe_window: Duration,
    /// A tenant's rather.
    pub(super) keep: Keep,
}

/// What is said of tenants.
#[derive(Default)]
pub(super) struct Tenants {
    pub(super) sources: BTreeMap<SourceRef, Source>,
    /// Of those that have a retention of their own.
    pub(super) keeps: BTreeMap<TenantName, Keep>,
    /// The most that plugins may ask for, of those that have limits of their own.
    pub(super) ceilings: BTreeMap<TenantName, Limits>,
}

/// All tenants with all their sources. A source with a fault is left out, and its faults say why.
pub(super) fn all(
    tenants: &Section<'_>,
    providers: &Providers,
    defaults: &Defaults,
    around: &Surroundings<'_>,
) -> Tenants {
    let mut all = Tenants::default();
    tenants.each(|tenant, entry| {
        let tenant = named(&entry, TenantName::new(tenant));
        entry.table(|section| {
            let has_keep = section.entry("retention").is_some();
            let keep = section.table("retention", |section| super::retention::keep(section, defaults.keep));
            all.keeps.extend(tenant.clone().filter(|_| has_keep).map(|tenant| (tenant, keep)));
            let has_limits = section.entry("limits").is_some();
            let ceiling = section.table("limits", |section| limits::read(section, &limits::BOUNDLESS, &limits::BOUNDLESS));
            all.ceilings.extend(tenant.clone().filter(|_| has_limits).map(|tenant| (tenant, ceiling)));
            section.table("sources", |table| {
                table.each(|name, entry| {
                    let name = named(&entry, SourceName::new(name));
                    // One with a bad name is read all the same, so that its other faults show.
                    let source = entry.table(|section| read(section, providers, defaults, around));
                    let named = tenant.clone().zip(name).map(|(tenant, source)| SourceRef { tenant, source });
                    all.sources.extend(named.zip(source));
                });
            });
            Some(())
        });
    });
    all
}

fn named<T>(entry: &Entry<'_>, name: Result<T, hookyard_model::InvalidName>) -> Option<T> {
    name.map_err(|error| entry.fault(error)).ok()
}

fn read(
    section: &Section<'_>,
    providers: &Providers,
    defaults: &Defaults,
    around: &Surroundings<'_>,
) -> Option<Source> {
    let faults_before = section.fault_count();
    let provider = provider(section, providers);
    let body_bytes_max = section.get("body_max").and_then(host::bytes);
    let retry = section.table("retry", |section| super::retry::read(section, &defaults.retry));
    let ordering = ordering(section);
    let dedupe_window = section.get("dedupe_window").unwrap_or(defaults.dedupe_window);
    let scheme = scheme::read(section, provider.as_deref(), around);
    let (provider, scheme) = (provider?, scheme?);
    if section.fault_count() > faults_before {
        // What is missing because it was faulty would only be complained of twice.
        return None;
    }
    let allow_http = scheme::allows_http(&scheme);
    let verifier = Verifier::new(scheme).map_err(|error| section.fault(error)).ok()?;
    Some(Source { provider, verifier: Arc::new(verifier), body_bytes_max, allow_http, retry, ordering, dedupe_window })
}

fn ordering(section: &Section<'_>) -> Option<JsonPointer> {
    let entry = section.entry("ordering")?;
    let pointer = JsonPointer::parse(&entry.get::<String>()?).map_err(|error| entry.fault(error)).ok()?;
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
            let list = providers.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            section.missing("provider", format_args!("who sends to it; one of {list}"));
            None
        }
    }
}

/// The provider that `entry` names.
pub(super) fn find(entry: &Entry<'_>, providers: &Providers) -> Option<Arc<Provider>> {
    let name = entry.get::<String>()?;
    let found = providers.get(&name).cloned();
    if found.is_none() {
        let known = || providers.keys().map(String::as_str);
        let list = known().collect::<Vec<_>>().join(", ");
        entry.fault(format_args!("{} (there are {list})", unknown("provider", &name, known())));
    }
    found
}
