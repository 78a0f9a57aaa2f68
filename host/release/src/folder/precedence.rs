//! Which of a tenant's plugins have their places first, where there are more files than there may be plugins.

use std::collections::{BTreeMap, BTreeSet};

use hookyard_model::PluginRef;

use super::sighting::Files;

/// The plugins that come before what is dropped later.
#[derive(Debug, Clone, Default)]
pub(crate) struct Precedence(BTreeMap<PluginRef, Rank>);

/// The first comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Serves,
    Loads,
    Waits,
}

impl Precedence {
    /// First those that serve, or did when the host ended; then those that are being loaded.
    pub(crate) fn new(
        serving: impl IntoIterator<Item = PluginRef>,
        loading: impl IntoIterator<Item = PluginRef>,
    ) -> Self {
        let loading = loading.into_iter().map(|plugin| (plugin, Rank::Loads));
        Self(
            loading
                .chain(serving.into_iter().map(|plugin| (plugin, Rank::Serves)))
                .collect(),
        )
    }

    /// A tenant's plugins that come first.
    pub(crate) fn of_tenant(&self, tenant: &str) -> impl Iterator<Item = &PluginRef> {
        self.0
            .keys()
            .filter(move |plugin| plugin.tenant.as_str() == tenant)
    }

    /// Leaves `count_max` of one tenant's plugins, and returns the others. After those that come first, those whose files
    /// have been unchanged for longest are left.
    pub(crate) fn bound(
        &self,
        plugins: &mut BTreeMap<PluginRef, Files>,
        count_max: usize,
    ) -> BTreeSet<PluginRef> {
        let mut by_rank: Vec<_> = plugins
            .iter()
            .map(|(plugin, files)| (self.rank(plugin), files, plugin))
            .collect();
        by_rank.sort_by_key(|(rank, files, _)| (*rank, files.code.changed));
        let over = by_rank
            .into_iter()
            .skip(count_max)
            .map(|(_, _, plugin)| plugin.clone())
            .collect();
        plugins.retain(|plugin, _| !BTreeSet::contains(&over, plugin));
        over
    }

    fn rank(&self, plugin: &PluginRef) -> Rank {
        self.0.get(plugin).copied().unwrap_or(Rank::Waits)
    }
}
