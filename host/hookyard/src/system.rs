//! What the process takes from its surroundings and hands to parts that read none of it themselves.

use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use hookyard_egress::{Client, GetLimits};
use hookyard_ingress::{Fetch, FetchError, FetchRequest};
use hookyard_model::{Clock, EventId, MessageId, Timestamp};
use uuid::Uuid;

/// The machine's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_unix_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A new event id; ids of one process sort by when they were made.
pub(crate) fn event_id() -> EventId {
    EventId::from_uuid(Uuid::now_v7())
}

/// A new id of an outbox message.
pub(crate) fn message_id() -> MessageId {
    MessageId::from_uuid(Uuid::now_v7())
}

/// Fetches for ingress through the one door out.
pub(crate) struct Fetcher(pub(crate) Client);

#[async_trait]
impl Fetch for Fetcher {
    async fn get(&self, request: FetchRequest) -> Result<Bytes, FetchError> {
        let FetchRequest {
            url,
            bytes_max,
            time_max,
            allow_http,
        } = request;
        let fetched = self
            .0
            .get(
                &url,
                GetLimits {
                    bytes_max,
                    time_max,
                    allow_http,
                },
            )
            .await;
        fetched.map_err(|error| FetchError(Box::new(error)))
    }
}
