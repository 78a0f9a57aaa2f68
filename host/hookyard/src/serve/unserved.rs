//! The watch over work that waits: unrouted events, held jobs, and undelivered messages.
//!
//! All of it is counted in metrics. The log also warns about events that no plugin handles, and
//! names the way out: when they begin to wait, then once an hour, and when none waits any more. The
//! command `check` reports the same. Nothing here changes the store.

mod gauges;
mod notices;

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hookyard_model::{PluginRef, SourceRef, chain};
use hookyard_store::{Error, OutboxUsage, Store, Tally};
use metrics::describe_gauge;
use tokio::sync::watch;

use crate::way_out;
use gauges::Gauges;
use notices::{Notice, Notices};

const UNROUTED: &str = "hookyard_events_unrouted";
const HELD: &str = "hookyard_jobs_held";
const UNSENT: &str = "hookyard_outbox_waiting_messages";
const UNSENT_BYTES: &str = "hookyard_outbox_waiting_bytes";

/// How often the store is read.
const PERIOD: Duration = Duration::from_secs(5);
/// The pause after a slow read of the store, as a multiple of its duration.
const PAUSE_FACTOR: u32 = 50;
/// Describes the metrics to the recorder.
pub(super) fn describe_metrics() {
    describe_gauge!(UNROUTED, "Events that no plugin handles, by source.");
    describe_gauge!(
        HELD,
        "Jobs that are held because their plugin is missing or in quarantine."
    );
    describe_gauge!(
        UNSENT,
        "Messages that wait for delivery, by the plugin that sent them."
    );
    describe_gauge!(
        UNSENT_BYTES,
        "Bytes of the bodies of messages that wait for delivery."
    );
}

/// Watches the work that waits in the store.
pub(super) struct Unserved {
    store: Arc<dyn Store>,
    sources: watch::Receiver<BTreeSet<SourceRef>>,
    unrouted_notices: Notices<SourceRef>,
    held_notices: Notices<PluginRef>,
    unrouted: Gauges<SourceRef>,
    held: Gauges<PluginRef>,
    unsent: Gauges<PluginRef>,
    unsent_bytes: Gauges<PluginRef>,
}

/// Replaces the configured sources while it runs.
pub(super) struct Handle(watch::Sender<BTreeSet<SourceRef>>);

impl Handle {
    /// Replaces the configured sources.
    pub(super) fn replace(&self, sources: BTreeSet<SourceRef>) {
        self.0.send_replace(sources);
    }
}

impl Unserved {
    /// Returns a watch that has not looked yet. Each source has a gauge, even without unrouted
    /// events.
    pub(super) fn new(store: Arc<dyn Store>, sources: BTreeSet<SourceRef>) -> (Self, Handle) {
        let (sender, sources) = watch::channel(sources);
        let unserved = Self {
            store,
            sources,
            unrouted_notices: Notices::default(),
            held_notices: Notices::default(),
            unrouted: Gauges::new(UNROUTED),
            held: Gauges::new(HELD),
            unsent: Gauges::new(UNSENT),
            unsent_bytes: Gauges::new(UNSENT_BYTES),
        };

        (unserved, Handle(sender))
    }

    /// Looks at the store at once and at intervals, until `shutdown` completes.
    pub(super) async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        loop {
            let began = Instant::now();
            let result = tokio::select! {
                () = &mut shutdown => return,
                result = self.look() => result,
            };
            if let Err(error) = result {
                let error = chain(&error);
                tracing::warn!(
                    target: "hookyard::unserved", error,
                    "cannot count unrouted and held events"
                );
            }

            let pause = PERIOD.max(began.elapsed() * PAUSE_FACTOR);
            tokio::select! {
                () = &mut shutdown => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Reads the store once: sets the gauges, and logs the notices that are due.
    async fn look(&mut self) -> Result<(), Error> {
        let unrouted = self.store.unrouted().await?;
        let held = self.store.held().await?;
        let quarantined = self.store.quarantined().await?;
        let unsent = self.store.unsent().await?;

        let sources = self.sources.borrow_and_update().clone();
        let none = BTreeSet::new();
        self.unrouted.set(&counts(&unrouted), &sources);
        self.held.set(&counts(&held), &none);
        self.unsent
            .set(&amounts(&unsent, |usage| usage.messages), &none);
        self.unsent_bytes
            .set(&amounts(&unsent, |usage| usage.bytes), &none);

        let now = Instant::now();
        for notice in self.unrouted_notices.look(&unrouted, now) {
            log_unrouted(&notice);
        }
        for notice in self.held_notices.look(&held, now) {
            let plugin = notice.subject();
            let is_quarantined = quarantined
                .iter()
                .any(|quarantine| quarantine.plugin == *plugin);
            log_held(&notice, is_quarantined);
        }
        Ok(())
    }
}

fn counts<N: Clone>(tallies: &[Tally<N>]) -> Vec<(N, u64)> {
    tallies
        .iter()
        .map(|tally| (tally.of.clone(), tally.count))
        .collect()
}

/// Returns the number of messages, or of bytes, of each plugin.
fn amounts(
    usages: &[(PluginRef, OutboxUsage)],
    amount: impl Fn(&OutboxUsage) -> u64,
) -> Vec<(PluginRef, u64)> {
    usages
        .iter()
        .map(|(plugin, usage)| (plugin.clone(), amount(usage)))
        .collect()
}

fn log_unrouted(notice: &Notice<SourceRef>) {
    match notice {
        Notice::Waiting(Tally {
            of: source,
            count,
            oldest,
        }) => {
            let way_out = way_out::unrouted(source);
            tracing::warn!(
                target: "hookyard::unserved", %source, count, %oldest,
                "events wait for a plugin: {way_out}"
            );
        }
        Notice::Over(source) => {
            tracing::info!(
                target: "hookyard::unserved", %source,
                "events no longer wait for a plugin"
            );
        }
    }
}

fn log_held(notice: &Notice<PluginRef>, is_quarantined: bool) {
    match notice {
        Notice::Waiting(Tally {
            of: plugin,
            count,
            oldest,
        }) => {
            let (reason, way_out) = if is_quarantined {
                let way_out =
                    format!("drop another build or run `hookyard plugins clear {plugin}`");
                ("is in quarantine", way_out)
            } else {
                let way_out = "put its file back".to_owned();
                ("is missing or no longer handles their source", way_out)
            };
            let discard = way_out::discard_held(plugin);
            tracing::warn!(
                target: "hookyard::unserved", %plugin, count, %oldest,
                "events are held because their plugin {reason}: {way_out}, or discard them with \
                 {discard}"
            );
        }
        Notice::Over(plugin) => {
            tracing::info!(
                target: "hookyard::unserved", %plugin,
                "events are no longer held"
            );
        }
    }
}
