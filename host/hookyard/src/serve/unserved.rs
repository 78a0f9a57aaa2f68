//! The watch over work that waits: unrouted events, held jobs, and undelivered messages.
//!
//! All of it is counted in metrics. The log also warns about events that no plugin handles, and
//! names the way out: when they begin to wait, then once an hour, and when none waits any more. The
//! command `check` reports the same. Nothing here changes the store.

mod notices;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hookyard_model::{PluginRef, SourceRef, TenantName, chain};
use hookyard_store::{Error, Store, Tally};
use metrics::{describe_gauge, gauge};
use tokio::sync::watch;

use crate::way_out;
use notices::{Notice, Notices};

const UNROUTED: &str = "hookyard_events_unrouted";
const HELD: &str = "hookyard_jobs_held";
const UNSENT: &str = "hookyard_outbox_waiting_messages";
const UNSENT_BYTES: &str = "hookyard_outbox_waiting_bytes";

/// How often the store is read.
const PERIOD: Duration = Duration::from_secs(5);
/// The pause after a slow read of the store, as a multiple of its duration.
const PAUSE_FACTOR: u32 = 50;
/// The maximum number of series of a metric. One more series counts the rest.
const SERIES_MAX: usize = 1000;

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
    unrouted: Notices<SourceRef>,
    held: Notices<PluginRef>,
    /// The sources and the plugins whose gauges the last look set.
    gauged: (BTreeSet<SourceRef>, BTreeSet<PluginRef>),
    /// The plugins whose gauges of messages and of bytes the last look set.
    unsent: [BTreeSet<PluginRef>; 2],
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
        let (unrouted, held) = (Notices::default(), Notices::default());
        (
            Self {
                store,
                sources,
                unrouted,
                held,
                gauged: Default::default(),
                unsent: Default::default(),
            },
            Handle(sender),
        )
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

    async fn look(&mut self) -> Result<(), Error> {
        let unrouted = self.store.unrouted().await?;
        let held = self.store.held().await?;
        let quarantined = self.store.quarantined().await?;
        let unsent = self.store.unsent().await?;

        let sources = self.sources.borrow_and_update().clone();
        let none = BTreeSet::new();
        gauge_all(
            UNROUTED,
            "source",
            &counts(&unrouted),
            &sources,
            &mut self.gauged.0,
        );
        gauge_all(HELD, "plugin", &counts(&held), &none, &mut self.gauged.1);
        let messages: Vec<_> = unsent
            .iter()
            .map(|(plugin, unsent)| (plugin.clone(), unsent.messages))
            .collect();
        let bytes: Vec<_> = unsent
            .iter()
            .map(|(plugin, unsent)| (plugin.clone(), unsent.bytes))
            .collect();
        gauge_all(UNSENT, "plugin", &messages, &none, &mut self.unsent[0]);
        gauge_all(UNSENT_BYTES, "plugin", &bytes, &none, &mut self.unsent[1]);

        let now = Instant::now();
        for notice in self.unrouted.look(&unrouted, now) {
            log_unrouted(&notice);
        }
        for notice in self.held.look(&held, now) {
            let plugin = notice.subject();
            let is_quarantined = quarantined
                .iter()
                .any(|quarantine| quarantine.plugin == *plugin);
            log_held(&notice, is_quarantined);
        }
        Ok(())
    }
}

/// A source or a plugin, as the labels of a metric name it.
trait Labelled: Ord + Clone {
    fn labels(&self) -> (&TenantName, &dyn Display);
}

impl Labelled for SourceRef {
    fn labels(&self) -> (&TenantName, &dyn Display) {
        (&self.tenant, &self.name)
    }
}

impl Labelled for PluginRef {
    fn labels(&self) -> (&TenantName, &dyn Display) {
        (&self.tenant, &self.name)
    }
}

fn counts<N: Clone>(tallies: &[Tally<N>]) -> Vec<(N, u64)> {
    tallies
        .iter()
        .map(|tally| (tally.of.clone(), tally.count))
        .collect()
}

/// Sets the gauge of each count, and sets the gauges of `always` and `before` that have no count to
/// zero. Then replaces `before` with the subjects of the counts.
fn gauge_all<N: Labelled>(
    metric: &'static str,
    label: &'static str,
    counts: &[(N, u64)],
    always: &BTreeSet<N>,
    before: &mut BTreeSet<N>,
) {
    let set = |tenant: String, name: String, count: u64| {
        gauge!(metric, &[("tenant", tenant), (label, name)]).set(count as f64);
    };
    let set_of = |subject: &N, count| {
        let (tenant, name) = subject.labels();
        set(tenant.to_string(), name.to_string(), count);
    };

    let (own, rest) = counts.split_at(counts.len().min(SERIES_MAX));
    let now: BTreeSet<N> = own.iter().map(|(of, _)| of.clone()).collect();
    for (of, count) in own {
        set_of(of, *count);
    }
    let without_count = before.union(always).filter(|of| !now.contains(*of));
    for of in without_count.take(SERIES_MAX) {
        set_of(of, 0);
    }
    if !rest.is_empty() {
        // The name of a tenant cannot contain parentheses.
        let others = "(others)".to_owned();
        let count = rest.iter().map(|(_, count)| count).sum();
        set(others.clone(), others, count);
    }
    *before = now;
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
                let command = format!("`hookyard plugins clear {plugin}`");
                (
                    "is in quarantine",
                    format!("drop another build or run {command}"),
                )
            } else {
                (
                    "is missing or no longer handles their source",
                    "put its file back".to_owned(),
                )
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
