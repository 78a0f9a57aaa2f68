//! Routes: the plugins that receive the events of each source. What a plugin exports decides, and
//! its settings can narrow it down.
//!
//! [`routes`] computes the whole table. The [`Router`] stores it in the inbox, together with what
//! the previous host routed to plugins that this host has not decided on yet.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use hookyard_model::{PluginName, PluginRef, SourceName, SourceRef, Timestamp, chain};
use hookyard_store::{Backlog, BacklogPolicy, Inbox, Routes};

use crate::backlog::{self, Table};

/// The configured sources, each with the name of its provider.
pub(crate) type Sources = BTreeMap<SourceRef, String>;

/// The events that an active plugin can receive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Subscription {
    /// The providers whose typed events the plugin has a handler for.
    pub(crate) providers: BTreeSet<String>,
    /// Whether the plugin receives events of any provider, as bytes.
    pub(crate) anything: bool,
    /// The only sources that the plugin's settings allow, if they name any.
    pub(crate) only: Option<BTreeSet<SourceName>>,
}

impl Subscription {
    /// Returns whether a plugin receives the events of a source.
    fn includes(&self, plugin: &PluginRef, source: &SourceRef, provider: &str) -> bool {
        let is_allowed = self
            .only
            .as_ref()
            .is_none_or(|only| only.contains(&source.name));
        plugin.tenant == source.tenant
            && is_allowed
            && (self.anything || self.providers.contains(provider))
    }

    /// Returns the sources whose events a plugin receives.
    pub(crate) fn sources_of<'s>(
        &self,
        plugin: &PluginRef,
        sources: &'s Sources,
    ) -> Vec<&'s SourceName> {
        let taken = sources
            .iter()
            .filter(|(source, provider)| self.includes(plugin, source, provider));
        taken.map(|(source, _)| &source.name).collect()
    }

    /// Returns the sources that the plugin's settings name and that its tenant does not have.
    pub(crate) fn missing<'t>(
        &'t self,
        plugin: &PluginRef,
        sources: &Sources,
    ) -> Vec<&'t SourceName> {
        let is_configured = |name: &SourceName| {
            sources.contains_key(&SourceRef {
                tenant: plugin.tenant.clone(),
                name: name.clone(),
            })
        };

        self.only
            .iter()
            .flatten()
            .filter(|name| !is_configured(name))
            .collect()
    }
}

/// Returns the routes of all sources.
pub(crate) fn routes(sources: &Sources, active: &BTreeMap<PluginRef, Subscription>) -> Routes {
    let plugins = |source: &SourceRef, provider: &str| -> BTreeSet<PluginName> {
        let takers = active
            .iter()
            .filter(|(plugin, subscription)| subscription.includes(plugin, source, provider));
        takers.map(|(plugin, _)| plugin.name.clone()).collect()
    };

    let routes = sources
        .iter()
        .map(|(source, provider)| (source.clone(), plugins(source, provider)));
    Routes(routes.collect())
}

/// Keeps the routes in the inbox up to date.
#[derive(Default)]
pub(crate) struct Router {
    /// The table that the inbox has, and the time at which it was last confirmed.
    stored: Option<Table>,
    stored_at: Option<Instant>,
    /// The routes of the previous host to plugins that are still undecided.
    earlier: Routes,
}

impl Router {
    /// Creates the router of a host that follows one with these routes.
    pub(crate) fn new(earlier: Routes) -> Self {
        Self {
            earlier,
            ..Self::default()
        }
    }

    /// Returns whether the routes were stored less than `pace` ago.
    pub(crate) fn is_fresh(&self, pace: Duration) -> bool {
        self.stored_at.is_some_and(|at| at.elapsed() < pace)
    }

    /// Returns the time at which the routes were last stored.
    pub(crate) fn stored_at(&self) -> Option<Instant> {
        self.stored_at
    }

    /// Stores a table in the inbox, unless the inbox has it. Returns whether the inbox has it now.
    pub(crate) async fn store(
        &mut self,
        inbox: &dyn Inbox,
        table: Table,
        is_undecided: impl Fn(&PluginRef) -> bool,
        now: Timestamp,
    ) -> bool {
        self.earlier.0.iter_mut().for_each(|(source, plugins)| {
            plugins.retain(|plugin| is_undecided(&plugin_of(source, plugin)));
        });
        let (routes, backlogs) = table;
        let table = (self.with_earlier(routes), backlogs);
        if self.stored.as_ref() == Some(&table) {
            self.stored_at = Some(Instant::now());
            return true;
        }

        backlog::log_unrouted(inbox, &table, self.stored.as_ref()).await;
        if let Err(error) = inbox
            .route_with(table.0.clone(), &self.backlog(&table, now))
            .await
        {
            let reason = chain(&error);
            tracing::error!(
                target: "hookyard::release", reason,
                "the store did not take the routes of events; the host tries again"
            );
            return false;
        }
        self.stored = Some(table);
        self.stored_at = Some(Instant::now());
        true
    }

    /// Adds the routes to undecided plugins, so that their events go on getting jobs.
    fn with_earlier(&self, mut routes: Routes) -> Routes {
        for (source, plugins) in &mut routes.0 {
            plugins.extend(self.earlier.0.get(source).into_iter().flatten().cloned());
        }
        routes
    }

    /// Returns what each plugin does with earlier events. An undecided plugin does nothing with
    /// them yet.
    fn backlog(&self, (_, backlogs): &Table, now: Timestamp) -> Backlog {
        let undecided = self.earlier.0.iter().flat_map(|(source, plugins)| {
            let plugins = plugins.iter().map(|plugin| plugin_of(source, plugin));
            plugins.map(|plugin| (plugin, BacklogPolicy::None))
        });
        Backlog {
            now,
            by_plugin: undecided.chain(backlogs.clone()).collect(),
        }
    }
}

fn plugin_of(source: &SourceRef, plugin: &PluginName) -> PluginRef {
    PluginRef {
        tenant: source.tenant.clone(),
        name: plugin.clone(),
    }
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

    fn subscription(providers: &[&str], anything: bool, only: Option<&[&str]>) -> Subscription {
        let name = |name: &&str| SourceName::new(name).expect("valid");
        Subscription {
            providers: providers.iter().map(|name| (*name).to_owned()).collect(),
            anything,
            only: only.map(|only| only.iter().map(name).collect()),
        }
    }

    #[test]
    fn source_is_routed_to_plugins_with_a_handler() {
        let sources: Sources = [
            (source("acme", "payments"), "topper".to_owned()),
            (source("acme", "orders"), "topi".to_owned()),
            (source("blue", "orders"), "topi".to_owned()),
        ]
        .into();
        let check = |subscription: Subscription, expected: &[&str]| {
            let table = routes(
                &sources,
                &[(plugin("acme", "p"), subscription.clone())].into(),
            );
            assert_eq!(table.0.len(), sources.len(), "each source has its line");
            let given = table.0.iter().filter(|(_, plugins)| !plugins.is_empty());
            assert_eq!(
                given
                    .map(|(source, _)| source.to_string())
                    .collect::<Vec<_>>(),
                expected,
                "{subscription:?}"
            );
        };

        check(subscription(&["topi"], false, None), &["acme/orders"]);
        check(
            subscription(&["topi", "topper"], false, None),
            &["acme/orders", "acme/payments"],
        );

        check(
            subscription(&[], true, None),
            &["acme/orders", "acme/payments"],
        );
        check(
            subscription(&[], true, Some(&["payments"])),
            &["acme/payments"],
        );
        check(subscription(&["topi"], false, Some(&["payments"])), &[]);
        check(subscription(&["tipser"], false, None), &[]);
    }

    #[test]
    fn missing_sources_are_found() {
        let sources: Sources = [(source("acme", "payments"), "topper".to_owned())].into();
        let subscription = subscription(&[], true, Some(&["paymnets", "payments"]));
        let missing: Vec<_> = subscription
            .missing(&plugin("acme", "p"), &sources)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(missing, ["paymnets"]);
    }
}
