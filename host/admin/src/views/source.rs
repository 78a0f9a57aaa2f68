//! Sources, their refusals, and destinations.

use hookyard_store::{DisabledDestination, RefusalSummary};
use serde::Serialize;
use utoipa::ToSchema;

use crate::host::{DestinationFacts, SourceFacts};

/// A configured source.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Source {
    /// The tenant.
    pub tenant: String,
    /// The name of the source.
    pub source: String,
    /// The provider that sends to the source.
    pub provider: String,
    /// The name of the scheme, such as `hmac`.
    pub scheme: String,
    /// Whether requests are stored without a proof of their sender.
    pub is_unverified: bool,
    /// The maximum size of a body, in bytes.
    pub body_max: u64,
}

impl From<&SourceFacts> for Source {
    fn from(facts: &SourceFacts) -> Self {
        Self {
            tenant: facts.source.tenant.to_string(),
            source: facts.source.name.to_string(),
            provider: facts.provider.clone(),
            scheme: facts.scheme.clone(),
            is_unverified: facts.is_unverified,
            body_max: facts.body_max,
        }
    }
}

/// The requests to one source that were refused for one reason.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Refusals {
    /// The name of the reason, for example `bad-signature`.
    pub reason: String,
    /// The number of requests.
    pub count: u64,
    /// The time of the first request.
    pub first_at: String,
    /// The time of the last request.
    pub last_at: String,
    /// The number of addresses that the requests came from.
    pub peers: u64,
    /// The addresses of the last requests, at most 10.
    pub last_peers: Vec<String>,
    /// The names of the headers of the last request.
    pub header_names: Vec<String>,
    /// The media type of the last request's body.
    pub content_type: Option<String>,
    /// The size of the last request's body, if the host read it.
    pub body_bytes: Option<u64>,
    /// The signed time minus the time of arrival, in milliseconds.
    pub clock_offset_ms: Option<i64>,
}

impl From<RefusalSummary> for Refusals {
    fn from(summary: RefusalSummary) -> Self {
        let peers = summary.last_peers.iter();
        Self {
            reason: summary.reason,
            count: summary.count,
            first_at: summary.first.to_string(),
            last_at: summary.last.to_string(),
            peers: summary.peers,
            last_peers: peers.map(ToString::to_string).collect(),
            header_names: summary.sample.header_names,
            content_type: summary.sample.content_type,
            body_bytes: summary.sample.body_bytes,
            clock_offset_ms: summary.sample.clock_offset_ms,
        }
    }
}

/// A configured or disabled destination.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Destination {
    /// The tenant.
    pub tenant: String,
    /// The name of the destination.
    pub destination: String,
    /// The scheme and the host of the URL; `null` if the destination is no longer configured.
    pub origin: Option<String>,
    /// Why the destination is disabled, if it is.
    pub disabled: Option<Disabled>,
}

/// The reason and the time at which a destination was disabled.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Disabled {
    /// The reason, in one line.
    pub reason: String,
    /// The time.
    pub since: String,
}

impl Destination {
    /// Returns a configured destination.
    pub fn configured(facts: &DestinationFacts, disabled: Option<&DisabledDestination>) -> Self {
        Self {
            tenant: facts.destination.tenant.to_string(),
            destination: facts.destination.name.to_string(),
            origin: Some(facts.origin.clone()),
            disabled: disabled.map(Disabled::from),
        }
    }

    /// Returns a disabled destination that is no longer configured.
    pub fn forgotten(disabled: &DisabledDestination) -> Self {
        Self {
            tenant: disabled.destination.tenant.to_string(),
            destination: disabled.destination.name.to_string(),
            origin: None,
            disabled: Some(Disabled::from(disabled)),
        }
    }
}

impl From<&DisabledDestination> for Disabled {
    fn from(disabled: &DisabledDestination) -> Self {
        Self {
            reason: disabled.reason.clone(),
            since: disabled.since.to_string(),
        }
    }
}
