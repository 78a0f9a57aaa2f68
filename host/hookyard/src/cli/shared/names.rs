//! Checks the names on the command line. A name that is neither configured nor stored is an error,
//! so that a typing error does not look like an empty result.

use std::collections::BTreeSet;

use anyhow::Context;
use hookyard_config::document;
use hookyard_model::{DestinationName, DestinationRef, PluginName, TenantName};
use hookyard_release::Present;
use hookyard_store::{
    EventPage, EventSelection, Events, MessagePage, MessageSelection, Outbox, Releases,
};

use super::{StoreAccess, UNREADABLE};

/// The maximum number of known names that an error lists.
const LISTED_MAX: usize = 10;

impl StoreAccess {
    /// Fails if the selection names a tenant, source or plugin that is neither configured nor
    /// stored.
    pub(crate) async fn check_event_names(&self, selection: &EventSelection) -> anyhow::Result<()> {
        let EventSelection {
            tenant,
            source,
            plugin,
            ..
        } = selection;
        let of_tenant = EventSelection {
            tenant: tenant.clone(),
            ..EventSelection::default()
        };

        if let Some(name) = tenant
            && let Err(unknown) = self.check_tenant(name).await?
            && !self.has_events(of_tenant.clone()).await?
        {
            return Err(unknown);
        }
        if let Some(name) = source
            && let Err(unknown) = self.check_source(tenant.as_ref(), name.as_str())
        {
            let of_source = EventSelection {
                source: Some(name.clone()),
                ..of_tenant.clone()
            };
            if !self.has_events(of_source).await? {
                return Err(unknown);
            }
        }
        if let Some(name) = plugin
            && let Err(unknown) = self.check_plugin(tenant.as_ref(), name).await?
        {
            let of_plugin = EventSelection {
                plugin: Some(name.clone()),
                ..of_tenant
            };
            if !self.has_events(of_plugin).await? {
                return Err(unknown);
            }
        }
        Ok(())
    }

    /// Fails if the selection names a tenant, destination or plugin that is neither configured nor
    /// stored.
    pub(crate) async fn check_message_names(
        &self,
        selection: &MessageSelection,
    ) -> anyhow::Result<()> {
        let MessageSelection {
            tenant,
            destination,
            plugin,
            ..
        } = selection;
        let of_tenant = MessageSelection {
            tenant: tenant.clone(),
            ..MessageSelection::default()
        };

        if let Some(name) = tenant
            && let Err(unknown) = self.check_tenant(name).await?
            && !self.has_messages(of_tenant.clone()).await?
        {
            return Err(unknown);
        }
        if let Some(name) = destination
            && let Err(unknown) = self.check_destination(tenant.as_ref(), name).await?
        {
            let of_destination = MessageSelection {
                destination: Some(name.clone()),
                ..of_tenant.clone()
            };
            if !self.has_messages(of_destination).await? {
                return Err(unknown);
            }
        }
        if let Some(name) = plugin
            && let Err(unknown) = self.check_plugin(tenant.as_ref(), name).await?
        {
            let of_plugin = MessageSelection {
                plugin: Some(name.clone()),
                ..of_tenant
            };
            if !self.has_messages(of_plugin).await? {
                return Err(unknown);
            }
        }
        Ok(())
    }

    /// Fails if the destination is not configured, not disabled, and has no unsent messages.
    pub(crate) async fn check_destination_name(
        &self,
        destination: &DestinationRef,
    ) -> anyhow::Result<()> {
        self.check_destination(Some(&destination.tenant), &destination.name)
            .await?
    }

    async fn has_events(&self, selection: EventSelection) -> anyhow::Result<bool> {
        let page = EventPage::first(selection, 1);
        let events = self.store.events(page).await.context(UNREADABLE)?;
        Ok(!events.is_empty())
    }

    async fn has_messages(&self, selection: MessageSelection) -> anyhow::Result<bool> {
        let page = MessagePage::first(selection, 1);
        let messages = self.store.messages(page).await.context(UNREADABLE)?;
        Ok(!messages.is_empty())
    }

    // The outer errors of the following functions are failures to read the store. The inner errors
    // are about unknown names.

    async fn check_tenant(&self, name: &TenantName) -> anyhow::Result<anyhow::Result<()>> {
        let sources = self.settings.sources.keys().map(|source| &source.tenant);
        let destinations = self.settings.destinations.keys();
        let destinations = destinations.map(|destination| &destination.tenant);
        let mut known: BTreeSet<_> = sources.chain(destinations).cloned().collect();
        known.extend(self.plugins().await?.into_iter().map(|(tenant, _)| tenant));

        if known.contains(name) {
            return Ok(Ok(()));
        }
        let known = known.iter().map(TenantName::to_string).collect();
        Ok(Err(unknown("tenant", name.as_str(), known)))
    }

    fn check_source(&self, tenant: Option<&TenantName>, name: &str) -> anyhow::Result<()> {
        let sources = self.settings.sources.keys();
        let known = sources.map(|source| (&source.tenant, source.name.as_str()));
        check_name("source", tenant, name, known)
    }

    async fn check_destination(
        &self,
        tenant: Option<&TenantName>,
        name: &DestinationName,
    ) -> anyhow::Result<anyhow::Result<()>> {
        let disabled = self.store.disabled().await.context(UNREADABLE)?;
        let unsent = self.store.unsent_destinations().await.context(UNREADABLE)?;
        let mut all: BTreeSet<_> = self.settings.destinations.keys().cloned().collect();
        all.extend(disabled.into_iter().map(|disabled| disabled.destination));
        all.extend(unsent);

        let known = all.iter().map(|known| (&known.tenant, known.name.as_str()));
        Ok(check_name("destination", tenant, name.as_str(), known))
    }

    async fn check_plugin(
        &self,
        tenant: Option<&TenantName>,
        name: &PluginName,
    ) -> anyhow::Result<anyhow::Result<()>> {
        let all = self.plugins().await?;
        let known = all.iter().map(|(tenant, plugin)| (tenant, plugin.as_str()));
        Ok(check_name("plugin", tenant, name.as_str(), known))
    }

    /// Returns the plugins that have a file or a record in the store.
    async fn plugins(&self) -> anyhow::Result<BTreeSet<(TenantName, PluginName)>> {
        let mut all = BTreeSet::new();
        // A folder that cannot be read has no plugins for this purpose.
        if let Ok(Present { within, over }) =
            hookyard_release::present(&self.settings.plugins, BTreeSet::new())
        {
            all.extend(within.into_keys().chain(over));
        }

        let revisions = self.store.revisions(None).await.context(UNREADABLE)?;
        all.extend(revisions.into_iter().map(|revision| revision.plugin));
        Ok(all
            .into_iter()
            .map(|plugin| (plugin.tenant, plugin.name))
            .collect())
    }
}

/// Fails if the name is not among the known ones. The error names similar known names.
pub(crate) fn check_name<'k>(
    kind: &str,
    tenant: Option<&TenantName>,
    name: &str,
    known: impl Iterator<Item = (&'k TenantName, &'k str)>,
) -> anyhow::Result<()> {
    let known: BTreeSet<_> = known.collect();
    let is_known = known
        .iter()
        .any(|(of, known)| *known == name && tenant.is_none_or(|tenant| tenant == *of));
    if is_known {
        return Ok(());
    }

    let Some(tenant) = tenant else {
        let names = known.iter().map(|(_, name)| (*name).to_owned()).collect();
        return Err(unknown(kind, name, names));
    };
    // Within a tenant, only the names are compared. With the tenant in front, they would all look
    // similar.
    let of_tenant: BTreeSet<_> = known
        .iter()
        .filter(|(of, _)| *of == tenant)
        .map(|(_, name)| (*name).to_owned())
        .collect();
    if !of_tenant.is_empty() {
        return Err(unknown(&format!("{kind} of {tenant}"), name, of_tenant));
    }

    let names = known.iter().map(|(of, name)| format!("{of}/{name}"));
    Err(unknown(kind, &format!("{tenant}/{name}"), names.collect()))
}

/// Returns the error about an unknown name. The error lists the known names.
fn unknown(kind: &str, name: &str, known: BTreeSet<String>) -> anyhow::Error {
    let error = document::unknown(kind, name, known.iter().map(String::as_str));
    let listed: Vec<_> = known.iter().take(LISTED_MAX).map(String::as_str).collect();
    let listed = listed.join(", ");

    match known.len() {
        0 => anyhow::anyhow!("{error}; there is none"),
        1..=LISTED_MAX => anyhow::anyhow!("{error} (there are {listed})"),
        count => anyhow::anyhow!(
            "{error} (there are {listed} and {} more)",
            count - LISTED_MAX
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_name_is_reported_with_similar_names() {
        let acme: TenantName = "acme".parse().expect("a name");
        let umbrella: TenantName = "umbrella".parse().expect("a name");
        let check = |tenant, name| {
            let known = [(&acme, "books"), (&acme, "ship")].into_iter();
            check_name("plugin", tenant, name, known).map_err(|error| error.to_string())
        };

        assert_eq!(check(None, "books"), Ok(()));
        assert_eq!(check(Some(&acme), "ship"), Ok(()));
        assert_eq!(
            check(None, "boks"),
            Err("unknown plugin `boks`; did you mean `books`? (there are books, ship)".to_owned())
        );
        assert_eq!(
            check(Some(&acme), "nope"),
            Err("unknown plugin of acme `nope` (there are books, ship)".to_owned()),
            "the tenant makes no name similar"
        );
        let error = check(Some(&umbrella), "books").expect_err("another tenant's plugin");
        assert!(
            error.starts_with("unknown plugin `umbrella/books`"),
            "{error}"
        );
        assert!(error.contains("acme/books"), "{error}");
    }

    #[test]
    fn list_of_known_names_is_cut() {
        let known: BTreeSet<_> = (10..30).map(|number| format!("n{number}")).collect();
        let error = unknown("source", "zzzz", known).to_string();
        assert!(error.ends_with("n19 and 10 more)"), "{error}");

        let error = unknown("source", "x", BTreeSet::new()).to_string();
        assert_eq!(error, "unknown source `x`; there is none");
    }
}
