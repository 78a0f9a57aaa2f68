//! `hookyard plugins`: which there are, which are quarantined, and releasing one. Works beside a host and without one.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, anyhow};
use hookyard_inbox::{Inbox, Quarantine};
use hookyard_inbox_sqlite::{OpenError, SqliteInbox};
use hookyard_model::PluginRef;
use serde::Serialize;

use crate::cli::Failure;
use crate::config::{self, Settings};
use crate::explain::visible;
use crate::release;

/// What is known of a plugin from outside the host.
#[derive(Default)]
struct Known {
    has_file: bool,
    quarantine: Option<Quarantine>,
}

/// Lists the plugins in the folder, and those in quarantine.
pub(crate) async fn list(path: &Path, json: bool) -> Result<(), Failure> {
    let settings = config::read(path).result?;
    let known = known(&settings).await?;
    for (plugin, known) in &known {
        println!("{}", if json { in_json(plugin, known) } else { in_words(plugin, known) });
    }
    if known.is_empty() && !json {
        println!("{} holds no plugin yet", settings.plugins.folder.display());
    }
    Ok(())
}

async fn known(settings: &Settings) -> anyhow::Result<BTreeMap<PluginRef, Known>> {
    let folder = &settings.plugins.folder;
    let present = release::present(&settings.plugins)
        .with_context(|| format!("the plugin folder {} can't be read", folder.display()))?;
    let mut known: BTreeMap<_, _> =
        present.into_iter().map(|plugin| (plugin, Known { has_file: true, quarantine: None })).collect();
    for quarantine in quarantined(settings).await? {
        let plugin = quarantine.plugin.clone();
        known.entry(plugin).or_default().quarantine = Some(quarantine);
    }
    Ok(known)
}

async fn quarantined(settings: &Settings) -> anyhow::Result<Vec<Quarantine>> {
    match SqliteInbox::open_read_only(&settings.inbox) {
        // Nothing has been served yet, so nothing has failed.
        Err(OpenError::Missing { .. }) => Ok(Vec::new()),
        opened => opened?.quarantined().await.context("the inbox can't be read"),
    }
}

/// Ends a plugin's quarantine, as the operator who has seen to its cause.
pub(crate) async fn release(path: &Path, plugin: PluginRef) -> Result<(), Failure> {
    let settings = config::read(path).result?;
    let inbox = SqliteInbox::open_beside(&settings.inbox).map_err(anyhow::Error::from)?;
    let quarantined = inbox.quarantined().await.context("the inbox can't be read")?;
    if !quarantined.iter().any(|quarantine| quarantine.plugin == plugin) {
        return Err(anyhow!("{plugin} is not quarantined; `hookyard plugins list` says which are").into());
    }
    inbox.lift(&plugin).await.with_context(|| format!("{plugin} can't be released"))?;
    println!("{plugin} is released: its held events go on");
    Ok(())
}

#[derive(Serialize)]
struct Line<'p> {
    tenant: &'p str,
    plugin: &'p str,
    has_file: bool,
    quarantine: Option<Why<'p>>,
}

#[derive(Serialize)]
struct Why<'p> {
    revision: String,
    reason: &'p str,
    since: String,
}

impl<'p> Why<'p> {
    fn of(quarantine: &'p Quarantine) -> Self {
        let Quarantine { revision, reason, since, .. } = quarantine;
        Self { revision: revision.to_string(), reason, since: since.to_string() }
    }
}

fn in_json(plugin: &PluginRef, known: &Known) -> String {
    let line = Line {
        tenant: plugin.tenant.as_str(),
        plugin: plugin.plugin.as_str(),
        has_file: known.has_file,
        quarantine: known.quarantine.as_ref().map(Why::of),
    };
    serde_json::to_string(&line).expect("texts make JSON")
}

fn in_words(plugin: &PluginRef, known: &Known) -> String {
    let file = if known.has_file { "" } else { ", no longer in the folder" };
    match &known.quarantine {
        None => format!("{plugin}{file}"),
        Some(Quarantine { revision, reason, since, .. }) => {
            let revision = revision.short();
            format!("{plugin}{file}, quarantined since {since} ({revision}): {}", visible(reason))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hookyard_model::{Revision, Timestamp};

    #[test]
    fn a_plugin_is_told_in_a_line() {
        let plugin = PluginRef { tenant: "acme".parse().expect("a name"), plugin: "books".parse().expect("a name") };
        let quarantine = Quarantine {
            plugin: plugin.clone(),
            revision: Revision::from_sha256([0xcd; 32]),
            reason: "9 of 10\ntrapped".into(),
            since: Timestamp::from_unix_secs(1_780_400_200),
        };
        let free = Known { has_file: true, quarantine: None };
        let held = Known { has_file: false, quarantine: Some(quarantine) };
        assert_eq!(in_words(&plugin, &free), "acme/books");
        let expected = "acme/books, no longer in the folder, quarantined since 2026-06-02T11:36:40.000Z (cdcdcdcdcdcd): \
                        9 of 10\\ntrapped";
        assert_eq!(in_words(&plugin, &held), expected);
        let expected = r#"{"tenant":"acme","plugin":"books","has_file":true,"quarantine":null}"#;
        assert_eq!(in_json(&plugin, &free), expected);
        let told: serde_json::Value = serde_json::from_str(&in_json(&plugin, &held)).expect("JSON");
        assert_eq!(told["quarantine"]["revision"], "cd".repeat(32));
    }
}
