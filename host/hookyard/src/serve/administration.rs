//! What the administrators' pages ask the running host: plugins from the store and the plugin folder,
//! sources and destinations from the settings in force.

use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use hookyard_admin::Host;
use hookyard_admin::host::{
    DestinationFacts, HostError, PluginDetail, PluginSettings, PluginStanding, SourceFacts, Wanted,
};
use hookyard_config::Settings;
use hookyard_config::plugin_summary::summarize;
use hookyard_model::PluginRef;
use hookyard_schemes::SchemeKind;
use tokio::runtime;

use crate::cli::plugins::standing::{self, Standing};
use crate::cli::plugins::{list, orders};

/// The settings in force. All clones share one state.
#[derive(Clone)]
pub(super) struct Handle(Arc<ArcSwap<Settings>>);

impl Handle {
    pub(super) fn new(settings: &Settings) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(settings.clone())))
    }

    /// Replaces the settings.
    pub(super) fn replace(&self, settings: &Settings) {
        self.0.store(Arc::new(settings.clone()));
    }

    /// Runs work that reads files on a thread that may block.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl AsyncFnOnce(Arc<Settings>) -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T, HostError> {
        let settings = self.0.load_full();
        let runtime = runtime::Handle::current();
        let task = tokio::task::spawn_blocking(move || runtime.block_on(work(settings)));
        match task.await {
            Ok(result) => result.map_err(|error| failed(error.as_ref())),
            Err(error) => Err(failed(&error)),
        }
    }
}

fn failed(error: &(dyn std::error::Error + 'static)) -> HostError {
    HostError(hookyard_model::chain(error))
}

#[async_trait]
impl Host for Handle {
    async fn plugins(&self) -> Result<Vec<PluginStanding>, HostError> {
        self.blocking(async |settings| {
            let all = standing::all(&settings).await?;
            Ok(all
                .iter()
                .map(|(plugin, standing)| shown(plugin, standing))
                .collect())
        })
        .await
    }

    async fn plugin(&self, plugin: &PluginRef) -> Result<Option<PluginDetail>, HostError> {
        let plugin = plugin.clone();
        self.blocking(async move |settings| {
            let mut all = standing::all(&settings).await?;
            let standing = all.remove(&plugin);
            Ok(standing.map(|standing| detail(&settings, &plugin, standing)))
        })
        .await
    }

    async fn order(&self, plugin: PluginRef, wanted: Wanted) -> Result<String, HostError> {
        self.blocking(async move |settings| {
            orders::carry_out(Settings::clone(&settings), plugin, wanted).await
        })
        .await
    }

    fn sources(&self) -> Vec<SourceFacts> {
        let settings = self.0.load();
        let sources = settings.sources.iter().map(|(name, source)| {
            let kind = source.scheme.kind();
            SourceFacts {
                source: name.clone(),
                provider: source.provider.name.clone(),
                scheme: kind.name().to_owned(),
                is_unverified: kind == SchemeKind::Unverified,
                body_max: source.body_max as u64,
            }
        });
        sources.collect()
    }

    fn destinations(&self) -> Vec<DestinationFacts> {
        let settings = self.0.load();
        let destinations =
            settings
                .destinations
                .iter()
                .map(|(name, destination)| DestinationFacts {
                    destination: name.clone(),
                    origin: origin(&destination.delivery.url).to_owned(),
                });
        destinations.collect()
    }
}

fn shown(plugin: &PluginRef, standing: &Standing) -> PluginStanding {
    let active = standing.active();
    PluginStanding {
        plugin: plugin.clone(),
        state: standing.state(),
        active: active.map(|record| (record.revision, record.served_at.unwrap_or(record.at))),
        notes: list::notes(standing),
    }
}

fn detail(settings: &Settings, plugin: &PluginRef, standing: Standing) -> PluginDetail {
    let summary = summarize(&settings.plugins, &settings.rehearsal, plugin);
    PluginDetail {
        standing: shown(plugin, &standing),
        is_pinned: standing.plugin.pin().is_some(),
        can_clear: standing.quarantine.is_some() || !standing.plugin.blocks.is_empty(),
        settings: summary.map(|summary| PluginSettings {
            sources: summary.sources,
            limits: summary.limits,
            grants: summary.grants,
        }),
        revisions: standing.revisions,
    }
}

/// Returns the scheme and the host of a URL. The path can be a secret of the receiver.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |scheme| scheme + 3);
    let end = url[host..]
        .find(['/', '?', '#'])
        .map_or(url.len(), |end| host + end);
    &url[..end]
}

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn origin_has_no_path_or_query() {
        assert_eq!(
            origin("https://hooks.example:8443/T0/secret?x=1"),
            "https://hooks.example:8443"
        );
        assert_eq!(
            origin("https://hooks.example?key=1"),
            "https://hooks.example"
        );
        assert_eq!(origin("https://hooks.example"), "https://hooks.example");
    }
}
