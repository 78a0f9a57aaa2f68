//! Which plugins of a tenant count, where the folder has more files than the tenant may have
//! plugins.

use std::collections::{BTreeMap, BTreeSet};

use hookyard_model::PluginRef;

use super::sighting::Files;

/// The plugins that come before files that are dropped later.
#[derive(Debug, Clone, Default)]
pub(crate) struct Precedence(BTreeMap<PluginRef, Rank>);

/// The rank of a plugin. A smaller rank comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Serves,
    Loads,
    Waits,
}

impl Precedence {
    /// Creates a precedence in which plugins that serve come first, and then those that are being
    /// loaded.
    pub(crate) fn new(
        serving: impl IntoIterator<Item = PluginRef>,
        loading: impl IntoIterator<Item = PluginRef>,
    ) -> Self {
        let loading = loading.into_iter().map(|plugin| (plugin, Rank::Loads));
        let serving = serving.into_iter().map(|plugin| (plugin, Rank::Serves));
        // The later entry of a plugin counts.
        Self(loading.chain(serving).collect())
    }

    /// Returns the plugins of a tenant that serve or are being loaded.
    pub(crate) fn of_tenant(&self, tenant: &str) -> impl Iterator<Item = &PluginRef> {
        self.0
            .keys()
            .filter(move |plugin| plugin.tenant.as_str() == tenant)
    }

    /// Leaves at most `count_max` of one tenant's plugins, and returns the others. Among plugins of
    /// the same rank, those whose files have been unchanged for longest stay.
    pub(crate) fn bound(
        &self,
        plugins: &mut BTreeMap<PluginRef, Files>,
        count_max: usize,
    ) -> BTreeSet<PluginRef> {
        let mut by_rank: Vec<_> = plugins
            .iter()
            .map(|(plugin, files)| (self.rank(plugin), files.code.changed, plugin.clone()))
            .collect();
        by_rank.sort();

        let over = by_rank.into_iter().skip(count_max);
        let over: BTreeSet<_> = over.map(|(_, _, plugin)| plugin).collect();
        plugins.retain(|plugin, _| !over.contains(plugin));
        over
    }

    fn rank(&self, plugin: &PluginRef) -> Rank {
        self.0.get(plugin).copied().unwrap_or(Rank::Waits)
    }
}
