//! The road of a file from the plugin folder into service.
//!
//! ```text
//! listing (stat only) -> sighting -> tracker: seen -> settled -> load: read, check, compile -> active
//!                                                                 '-> refused: the last good one keeps serving
//! ```
//!
//! `sighting`, `tracker` and `routing` decide and touch nothing; `listing`, `load` and `run` do and decide little.
//! Invariant 8: a failed reload leaves the running revision in place.

mod stamp;
mod listing;
mod sighting;
mod tracker;
mod sidecar;
mod load;
mod routing;
mod active;
mod run;
mod survey;

use std::sync::Arc;

use hookyard_plugin::Contracts;

use crate::config::Settings;
use crate::config::settings::Plugins;
use crate::provider;

pub(crate) use run::{Handle, Parts, Releases};
pub(crate) use stamp::Stamp;
pub(crate) use survey::{Finding, present, survey, unreadable};
pub(crate) use tracker::Windows;

/// What a configuration says of plugins.
pub(crate) struct Desired {
    /// The folder, and what its plugins may use.
    pub(crate) plugins: Plugins,
    /// Whose events there are to take.
    pub(crate) sources: routing::Sources,
    /// What typed handlers mean.
    pub(crate) contracts: Arc<Contracts>,
}

impl From<&Settings> for Desired {
    fn from(settings: &Settings) -> Self {
        let sources = settings.sources.iter();
        Self {
            plugins: settings.plugins.clone(),
            sources: sources.map(|(name, source)| (name.clone(), source.provider.name.clone())).collect(),
            contracts: Arc::new(provider::contracts(&settings.providers)),
        }
    }
}
