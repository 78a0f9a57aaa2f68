//! What waits while a host runs: unrouted events, jobs that are held, and messages that are not sent. They are counted as
//! metrics. Events that nobody serves are warned of as well: once when it begins, then at a bounded rate for as long as it lasts, with the way out.
//!
//! `check` says the same of the store. Nothing here changes anything.

mod notices;

use std::collections::BTreeSet;
use std::fmt::Display;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hookyard_model::{PluginRef, SourceRef, TenantName};
use hookyard_store::{Error, Store, Tally};
use metrics::{describe_gauge, gauge};
use tokio::sync::watch;

use hookyard_model::chain;
use notices::{Notice, Notices};

const UNROUTED: &str = "hookyard_events_unrouted";
const HELD: &str = "hookyard_jobs_held";
const UNSENT: &str = "hookyard_outbox_waiting_messages";
const UNSENT_BYTES: &str = "hookyard_outbox_waiting_bytes";

/// How often it is looked.
const PERIOD: Duration = Duration::from_secs(5);
/// A look that took long is followed by a pause of so many times its length.
const PAUSE_FACTOR: u32 = 50;
/// Series of one metric at most; what is beyond them is counted together.
const SERIES_MAX: usize = 1000;

/// Describes each metric to the recorder.
pub(crate) fn describe_metrics() {
    describe_gauge!(UNROUTED, "Events that no plugin has taken, by source.");
    describe_gauge!(
        HELD,
        "Jobs that are held because their plugin is not there, or in quarantine."
    );
    describe_gauge!(
        UNSENT,
        "Messages that wait to be sent, by the plugin that asked for them."
    );
    describe_gauge!(
        UNSENT_BYTES,
        "Bytes of the bodies of messages that wait to be sent."
    );
}

/// Looks at what nobody serves.
pub(crate) struct Unserved {
    inbox: Arc<dyn Store>,
    sources: watch::Receiver<BTreeSet<SourceRef>>,
    unrouted: Notices<SourceRef>,
    held: Notices<PluginRef>,
    /// Sources, and plugins, whose gauge was set last time.
    gauged: (BTreeSet<SourceRef>, BTreeSet<PluginRef>),
    /// Plugins whose messages were counted last time.
    unsent: [BTreeSet<PluginRef>; 2],
}

/// Replaces the configured sources while it runs.
pub(crate) struct Handle(watch::Sender<BTreeSet<SourceRef>>);

impl Handle {
    /// From now on these are configured.
    pub(crate) fn replace(&self, sources: BTreeSet<SourceRef>) {
        self.0.send_replace(sources);
    }
}

impl Unserved {
    /// One that has not looked yet. Each of the sources has a gauge, whether or not it has unrouted events.
    pub(crate) fn new(inbox: Arc<dyn Store>, sources: BTreeSet<SourceRef>) -> (Self, Handle) {
        let (sender, sources) = watch::channel(sources);
        let (unrouted, held) = (Notices::default(), Notices::default());
        (
            Self {
                inbox,
                sources,
                unrouted,
                held,
                gauged: Default::default(),
                unsent: Default::default(),
            },
            Handle(sender),
        )
    }

    /// Looks at once and at intervals, until `shutdown` completes.
    pub(crate) async fn run(mut self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        loop {
            let began = Instant::now();
            let looked = tokio::select! {
                () = &mut shutdown => return,
                looked = self.look() => looked,
            };
            if let Err(error) = looked {
                let error = chain(&error);
                tracing::warn!(target: "hookyard::unserved", error, "unrouted and held events can't be counted");
            }

            let pause = PERIOD.max(began.elapsed() * PAUSE_FACTOR);
            tokio::select! {
                () = &mut shutdown => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn look(&mut self) -> Result<(), Error> {
        let unrouted = self.inbox.unrouted().await?;
        let held = self.inbox.held().await?;
        let quarantined = self.inbox.quarantined().await?;
        let unsent = self.inbox.unsent().await?;

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
            tell_unrouted(&notice);
        }
        for notice in self.held.look(&held, now) {
            let plugin = notice.of();
            tell_held(
                &notice,
                quarantined
                    .iter()
                    .any(|quarantine| quarantine.plugin == *plugin),
            );
        }
        Ok(())
    }
}

/// The name of a source or plugin as labels have it.
trait Named: Ord + Clone {
    fn parts(&self) -> (&TenantName, &dyn Display);
}

impl Named for SourceRef {
    fn parts(&self) -> (&TenantName, &dyn Display) {
        (&self.tenant, &self.name)
    }
}

impl Named for PluginRef {
    fn parts(&self) -> (&TenantName, &dyn Display) {
        (&self.tenant, &self.name)
    }
}

fn counts<N: Clone>(tallies: &[Tally<N>]) -> Vec<(N, u64)> {
    tallies
        .iter()
        .map(|tally| (tally.of.clone(), tally.count))
        .collect()
}

/// Sets the gauge of each count; and to zero those of `always`, and of `before`, that have none now.
fn gauge_all<N: Named>(
    metric: &'static str,
    label: &'static str,
    counts: &[(N, u64)],
    always: &BTreeSet<N>,
    before: &mut BTreeSet<N>,
) {
    let set = |tenant: String, name: String, count: u64| {
        gauge!(metric, &[("tenant", tenant), (label, name)]).set(count as f64);
    };
    let set_of = |of: &N, count| {
        let (tenant, name) = of.parts();
        set(tenant.to_string(), name.to_string(), count);
    };

    let (own, rest) = counts.split_at(counts.len().min(SERIES_MAX));
    let now: BTreeSet<N> = own.iter().map(|(of, _)| of.clone()).collect();
    for (of, count) in own {
        set_of(of, *count);
    }
    for gone in before
        .union(always)
        .filter(|of| !now.contains(*of))
        .take(SERIES_MAX)
    {
        set_of(gone, 0);
    }
    // No tenant can be called so.
    if !rest.is_empty() {
        set(
            "(others)".to_owned(),
            "(others)".to_owned(),
            rest.iter().map(|(_, count)| count).sum(),
        );
    }
    *before = now;
}

/// What ends unrouted events, or has them handled.
pub(crate) fn way_out_of_unrouted(source: &SourceRef) -> String {
    format!(
        "drop a plugin that takes them into the plugin folder, or end them by \
         `hookyard events discard --source {source} --state unrouted`"
    )
}

fn tell_unrouted(notice: &Notice<SourceRef>) {
    match notice {
        Notice::Waits(Tally {
            of: source,
            count,
            oldest,
        }) => {
            let way_out = way_out_of_unrouted(source);
            tracing::warn!(target: "hookyard::unserved", %source, count, %oldest, "events wait for a plugin: {way_out}");
        }
        Notice::Over(source) => {
            tracing::info!(target: "hookyard::unserved", %source, "no event waits for a plugin any more");
        }
    }
}

fn tell_held(notice: &Notice<PluginRef>, is_quarantined: bool) {
    match notice {
        Notice::Waits(Tally {
            of: plugin,
            count,
            oldest,
        }) => {
            let why = if is_quarantined {
                format!(
                    "in quarantine: drop another build, or say `hookyard plugins release {plugin}`"
                )
            } else {
                "not there, or no longer given their source's events: put its file back".to_owned()
            };
            let end = format!("`hookyard events discard --plugin {plugin} --state held`");
            tracing::warn!(target: "hookyard::unserved", %plugin, count, %oldest, "events are held, since their plugin is {why}; or end them by {end}");
        }
        Notice::Over(plugin) => {
            tracing::info!(target: "hookyard::unserved", %plugin, "no event is held any more");
        }
    }
}
