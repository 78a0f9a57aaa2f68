//! The plugins that are active, as the keeper of the folder knows them: what they take and from whom.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hookyard_inbox::Routes;
use hookyard_model::{PluginRef, SourceName};
use hookyard_plugin::{Catalog, HandlerKind, Loaded};

use super::load::Ready;
use super::routing::{self, Sources, Takes};

/// One that is active.
#[derive(Debug)]
struct Active {
    loaded: Arc<Loaded>,
    takes: Takes,
}

/// All that are.
#[derive(Debug, Default)]
pub(super) struct Actives(BTreeMap<PluginRef, Active>);

impl Actives {
    /// Puts a plugin into service, in one swap, and says so if it's other code or takes other events than before.
    pub(super) fn activate(&mut self, catalog: &Catalog, sources: &Sources, ready: Ready) {
        let Ready { loaded, sidecar } = ready;
        let plugin = loaded.plugin().clone();
        let takes = takes(&loaded, sidecar.sources);
        catalog.activate(Arc::clone(&loaded));
        let before = self.0.insert(plugin.clone(), Active { loaded: Arc::clone(&loaded), takes: takes.clone() });
        let is_news = before.as_ref().is_none_or(|before| {
            before.loaded.revision() != loaded.revision()
                || before.loaded.limits() != loaded.limits()
                || before.takes != takes
        });
        if is_news {
            announce(&loaded, before.map(|before| before.loaded.revision().short()), &takes, sources);
        }
    }

    /// Forgets a plugin; whether it was active.
    pub(super) fn forget(&mut self, plugin: &PluginRef) -> bool {
        self.0.remove(plugin).is_some()
    }

    /// The revision of a plugin, for people.
    pub(super) fn revision(&self, plugin: &PluginRef) -> Option<String> {
        Some(self.0.get(plugin)?.loaded.revision().short())
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Who is given the events of which source.
    pub(super) fn routes(&self, sources: &Sources) -> Routes {
        let active = self.0.iter().map(|(plugin, active)| (plugin.clone(), active.takes.clone())).collect();
        routing::routes(sources, &active)
    }
}

/// What a loaded plugin takes, narrowed to `only` where the operator says so.
pub(super) fn takes(loaded: &Loaded, only: Option<BTreeSet<SourceName>>) -> Takes {
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
pub(super) fn handlers(loaded: &Loaded) -> String {
    let name = |handler: &HandlerKind| match handler {
        HandlerKind::Typed { package, interface, version: Some(version), .. } => {
            format!("{package}/{interface}@{version}")
        }
        HandlerKind::Typed { package, interface, version: None, .. } => format!("{package}/{interface}"),
        HandlerKind::Untyped => "untyped".to_owned(),
    };
    loaded.handlers().iter().map(name).collect::<Vec<_>>().join(", ")
}

/// What a plugin exports in vain: it has the handler of a provider that isn't here, or whose name is written otherwise.
pub(super) fn strange(loaded: &Loaded) -> impl Iterator<Item = String> {
    let told =
        |name: &String| format!("exports {name}, whose package no provider of this host has: it is never called");
    loaded.strange_handlers().iter().map(told)
}

fn announce(loaded: &Loaded, previous: Option<String>, takes: &Takes, sources: &Sources) {
    let (plugin, revision, handlers) = (loaded.plugin(), loaded.revision().short(), handlers(loaded));
    let taken: Vec<_> = takes.sources_of(plugin, sources).iter().map(ToString::to_string).collect();
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
    for strange in strange(loaded) {
        tracing::warn!(target: "hookyard::release", %plugin, "{strange}");
    }
    if taken.is_empty() {
        tracing::warn!(target: "hookyard::release", %plugin, "no source of its tenant sends what it has a handler for: it will be given nothing");
    }
}
