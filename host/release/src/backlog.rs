//! What the log says when a source that has unrouted events gets a plugin: how many events wait,
//! and what becomes of them.

use hookyard_model::{PluginRef, SourceRef, chain};
use hookyard_store::{BacklogPolicy, Inbox, Routes, Tally};

use super::active::Backlogs;

/// The routes of all sources, and what each plugin does with earlier events.
pub(crate) type Table = (Routes, Backlogs);

/// Logs what becomes of unrouted events, for each plugin that was not in the table before.
pub(crate) async fn log_unrouted(inbox: &dyn Inbox, table: &Table, before: Option<&Table>) {
    match inbox.unrouted().await {
        Ok(unrouted) => unrouted.iter().for_each(|tally| log(tally, table, before)),
        Err(error) => {
            let reason = chain(&error);
            tracing::warn!(
                target: "hookyard::release", reason,
                "unrouted events cannot be counted"
            );
        }
    }
}

fn log(tally: &Tally<SourceRef>, table: &Table, before: Option<&Table>) {
    let Tally {
        of: source,
        count,
        oldest,
    } = tally;
    for (plugin, policy) in takers(source, table) {
        let taker = (plugin.clone(), policy);
        if before.is_some_and(|before| takers(source, before).contains(&taker)) {
            continue;
        }

        match policy {
            BacklogPolicy::All { rate } => {
                let per_second = rate.unwrap_or(f64::INFINITY);
                tracing::info!(
                    target: "hookyard::release", %source, %plugin, count, %oldest, per_second,
                    "earlier events wait: the plugin is given them"
                );
            }
            BacklogPolicy::None => {
                tracing::warn!(
                    target: "hookyard::release", %source, %plugin, count, %oldest,
                    "earlier events wait, and stay unrouted: the plugin's settings say \
                     backlog = \"none\"; `hookyard events replay --plugin {plugin} --source \
                     {source} --state unrouted` gives them to the plugin, `hookyard events \
                     discard --source {source} --state unrouted` ends them"
                );
            }
        }
    }
}

fn takers(source: &SourceRef, (routes, backlogs): &Table) -> Vec<(PluginRef, BacklogPolicy)> {
    let names = routes.0.get(source).into_iter().flatten();
    let plugins = names.map(|name| PluginRef {
        tenant: source.tenant.clone(),
        name: name.clone(),
    });
    // A plugin that is not loaded yet has no settings to go by.
    plugins
        .filter_map(|plugin| backlogs.get(&plugin).map(|policy| (plugin, *policy)))
        .collect()
}
