//! The `[tenants.<tenant>.destinations.<destination>]` tables: one receiver each.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hookyard_delivery::{self as delivery, BreakerPolicy};
use hookyard_egress::{Error, Identity, Policy, address_setting};
use hookyard_model::{TenantName, chain};
use hookyard_schemes::{Provider, Signer, SigningScheme};

use super::signing;
use super::source::{self, Providers};
use crate::document::{Rate, Section};
use crate::references::Resolver;
use crate::settings::Destination;
use crate::tables;

/// The default maximum number of deliveries at the same time.
const CONCURRENCY: usize = 4;
/// The default timeout of a delivery.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Reads a destination. Returns `None` if the destination has a fault.
///
/// `tenant` is `None` if the name of the tenant is invalid.
pub(crate) fn read(
    section: &Section<'_>,
    tenant: Option<&TenantName>,
    providers: &Providers,
    resolver: &Resolver<'_>,
) -> Option<Destination> {
    let faults_before = section.fault_count();

    let provider_entry = section.entry("provider");
    let provider = provider_entry
        .as_ref()
        .and_then(|entry| source::provider(entry, providers));
    let policy = policy(section, tenant, resolver);
    let url = url(section, &policy, faults_before);
    let retry = section.table("retry", |section| {
        tables::retry(section, &delivery::default_retry())
    });
    let rate = section.get("rate").map(|Rate(rate)| rate);
    let concurrency = section.positive_or("concurrency", CONCURRENCY);
    let timeout = section.get_or("timeout", TIMEOUT);
    let breaker = section.table("breaker", breaker);
    let scheme = if provider_entry.is_some() && provider.is_none() {
        signing::ignore(section);
        None
    } else {
        signing::read(section, provider.as_deref(), resolver)
    };

    let (url, scheme) = (url?, scheme?);
    if section.fault_count() > faults_before {
        // The signer would report the faulty parts a second time.
        return None;
    }
    let signer = signer(section, scheme, provider.as_deref())?;
    let delivery = delivery::Destination {
        url,
        signer: Arc::new(signer),
        policy,
        retry,
        rate,
        concurrency,
        timeout,
        breaker,
    };

    Some(Destination {
        provider,
        delivery: Arc::new(delivery),
    })
}

/// Reads `url`, and checks it against `policy` if nothing else is wrong so far.
fn url(section: &Section<'_>, policy: &Policy, faults_before: usize) -> Option<String> {
    let url = section.require::<String>(
        "url",
        "the address of the receiver, such as \"https://partner.example/hooks\"",
    )?;
    if section.fault_count() == faults_before
        && let Err(error) = delivery::check(&url, policy)
    {
        report(section, &error);
    }
    Some(url)
}

/// Reports an error of the URL, the roots or the client certificate at the key that it concerns.
fn report(section: &Section<'_>, error: &Error) {
    let entry = match error {
        Error::Roots { .. } => section.entry("roots"),
        Error::Identity(_) => section.entry("identity"),
        _ => section.entry("url"),
    };
    let Some(entry) = entry else {
        section.fault(chain(error));
        return;
    };

    match error {
        Error::Scheme { scheme, .. } if scheme == "http" => entry.fault(
            "is not encrypted, so anybody on the network can read the messages and answer in place \
             of the receiver; use https, or allow http with `allow_http = true`",
        ),
        Error::Forbidden { address, class, .. } => entry.fault(format_args!(
            "leads to {address}, which is {class}; if that is intended, allow it with `{}`",
            address_setting(*address)
        )),
        error => entry.fault(chain(error)),
    }
}

fn signer(
    section: &Section<'_>,
    scheme: SigningScheme,
    provider: Option<&Provider>,
) -> Option<Signer> {
    let signer = Signer::new(scheme)
        .map_err(|error| section.fault(error))
        .ok()?;
    Some(match provider {
        Some(provider) => signer.for_provider(provider),
        None => signer,
    })
}

fn policy(section: &Section<'_>, tenant: Option<&TenantName>, resolver: &Resolver<'_>) -> Policy {
    Policy {
        tenant: tenant.cloned(),
        addresses: tables::addresses(section),
        allow_http: section.get_or("allow_http", false),
        roots: tables::roots(section, resolver),
        identity: section
            .entry("identity")
            .and_then(|entry| entry.table(|section| identity(section, resolver))),
    }
}

/// Reads a client certificate and its key.
fn identity(section: &Section<'_>, resolver: &Resolver<'_>) -> Option<Identity> {
    let what_for = "a client certificate is { certificate = \"client.pem\", key = \"client.key\" }";
    let file = |key| {
        let path = section.require::<PathBuf>(key, what_for)?;
        resolver.file(&section.entry(key)?, &path)
    };

    let (certificate, key) = (file("certificate"), file("key"));
    Some(Identity {
        certificate: certificate?,
        key: key?,
    })
}

fn breaker(section: &Section<'_>) -> BreakerPolicy {
    let default = BreakerPolicy::default();
    BreakerPolicy {
        failures: section
            .get("failures")
            .map_or(default.failures, NonZeroU32::get),
        pause: section.get_or("pause", default.pause),
        pause_max: section.get_or("pause_max", default.pause_max),
    }
}
