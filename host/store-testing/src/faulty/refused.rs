//! The calls of refused requests, which meet the planned faults.

use async_trait::async_trait;
use hookyard_model::{RefusedId, RefusedRequest, Timestamp};
use hookyard_store::{
    Error, PruneSummary, RefusedBounds, RefusedLimits, RefusedPage, RefusedRequests, RefusedSummary,
};

use super::{Call, FaultyStore};

#[async_trait]
impl RefusedRequests for FaultyStore {
    async fn keep_refused(
        &self,
        request: RefusedRequest,
        bounds: RefusedBounds,
    ) -> Result<(), Error> {
        self.run(Call::KeepRefused, self.inner.keep_refused(request, bounds))
            .await
    }

    async fn refused(&self, page: RefusedPage) -> Result<Vec<RefusedSummary>, Error> {
        self.run(Call::Refused, self.inner.refused(page)).await
    }

    async fn refused_request(&self, id: RefusedId) -> Result<Option<RefusedRequest>, Error> {
        self.run(Call::RefusedRequest, self.inner.refused_request(id))
            .await
    }

    async fn prune_refused(
        &self,
        limits: &RefusedLimits,
        now: Timestamp,
        limit: usize,
    ) -> Result<PruneSummary, Error> {
        self.run(
            Call::PruneRefused,
            self.inner.prune_refused(limits, now, limit),
        )
        .await
    }
}
