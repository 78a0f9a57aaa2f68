//! The road of a file from the plugin folder into service.
//!
//! ```text
//! listing (stat only) -> sighting -> tracker: seen -> settled -> load: read, check, compile -> rehearse -> active
//!                                                                '-------------------------'-> refused
//! active -> draining (another one is active) -> retired
//!    '----> quarantined (it did worse, or the operator took it back): the one before comes back
//! ```
//!
//! `precedence`, `sighting`, `tracker`, `patience`, `course`, `trial` and `routing` decide and touch nothing; `listing`, `load`, `kept`,
//! `work`, `run`, `service` and `orders` do and decide little. `journal` tells how it went.
//! Invariant 8: a failed reload leaves the running revision in place.

mod references;
mod listing;
mod precedence;
mod sighting;
mod tracker;

pub mod rehearsal;
pub mod watch;
mod kept;
mod load;
mod places;
mod work;
mod patience;
mod rehearse;
mod rehearsals;
mod course;
mod trial;
mod routing;
mod active;
mod backlog;
mod journal;
mod run;
mod service;
mod orders;
mod survey;

use std::collections::BTreeMap;
use std::sync::Arc;

use hookyard_model::{PluginRef, ProbationPolicy, Revision};
use hookyard_plugin::Contracts;
use hookyard_schemes::Provider;

use hookyard_config::Settings;
use hookyard_config::provider;
use hookyard_config::settings::{Plugins, Rehearsal};

use references::References;

pub use rehearse::{Component, prepare};
pub use run::{Handle, Keeper, Parts};
pub use survey::{Finding, Present, present, serving, survey, unreadable};
pub use trial::Trials;

/// What a configuration says of plugins.
pub struct Desired {
    /// The folder, and what its plugins may use.
    pub plugins: Plugins,
    /// Whose events there are to take.
    pub sources: routing::Sources,
    /// What typed handlers mean.
    pub contracts: Arc<Contracts>,
    /// When a release goes back by itself.
    pub probation: Option<ProbationPolicy>,
    /// Components of each plugin that are kept to go back to.
    pub revisions_kept: usize,
    /// How what is new is tried out, unless its own settings say otherwise.
    pub rehearsal: Rehearsal,
    /// By whose rules fixtures are read.
    pub providers: Arc<BTreeMap<String, Arc<Provider>>>,
    /// The files that plugins' settings refer to; forgotten with the configuration, as plugins are then loaded anew.
    references: References,
}

impl Desired {
    /// Whether the component of a revision is kept, so that it can come back.
    pub fn keeps(&self, plugin: &PluginRef, revision: Revision) -> bool {
        self.kept().has(plugin, revision)
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
            contracts: Arc::new(provider::contracts(&settings.providers)),
            probation: settings.release.rollback,
            revisions_kept: settings.release.revisions_kept,
            rehearsal: settings.rehearsal,
            providers: Arc::new(settings.providers.clone()),
            references: References::default(),
        }
    }
}
