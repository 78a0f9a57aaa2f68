//! The steps of a request that waits for the jobs of its event.

use hookyard_model::Event;
use tokio::time::{Instant, timeout};

use super::Receiver;
use crate::activity::InFlight;
use crate::answer::StoredEvent;
use crate::metering;
use crate::source::Source;
use crate::wait::{BegunWait, Waited};

impl Receiver {
    /// Begins to wait for the jobs of an event that is about to be appended. Returns `None` if the
    /// source does not wait.
    pub(super) fn begin_wait<'a>(
        &self,
        source: &'a Source,
        event: &Event,
    ) -> Option<BegunWait<'a>> {
        let rule = source.wait.as_ref()?;
        Some(BegunWait {
            rule,
            until: Instant::now() + rule.time_max,
            wait: self.parts.waits.begin(event, rule.wanted.clone()),
        })
    }

    /// Waits for the jobs of a stored event. The connection may be evicted meanwhile.
    pub(super) async fn wait(
        &self,
        source: &Source,
        wait: BegunWait<'_>,
        stored: StoredEvent,
        in_flight: &InFlight,
    ) -> StoredEvent {
        let _evictable = in_flight.wait_evictably();
        let waited = wait.end(&*self.parts.inbox, stored.id).await;

        metering::count_wait(&source.name, &waited);
        StoredEvent {
            waited: Some(waited),
            ..stored
        }
    }

    /// Returns a repeat with the response that the first request of the event was answered with.
    pub(super) async fn with_first_response(&self, repeat: StoredEvent) -> StoredEvent {
        let time_max = self.config.store_timeout;
        let found = timeout(time_max, self.parts.inbox.response(repeat.id)).await;
        let given = found.ok().and_then(Result::ok).flatten();

        StoredEvent {
            waited: given.map(|given| Waited::Responded(given.response)),
            ..repeat
        }
    }

    /// Ends the waits of all requests, because the host stops: they are answered at once.
    pub(crate) fn end_waits(&self) {
        self.parts.waits.close();
    }
}
