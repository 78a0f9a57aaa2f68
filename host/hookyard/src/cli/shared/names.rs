//! Names that are given on the command line. A name that nothing bears is an error, not an empty list.

use std::collections::BTreeSet;

use anyhow::Context;
use hookyard_model::{DestinationName, DestinationRef, PluginName, TenantName};
use hookyard_store::{
    EventPage, EventSelection, Events, MessagePage, MessageSelection, Outbox, Releases,
};

use super::Stored;
use hookyard_config::document;
use hookyard_release::Present;

/// Known names that an error lists at most.
const LISTED_MAX: usize = 10;
const UNREAD: &str = "the inbox can't be read";

impl Stored {
    /// Refuses a selection that names a tenant, a source or a plugin which is neither configured nor stored.
    pub(crate) async fn must_know_names_of(
        &self,
        selection: &EventSelection,
    ) -> anyhow::Result<()> {
        let EventSelection {
            tenant,
            source,
            plugin,
            ..
        } = selection;
        let is_stored = async |selection: EventSelection| {
            self.inbox
                .events(EventPage::first(selection, 1))
                .await
                .map(|found| !found.is_empty())
                .context(UNREAD)
        };
        if let Some(name) = tenant {
            self.must_know_tenant(name, async || {
                is_stored(EventSelection {
                    tenant: Some(name.clone()),
                    ..EventSelection::default()
                })
                .await
            })
            .await?;
        }
        if let Some(name) = source {
            let known = self
                .settings
                .sources
                .keys()
                .map(|source| (&source.tenant, source.name.as_str()));
            let wanted = EventSelection {
                tenant: tenant.clone(),
                source: Some(name.clone()),
                ..EventSelection::default()
            };
            if let Err(unknown) = known_as("source", tenant.as_ref(), name.as_str(), known)
                && !is_stored(wanted).await?
            {
                return Err(unknown);
            }
        }
        if let Some(name) = plugin {
            let wanted = EventSelection {
                tenant: tenant.clone(),
                plugin: Some(name.clone()),
                ..EventSelection::default()
            };
            self.must_know_plugin(tenant.as_ref(), name, async || is_stored(wanted).await)
                .await?;
        }
        Ok(())
    }

    /// Refuses a selection that names a tenant, a destination or a plugin which is neither configured nor stored.
    pub(crate) async fn must_know_names_of_messages(
        &self,
        selection: &MessageSelection,
    ) -> anyhow::Result<()> {
        let MessageSelection {
            tenant,
            destination,
            plugin,
            ..
        } = selection;
        let is_stored = async |selection: MessageSelection| {
            self.inbox
                .messages(MessagePage::first(selection, 1))
                .await
                .map(|found| !found.is_empty())
                .context(UNREAD)
        };
        let of = || MessageSelection {
            tenant: tenant.clone(),
            ..MessageSelection::default()
        };
        if let Some(name) = tenant {
            self.must_know_tenant(name, async || is_stored(of()).await)
                .await?;
        }
        if let Some(name) = destination
            && let Err(unknown) = self.known_destination(tenant.as_ref(), name).await?
            && !is_stored(MessageSelection {
                destination: Some(name.clone()),
                ..of()
            })
            .await?
        {
            return Err(unknown);
        }
        if let Some(name) = plugin {
            let wanted = MessageSelection {
                plugin: Some(name.clone()),
                ..of()
            };
            self.must_know_plugin(tenant.as_ref(), name, async || is_stored(wanted).await)
                .await?;
        }
        Ok(())
    }

    /// Refuses a destination that is not configured, not disabled, and that no message is to be sent to.
    pub(crate) async fn must_know_destination(
        &self,
        destination: &DestinationRef,
    ) -> anyhow::Result<()> {
        self.known_destination(Some(&destination.tenant), &destination.name)
            .await?
    }

    async fn known_destination(
        &self,
        tenant: Option<&TenantName>,
        name: &DestinationName,
    ) -> anyhow::Result<anyhow::Result<()>> {
        let mut all: BTreeSet<_> = self.settings.destinations.keys().cloned().collect();
        all.extend(
            self.inbox
                .disabled()
                .await
                .context(UNREAD)?
                .into_iter()
                .map(|disabled| disabled.destination),
        );
        all.extend(self.inbox.unsent_destinations().await.context(UNREAD)?);
        let known = all.iter().map(|known| (&known.tenant, known.name.as_str()));
        Ok(known_as("destination", tenant, name.as_str(), known))
    }

    async fn must_know_tenant(
        &self,
        name: &TenantName,
        is_stored: impl AsyncFnOnce() -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let mut all: BTreeSet<_> = self
            .settings
            .sources
            .keys()
            .map(|source| source.tenant.clone())
            .collect();
        all.extend(
            self.settings
                .destinations
                .keys()
                .map(|destination| destination.tenant.clone()),
        );
        all.extend(self.plugins().await?.into_iter().map(|(tenant, _)| tenant));
        if all.contains(name) || is_stored().await? {
            return Ok(());
        }
        Err(unknown(
            "tenant",
            name.as_str(),
            all.iter().map(TenantName::to_string).collect(),
        ))
    }

    async fn must_know_plugin(
        &self,
        tenant: Option<&TenantName>,
        name: &PluginName,
        is_stored: impl AsyncFnOnce() -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let all = self.plugins().await?;
        let known = all.iter().map(|(tenant, plugin)| (tenant, plugin.as_str()));
        match known_as("plugin", tenant, name.as_str(), known) {
            Err(unknown) if !is_stored().await? => Err(unknown),
            _ => Ok(()),
        }
    }

    /// The plugins that have a file or a record.
    async fn plugins(&self) -> anyhow::Result<BTreeSet<(TenantName, PluginName)>> {
        let mut all = BTreeSet::new();
        if let Ok(Present { within, over }) =
            hookyard_release::present(&self.settings.plugins, BTreeSet::new())
        {
            all.extend(within.into_keys().chain(over));
        }
        all.extend(
            self.inbox
                .revisions(None)
                .await
                .context(UNREAD)?
                .into_iter()
                .map(|known| known.plugin),
        );
        Ok(all
            .into_iter()
            .map(|plugin| (plugin.tenant, plugin.name))
            .collect())
    }
}

/// Refuses a name that none of these bears.
pub(crate) fn known_as<'k>(
    kind: &str,
    tenant: Option<&TenantName>,
    name: &str,
    known: impl Iterator<Item = (&'k TenantName, &'k str)>,
) -> anyhow::Result<()> {
    let known: BTreeSet<_> = known.collect();
    if known
        .iter()
        .any(|(of, known)| *known == name && tenant.is_none_or(|tenant| tenant == *of))
    {
        return Ok(());
    }
    // Only names are compared: the tenant would count as a likeness.
    let is_of = |of: &TenantName| tenant == Some(of);
    let of_tenant: BTreeSet<_> = known
        .iter()
        .filter(|(of, _)| is_of(of))
        .map(|(_, known)| (*known).to_owned())
        .collect();
    match tenant {
        Some(tenant) if !of_tenant.is_empty() => {
            Err(unknown(&format!("{kind} of {tenant}"), name, of_tenant))
        }
        Some(tenant) => {
            let known = known
                .iter()
                .map(|(tenant, known)| format!("{tenant}/{known}"))
                .collect();
            Err(unknown(kind, &format!("{tenant}/{name}"), known))
        }
        None => Err(unknown(
            kind,
            name,
            known.iter().map(|(_, known)| (*known).to_owned()).collect(),
        )),
    }
}

/// Says that there is no such name, and which there are.
fn unknown(kind: &str, given: &str, known: BTreeSet<String>) -> anyhow::Error {
    let said = document::unknown(kind, given, known.iter().map(String::as_str));
    let listed: Vec<_> = known.iter().take(LISTED_MAX).map(String::as_str).collect();
    let more = known.len().saturating_sub(LISTED_MAX);
    match (listed.is_empty(), more) {
        (true, _) => anyhow::anyhow!("{said}; there is none"),
        (false, 0) => anyhow::anyhow!("{said} (there are {})", listed.join(", ")),
        (false, more) => {
            anyhow::anyhow!("{said} (there are {} and {more} more)", listed.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_is_told_with_the_near_ones() {
        let acme: TenantName = "acme".parse().expect("a name");
        let known = || [(&acme, "books"), (&acme, "ship")].into_iter();
        let said = |tenant, name| {
            known_as("plugin", tenant, name, known()).map_err(|error| error.to_string())
        };
        assert_eq!(said(None, "books"), Ok(()));
        assert_eq!(said(Some(&acme), "ship"), Ok(()));
        let expected = "unknown plugin `boks`; did you mean `books`? (there are books, ship)";
        assert_eq!(said(None, "boks"), Err(expected.to_owned()));
        let expected = "unknown plugin of acme `nope` (there are books, ship)";
        assert_eq!(
            said(Some(&acme), "nope"),
            Err(expected.to_owned()),
            "the tenant is no likeness"
        );
        let umbrella: TenantName = "umbrella".parse().expect("a name");
        let told = said(Some(&umbrella), "books").expect_err("another tenant's");
        assert!(
            told.starts_with("unknown plugin `umbrella/books`") && told.contains("acme/books"),
            "{told}"
        );
    }

    #[test]
    fn a_long_list_is_cut() {
        let known: BTreeSet<_> = (10..30).map(|number| format!("n{number}")).collect();
        let told = unknown("source", "zzzz", known).to_string();
        assert!(told.ends_with("n19 and 10 more)"), "{told}");
        assert_eq!(
            unknown("source", "x", BTreeSet::new()).to_string(),
            "unknown source `x`; there is none"
        );
    }
}
