//! A summary of a plugin's settings for people, without loading the plugin.

use std::io;

use hookyard_model::PluginRef;
use hookyard_plugin::{Grants, Limits};

use crate::files;
use crate::limits::UNLIMITED;
use crate::plugin_file::{PluginDefaults, PluginSettings};
use crate::settings::{Plugins, Rehearsal};

/// A summary of the settings of a plugin in the plugin folder.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct SettingsSummary {
    /// The sources whose events the plugin handles. `None` means that the settings do not restrict
    /// the sources.
    pub sources: Option<Vec<String>>,
    /// The most important limits.
    pub limits: String,
    /// What the plugin may use, one item each.
    pub grants: Vec<String>,
    /// When an instance handles further events, and the price of that. `None` if each attempt has a
    /// fresh instance.
    pub reuse: Option<String>,
}

/// Summarizes the settings of a plugin, from `hookyard.toml` and from `<plugin>.toml` if it exists.
///
/// # Errors
///
/// Returns what is wrong with `<plugin>.toml`.
pub fn summarize(
    plugins: &Plugins,
    rehearsal: &Rehearsal,
    plugin: &PluginRef,
) -> Result<SettingsSummary, String> {
    let folder = plugins.folder.join(plugin.tenant.as_str());
    let path = folder.join(format!("{}.toml", plugin.name));
    let text = match files::text(&folder, &path, plugins.file_max) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        text => text.map_err(|error| format!("{} cannot be read: {error}", path.display()))?,
    };

    let limits_max = plugins.tenant_limits.get(&plugin.tenant);
    let defaults = PluginDefaults {
        limits: &plugins.limits,
        limits_max: limits_max.unwrap_or(&UNLIMITED),
        grants: &plugins.grants.of_tenant(&plugin.tenant),
        rehearsal,
        backlog: plugins.backlog,
    };
    let settings = PluginSettings::read(&path, &text, &defaults)
        .result
        .map_err(|faults| faults.to_string())?;

    let sources = settings
        .sources
        .map(|sources| sources.iter().map(ToString::to_string).collect());
    Ok(SettingsSummary {
        sources,
        limits: limits_text(&settings.limits),
        grants: grant_texts(&settings.grants),
        reuse: settings.reuse.enabled().map(|reuse| reuse.to_string()),
    })
}

fn limits_text(limits: &Limits) -> String {
    let Limits {
        memory_max,
        cpu_max,
        wall_max,
        concurrency,
        ..
    } = limits;
    format!(
        "{} MiB of memory, {cpu_max:?} of processor time, {wall_max:?} in total, {concurrency} \
         attempts at the same time",
        memory_max >> 20,
    )
}

fn grant_texts(grants: &Grants) -> Vec<String> {
    let mut texts: Vec<_> = grants
        .destinations
        .keys()
        .map(|destination| format!("destination {destination}"))
        .collect();

    for (is_granted, name) in [
        (grants.keyvalue, "keyvalue"),
        (grants.logging, "logging"),
        (grants.config, "config"),
    ] {
        if is_granted {
            texts.push(name.to_owned());
        }
    }

    let hosts = grants.http.keys();
    texts.extend(hosts.map(|authority| format!("http to {authority}")));
    texts
}
