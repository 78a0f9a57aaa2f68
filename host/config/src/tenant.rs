//! `[tenants.<tenant>]`: what one tenant has of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use hookyard_model::{
    DestinationName, DestinationRef, InvalidName, RetryPolicy, SourceName, SourceRef, TenantName,
};
use hookyard_plugin::Limits;
use hookyard_store::RetentionLimits;

use super::grants::{self, Destinations, OfTenant};
use super::references::Surroundings;
use super::settings::{Destination, Source};
use super::source::Providers;
use super::{destination, limits, retention, source};
use crate::document::{Entry, Section};

/// What a source has that says nothing of its own.
pub struct Defaults {
    pub body_max: usize,
    pub retry: RetryPolicy,
    pub dedupe_window: Duration,
    /// A tenant's rather.
    pub keep: RetentionLimits,
}

/// What is said of tenants.
#[derive(Default)]
pub struct Tenants {
    pub sources: BTreeMap<SourceRef, Source>,
    pub destinations: BTreeMap<DestinationRef, Destination>,
    /// Of those that have a retention of their own.
    pub keeps: BTreeMap<TenantName, RetentionLimits>,
    /// The most that plugins may ask for, of those that have limits of their own.
    pub ceilings: BTreeMap<TenantName, Limits>,
    pub grants: BTreeMap<TenantName, OfTenant>,
}

/// All tenants with all that they have. What has a fault is left out, and its faults say why. What has a bad name is read
/// all the same, so that its other faults show.
pub fn all(
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
            let keep = section.table("retention", |section| {
                retention::keep(section, defaults.keep)
            });
            all.keeps.extend(
                tenant
                    .clone()
                    .filter(|_| has_keep)
                    .map(|tenant| (tenant, keep)),
            );
            let has_limits = section.entry("limits").is_some();
            let ceiling = section.table("limits", |section| {
                limits::read(section, &limits::BOUNDLESS, &limits::BOUNDLESS)
            });
            all.ceilings.extend(
                tenant
                    .clone()
                    .filter(|_| has_limits)
                    .map(|tenant| (tenant, ceiling)),
            );
            each(section, "sources", |name, entry| {
                let name = named(&entry, SourceName::new(name));
                let source =
                    entry.table(|section| source::read(section, providers, defaults, around));
                let named = tenant.clone().zip(name).map(|(tenant, source)| SourceRef {
                    tenant,
                    name: source,
                });
                all.sources.extend(named.zip(source));
            });
            let mut known = Destinations::new();
            each(section, "destinations", |name, entry| {
                let name = named(&entry, DestinationName::new(name));
                let read = |section: &Section<'_>| {
                    destination::read(section, tenant.as_ref(), providers, around)
                };
                let destination = entry.table(read);
                let provider = destination
                    .as_ref()
                    .and_then(|it| it.provider.as_ref())
                    .map(|it| it.name.clone());
                known.extend(name.clone().map(|name| (name, provider)));
                let named = tenant
                    .clone()
                    .zip(name)
                    .map(|(tenant, destination)| DestinationRef {
                        tenant,
                        name: destination,
                    });
                all.destinations.extend(named.zip(destination));
            });
            let said = section.table("grants", |section| {
                grants::read(section, Some(&known), around)
            });
            all.grants.extend(tenant.map(|tenant| {
                (
                    tenant,
                    OfTenant {
                        said,
                        destinations: known,
                    },
                )
            }));
            Some(())
        });
    });
    all
}

fn each<'d>(section: &Section<'d>, key: &'static str, read: impl FnMut(&'d str, Entry<'d>)) {
    section.table(key, |table| table.each(read));
}

fn named<T>(entry: &Entry<'_>, name: Result<T, InvalidName>) -> Option<T> {
    name.map_err(|error| entry.fault(error)).ok()
}
