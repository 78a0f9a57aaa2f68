//! What a plugin's settings come to, for people: without loading the plugin.

use std::io;

use hookyard_model::PluginRef;

use crate::files;
use crate::limits::BOUNDLESS;
use crate::plugin_file::{Outer, Sidecar};
use crate::settings::{Plugins, Rehearsal};

/// A plugin's settings as they stand in the folder.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The only sources that it takes events of, where the operator says so.
    pub sources: Option<Vec<String>>,
    /// The limits that matter most.
    pub limits: String,
    /// What it may use.
    pub grants: Vec<String>,
}

/// What `<plugin>.toml`, if there is one, and the configuration say of a plugin; or what is wrong with that.
pub fn told(plugins: &Plugins, rehearsal: &Rehearsal, plugin: &PluginRef) -> Result<Told, String> {
    let folder = plugins.folder.join(plugin.tenant.as_str());
    let path = folder.join(format!("{}.toml", plugin.name));
    let text = match files::text(&folder, &path, plugins.file_max) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        text => text.map_err(|error| format!("{} can't be read: {error}", path.display()))?,
    };
    let most = plugins.ceilings.get(&plugin.tenant).unwrap_or(&BOUNDLESS);
    let outer = Outer {
        limits: &plugins.limits,
        most,
        grants: &plugins.grants.to(&plugin.tenant),
        rehearsal,
        backlog: plugins.backlog,
    };
    let sidecar = Sidecar::read(&path, &text, &outer)
        .result
        .map_err(|faults| faults.to_string())?;
    let Sidecar {
        sources,
        limits,
        grants,
        config: _,
        rehearsal: _,
        backlog: _,
    } = sidecar;
    let mut granted = Vec::new();
    granted.extend(
        grants
            .destinations
            .keys()
            .map(|destination| format!("destination {destination}")),
    );
    for (is_granted, name) in [
        (grants.keyvalue, "keyvalue"),
        (grants.logging, "logging"),
        (grants.config, "config"),
    ] {
        granted.extend(is_granted.then(|| name.to_owned()));
    }
    granted.extend(
        grants
            .http
            .keys()
            .map(|authority| format!("http to {authority}")),
    );
    Ok(Told {
        sources: sources.map(|sources| sources.iter().map(ToString::to_string).collect()),
        limits: format!(
            "{} MiB of memory, {:?} of processor time, {:?} in all, {} attempts at once",
            limits.memory_max >> 20,
            limits.cpu_max,
            limits.wall_max,
            limits.concurrency
        ),
        grants: granted,
    })
}
