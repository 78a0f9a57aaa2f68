//! The plugins that may respond to requests, by source.

use std::sync::Arc;

use arc_swap::ArcSwap;
use hookyard_config::Settings;
use hookyard_config::settings::Responders;
use hookyard_model::{PluginName, SourceRef};

/// The sources whose requests are answered by a plugin. All clones share one state.
#[derive(Clone)]
pub(super) struct Handle(Arc<ArcSwap<Responders>>);

impl Handle {
    pub(super) fn new(settings: &Settings) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(settings.responders())))
    }

    /// Replaces the sources.
    pub(super) fn replace(&self, settings: &Settings) {
        self.0.store(Arc::new(settings.responders()));
    }

    /// Returns whether requests of a source may be answered with the response of a plugin.
    pub(super) fn may_respond(&self, source: &SourceRef, plugin: &PluginName) -> bool {
        let responders = self.0.load();
        let responder = responders.get(source);
        responder.is_some_and(|named| named.as_ref().is_none_or(|named| named == plugin))
    }
}
