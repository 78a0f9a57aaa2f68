//! What can be looked at without changing anything: the values of plugins, and the events of late. For whoever runs
//! plugins, in service or on trial.

use std::sync::Arc;

use async_trait::async_trait;
use hookyard_model::{Event, EventId, Key, PluginRef, RecordedAnswer, SourceRef, Versioned};

use crate::{Error, Inbox};

/// The values of plugins' key-value stores, by what is committed. Every inbox has them.
#[async_trait]
pub trait Values: Send + Sync + 'static {
    /// As `Inbox::value`.
    async fn value(&self, plugin: &PluginRef, key: &Key) -> Result<Option<Versioned>, Error>;

    /// As `Inbox::keys`.
    async fn keys(
        &self,
        plugin: &PluginRef,
        bucket: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, Error>;
}

#[async_trait]
impl<I: Inbox + ?Sized> Values for I {
    async fn value(&self, plugin: &PluginRef, key: &Key) -> Result<Option<Versioned>, Error> {
        Inbox::value(self, plugin, key).await
    }

    async fn keys(
        &self,
        plugin: &PluginRef,
        bucket: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        Inbox::keys(self, plugin, bucket, after, limit).await
    }
}

/// The events of late: first which, then one at a time, since together they may be large.
#[async_trait]
pub trait Recent: Send + Sync + 'static {
    /// The last events that came in by these sources, which are of one tenant: the latest first, no more than `limit`.
    async fn recent(&self, sources: &[SourceRef], limit: usize) -> Result<Vec<EventId>, Error>;

    /// One of them; none where it has been pruned meanwhile.
    async fn event(&self, id: EventId) -> Result<Option<Arc<Event>>, Error>;

    /// What a plugin's requests were answered when it handled this event: what its last attempt that came to `Done` with
    /// answers on record has of them, in their order. They stand with their job, and go with the event.
    async fn answers(&self, id: EventId, plugin: &PluginRef) -> Result<Vec<RecordedAnswer>, Error>;
}
