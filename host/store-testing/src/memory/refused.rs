//! The last refused requests of each source in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use hookyard_model::{RefusedId, RefusedRequest, SourceRef, Timestamp};
use hookyard_store::{
    Error, ListOrder, PruneSummary, RefusedBounds, RefusedLimits, RefusedPage, RefusedRequests,
    RefusedSize, RefusedSummary, surplus,
};

use super::MemoryStore;

/// The refused requests of all sources.
#[derive(Default)]
pub(super) struct Kept(Mutex<BTreeMap<RefusedId, RefusedRequest>>);

impl Kept {
    fn all(&self) -> MutexGuard<'_, BTreeMap<RefusedId, RefusedRequest>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl RefusedRequests for MemoryStore {
    async fn keep_refused(
        &self,
        request: RefusedRequest,
        bounds: RefusedBounds,
    ) -> Result<(), Error> {
        let mut all = self.refused.all();
        let (source, now) = (request.source.clone(), request.received_at);
        all.insert(request.id, request);

        for gone in surplus(sizes(&all, &source), Some(&bounds), now) {
            all.remove(&gone.id);
        }
        Ok(())
    }

    async fn refused(&self, page: RefusedPage) -> Result<Vec<RefusedSummary>, Error> {
        let all = self.refused.all();
        let summaries = all.values().map(RefusedSummary::of);
        let selected = summaries.filter(|request| page.selection.matches(request));
        Ok(match page.order {
            ListOrder::OldestFirst => selected
                .filter(|request| page.after.is_none_or(|after| request.id > after))
                .take(page.limit)
                .collect(),
            ListOrder::NewestFirst => selected
                .rev()
                .filter(|request| page.after.is_none_or(|after| request.id < after))
                .take(page.limit)
                .collect(),
        })
    }

    async fn refused_request(&self, id: RefusedId) -> Result<Option<RefusedRequest>, Error> {
        Ok(self.refused.all().get(&id).cloned())
    }

    async fn prune_refused(
        &self,
        limits: &RefusedLimits,
        now: Timestamp,
        limit: usize,
    ) -> Result<PruneSummary, Error> {
        let mut all = self.refused.all();
        let sources: BTreeSet<SourceRef> = all.values().map(|it| it.source.clone()).collect();
        let gone = sources
            .iter()
            .flat_map(|source| surplus(sizes(&all, source), limits.by_source.get(source), now));
        let gone: Vec<_> = gone.take(limit).collect();

        for request in &gone {
            all.remove(&request.id);
        }
        Ok(PruneSummary {
            count: gone.len() as u64,
            bytes: gone.iter().map(|request| request.bytes).sum(),
            more: !gone.is_empty() && gone.len() >= limit,
        })
    }
}

fn sizes(all: &BTreeMap<RefusedId, RefusedRequest>, source: &SourceRef) -> Vec<RefusedSize> {
    let of_source = all.values().filter(|request| request.source == *source);
    let size = |request: &RefusedRequest| RefusedSize {
        id: request.id,
        reason: request.reason.clone(),
        received_at: request.received_at,
        bytes: request.bytes(),
    };
    of_source.map(size).collect()
}
