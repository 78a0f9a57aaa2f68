//! A store without contents, for guests that run where no store exists.

use std::sync::Arc;

use async_trait::async_trait;
use hookyard_model::{Event, EventId, Key, PluginRef, RecordedAnswer, SourceRef, Versioned};

use crate::{Error, KvUsage, Recent, Values};

/// A store that holds no values and no events.
#[derive(Debug, Clone, Copy, Default)]
pub struct EmptyStore;

#[async_trait]
impl Values for EmptyStore {
    async fn value(&self, _plugin: &PluginRef, _key: &Key) -> Result<Option<Versioned>, Error> {
        Ok(None)
    }

    async fn keys(
        &self,
        _plugin: &PluginRef,
        _bucket: &str,
        _after: Option<&str>,
        _limit: usize,
    ) -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }

    async fn usage(&self, _plugin: &PluginRef) -> Result<KvUsage, Error> {
        Ok(KvUsage::default())
    }
}

#[async_trait]
impl Recent for EmptyStore {
    async fn recent(&self, _sources: &[SourceRef], _limit: usize) -> Result<Vec<EventId>, Error> {
        Ok(Vec::new())
    }

    async fn event(&self, _id: EventId) -> Result<Option<Arc<Event>>, Error> {
        Ok(None)
    }

    async fn answers(
        &self,
        _id: EventId,
        _plugin: &PluginRef,
    ) -> Result<Vec<RecordedAnswer>, Error> {
        Ok(Vec::new())
    }
}
