//! Counts of refused requests, so that an operator sees why a sender is refused.
//!
//! Only requests to a configured source are counted: anybody can make requests to other paths.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

use async_trait::async_trait;
use hookyard_model::{SourceName, SourceRef, TenantName, Timestamp};

use crate::{Error, Tenants};

/// The number of rows that are kept for one source: one for each reason, peer and minute.
pub const REFUSALS_OF_SOURCE_MAX: usize = 1_000;
/// The number of rows that are kept for all sources together.
pub const REFUSALS_MAX: usize = 100_000;
/// The number of days for which a row is kept.
pub const REFUSAL_DAYS_MAX: u64 = 35;
/// The number of peers that a summary names.
pub const REFUSAL_PEERS_MAX: usize = 10;

/// Counts of refused requests, by source, reason, peer and minute.
#[async_trait]
pub trait RefusalCounts: Send + Sync + 'static {
    /// Adds these counts to the stored ones. Of the samples for one reason, peer and minute, the
    /// last is kept.
    ///
    /// A crash of the machine may undo the call. The oldest counts beyond
    /// [`REFUSALS_OF_SOURCE_MAX`], [`REFUSALS_MAX`] and [`REFUSAL_DAYS_MAX`] are removed.
    async fn add_refusals(&self, counts: Vec<RefusalCount>) -> Result<(), Error>;

    /// Returns the sums of the counts by source and reason, in the order of the sources, the reason
    /// that was met last first.
    async fn refusals(
        &self,
        selection: RefusalSelection,
        tenants: &Tenants,
    ) -> Result<Vec<RefusalSummary>, Error>;
}

/// The number of requests to one source that were refused for one reason in one minute, from one
/// peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusalCount {
    /// The source.
    pub source: SourceRef,
    /// The name of the reason, for example `bad-signature`.
    pub reason: String,
    /// The address that the requests came from.
    pub peer: IpAddr,
    /// The number of requests, at least 1.
    pub count: u64,
    /// The time of the first request.
    pub first: Timestamp,
    /// The time of the last request, in the same minute as the first.
    pub last: Timestamp,
    /// What the last request looked like.
    pub sample: RefusalSample,
}

/// What a refused request looked like, without any value that may be secret.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RefusalSample {
    /// The names of the headers, in their order.
    pub header_names: Vec<String>,
    /// The media type of the body.
    pub content_type: Option<String>,
    /// The size of the body in bytes, if the body was read.
    pub body_bytes: Option<u64>,
    /// The signed time minus the time of arrival, in milliseconds, if the request had a signed
    /// time.
    pub clock_offset_ms: Option<i64>,
}

/// A filter on the counts. A field that is `None` excludes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RefusalSelection {
    /// The tenant of the source.
    pub tenant: Option<TenantName>,
    /// The name of the source.
    pub source: Option<SourceName>,
    /// The earliest time of a request. All requests of its minute are counted.
    pub since: Option<Timestamp>,
}

/// The requests to one source that were refused for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusalSummary {
    /// The source.
    pub source: SourceRef,
    /// The name of the reason.
    pub reason: String,
    /// The number of requests.
    pub count: u64,
    /// The time of the first request.
    pub first: Timestamp,
    /// The time of the last request.
    pub last: Timestamp,
    /// The number of addresses that the requests came from.
    pub peers: u64,
    /// The addresses that the last requests came from, the last first, at most
    /// [`REFUSAL_PEERS_MAX`].
    pub last_peers: Vec<IpAddr>,
    /// What the last request looked like.
    pub sample: RefusalSample,
}

impl RefusalSummary {
    /// Returns the sums of counts by source and reason, in the order of
    /// [`RefusalCounts::refusals`].
    pub fn of_all(counts: Vec<RefusalCount>) -> Vec<Self> {
        let mut groups: BTreeMap<(SourceRef, String), Vec<RefusalCount>> = BTreeMap::new();
        for count in counts {
            let group = (count.source.clone(), count.reason.clone());
            groups.entry(group).or_default().push(count);
        }

        let mut summaries: Vec<_> = groups.into_values().filter_map(Self::of).collect();
        summaries.sort_by(|one, other| {
            let by_source = one.source.cmp(&other.source);
            let by_time = other.last.cmp(&one.last);
            by_source
                .then(by_time)
                .then_with(|| one.reason.cmp(&other.reason))
        });
        summaries
    }

    /// Returns the sum of the counts of one source and reason, or `None` without counts.
    fn of(mut counts: Vec<RefusalCount>) -> Option<Self> {
        counts.sort_by_key(|count| (Reverse(count.last), count.peer));
        let first = counts.iter().map(|count| count.first).min()?;
        let sum = counts.iter().map(|count| count.count).sum();

        let mut known = HashSet::new();
        let peers: Vec<_> = counts
            .iter()
            .map(|count| count.peer)
            .filter(|peer| known.insert(*peer))
            .collect();
        let last = counts.swap_remove(0);

        Some(Self {
            source: last.source,
            reason: last.reason,
            count: sum,
            first,
            last: last.last,
            peers: peers.len() as u64,
            last_peers: peers.into_iter().take(REFUSAL_PEERS_MAX).collect(),
            sample: last.sample,
        })
    }
}
