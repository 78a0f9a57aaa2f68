//! Routing: the plugins that get the events of each source, and the quarantines of plugins.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use hookyard_model::{PluginName, PluginRef, Revision, SourceRef, Timestamp};

use crate::Error;

/// The routes from sources to plugins, and the quarantines of plugins.
///
/// See the [crate documentation](crate) for the meaning of "durable".
#[async_trait]
pub trait Routing: Send + Sync + 'static {
    /// Replaces the whole table of routes.
    ///
    /// Once this returns, events that are appended later get jobs by the new table. Jobs of a
    /// plugin that is no longer routed from the source of the event are held (leased jobs are first
    /// settled by the holder of the lease). Held jobs of a plugin that is routed again are pending.
    /// Events that were stored while their source had no plugin have their jobs.
    ///
    /// The table is durable and outlives a restart. A crash before the return may leave the old
    /// table or the new one, with some of the jobs not yet held or not yet pending again: no claim
    /// leases a job that must be held, and the next call completes the change.
    ///
    /// `backlog` decides which plugins get the events that were stored while their source had no
    /// plugin, and at which rate. Such an event stays unrouted while no plugin of its source takes
    /// a backlog.
    async fn route_with(&self, routes: Routes, backlog: &Backlog) -> Result<(), Error>;

    /// Replaces the whole table of routes, like [`Routing::route_with`], where every plugin takes
    /// its whole backlog at once.
    async fn route(&self, routes: Routes) -> Result<(), Error> {
        self.route_with(routes, &Backlog::default()).await
    }

    /// Returns the current table of routes. A source without a plugin may be missing from it.
    async fn routes(&self) -> Result<Routes, Error>;

    /// Quarantines a revision of a plugin.
    ///
    /// Once this returns, no claim leases jobs of the plugin until [`Routing::lift`], and its jobs
    /// are held instead of using up their attempts. The quarantine is durable. A crash before the
    /// return may leave the plugin quarantined with some of its jobs not yet held; no claim leases
    /// those jobs either.
    async fn quarantine(&self, quarantine: Quarantine) -> Result<(), Error>;

    /// Ends the quarantine of a plugin: its held jobs become pending again. Does nothing if the
    /// plugin is not quarantined.
    ///
    /// A crash before the return may leave some of the jobs held until the next [`Routing::route`].
    async fn lift(&self, plugin: &PluginRef) -> Result<(), Error>;

    /// Returns the quarantines of all quarantined plugins.
    async fn quarantined(&self) -> Result<Vec<Quarantine>, Error>;
}

/// The plugins that get the events of each source.
///
/// A source that is missing has no plugins: its events are stored and stay unrouted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routes(pub BTreeMap<SourceRef, BTreeSet<PluginName>>);

/// The policies of plugins for events that were stored before their source had any plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct Backlog {
    /// The current time, at which a rate starts.
    pub now: Timestamp,
    /// The policies of plugins that do not take their whole backlog at once.
    pub by_plugin: BTreeMap<PluginRef, BacklogPolicy>,
}

impl Default for Backlog {
    fn default() -> Self {
        Self {
            now: Timestamp::from_unix_millis(0),
            by_plugin: BTreeMap::new(),
        }
    }
}

impl Backlog {
    /// Returns the policy of a plugin.
    pub fn of(&self, plugin: &PluginRef) -> BacklogPolicy {
        self.by_plugin.get(plugin).copied().unwrap_or_default()
    }
}

/// The policy of one plugin for its backlog.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BacklogPolicy {
    /// The plugin takes the whole backlog.
    All {
        /// The number of jobs per second, or `None` for all at once.
        rate: Option<f64>,
    },
    /// The plugin takes nothing of the backlog.
    None,
}

impl Default for BacklogPolicy {
    fn default() -> Self {
        Self::All { rate: None }
    }
}

/// A quarantine of a plugin: its jobs are held because one of its revisions kept failing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantine {
    /// The plugin whose jobs are held.
    pub plugin: PluginRef,
    /// The revision that failed.
    pub revision: Revision,
    /// The reason, in one line.
    pub reason: String,
    /// The time at which the quarantine began.
    pub since: Timestamp,
}
