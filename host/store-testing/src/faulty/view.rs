//! The calls of people who look on, which meet the planned faults.

use async_trait::async_trait;
use hookyard_model::{EventId, MessageId, SourceRef};
use hookyard_store::{
    Audit, AuditEntry, AuditPage, Budget, Chart, Charts, Count, Counts, Error, EventPage,
    EventSelection, EventSummary, Figure, Found, JobCounts, Listener, Live, MessageCounts,
    MessagePage, MessageSelection, MessageSummary, RefusalCount, RefusalCounts, RefusalSelection,
    RefusalSummary, Search, StoredTotals, Tenants,
};

use super::{Call, FaultyStore};

#[async_trait]
impl Search for FaultyStore {
    async fn search_events(
        &self,
        page: EventPage,
        tenants: &Tenants,
        budget: Budget,
    ) -> Result<Found<EventSummary, EventId>, Error> {
        let search = self.inner.search_events(page, tenants, budget);
        self.run(Call::SearchEvents, search).await
    }

    async fn search_messages(
        &self,
        page: MessagePage,
        tenants: &Tenants,
        budget: Budget,
    ) -> Result<Found<MessageSummary, MessageId>, Error> {
        let search = self.inner.search_messages(page, tenants, budget);
        self.run(Call::SearchMessages, search).await
    }

    async fn count_events(
        &self,
        selection: EventSelection,
        tenants: &Tenants,
        max: u64,
        budget: Budget,
    ) -> Result<Count, Error> {
        let count = self.inner.count_events(selection, tenants, max, budget);
        self.run(Call::CountEvents, count).await
    }

    async fn count_messages(
        &self,
        selection: MessageSelection,
        tenants: &Tenants,
        max: u64,
        budget: Budget,
    ) -> Result<Count, Error> {
        let count = self.inner.count_messages(selection, tenants, max, budget);
        self.run(Call::CountMessages, count).await
    }

    async fn keyed(&self, sources: &[SourceRef], key: &str) -> Result<Vec<EventId>, Error> {
        self.run(Call::Keyed, self.inner.keyed(sources, key)).await
    }
}

#[async_trait]
impl Counts for FaultyStore {
    async fn job_counts(&self, tenants: &Tenants, max: u64) -> Result<JobCounts, Error> {
        self.run(Call::JobCounts, self.inner.job_counts(tenants, max))
            .await
    }

    async fn message_counts(&self, tenants: &Tenants, max: u64) -> Result<MessageCounts, Error> {
        self.run(Call::MessageCounts, self.inner.message_counts(tenants, max))
            .await
    }

    async fn totals(&self, tenants: &Tenants) -> Result<Vec<StoredTotals>, Error> {
        self.run(Call::Totals, self.inner.totals(tenants)).await
    }
}

#[async_trait]
impl Audit for FaultyStore {
    async fn add_audit(&self, entry: AuditEntry) -> Result<(), Error> {
        self.run(Call::AddAudit, self.inner.add_audit(entry)).await
    }

    async fn audit(&self, page: AuditPage, tenants: &Tenants) -> Result<Vec<AuditEntry>, Error> {
        self.run(Call::Audit, self.inner.audit(page, tenants)).await
    }
}

#[async_trait]
impl RefusalCounts for FaultyStore {
    async fn add_refusals(&self, counts: Vec<RefusalCount>) -> Result<(), Error> {
        self.run(Call::AddRefusals, self.inner.add_refusals(counts))
            .await
    }

    async fn refusals(
        &self,
        selection: RefusalSelection,
        tenants: &Tenants,
    ) -> Result<Vec<RefusalSummary>, Error> {
        self.run(Call::Refusals, self.inner.refusals(selection, tenants))
            .await
    }
}

#[async_trait]
impl Charts for FaultyStore {
    async fn add_figures(&self, figures: Vec<Figure>) -> Result<(), Error> {
        self.run(Call::AddFigures, self.inner.add_figures(figures))
            .await
    }

    async fn figures(&self, chart: Chart, tenants: &Tenants) -> Result<Vec<Figure>, Error> {
        self.run(Call::Figures, self.inner.figures(chart, tenants))
            .await
    }
}

impl Live for FaultyStore {
    fn listen(&self) -> Listener {
        self.inner.listen()
    }
}
