//! `hookyard outbox usage`: how much waits to be sent, against which the limits of the outbox count.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use clap::Args;
use hookyard_model::{PluginRef, TenantName};
use hookyard_store::{Outbox, OutboxUsage};
use serde_json::{Value, json};

use crate::cli::Failure;
use crate::cli::shared;
use crate::cli::shared::table::{terminal_width, write_table};
use crate::output;

const HEAD: [&str; 3] = ["OF", "MESSAGES", "BYTES"];

/// The arguments of `hookyard outbox usage`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Print one JSON object per line instead of a table
    #[arg(long)]
    json: bool,
}

/// Prints how much waits for delivery.
pub(super) async fn run(path: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let unsent = shared::open_for_reading(path)?
        .inbox
        .unsent()
        .await
        .context("the inbox can't be read")?;
    if arguments.json {
        return output::text(
            lines(&unsent)
                .iter()
                .map(|line| format!("{line}\n"))
                .collect::<String>(),
        );
    }
    let mut table = Vec::new();
    write_table(Some(HEAD), rows(&unsent), terminal_width(), &mut table)
        .map_err(Failure::Output)?;
    output::text(String::from_utf8_lossy(&table).into_owned())
}

fn of_tenants(unsent: &[(PluginRef, OutboxUsage)]) -> BTreeMap<&TenantName, OutboxUsage> {
    let mut tenants = BTreeMap::<&TenantName, OutboxUsage>::new();
    for (plugin, unsent) in unsent {
        let of_tenant = tenants.entry(&plugin.tenant).or_default();
        *of_tenant = of_tenant.plus(*unsent);
    }
    tenants
}

/// Each tenant, followed by its plugins.
fn rows(unsent: &[(PluginRef, OutboxUsage)]) -> Vec<[String; 3]> {
    let row = |of: String, unsent: OutboxUsage| {
        [of, unsent.messages.to_string(), unsent.bytes.to_string()]
    };
    let of_tenant = |(tenant, whole): (&TenantName, OutboxUsage)| {
        let own = unsent.iter().filter(|(plugin, _)| plugin.tenant == *tenant);
        let own = own.map(|(plugin, unsent)| row(plugin.to_string(), *unsent));
        [row(tenant.to_string(), whole)]
            .into_iter()
            .chain(own)
            .collect::<Vec<_>>()
    };
    of_tenants(unsent).into_iter().flat_map(of_tenant).collect()
}

fn lines(unsent: &[(PluginRef, OutboxUsage)]) -> Vec<Value> {
    let line = |tenant: &TenantName,
                plugin: Option<String>,
                OutboxUsage { messages, bytes }: OutboxUsage| json!({ "tenant": tenant.as_str(), "plugin": plugin, "messages": messages, "bytes": bytes });
    let tenants = of_tenants(unsent)
        .into_iter()
        .map(|(tenant, whole)| line(tenant, None, whole));
    let of_plugin = |(plugin, unsent): &(PluginRef, OutboxUsage)| {
        line(&plugin.tenant, Some(plugin.name.to_string()), *unsent)
    };
    tenants.chain(unsent.iter().map(of_plugin)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tenant_is_told_with_its_plugins() {
        let plugin = |tenant: &str, plugin: &str| PluginRef {
            tenant: tenant.parse().expect("a name"),
            name: plugin.parse().expect("a name"),
        };
        let unsent = |messages, bytes| OutboxUsage { messages, bytes };
        let all = [
            (plugin("acme", "books"), unsent(1, 10)),
            (plugin("acme", "ship"), unsent(2, 30)),
            (plugin("beta", "ship"), unsent(4, 5)),
        ];
        let told: Vec<_> = rows(&all).iter().map(|row| row.join(" ")).collect();
        assert_eq!(
            told,
            [
                "acme 3 40",
                "acme/books 1 10",
                "acme/ship 2 30",
                "beta 4 5",
                "beta/ship 4 5"
            ]
        );
        let json: Vec<_> = lines(&all).iter().map(ToString::to_string).collect();
        assert_eq!(
            json[0],
            r#"{"bytes":40,"messages":3,"plugin":null,"tenant":"acme"}"#
        );
        assert_eq!(
            json[2],
            r#"{"bytes":10,"messages":1,"plugin":"books","tenant":"acme"}"#
        );
    }
}
