//! The plugins that are active, as the keeper of the folder knows them: what they take and from whom.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hookyard_model::{PluginRef, Revision, SourceName};
use hookyard_plugin::{Catalog, HandlerKind, LoadedPlugin};
use hookyard_store::{BacklogPolicy, Routes};

use super::component::load::Ready;
use super::routes::{self, Sources, Takes};
use crate::rehearsal::Fixtures;

/// One that is active.
#[derive(Debug)]
struct Active {
    ready: Ready,
    takes: Takes,
    /// The revision before, warm.
    before: Option<Ready>,
}

/// All that are.
#[derive(Debug, Default)]
pub(crate) struct ActivePlugins {
    plugins: BTreeMap<PluginRef, Active>,
    /// What isn't announced yet, with the revision before.
    news: BTreeMap<PluginRef, Option<Revision>>,
}

impl ActivePlugins {
    /// Puts a plugin into service, in one swap. That is news if it's other code or takes other events than before. The
    /// revision before stays warm.
    pub(crate) fn activate(&mut self, catalog: &Catalog, ready: Ready) {
        let plugin = ready.loaded.plugin().clone();
        let takes = takes(&ready.loaded, ready.sidecar.sources.clone());
        catalog.activate(Arc::clone(&ready.loaded));
        let outgoing = self.plugins.remove(&plugin);
        let is_news = outgoing.as_ref().is_none_or(|outgoing| {
            outgoing.ready.loaded.revision() != ready.loaded.revision()
                || !outgoing.ready.loaded.has_terms_of(&ready.loaded)
                || outgoing.takes != takes
        });
        if is_news {
            let previous = outgoing
                .as_ref()
                .map(|outgoing| outgoing.ready.loaded.revision());
            self.news.entry(plugin.clone()).or_insert(previous);
        }
        let before = outgoing.and_then(|outgoing| {
            match outgoing.ready.loaded.revision() == ready.loaded.revision() {
                true => outgoing.before,
                false => Some(outgoing.ready),
            }
        });
        self.plugins.insert(
            plugin,
            Active {
                ready,
                takes,
                before,
            },
        );
    }

    /// Says which plugins have become active, now that the inbox routes to them.
    pub(crate) fn announce(&mut self, sources: &Sources) {
        for (plugin, previous) in std::mem::take(&mut self.news) {
            if let Some(Active { ready, takes, .. }) = self.plugins.get(&plugin) {
                announce(&ready.loaded, previous, takes, sources);
            }
        }
    }

    /// Whether something waits for its announcement.
    pub(crate) fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    /// Forgets a plugin; whether it was active.
    pub(crate) fn forget(&mut self, plugin: &PluginRef) -> bool {
        self.news.remove(plugin);
        self.plugins.remove(plugin).is_some()
    }

    /// What a plugin runs.
    pub(crate) fn loaded(&self, plugin: &PluginRef) -> Option<Arc<LoadedPlugin>> {
        Some(Arc::clone(&self.plugins.get(plugin)?.ready.loaded))
    }

    /// The fixtures of what a plugin runs.
    pub(crate) fn fixtures(&self, plugin: &PluginRef) -> Option<&Fixtures> {
        Some(&self.plugins.get(plugin)?.ready.fixtures)
    }

    /// Returns the revision before the active one, if it can come back as it is.
    pub(crate) fn warm_revision(&self, plugin: &PluginRef) -> Option<Revision> {
        Some(self.before(plugin)?.loaded.revision())
    }

    /// Returns the component of the revision before the active one, if it is this revision and can come back as it is.
    pub(crate) fn warm(&self, plugin: &PluginRef, revision: Revision) -> Option<Ready> {
        let before = self.before(plugin)?;
        (before.loaded.revision() == revision).then(|| before.clone())
    }

    /// Returns the revision before the active one, unless grants have been changed since.
    fn before(&self, plugin: &PluginRef) -> Option<&Ready> {
        let Active { ready, before, .. } = self.plugins.get(plugin)?;
        before
            .as_ref()
            .filter(|before| before.loaded.grants() == ready.loaded.grants())
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.plugins.len()
    }

    /// Who is given the events of which source.
    pub(crate) fn routes(&self, sources: &Sources) -> Routes {
        let active = self
            .plugins
            .iter()
            .map(|(plugin, active)| (plugin.clone(), active.takes.clone()))
            .collect();
        routes::routes(sources, &active)
    }

    /// What each does with its backlog.
    pub(crate) fn backlogs(&self) -> Backlogs {
        self.plugins
            .iter()
            .map(|(plugin, active)| (plugin.clone(), active.ready.sidecar.backlog.policy()))
            .collect()
    }
}

/// What each active plugin does with the events that came before any plugin.
pub(crate) type Backlogs = BTreeMap<PluginRef, BacklogPolicy>;

/// What a loaded plugin takes, narrowed to `only` where the operator says so.
pub(crate) fn takes(loaded: &LoadedPlugin, only: Option<BTreeSet<SourceName>>) -> Takes {
    let typed = |handler: &HandlerKind| match handler {
        HandlerKind::Typed { provider, .. } => Some(provider.clone()),
        HandlerKind::Untyped => None,
    };
    Takes {
        providers: loaded.handlers().iter().filter_map(typed).collect(),
        anything: loaded.handlers().contains(&HandlerKind::Untyped),
        only,
    }
}

/// A plugin's handlers, for people.
pub(crate) fn handlers(loaded: &LoadedPlugin) -> String {
    let names: Vec<_> = loaded.handlers().iter().map(ToString::to_string).collect();
    names.join(", ")
}

/// What a plugin exports in vain: it has the handler of a provider that isn't here, or whose name is written otherwise.
pub(crate) fn strange(loaded: &LoadedPlugin) -> Option<String> {
    let told = |names| {
        format!("exports {names}, whose package no provider of this host has: it is never called")
    };
    loaded.unknown_handlers().map(told)
}

fn announce(loaded: &LoadedPlugin, previous: Option<Revision>, takes: &Takes, sources: &Sources) {
    let (plugin, revision, handlers) =
        (loaded.plugin(), loaded.revision().short(), handlers(loaded));
    let previous = previous.map(|previous| previous.short());
    let taken: Vec<_> = takes
        .sources_of(plugin, sources)
        .iter()
        .map(ToString::to_string)
        .collect();
    let sources_taken = taken.join(", ");
    match previous.filter(|previous| *previous != revision) {
        Some(previous) => {
            tracing::info!(target: "hookyard::release", %plugin, revision, previous, handlers, sources = sources_taken, "plugin active");
        }
        None => {
            tracing::info!(target: "hookyard::release", %plugin, revision, handlers, sources = sources_taken, "plugin active");
        }
    }
    for source in takes.missing(plugin, sources) {
        tracing::warn!(target: "hookyard::release", %plugin, "its settings name the source {source}, which the tenant hasn't got");
    }
    if let Some(strange) = strange(loaded) {
        tracing::warn!(target: "hookyard::release", %plugin, "{strange}");
    }
    if taken.is_empty() {
        tracing::warn!(target: "hookyard::release", %plugin, "no source of its tenant sends what it has a handler for: it will be given nothing");
    }
}
