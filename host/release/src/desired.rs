//! What the configuration says about plugins, as the keeper uses it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use hookyard_config::Settings;
use hookyard_config::providers;
use hookyard_config::settings::{Plugins, Rehearsal, Responders};
use hookyard_model::{PluginRef, ProbationPolicy, Revision};
use hookyard_plugin::{Contracts, Engine};
use hookyard_schemes::Provider;

use crate::component::archive::Archive;
use crate::component::load::Loader;
use crate::component::references::References;
use crate::routes::Sources;

/// What the configuration says about plugins.
pub struct Desired {
    /// The plugin folder, and the limits and grants of plugins.
    pub plugins: Plugins,
    /// The sources whose events plugins can receive.
    pub sources: Sources,
    /// The sources whose requests plugins answer.
    pub responders: Responders,
    /// The definitions of typed handlers.
    pub contracts: Arc<Contracts>,
    /// When a revision is rolled back automatically; `None` if none is.
    pub probation: Option<ProbationPolicy>,
    /// The number of components of each plugin that the archive keeps.
    pub revisions_kept: usize,
    /// How a new revision is rehearsed, unless the plugin's settings say otherwise.
    pub rehearsal: Rehearsal,
    /// The providers, whose rules apply to fixtures.
    pub providers: Arc<BTreeMap<String, Arc<Provider>>>,
    /// The files that plugins' settings refer to. A new configuration starts without any, and loads
    /// all plugins again.
    pub(crate) references: References,
}

impl Desired {
    /// Returns the revisions of a plugin whose components are in the archive, and can be brought
    /// back.
    pub fn archived(&self, plugin: &PluginRef) -> BTreeSet<Revision> {
        self.archive().revisions(plugin)
    }

    /// Returns the archive of components.
    pub(crate) fn archive(&self) -> Archive {
        Archive {
            folder: self.plugins.revisions.clone(),
            count_max: self.revisions_kept,
        }
    }

    /// Returns a loader of plugins.
    pub(crate) fn loader(&self, engine: &Arc<Engine>) -> Loader {
        Loader {
            engine: Arc::clone(engine),
            folder: self.plugins.folder.clone(),
            file_max: self.plugins.file_max,
            limits: self.plugins.limits.clone(),
            tenant_limits: self.plugins.tenant_limits.clone(),
            grants: self.plugins.grants.clone(),
            references: self.references.clone(),
            contracts: Arc::clone(&self.contracts),
            archive: self.archive(),
            rehearsal: self.rehearsal,
            backlog: self.plugins.backlog,
            reports: None,
        }
    }
}

impl From<&Settings> for Desired {
    fn from(settings: &Settings) -> Self {
        let sources = settings.sources.iter();
        Self {
            plugins: settings.plugins.clone(),
            sources: sources
                .map(|(name, source)| (name.clone(), source.provider.name.clone()))
                .collect(),
            responders: settings.responders(),
            contracts: Arc::new(providers::contracts(&settings.providers)),
            probation: settings.release.probation(),
            revisions_kept: settings.release.revisions_kept,
            rehearsal: settings.rehearsal,
            providers: Arc::new(settings.providers.clone()),
            references: References::default(),
        }
    }
}
