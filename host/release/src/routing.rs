//! Which plugins are given the events of which source: by what they export, narrowed by what the operator says.

use std::collections::{BTreeMap, BTreeSet};

use hookyard_model::{PluginName, PluginRef, SourceName, SourceRef};
use hookyard_store::Routes;

/// The configured sources, each with its provider's name.
pub type Sources = BTreeMap<SourceRef, String>;

/// What an active plugin can be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Takes {
    /// The providers whose typed events it has a handler for.
    pub(super) providers: BTreeSet<String>,
    /// Whether it takes any event as bytes.
    pub(super) anything: bool,
    /// The only sources that the operator gives it, if that was said.
    pub(super) only: Option<BTreeSet<SourceName>>,
}

impl Takes {
    /// Whether a plugin of `tenant`'s is given the events of a source.
    fn takes(&self, plugin: &PluginRef, source: &SourceRef, provider: &str) -> bool {
        let is_allowed = self
            .only
            .as_ref()
            .is_none_or(|only| only.contains(&source.name));
        plugin.tenant == source.tenant
            && is_allowed
            && (self.anything || self.providers.contains(provider))
    }

    /// The sources whose events `plugin` is given.
    pub(super) fn sources_of<'s>(
        &self,
        plugin: &PluginRef,
        sources: &'s Sources,
    ) -> Vec<&'s SourceName> {
        let taken = sources
            .iter()
            .filter(|(source, provider)| self.takes(plugin, source, provider));
        taken.map(|(source, _)| &source.name).collect()
    }

    /// Sources that the operator names and that the tenant hasn't got.
    pub(super) fn missing<'t>(
        &'t self,
        plugin: &PluginRef,
        sources: &Sources,
    ) -> Vec<&'t SourceName> {
        let is_there = |name: &SourceName| {
            sources.contains_key(&SourceRef {
                tenant: plugin.tenant.clone(),
                name: name.clone(),
            })
        };
        self.only
            .iter()
            .flatten()
            .filter(|name| !is_there(name))
            .collect()
    }
}

/// The whole table.
pub(super) fn routes(sources: &Sources, active: &BTreeMap<PluginRef, Takes>) -> Routes {
    let plugins = |source: &SourceRef, provider: &str| -> BTreeSet<PluginName> {
        let takers = active
            .iter()
            .filter(|(plugin, takes)| takes.takes(plugin, source, provider));
        takers.map(|(plugin, _)| plugin.name.clone()).collect()
    };
    Routes(
        sources
            .iter()
            .map(|(source, provider)| (source.clone(), plugins(source, provider)))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookyard_model::TenantName;

    fn source(tenant: &str, source: &str) -> SourceRef {
        let tenant = TenantName::new(tenant).expect("valid");
        SourceRef {
            tenant,
            name: SourceName::new(source).expect("valid"),
        }
    }

    fn plugin(tenant: &str, plugin: &str) -> PluginRef {
        let tenant = TenantName::new(tenant).expect("valid");
        PluginRef {
            tenant,
            name: PluginName::new(plugin).expect("valid"),
        }
    }

    fn takes(providers: &[&str], anything: bool, only: Option<&[&str]>) -> Takes {
        let name = |name: &&str| SourceName::new(name).expect("valid");
        Takes {
            providers: providers.iter().map(|name| (*name).to_owned()).collect(),
            anything,
            only: only.map(|only| only.iter().map(name).collect()),
        }
    }

    #[test]
    fn a_source_goes_to_those_who_can_take_it() {
        let sources: Sources = [
            (source("acme", "payments"), "topper".to_owned()),
            (source("acme", "orders"), "topi".to_owned()),
            (source("blue", "orders"), "topi".to_owned()),
        ]
        .into();
        let check = |takes: Takes, expected: &[&str]| {
            let table = routes(&sources, &[(plugin("acme", "p"), takes.clone())].into());
            assert_eq!(table.0.len(), sources.len(), "each source has its line");
            let given = table.0.iter().filter(|(_, plugins)| !plugins.is_empty());
            assert_eq!(
                given
                    .map(|(source, _)| source.to_string())
                    .collect::<Vec<_>>(),
                expected,
                "{takes:?}"
            );
        };
        check(takes(&["topi"], false, None), &["acme/orders"]);
        check(
            takes(&["topi", "topper"], false, None),
            &["acme/orders", "acme/payments"],
        );
        check(takes(&[], true, None), &["acme/orders", "acme/payments"]);
        check(takes(&[], true, Some(&["payments"])), &["acme/payments"]);
        check(takes(&["topi"], false, Some(&["payments"])), &[]);
        check(takes(&["tipser"], false, None), &[]);
    }

    #[test]
    fn a_source_that_is_named_and_not_there_is_found() {
        let sources: Sources = [(source("acme", "payments"), "topper".to_owned())].into();
        let takes = takes(&[], true, Some(&["paymnets", "payments"]));
        let missing: Vec<_> = takes
            .missing(&plugin("acme", "p"), &sources)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(missing, ["paymnets"]);
    }
}
