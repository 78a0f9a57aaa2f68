//! Log lines about the configuration, at the start and after a reload.

use hookyard_config::document::Fault;
use hookyard_config::{Settings, Source};
use hookyard_model::SourceRef;

/// Logs each source and where to send its events.
pub(super) fn sources(settings: &Settings) {
    for (name, source) in &settings.sources {
        tracing::info!(
            target: "hookyard::config", source = %name, provider = source.provider.name,
            "source at POST /{name}"
        );
        warn_if_unverified(name, source);
    }

    if settings.sources.is_empty() {
        tracing::warn!(
            target: "hookyard::config",
            "no source is configured: every request is answered with 404"
        );
    }
}

/// Logs the parts of a valid configuration that are probably mistakes.
pub(super) fn notes(notes: &[Fault]) {
    for note in notes {
        tracing::warn!(target: "hookyard::config", "{note}");
    }
}

/// Warns if a source accepts unverified requests.
pub(super) fn warn_if_unverified(name: &SourceRef, source: &Source) {
    if source.verifier.is_unverified() {
        tracing::warn!(
            target: "hookyard::config", source = %name,
            "source is unverified: anybody who can reach it can send events to it"
        );
    }
}
