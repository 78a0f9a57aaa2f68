//! What an attempt needs from the rest of the host.

use std::sync::Arc;

use hookyard_model::{MessageId, PluginName, SourceRef};
use hookyard_store::{EmptyStore, Values};
use uuid::Uuid;

use super::stage::Stage;
use crate::capability::http::client::{HttpClient, NoHttpClient};
use crate::effects::EffectSource;

/// Returns whether a request waits for the response of this plugin to an event of this source.
pub type AsksResponse = Arc<dyn Fn(&SourceRef, &PluginName) -> bool + Send + Sync>;

/// The services of the host that an attempt uses. Each attempt may have its own.
#[derive(Clone)]
pub struct HostServices {
    /// The stored values of plugins.
    pub values: Arc<dyn Values>,
    /// Returns a new id for an outbox message at each call.
    pub message_ids: Arc<dyn Fn() -> MessageId + Send + Sync>,
    /// Says whether requests of a source may be answered with the response of a plugin of its
    /// tenant.
    pub asks_response: AsksResponse,
    /// Makes the HTTP requests of plugins.
    pub http: Arc<dyn HttpClient>,
    /// The fixed clock and randomness of a rehearsed attempt. `None` for the real clock and
    /// randomness.
    pub stage: Option<Stage>,
}

impl HostServices {
    /// Returns the services of a guest that is only started: there are no stored values, requests
    /// are refused, messages are never sent, and nobody asks for a response.
    pub(crate) fn none() -> Self {
        Self {
            values: Arc::new(EmptyStore),
            message_ids: Arc::new(|| MessageId::from_uuid(Uuid::nil())),
            asks_response: Arc::new(|_, _| false),
            http: Arc::new(NoHttpClient),
            stage: None,
        }
    }

    pub(super) fn source(&self) -> EffectSource {
        EffectSource {
            values: Arc::clone(&self.values),
            message_ids: Arc::clone(&self.message_ids),
        }
    }
}
