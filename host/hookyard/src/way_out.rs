//! What an operator can do about events that no plugin handles. `check` and the log give the same
//! advice.

use hookyard_model::{PluginRef, SourceRef};

/// Returns what to do about the unrouted events of a source.
pub(crate) fn unrouted(source: &SourceRef) -> String {
    format!(
        "drop a plugin that handles them into the plugin folder, or discard them with \
         `hookyard events discard --source {source} --state unrouted`"
    )
}

/// Returns the command that discards the held events of a plugin.
pub(crate) fn discard_held(plugin: &PluginRef) -> String {
    format!("`hookyard events discard --plugin {plugin} --state held`")
}
