//! The feed: hints on what has changed, for pages that show it at once.
//!
//! A hint says that something changed. It does not say what is stored now: a page that shows the
//! thing reads it again. So a lost hint loses nothing but time, and the store never waits for a
//! listener.

use hookyard_model::{DestinationRef, EventId, MessageId, PluginRef, SourceRef, TenantName};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::broadcast::{Receiver, Sender};

/// The number of hints that a listener may be behind.
pub const FEED_HINTS_MAX: usize = 4_096;

/// A store that tells what it has committed.
pub trait Live: Send + Sync + 'static {
    /// Returns a listener that hears of everything that is committed from now on.
    fn listen(&self) -> Listener;
}

/// A change that was committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// An event was stored.
    Event {
        /// The id of the event.
        id: EventId,
        /// The source that received the event.
        source: SourceRef,
    },
    /// A job has another state.
    Job {
        /// The event of the job.
        event: EventId,
        /// The plugin of the job.
        plugin: PluginRef,
    },
    /// A message was committed or has another state.
    Message {
        /// The id of the message.
        id: MessageId,
        /// The destination of the message.
        destination: DestinationRef,
    },
    /// A revision of the plugin has another state, or an operator gave an order for the plugin.
    Release(PluginRef),
    /// A destination was disabled or enabled.
    Destination(DestinationRef),
    /// Requests to the source were refused.
    Refusals(SourceRef),
    /// Figures of the charts were added.
    Figures,
    /// An entry was added to the audit log.
    Audit(Option<TenantName>),
    /// Much has changed at once, or another process has changed something: read everything again.
    Everything,
}

impl Hint {
    /// Returns the tenant whose thing has changed, or `None` if the hint is not about one tenant.
    pub fn tenant(&self) -> Option<&TenantName> {
        match self {
            Self::Event { source, .. } | Self::Refusals(source) => Some(&source.tenant),
            Self::Job { plugin, .. } | Self::Release(plugin) => Some(&plugin.tenant),
            Self::Message { destination, .. } | Self::Destination(destination) => {
                Some(&destination.tenant)
            }
            Self::Audit(tenant) => tenant.as_ref(),
            Self::Figures | Self::Everything => None,
        }
    }
}

/// The feed of a store, which the store writes to.
#[derive(Debug, Clone)]
pub struct Feed(Sender<Hint>);

impl Default for Feed {
    fn default() -> Self {
        Self(Sender::new(FEED_HINTS_MAX))
    }
}

impl Feed {
    /// Returns whether anybody listens. If not, hints need not be made.
    pub fn is_heard(&self) -> bool {
        self.0.receiver_count() > 0
    }

    /// Tells all listeners of a change that is committed.
    pub fn tell(&self, hint: Hint) {
        // Fails if nobody listens.
        let _ = self.0.send(hint);
    }

    /// Returns a listener that gets every hint from now on.
    pub fn listen(&self) -> Listener {
        Listener(self.0.subscribe())
    }
}

/// A listener to the feed of a store.
#[derive(Debug)]
pub struct Listener(Receiver<Hint>);

impl Listener {
    /// Waits for the next hint. Returns `None` once the store is closed.
    pub async fn next(&mut self) -> Option<Heard> {
        match self.0.recv().await {
            Ok(hint) => Some(Heard::Hint(hint)),
            Err(RecvError::Lagged(count)) => Some(Heard::Skipped(count)),
            Err(RecvError::Closed) => None,
        }
    }
}

/// What a listener hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A hint.
    Hint(Hint),
    /// The listener was too slow and has missed this number of hints.
    Skipped(u64),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn slow_listener_hears_what_it_missed() {
        let feed = Feed::default();
        assert!(!feed.is_heard());

        let mut listener = feed.listen();
        assert!(feed.is_heard());
        for _ in 0..FEED_HINTS_MAX + 3 {
            feed.tell(Hint::Figures);
        }

        assert_eq!(listener.next().await, Some(Heard::Skipped(3)));
        assert_eq!(listener.next().await, Some(Heard::Hint(Hint::Figures)));
    }

    #[tokio::test]
    async fn closed_feed_ends_listening() {
        let feed = Feed::default();
        let mut listener = feed.listen();
        drop(feed);

        assert_eq!(listener.next().await, None);
    }
}
