//! The calls of the key-value stores and of recent events, which meet the planned faults.

use std::sync::Arc;

use async_trait::async_trait;
use hookyard_model::{Event, EventId, Key, PluginRef, RecordedAnswer, SourceRef, Versioned};
use hookyard_store::{Error, KvUsage, Recent, Values};

use super::{Call, FaultyStore};

#[async_trait]
impl Values for FaultyStore {
    async fn value(&self, plugin: &PluginRef, key: &Key) -> Result<Option<Versioned>, Error> {
        self.run(Call::Value, self.inner.value(plugin, key)).await
    }

    async fn keys(
        &self,
        plugin: &PluginRef,
        bucket: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        self.run(Call::Keys, self.inner.keys(plugin, bucket, after, limit))
            .await
    }

    async fn usage(&self, plugin: &PluginRef) -> Result<KvUsage, Error> {
        self.run(Call::Usage, self.inner.usage(plugin)).await
    }
}

#[async_trait]
impl Recent for FaultyStore {
    async fn recent(&self, sources: &[SourceRef], limit: usize) -> Result<Vec<EventId>, Error> {
        self.run(Call::Recent, self.inner.recent(sources, limit))
            .await
    }

    async fn event(&self, id: EventId) -> Result<Option<Arc<Event>>, Error> {
        self.run(Call::Event, self.inner.event(id)).await
    }

    async fn answers(&self, id: EventId, plugin: &PluginRef) -> Result<Vec<RecordedAnswer>, Error> {
        self.run(Call::Answers, self.inner.answers(id, plugin))
            .await
    }
}
