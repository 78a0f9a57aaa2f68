//! `[tenants.<tenant>.destinations.<destination>]`: where webhooks are sent, one receiver each.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hookyard_delivery::{self as delivery, BreakerPolicy};
use hookyard_egress::{Error, Identity, Policy, address_setting};
use hookyard_model::TenantName;
use hookyard_schemes::Signer;

use super::references::Surroundings;
use super::settings::Destination;
use super::source::{self, Providers};
use super::{host, retry, signing};
use crate::document::{Entry, Rate, Section};
use hookyard_model::chain;

const CONCURRENCY: usize = 4;
const TIMEOUT: Duration = Duration::from_secs(15);

/// Reads a destination of `tenant`, or of one whose name is faulty.
pub fn read(
    section: &Section<'_>,
    tenant: Option<&TenantName>,
    providers: &Providers,
    around: &Surroundings<'_>,
) -> Option<Destination> {
    let faults_before = section.fault_count();
    let url = section.require::<String>(
        "url",
        "where messages are posted, such as \"https://partner.example/hooks\"",
    );
    let named = section.entry("provider");
    let provider = named
        .as_ref()
        .and_then(|entry| source::find(entry, providers));
    let policy = policy(section, tenant, around);
    if let Some(url) = url
        .as_ref()
        .filter(|_| section.fault_count() == faults_before)
        && let Err(error) = delivery::check(url, &policy)
    {
        fault(section, &error);
    }
    let retry = section.table("retry", |section| {
        retry::read(section, &delivery::default_retry())
    });
    let rate = section.get("rate").map(|Rate(rate)| rate);
    let concurrency = section
        .get("concurrency")
        .map_or(CONCURRENCY, NonZeroUsize::get);
    let timeout = section.get("timeout").unwrap_or(TIMEOUT);
    let breaker = section.table("breaker", breaker);
    let scheme = match (&named, &provider) {
        (Some(_), None) => {
            section.entry("scheme");
            signing::skip(section);
            None
        }
        _ => signing::read(section, provider.as_deref(), around),
    };
    let (url, scheme) = (url?, scheme?);
    if section.fault_count() > faults_before {
        // What is missing because it was faulty would only be complained of twice.
        return None;
    }
    let signer = Signer::new(scheme)
        .map_err(|error| section.fault(error))
        .ok()?;
    let signer = Arc::new(
        provider
            .iter()
            .fold(signer, |signer, provider| signer.for_provider(provider)),
    );
    let delivery = delivery::Destination {
        url,
        signer,
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

/// What is wrong with it is said at the key that it's about.
fn fault(section: &Section<'_>, error: &Error) {
    let entry = match error {
        Error::Roots { .. } => section.entry("roots"),
        Error::Identity(_) => section.entry("identity"),
        _ => section.entry("url"),
    };
    match (entry, error) {
        (Some(entry), Error::Scheme { scheme, .. }) if scheme == "http" => entry.fault(
            "is in the clear, so that anybody on the way can read it and answer for the receiver; use https, or allow \
             it by `allow_http = true`",
        ),
        (Some(entry), Error::Forbidden { address, class, .. }) => entry.fault(format_args!(
            "leads to {address}, which is {class}; allow it by `{}` if that is meant",
            address_setting(*address)
        )),
        (Some(entry), error) => entry.fault(chain(error)),
        (None, error) => section.fault(chain(error)),
    }
}

fn policy(section: &Section<'_>, tenant: Option<&TenantName>, around: &Surroundings<'_>) -> Policy {
    let identity = section.entry("identity").and_then(|entry| {
        entry.table(|section| {
            let file = |key| file(&section.entry(key)?, around);
            let (certificate, key) = (file("certificate"), file("key"));
            if certificate.is_none() || key.is_none() {
                let what_for = "a client certificate is { certificate = \"client.pem\", key = \"client.key\" }";
                let absent = ["certificate", "key"].into_iter().filter(|key| section.entry(key).is_none());
                absent.for_each(|key| section.missing(key, what_for));
            }
            Some(Identity { certificate: certificate?, key: key? })
        })
    });
    Policy {
        tenant: tenant.cloned(),
        addresses: host::addresses(section),
        allow_http: section.get("allow_http").unwrap_or(false),
        roots: host::roots(section, around),
        identity,
    }
}

fn file(entry: &Entry<'_>, around: &Surroundings<'_>) -> Option<Vec<u8>> {
    let path = around.resolve(&entry.get::<PathBuf>()?);
    let bytes = around.bytes(&path);
    bytes
        .map_err(|error| entry.fault(format_args!("{} can't be read: {error}", path.display())))
        .ok()
}

fn breaker(section: &Section<'_>) -> BreakerPolicy {
    let default = BreakerPolicy::default();
    BreakerPolicy {
        failures: section
            .get("failures")
            .map_or(default.failures, NonZeroU32::get),
        pause: section.get("pause").unwrap_or(default.pause),
        pause_max: section.get("pause_max").unwrap_or(default.pause_max),
    }
}
