//! `hookyard outbox usage`: prints how much waits for delivery. The limits of the outbox apply to
//! these amounts.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use anyhow::Context;
use clap::Args;
use hookyard_model::{PluginRef, TenantName};
use hookyard_store::{Outbox, OutboxUsage};
use serde_json::{Value, json};

use crate::cli::Failure;
use crate::cli::shared::table::{terminal_width, write_table};
use crate::cli::shared::{StoreAccess, UNREADABLE};
use crate::output;

const HEADER: [&str; 3] = ["OF", "MESSAGES", "BYTES"];

/// The arguments of `hookyard outbox usage`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Print one JSON object per line instead of a table
    #[arg(long)]
    json: bool,
}

/// Prints how much waits for delivery.
pub(super) async fn run(path: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let store = StoreAccess::read_only(path)?.store;
    let plugins = store.unsent().await.context(UNREADABLE)?;

    if arguments.json {
        return lines(&plugins).iter().try_for_each(output::line);
    }
    let rows = rows(&plugins);
    write_table(
        Some(HEADER),
        rows,
        terminal_width(),
        &mut io::stdout().lock(),
    )
    .map_err(Failure::Output)
}

/// Returns the sum of each tenant.
fn tenants(plugins: &[(PluginRef, OutboxUsage)]) -> BTreeMap<&TenantName, OutboxUsage> {
    let mut tenants = BTreeMap::new();
    for (plugin, usage) in plugins {
        let sum: &mut OutboxUsage = tenants.entry(&plugin.tenant).or_default();
        *sum = sum.plus(*usage);
    }
    tenants
}

/// Returns the rows of the table: each tenant, followed by its plugins.
fn rows(plugins: &[(PluginRef, OutboxUsage)]) -> Vec<[String; 3]> {
    let row = |name: String, usage: OutboxUsage| {
        [name, usage.messages.to_string(), usage.bytes.to_string()]
    };

    let mut rows = Vec::new();
    for (tenant, sum) in tenants(plugins) {
        rows.push(row(tenant.to_string(), sum));
        for (plugin, usage) in plugins {
            if plugin.tenant == *tenant {
                rows.push(row(plugin.to_string(), *usage));
            }
        }
    }
    rows
}

/// Returns the lines of JSON: all tenants, followed by all plugins.
fn lines(plugins: &[(PluginRef, OutboxUsage)]) -> Vec<Value> {
    let line = |tenant: &TenantName, plugin: Option<&str>, usage: OutboxUsage| {
        json!({
            "tenant": tenant.as_str(),
            "plugin": plugin,
            "messages": usage.messages,
            "bytes": usage.bytes,
        })
    };

    let tenants = tenants(plugins);
    let tenants = tenants.iter().map(|(tenant, sum)| line(tenant, None, *sum));
    let plugins = plugins
        .iter()
        .map(|(plugin, usage)| line(&plugin.tenant, Some(plugin.name.as_str()), *usage));
    tenants.chain(plugins).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usages() -> [(PluginRef, OutboxUsage); 3] {
        let usage = |tenant: &str, name: &str, messages, bytes| {
            let plugin = PluginRef {
                tenant: tenant.parse().expect("a name"),
                name: name.parse().expect("a name"),
            };
            (plugin, OutboxUsage { messages, bytes })
        };
        [
            usage("acme", "books", 1, 10),
            usage("acme", "ship", 2, 30),
            usage("beta", "ship", 4, 5),
        ]
    }

    #[test]
    fn outbox_usage_as_table() {
        let rows: Vec<_> = rows(&usages()).iter().map(|row| row.join(" ")).collect();
        assert_eq!(
            rows,
            [
                "acme 3 40",
                "acme/books 1 10",
                "acme/ship 2 30",
                "beta 4 5",
                "beta/ship 4 5"
            ]
        );
    }

    #[test]
    fn outbox_usage_as_json() {
        let lines: Vec<_> = lines(&usages()).iter().map(ToString::to_string).collect();
        assert_eq!(
            lines[0],
            r#"{"bytes":40,"messages":3,"plugin":null,"tenant":"acme"}"#
        );
        assert_eq!(
            lines[2],
            r#"{"bytes":10,"messages":1,"plugin":"books","tenant":"acme"}"#
        );
    }
}
