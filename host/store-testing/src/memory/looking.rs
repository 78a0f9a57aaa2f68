//! The events of late, in memory.

use std::sync::Arc;

use async_trait::async_trait;
use hookyard_model::{Event, EventId, PluginRef, RecordedAnswer, SourceRef};

use super::MemoryStore;
use hookyard_store::{Error, Recent};

#[async_trait]
impl Recent for MemoryStore {
    async fn recent(&self, sources: &[SourceRef], limit: usize) -> Result<Vec<EventId>, Error> {
        let state = self.state();
        let of_sources = state
            .events
            .values()
            .rev()
            .filter(|stored| sources.contains(&stored.event.source));
        Ok(of_sources
            .take(limit)
            .map(|stored| stored.event.id)
            .collect())
    }

    async fn event(&self, id: EventId) -> Result<Option<Arc<Event>>, Error> {
        let state = self.state();
        let stored = state.by_id.get(&id).and_then(|at| state.events.get(at));
        Ok(stored.map(|stored| Arc::clone(&stored.event)))
    }

    async fn answers(&self, id: EventId, plugin: &PluginRef) -> Result<Vec<RecordedAnswer>, Error> {
        let state = self.state();
        let stored = state.by_id.get(&id).and_then(|at| state.events.get(at));
        let of_tenant = stored.filter(|stored| stored.event.source.tenant == plugin.tenant);
        let job = of_tenant.and_then(|stored| stored.jobs.get(&plugin.name));
        Ok(job.map(|job| job.answers.clone()).unwrap_or_default())
    }
}
