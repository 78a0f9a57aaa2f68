//! The last refused requests of each source, if the operator keeps them.
//!
//! Anybody can cause refusals, so the number, the size and the age of the kept requests are bounded
//! for each source. When there are too many, the oldest request of the most frequent reason goes
//! first, so that a stranger without a signature does not push out the genuine sender with a wrong
//! one.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;
use std::time::Duration;

use async_trait::async_trait;
use hookyard_model::{RefusedId, RefusedRequest, SourceName, SourceRef, TenantName, Timestamp};

use crate::{Error, Page, PruneSummary};

/// A page of the list of refused requests.
pub type RefusedPage = Page<RefusedSelection, RefusedId>;

/// The refused requests that the store keeps.
#[async_trait]
pub trait RefusedRequests: Send + Sync + 'static {
    /// Keeps a refused request, and removes the requests of its source that exceed the bounds then
    /// (see [`surplus`]).
    ///
    /// A crash of the machine may lose the requests that were kept last.
    async fn keep_refused(
        &self,
        request: RefusedRequest,
        bounds: RefusedBounds,
    ) -> Result<(), Error>;

    /// Returns a page of the refused requests that the page selects, in the order of their ids.
    async fn refused(&self, page: RefusedPage) -> Result<Vec<RefusedSummary>, Error>;

    /// Returns a whole refused request, or `None` if the request is not kept.
    async fn refused_request(&self, id: RefusedId) -> Result<Option<RefusedRequest>, Error>;

    /// Removes the requests that exceed the bounds of their source, and all requests of sources
    /// without bounds.
    ///
    /// A call removes at most `limit` requests, so that nobody waits long for the writer. The caller
    /// calls again while [`PruneSummary::more`] is set. A crash of the machine may bring back the
    /// requests that were removed last.
    async fn prune_refused(
        &self,
        limits: &RefusedLimits,
        now: Timestamp,
        limit: usize,
    ) -> Result<PruneSummary, Error>;
}

/// The bounds on the refused requests of one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedBounds {
    /// The maximum number of requests.
    pub count_max: usize,
    /// The maximum size of all requests together, in bytes.
    pub bytes_max: u64,
    /// How long a request is kept.
    pub age_max: Duration,
}

/// The bounds of all sources that keep refused requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RefusedLimits {
    /// The bounds of each source. Other sources keep no requests.
    pub by_source: BTreeMap<SourceRef, RefusedBounds>,
}

/// A filter on refused requests. A field that is `None` or empty excludes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RefusedSelection {
    /// The ids of the requests.
    pub ids: Vec<RefusedId>,
    /// The range of the ids of the requests.
    pub id_range: Option<RangeInclusive<RefusedId>>,
    /// The tenant of the source.
    pub tenant: Option<TenantName>,
    /// The name of the source.
    pub source: Option<SourceName>,
    /// The name of the refusal.
    pub reason: Option<String>,
    /// The earliest time of arrival.
    pub since: Option<Timestamp>,
    /// The time before which the requests arrived.
    pub until: Option<Timestamp>,
}

impl RefusedSelection {
    /// Returns whether the selection matches a refused request.
    pub fn matches(&self, request: &RefusedSummary) -> bool {
        let RefusedSelection {
            ids,
            id_range,
            tenant,
            source,
            reason,
            since,
            until,
        } = self;
        (ids.is_empty() || ids.contains(&request.id))
            && id_range
                .as_ref()
                .is_none_or(|range| range.contains(&request.id))
            && tenant
                .as_ref()
                .is_none_or(|it| *it == request.source.tenant)
            && source.as_ref().is_none_or(|it| *it == request.source.name)
            && reason.as_ref().is_none_or(|it| *it == request.reason)
            && since.is_none_or(|since| request.received_at >= since)
            && until.is_none_or(|until| request.received_at < until)
    }
}

/// A summary of a refused request in a list: everything except its query, headers and body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedSummary {
    /// The id of the request.
    pub id: RefusedId,
    /// The source that refused the request.
    pub source: SourceRef,
    /// The name of the source's provider at that time.
    pub provider: String,
    /// The time at which the request arrived.
    pub received_at: Timestamp,
    /// The address of the peer, which may be a proxy.
    pub peer: String,
    /// The status of the answer.
    pub status: u16,
    /// The name of the refusal, as in logs and metrics.
    pub reason: String,
    /// The refusal with all of its causes, on one line.
    pub detail: String,
    /// The size of the request, in bytes.
    pub bytes: u64,
}

impl RefusedSummary {
    /// Returns the summary of a request.
    pub fn of(request: &RefusedRequest) -> Self {
        Self {
            id: request.id,
            source: request.source.clone(),
            provider: request.provider.clone(),
            received_at: request.received_at,
            peer: request.peer.clone(),
            status: request.status,
            reason: request.reason.clone(),
            detail: request.detail.clone(),
            bytes: request.bytes(),
        }
    }
}

/// What decides whether a refused request stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedSize {
    /// The id of the request.
    pub id: RefusedId,
    /// The name of the refusal.
    pub reason: String,
    /// The time at which the request arrived.
    pub received_at: Timestamp,
    /// The size of the request, in bytes.
    pub bytes: u64,
}

/// Returns the requests of one source that the bounds do not keep. `kept` has all requests of the
/// source, the oldest first; without bounds, none of them is kept.
pub fn surplus(
    kept: Vec<RefusedSize>,
    bounds: Option<&RefusedBounds>,
    now: Timestamp,
) -> Vec<RefusedSize> {
    let Some(bounds) = bounds else {
        return kept;
    };
    let is_old = |request: &RefusedSize| now.since(request.received_at) > bounds.age_max;
    let (mut gone, mut kept): (Vec<_>, Vec<_>) = kept.into_iter().partition(is_old);

    let mut bytes: u64 = kept.iter().map(|request| request.bytes).sum();
    while kept.len() > bounds.count_max || bytes > bounds.bytes_max {
        let request = kept.remove(oldest_of_most_frequent(&kept));
        bytes -= request.bytes;
        gone.push(request);
    }
    gone
}

/// Returns the position of the oldest request of the reason that most of the requests have. Among
/// equally frequent reasons, the one with the oldest request counts. `kept` is not empty.
fn oldest_of_most_frequent(kept: &[RefusedSize]) -> usize {
    let mut counts = HashMap::<&str, usize>::new();
    for request in kept {
        *counts.entry(&request.reason).or_default() += 1;
    }

    let most = counts.values().max();
    let is_of_most = |request: &RefusedSize| counts.get(request.reason.as_str()) == most;
    kept.iter().position(is_of_most).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const BOUNDS: RefusedBounds = RefusedBounds {
        count_max: 3,
        bytes_max: 100,
        age_max: Duration::from_secs(60),
    };

    /// Returns the numbers of the requests that do not stay at second 100. Each request has its
    /// second of arrival as its number, a reason and a size.
    fn removed(kept: &[(u64, &str, u64)], bounds: Option<&RefusedBounds>) -> Vec<u64> {
        let size = |(number, reason, bytes): &(u64, &str, u64)| RefusedSize {
            id: RefusedId::from_uuid(Uuid::from_u64_pair(*number, 0)),
            reason: (*reason).to_owned(),
            received_at: Timestamp::from_unix_secs(number.cast_signed()),
            bytes: *bytes,
        };
        let now = Timestamp::from_unix_secs(100);
        let gone = surplus(kept.iter().map(size).collect(), bounds, now);
        let number = |request: RefusedSize| request.id.as_uuid().as_u64_pair().0;
        gone.into_iter().map(number).collect()
    }

    #[test]
    fn rare_reason_outlasts_a_flood() {
        let kept = [
            (91, "bad-signature", 1),
            (92, "missing-header", 1),
            (93, "missing-header", 1),
            (94, "missing-header", 1),
        ];
        assert_eq!(removed(&kept, Some(&BOUNDS)), [92]);
        assert_eq!(removed(&kept[..3], Some(&BOUNDS)), [0; 0]);
    }

    #[test]
    fn size_and_age_are_bounded() {
        let sizes = [(91, "a", 60), (92, "b", 30), (93, "c", 20)];
        assert_eq!(removed(&sizes, Some(&BOUNDS)), [91]);
        assert_eq!(removed(&[(95, "a", 101)], Some(&BOUNDS)), [95]);
        assert_eq!(removed(&[(39, "a", 1), (40, "a", 1)], Some(&BOUNDS)), [39]);
    }

    #[test]
    fn source_without_bounds_keeps_nothing() {
        assert_eq!(removed(&[(91, "a", 1), (92, "b", 1)], None), [91, 92]);
    }
}
