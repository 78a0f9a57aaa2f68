//! Keeps refused requests for the operator, if the source asks for it.
//!
//! Anybody can cause refusals. So nobody waits for a request to be kept, only a few requests of a
//! source are kept in a second, and only a few are on their way to the store at the same time. A
//! request beyond these bounds is not kept; it is logged and counted like any other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hookyard_model::{RefusedId, RefusedRequest, SourceRef, Timestamp, chain};
use hookyard_schemes::{Redacted, Request, redact};
use hookyard_store::{RefusedBounds, RefusedRequests};
use tokio::sync::Semaphore;

use crate::answer::Refused;
use crate::source::Source;

/// The maximum number of requests of a source that are kept at once.
const BURST: f64 = 10.0;
/// The number of requests of a source that are kept in a second, on average.
const PER_SECOND: f64 = 1.0;
/// The maximum number of requests that are on their way to the store.
const PENDING_MAX: usize = 16;

/// Keeps refused requests in the store.
pub(crate) struct Keeper {
    store: Arc<dyn RefusedRequests>,
    ids: Arc<dyn Fn() -> RefusedId + Send + Sync>,
    time_max: Duration,
    pending: Arc<Semaphore>,
    paces: Mutex<HashMap<SourceRef, Pace>>,
}

/// A refused request, and what is known of it.
pub(crate) struct Occurrence<'r> {
    pub(crate) source: &'r Source,
    pub(crate) request: Request<'r>,
    pub(crate) refused: &'r Refused,
    pub(crate) peer: &'r str,
    pub(crate) received_at: Timestamp,
}

impl Keeper {
    /// Returns a keeper that waits at most `time_max` for the store.
    pub(crate) fn new(
        store: Arc<dyn RefusedRequests>,
        ids: Arc<dyn Fn() -> RefusedId + Send + Sync>,
        time_max: Duration,
    ) -> Self {
        Self {
            store,
            ids,
            time_max,
            pending: Arc::new(Semaphore::new(PENDING_MAX)),
            paces: Mutex::default(),
        }
    }

    /// Keeps a request in the background if its source keeps refused requests.
    pub(crate) fn keep(&self, occurrence: &Occurrence<'_>) {
        let Some(bounds) = occurrence.source.refused_kept else {
            return;
        };
        if !occurrence.refused.is_for_request() || !self.has_turn(&occurrence.source.name) {
            return;
        }
        let Ok(permit) = Arc::clone(&self.pending).try_acquire_owned() else {
            return;
        };
        let request = self.without_credentials(occurrence);
        if request.bytes() > bounds.bytes_max {
            return;
        }

        let (store, time_max) = (Arc::clone(&self.store), self.time_max);
        tokio::spawn(async move {
            put(&*store, request, bounds, time_max).await;
            drop(permit);
        });
    }

    fn without_credentials(&self, occurrence: &Occurrence<'_>) -> RefusedRequest {
        let Occurrence {
            source,
            request,
            refused,
            peer,
            received_at,
        } = occurrence;
        let Redacted {
            path,
            query,
            headers,
            body,
            replaced,
        } = redact(request, &source.verifier, &source.handshakes);

        RefusedRequest {
            id: (self.ids)(),
            source: source.name.clone(),
            provider: source.provider.name.clone(),
            received_at: *received_at,
            peer: (*peer).to_owned(),
            status: refused.status().as_u16(),
            reason: refused.reason().to_owned(),
            detail: refused.detail(),
            method: request.method.to_owned(),
            path,
            query,
            headers,
            body: body.into(),
            redacted: replaced,
        }
    }

    /// Returns whether another request of a source may be kept now.
    fn has_turn(&self, source: &SourceRef) -> bool {
        let now = Instant::now();
        let mut paces = self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        let pace = paces.entry(source.clone()).or_insert(Pace {
            turns: BURST,
            counted_at: now,
        });
        pace.take(now)
    }
}

async fn put(
    store: &dyn RefusedRequests,
    request: RefusedRequest,
    bounds: RefusedBounds,
    time_max: Duration,
) {
    let source = request.source.clone();
    let kept = tokio::time::timeout(time_max, store.keep_refused(request, bounds)).await;
    let error = match kept {
        Ok(Ok(())) => return,
        Ok(Err(error)) => chain(&error),
        Err(_) => format!("the store did not answer within {time_max:?}"),
    };
    tracing::warn!(
        target: "hookyard::ingress",
        tenant = source.tenant.as_str(), source = source.name.as_str(), error,
        "a refused request is not kept"
    );
}

/// The requests of one source that may still be kept.
struct Pace {
    turns: f64,
    counted_at: Instant,
}

impl Pace {
    fn take(&mut self, now: Instant) -> bool {
        let passed = now.duration_since(self.counted_at).as_secs_f64();
        self.turns = (self.turns + passed * PER_SECOND).min(BURST);
        self.counted_at = now;

        let has_turn = self.turns >= 1.0;
        if has_turn {
            self.turns -= 1.0;
        }
        has_turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flood_gets_a_turn_each_second() {
        let start = Instant::now();
        let mut pace = Pace {
            turns: BURST,
            counted_at: start,
        };
        let mut taken = |after: u64| {
            let now = start + Duration::from_secs(after);
            (0..100).filter(|_| pace.take(now)).count()
        };
        assert_eq!([taken(0), taken(1), taken(3), taken(100)], [10, 1, 2, 10]);
    }
}
