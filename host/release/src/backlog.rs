//! What is said when a source that has unrouted events gets a plugin: how many there are, and who is given them, how fast.

use hookyard_model::{PluginRef, SourceRef};
use hookyard_store::{BacklogPolicy, Routes, Tally};

use super::active::Backlogs;

/// A table of who is given which source's events, and what each does with its backlog.
pub(super) type Table = (Routes, Backlogs);

/// Says in the log what becomes of a source's unrouted events, for each of its plugins that wasn't so in the table before.
pub(super) fn tell(tally: &Tally<SourceRef>, table: &Table, before: Option<&Table>) {
    let Tally {
        of: source,
        count,
        oldest,
    } = tally;
    for (plugin, policy) in takers(source, table) {
        let is_known =
            before.is_some_and(|before| takers(source, before).contains(&(plugin.clone(), policy)));
        match policy {
            _ if is_known => {}
            BacklogPolicy::All { rate } => {
                let per_second = rate.unwrap_or(f64::INFINITY);
                tracing::info!(target: "hookyard::release", %source, %plugin, count, %oldest, per_second, "earlier events wait: the plugin is given them");
            }
            BacklogPolicy::None => {
                let way_out = format!(
                    "`hookyard events replay --plugin {plugin} --source {source} --state unrouted` gives them to the plugin, \
                     `hookyard events discard --source {source} --state unrouted` ends them"
                );
                tracing::warn!(target: "hookyard::release", %source, %plugin, count, %oldest, "earlier events wait, and stay unrouted: the plugin's settings say backlog = \"none\"; {way_out}");
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
    // One that isn't loaded yet has no say.
    plugins
        .filter_map(|plugin| backlogs.get(&plugin).map(|policy| (plugin, *policy)))
        .collect()
}
