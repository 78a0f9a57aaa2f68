//! The components of the active plugins: what each runs, which events it receives, and the revision
//! before it, which stays loaded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hookyard_model::{PluginRef, Revision, SourceName};
use hookyard_plugin::{Catalog, HandlerKind, LoadedPlugin};
use hookyard_store::{BacklogPolicy, Routes};

use crate::component::load::Ready;
use crate::rehearsal::Fixtures;
use crate::routes::{self, Sources, Subscription};

/// An active plugin.
#[derive(Debug)]
struct ActivePlugin {
    ready: Ready,
    subscription: Subscription,
    /// The component of the revision before.
    before: Option<Ready>,
}

/// All active plugins.
#[derive(Debug, Default)]
pub(crate) struct ActivePlugins {
    plugins: BTreeMap<PluginRef, ActivePlugin>,
    /// The plugins whose activation has not been logged yet, with the revision before.
    news: BTreeMap<PluginRef, Option<Revision>>,
}

impl ActivePlugins {
    /// Puts a component into service, in one swap. The revision before stays loaded.
    pub(crate) fn activate(&mut self, catalog: &Catalog, ready: Ready) {
        let plugin = ready.loaded.plugin().clone();
        let subscription = subscription(&ready.loaded, ready.settings.sources.clone());
        catalog.activate(Arc::clone(&ready.loaded));

        let outgoing = self.plugins.remove(&plugin);
        if !outgoing
            .as_ref()
            .is_some_and(|outgoing| outgoing.is_like(&ready, &subscription))
        {
            let previous = outgoing.as_ref().map(ActivePlugin::revision);
            self.news.entry(plugin.clone()).or_insert(previous);
        }

        let before = outgoing.and_then(|outgoing| {
            if outgoing.revision() == ready.loaded.revision() {
                outgoing.before
            } else {
                Some(outgoing.ready)
            }
        });
        let active = ActivePlugin {
            ready,
            subscription,
            before,
        };
        self.plugins.insert(plugin, active);
    }

    /// Logs which plugins have become active, now that events are routed to them.
    pub(crate) fn announce(&mut self, sources: &Sources) {
        for (plugin, previous) in std::mem::take(&mut self.news) {
            if let Some(active) = self.plugins.get(&plugin) {
                announce(
                    &active.ready.loaded,
                    previous,
                    &active.subscription,
                    sources,
                );
            }
        }
    }

    /// Returns whether an activation has not been logged yet.
    pub(crate) fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    /// Forgets a plugin. Returns whether it was active.
    pub(crate) fn forget(&mut self, plugin: &PluginRef) -> bool {
        self.news.remove(plugin);
        self.plugins.remove(plugin).is_some()
    }

    /// Returns the active component of a plugin.
    pub(crate) fn loaded(&self, plugin: &PluginRef) -> Option<Arc<LoadedPlugin>> {
        Some(Arc::clone(&self.plugins.get(plugin)?.ready.loaded))
    }

    /// Returns the fixtures of the active component of a plugin.
    pub(crate) fn fixtures(&self, plugin: &PluginRef) -> Option<&Fixtures> {
        Some(&self.plugins.get(plugin)?.ready.fixtures)
    }

    /// Returns the revision before the active one, if it can come back as it is.
    pub(crate) fn warm_revision(&self, plugin: &PluginRef) -> Option<Revision> {
        Some(self.before(plugin)?.loaded.revision())
    }

    /// Returns the component before the active one, if it is this revision and can come back as it
    /// is.
    pub(crate) fn warm(&self, plugin: &PluginRef, revision: Revision) -> Option<Ready> {
        let before = self.before(plugin)?;
        (before.loaded.revision() == revision).then(|| before.clone())
    }

    /// Returns the component before the active one, unless the plugin's grants have changed since.
    fn before(&self, plugin: &PluginRef) -> Option<&Ready> {
        let active = self.plugins.get(plugin)?;
        let grants = active.ready.loaded.grants();
        active
            .before
            .as_ref()
            .filter(|before| before.loaded.grants() == grants)
    }

    /// Returns the number of active plugins.
    pub(crate) fn count(&self) -> usize {
        self.plugins.len()
    }

    /// Returns the plugins that receive the events of each source.
    pub(crate) fn routes(&self, sources: &Sources) -> Routes {
        let active = self
            .plugins
            .iter()
            .map(|(plugin, active)| (plugin.clone(), active.subscription.clone()))
            .collect();
        routes::routes(sources, &active)
    }

    /// Returns what each plugin does with its backlog.
    pub(crate) fn backlogs(&self) -> Backlogs {
        self.plugins
            .iter()
            .map(|(plugin, active)| (plugin.clone(), active.ready.settings.backlog.policy()))
            .collect()
    }
}

impl ActivePlugin {
    fn revision(&self) -> Revision {
        self.ready.loaded.revision()
    }

    /// Returns whether a component runs the same code on the same terms, and receives the same
    /// events.
    fn is_like(&self, ready: &Ready, subscription: &Subscription) -> bool {
        self.revision() == ready.loaded.revision()
            && self.ready.loaded.has_terms_of(&ready.loaded)
            && self.subscription == *subscription
    }
}

/// What each active plugin does with events that were stored before it had a plugin.
pub(crate) type Backlogs = BTreeMap<PluginRef, BacklogPolicy>;

/// Returns the events that a component can receive. `only` holds the sources that its settings
/// allow.
pub(crate) fn subscription(
    loaded: &LoadedPlugin,
    only: Option<BTreeSet<SourceName>>,
) -> Subscription {
    let providers = loaded
        .handlers()
        .iter()
        .filter_map(|handler| match handler {
            HandlerKind::Typed { provider, .. } => Some(provider.clone()),
            HandlerKind::Untyped => None,
        });
    Subscription {
        providers: providers.collect(),
        anything: loaded.handlers().contains(&HandlerKind::Untyped),
        only,
    }
}

/// Returns the names of a component's handlers, for people, and whether it may respond to requests.
pub(crate) fn handlers(loaded: &LoadedPlugin) -> String {
    let mut names: Vec<_> = loaded.handlers().iter().map(ToString::to_string).collect();
    names.extend(loaded.can_respond().then(|| "responder".to_owned()));
    names.join(", ")
}

/// Returns a remark on handlers that are never called, because no provider has their package.
pub(crate) fn unknown_handlers(loaded: &LoadedPlugin) -> Option<String> {
    let names = loaded.unknown_handlers()?;
    Some(format!(
        "exports {names}, whose package no provider of this host has: the handler is never called"
    ))
}

fn announce(
    loaded: &LoadedPlugin,
    previous: Option<Revision>,
    subscription: &Subscription,
    sources: &Sources,
) {
    let (plugin, revision) = (loaded.plugin(), loaded.revision().short());
    let handlers = handlers(loaded);
    let taken: Vec<_> = subscription
        .sources_of(plugin, sources)
        .iter()
        .map(ToString::to_string)
        .collect();
    let sources_taken = taken.join(", ");

    let previous = previous.filter(|previous| *previous != loaded.revision());
    let previous = previous.map(|previous| previous.short());
    tracing::info!(
        target: "hookyard::release", %plugin, revision, previous, handlers,
        sources = sources_taken, "plugin active"
    );

    for source in subscription.missing(plugin, sources) {
        tracing::warn!(
            target: "hookyard::release", %plugin,
            "its settings refer to source {source}, which this tenant does not have"
        );
    }
    if let Some(remark) = unknown_handlers(loaded) {
        tracing::warn!(target: "hookyard::release", %plugin, "{remark}");
    }
    if taken.is_empty() {
        tracing::warn!(
            target: "hookyard::release", %plugin,
            "no source of its tenant sends events that it has a handler for: it receives nothing"
        );
    }
}
