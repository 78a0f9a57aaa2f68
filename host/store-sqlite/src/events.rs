//! The stored events: appends, lists, replays, discards and retention.

use std::sync::Arc;

use async_trait::async_trait;
use hookyard_crash::Point;
use hookyard_model::{Event, EventId, PluginRef, RecordedAnswer, SourceRef, Timestamp};
use hookyard_store::{
    AppendResult, Budget, Discard, DiscardSummary, Error, EventPage, EventRecord, EventSummary,
    Events, GivenResponse, PruneSummary, Recent, Replay, ReplaySummary, Retention, Search, Tally,
    Tenants,
};

use crate::writer::weight;
use crate::{SqliteStore, discard, listing, replay, retention, write};

#[async_trait]
impl Events for SqliteStore {
    async fn append(&self, event: Event) -> Result<AppendResult, Error> {
        let (bytes, weight) = (event.body.len(), weight::of_event(&event));
        let event = Arc::new(event);
        let append = move |database: &mut write::Database| {
            let appended = database.append(&event);
            Point::AppendWritten.pass();
            appended
        };
        let appended = self.writer()?.append_or_busy(weight, bytes, append).await;
        Point::AppendCommitted.pass();

        appended
    }

    async fn events(&self, page: EventPage) -> Result<Vec<EventSummary>, Error> {
        let found = self.search_events(page, &Tenants::All, Budget::UNLIMITED);
        Ok(found.await?.items)
    }

    async fn read(&self, id: EventId) -> Result<Option<EventRecord>, Error> {
        self.readers
            .read(move |connection| listing::read(connection, id))
            .await
    }

    async fn response(&self, id: EventId) -> Result<Option<GivenResponse>, Error> {
        self.readers
            .read(move |connection| listing::response(connection, id))
            .await
    }

    async fn replay(&self, replay: Replay) -> Result<ReplaySummary, Error> {
        replay::replay(self, replay).await
    }

    async fn discard(&self, discard: Discard) -> Result<DiscardSummary, Error> {
        discard::discard(self, discard).await
    }

    async fn prune(
        &self,
        limits: &Retention,
        now: Timestamp,
        limit: usize,
    ) -> Result<PruneSummary, Error> {
        retention::prune(self, limits.clone(), now, limit).await
    }

    async fn unrouted(&self) -> Result<Vec<Tally<SourceRef>>, Error> {
        self.readers.read(listing::unrouted).await
    }
}

#[async_trait]
impl Recent for SqliteStore {
    async fn recent(&self, sources: &[SourceRef], limit: usize) -> Result<Vec<EventId>, Error> {
        let sources = sources.to_vec();
        self.readers
            .read(move |connection| listing::recent(connection, &sources, limit))
            .await
    }

    async fn event(&self, id: EventId) -> Result<Option<Arc<Event>>, Error> {
        self.readers
            .read(move |connection| {
                Ok(listing::one(connection, id)?.map(|(_, event)| Arc::new(event)))
            })
            .await
    }

    async fn answers(&self, id: EventId, plugin: &PluginRef) -> Result<Vec<RecordedAnswer>, Error> {
        let plugin = plugin.clone();
        self.readers
            .read(move |connection| listing::answers(connection, id, &plugin))
            .await
    }
}
