//! Identifiers and fetches for the parts of the host, which have no access to either themselves.

use async_trait::async_trait;
use bytes::Bytes;
use hookyard_egress::{Client, GetLimits};
use hookyard_ingress::{Fetch, FetchError, FetchRequest};
use hookyard_model::{EventId, MessageId, RefusedId};
use uuid::Uuid;

/// Returns a new event id. The ids of one process sort by creation time.
pub(super) fn event_id() -> EventId {
    EventId::from_uuid(Uuid::now_v7())
}

/// Returns a new id of an outbox message. The ids of one process sort by creation time.
pub(super) fn message_id() -> MessageId {
    MessageId::from_uuid(Uuid::now_v7())
}

/// Returns a new id of a refused request. The ids of one process sort by creation time.
pub(super) fn refused_id() -> RefusedId {
    RefusedId::from_uuid(Uuid::now_v7())
}

/// Fetches senders' certificates and keys for ingress through the egress door.
pub(super) struct Fetcher(pub(super) Client);

#[async_trait]
impl Fetch for Fetcher {
    async fn fetch(&self, request: FetchRequest) -> Result<Bytes, FetchError> {
        let FetchRequest {
            url,
            post,
            bytes_max,
            time_max,
            allow_http,
        } = request;
        let limits = GetLimits {
            body_max: bytes_max,
            timeout: time_max,
            allow_http,
        };

        let response = match post {
            Some(json) => {
                self.0
                    .post(&url, json.expose().to_vec().into(), limits)
                    .await
            }
            None => self.0.get(&url, limits).await,
        };
        response.map_err(|error| FetchError(Box::new(error)))
    }
}
