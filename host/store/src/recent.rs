//! Read access to recent events, for rehearsals.

use std::sync::Arc;

use async_trait::async_trait;
use hookyard_model::{Event, EventId, PluginRef, RecordedAnswer, SourceRef};

use crate::Error;

/// Read access to recent events.
///
/// A caller first lists the ids and then reads one event at a time, because all of the events
/// together may be large.
#[async_trait]
pub trait Recent: Send + Sync + 'static {
    /// Returns the ids of up to `limit` events of these sources, the newest first. The sources are
    /// of one tenant.
    async fn recent(&self, sources: &[SourceRef], limit: usize) -> Result<Vec<EventId>, Error>;

    /// Returns an event, or `None` if the event has been pruned.
    async fn event(&self, id: EventId) -> Result<Option<Arc<Event>>, Error>;

    /// Returns the answers to the HTTP requests that a plugin made when it handled an event, in the
    /// order of the requests.
    ///
    /// The answers come from the last attempt whose outcome was `Done` and whose answers were
    /// recorded. The store keeps them with the job and removes them with the event.
    async fn answers(&self, id: EventId, plugin: &PluginRef) -> Result<Vec<RecordedAnswer>, Error>;
}
