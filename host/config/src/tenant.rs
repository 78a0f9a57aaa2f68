//! The `[tenants.<tenant>]` tables: the sources, destinations, limits and grants of a tenant.

mod destination;
mod ack;
mod handshake;
mod http_signatures;
mod jwt;
mod scheme;
mod signing;
mod source;
mod source_values;
mod verifier;

use std::collections::BTreeMap;
use std::time::Duration;

use hookyard_model::{
    DestinationName, DestinationRef, InvalidName, RetryPolicy, SourceName, SourceRef, TenantName,
};
use hookyard_plugin::Limits;
use hookyard_store::RetentionLimits;

use crate::document::{Entry, Section};
use crate::grants::{self, TenantDestinations, TenantGrants};
use crate::limits::{self, UNLIMITED};
use crate::references::Resolver;
use crate::settings::{Destination, RefusedSettings, Source};
use crate::tables;
pub use source::Providers;
#[cfg(test)]
pub(crate) use {scheme::KEYS as SCHEME_KEYS, signing::KEYS as SIGNING_KEYS};

/// The host's settings that apply to a tenant or source without settings of its own.
pub struct Defaults {
    /// The maximum size of a request's body, in bytes.
    pub body_max: usize,
    /// The bounds on the refused requests that are kept.
    pub refused: RefusedSettings,
    /// The retries of jobs.
    pub retry: RetryPolicy,
    /// How long a repeated event is recognized.
    pub dedupe_window: Duration,
    /// How long data is kept.
    pub retention: RetentionLimits,
}

/// The settings of all tenants.
#[derive(Default)]
pub struct Tenants {
    /// The sources of all tenants.
    pub sources: BTreeMap<SourceRef, Source>,
    /// The destinations of all tenants.
    pub destinations: BTreeMap<DestinationRef, Destination>,
    /// The retention of each tenant that has a table for it.
    pub retention: BTreeMap<TenantName, RetentionLimits>,
    /// The maximum limits of each tenant that has a table for them.
    pub limits: BTreeMap<TenantName, Limits>,
    /// The grants of each tenant.
    pub grants: BTreeMap<TenantName, TenantGrants>,
}

/// What the readers of a tenant need.
struct Reader<'r> {
    providers: &'r Providers,
    defaults: &'r Defaults,
    resolver: &'r Resolver<'r>,
}

/// Reads the tables of all tenants.
///
/// Reports faulty parts and leaves them out. Parts with an invalid name are read as well, so that
/// their other faults are reported.
pub fn all(
    section: &Section<'_>,
    providers: &Providers,
    defaults: &Defaults,
    resolver: &Resolver<'_>,
) -> Tenants {
    let reader = Reader {
        providers,
        defaults,
        resolver,
    };
    let mut tenants = Tenants::default();
    section.each(|name, entry| {
        let name = valid_name(&entry, TenantName::new(name));
        entry.table(|section| {
            reader.tenant(section, name, &mut tenants);
            Some(())
        });
    });
    tenants
}

impl Reader<'_> {
    fn tenant(&self, section: &Section<'_>, tenant: Option<TenantName>, tenants: &mut Tenants) {
        let retention = section.entry("retention").is_some().then(|| {
            section.table("retention", |section| {
                tables::retention_limits(section, self.defaults.retention)
            })
        });
        let limits = section.entry("limits").is_some().then(|| {
            section.table("limits", |section| {
                limits::read(section, &UNLIMITED, &UNLIMITED)
            })
        });
        self.sources(section, tenant.as_ref(), tenants);
        let destinations = self.destinations(section, tenant.as_ref(), tenants);
        let rules = section.table("grants", |section| {
            grants::read(section, Some(&destinations), self.resolver)
        });

        let Some(tenant) = tenant else {
            return;
        };
        tenants
            .retention
            .extend(retention.map(|retention| (tenant.clone(), retention)));
        tenants
            .limits
            .extend(limits.map(|limits| (tenant.clone(), limits)));
        let grants = TenantGrants {
            rules,
            destinations,
        };
        tenants.grants.insert(tenant, grants);
    }

    fn sources(&self, section: &Section<'_>, tenant: Option<&TenantName>, tenants: &mut Tenants) {
        each(section, "sources", |name, entry| {
            let name = valid_name(&entry, SourceName::new(name));
            let source = entry.table(|section| {
                source::read(section, self.providers, self.defaults, self.resolver)
            });

            if let (Some(tenant), Some(name), Some(source)) = (tenant.cloned(), name, source) {
                tenants.sources.insert(SourceRef { tenant, name }, source);
            }
        });
    }

    /// Adds the destinations of one tenant to `tenants`. Returns the names and providers of all
    /// destinations, including faulty ones, so that a grant of a faulty destination is not
    /// reported.
    fn destinations(
        &self,
        section: &Section<'_>,
        tenant: Option<&TenantName>,
        tenants: &mut Tenants,
    ) -> TenantDestinations {
        let mut known = TenantDestinations::new();
        each(section, "destinations", |name, entry| {
            let name = valid_name(&entry, DestinationName::new(name));
            let destination = entry
                .table(|section| destination::read(section, tenant, self.providers, self.resolver));

            let Some(name) = name else {
                return;
            };
            let provider = destination
                .as_ref()
                .and_then(|destination| destination.provider.as_ref())
                .map(|provider| provider.name.clone());
            known.insert(name.clone(), provider);
            if let (Some(tenant), Some(destination)) = (tenant.cloned(), destination) {
                let destination_ref = DestinationRef { tenant, name };
                tenants.destinations.insert(destination_ref, destination);
            }
        });
        known
    }
}

fn each<'d>(section: &Section<'d>, key: &'static str, read: impl FnMut(&'d str, Entry<'d>)) {
    section.table(key, |table| table.each(read));
}

/// Returns the name. Reports an invalid one.
fn valid_name<T>(entry: &Entry<'_>, name: Result<T, InvalidName>) -> Option<T> {
    name.map_err(|error| entry.fault(error)).ok()
}
