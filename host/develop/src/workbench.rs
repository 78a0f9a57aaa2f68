//! Loads a component without a host, a tenant or a configuration: everything that the component
//! imports is granted.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use hookyard_config::document::{self, Section, Sink};
use hookyard_config::grants::{TenantDestinations, TenantGrants};
use hookyard_config::plugin_file::{PluginDefaults, PluginSettings};
use hookyard_config::providers;
use hookyard_config::settings::{Backlog, Rehearsal};
use hookyard_model::{DestinationName, PluginRef, chain};
use hookyard_plugin::{
    Authority, Engine, Fault, Grants, HostGrant, InstanceReuse, LoadRequest, LoadedPlugin,
    MissingGrant, RequiredGrant,
};
use hookyard_release::rehearsal::FixtureNeeds;
use hookyard_schemes::Provider;
use http::Uri;

/// The tenant of plugins that run without a host.
pub const TENANT: &str = "dev";
/// The host that is granted to a component that imports HTTP requests, if no fixture names a host.
const PLACEHOLDER_HOST: &str = "no-fixture-answers.invalid";

/// All providers by name.
pub type Providers = Arc<BTreeMap<String, Arc<Provider>>>;

/// An engine and the providers.
pub struct Workbench {
    /// The engine that compiles and runs components.
    pub engine: Arc<Engine>,
    /// The providers whose events plugins handle and send.
    pub providers: Providers,
}

/// A component and what it may use besides its imports.
pub struct Subject<'s> {
    /// The name of the plugin.
    pub name: &'s str,
    /// The bytes of the component.
    pub code: &'s [u8],
    /// What the fixtures need.
    pub needs: FixtureNeeds,
    /// The plugin's settings.
    pub settings: PluginSettings,
}

impl Workbench {
    /// Loads a component. Blocks while the component compiles.
    ///
    /// # Errors
    ///
    /// Returns the reason, in one line, if a host would refuse the component.
    pub fn load(&self, subject: &Subject<'_>) -> Result<Arc<LoadedPlugin>, String> {
        let mut grants = self.grants(subject);
        let plugin = plugin(subject.name)?;

        loop {
            let request = LoadRequest {
                plugin: plugin.clone(),
                bytes: subject.code,
                contracts: providers::contracts(&self.providers),
                limits: subject.settings.limits.clone(),
                grants: Arc::new(grants.clone()),
                config: Arc::new(subject.settings.config.clone()),
                record_bytes_max: 0,
                reuse: InstanceReuse::default(),
            };

            match self.engine.load(request) {
                Ok(loaded) => {
                    let loaded = Arc::new(loaded);
                    loaded.start().map_err(|error| chain(&error.fault))?;
                    return Ok(loaded);
                }
                Err(error) => match error.fault {
                    Fault::Ungranted { missing, .. } if add(&mut grants, &missing) => {}
                    fault => return Err(chain(&fault)),
                },
            }
        }
    }

    /// Returns the grants that the settings and the fixtures ask for.
    fn grants(&self, subject: &Subject<'_>) -> Grants {
        let mut grants = Grants {
            keyvalue: true,
            logging: true,
            config: true,
            ..subject.settings.grants.clone()
        };

        for (name, event_type) in &subject.needs.destinations {
            if let Ok(name) = DestinationName::new(name) {
                let provider = event_type.as_deref().and_then(|it| self.sender_of(it));
                grants.destinations.entry(name).or_insert(provider);
            }
        }
        for url in &subject.needs.urls {
            if let Some((authority, grant)) = host_grant(url) {
                grants.http.entry(authority).or_insert(grant);
            }
        }
        grants
    }

    /// Returns the provider that accepts events of this type.
    pub fn sender_of(&self, event_type: &str) -> Option<String> {
        let accepts = |provider: &&Arc<Provider>| {
            let mut types = provider.outgoing.types.values();
            types.any(|accepted| accepted == event_type)
        };
        let provider = self.providers.values().find(accepts)?;
        Some(provider.name.clone())
    }
}

/// Returns the settings in the text of a plugin's settings file at `path`. The text is empty if
/// there is no file. Every destination in the file exists; one with the name of a provider accepts
/// its typed events.
///
/// # Errors
///
/// Returns all faults of the file.
pub fn settings(path: &Path, text: &str, providers: &Providers) -> Result<PluginSettings, String> {
    let limits = hookyard_plugin::Limits::default();
    let grants = TenantGrants {
        destinations: listed_destinations(path, text, providers),
        ..TenantGrants::default()
    };
    let defaults = PluginDefaults {
        limits: &limits,
        limits_max: &hookyard_config::limits::UNLIMITED,
        grants: &grants,
        rehearsal: &Rehearsal::default(),
        backlog: Backlog::default(),
    };
    let reading = PluginSettings::read(path, text, &defaults);
    reading.result.map_err(|faults| faults.to_string())
}

/// Returns the destinations that a settings file grants. Faults are left to the reader of the whole
/// file.
fn listed_destinations(path: &Path, text: &str, providers: &Providers) -> TenantDestinations {
    let file = path.display().to_string();
    let names = document::read(&file, text, &Sink::default(), |root| {
        let list = |section: &Section<'_>| section.entry("destinations").map(|it| it.list());
        Some(root.table("grants", list).unwrap_or_default())
    });

    let names: Vec<String> = names.unwrap_or_default();
    let names = names
        .iter()
        .filter_map(|name| DestinationName::new(name).ok());
    let provider = |name: &DestinationName| providers.get(name.as_str());
    let destination = |name: DestinationName| {
        let provider = provider(&name).map(|provider| provider.name.clone());
        (name, provider)
    };
    names.map(destination).collect()
}

/// Returns the reference of a plugin with this name.
///
/// # Errors
///
/// Returns the reason if a plugin cannot have the name.
pub fn plugin(name: &str) -> Result<PluginRef, String> {
    Ok(PluginRef {
        tenant: TENANT.parse().map_err(|error| format!("{error}"))?,
        name: name.parse().map_err(|error| format!("{error}"))?,
    })
}

/// Adds grants that a component lacks. Returns whether that changed anything.
fn add(grants: &mut Grants, missing: &[MissingGrant]) -> bool {
    let before = grants.clone();
    for MissingGrant { grant, provider } in missing {
        match grant {
            RequiredGrant::Destination => {
                let name = provider.as_deref().unwrap_or("outbox");
                let name = DestinationName::new(name).ok();
                grants
                    .destinations
                    .extend(name.map(|name| (name, provider.clone())));
            }
            RequiredGrant::Http => {
                let authority = Authority {
                    host: PLACEHOLDER_HOST.to_owned(),
                    port: 443,
                };
                grants.http.insert(authority, HostGrant::default());
            }
            _ => {}
        }
    }
    *grants != before
}

/// Returns the grant of all requests to the host of a URL.
fn host_grant(url: &Uri) -> Option<(Authority, HostGrant)> {
    let is_plain = url.scheme_str() == Some("http");
    let default_port = if is_plain { 80 } else { 443 };
    let authority = Authority {
        host: url.host()?.to_ascii_lowercase(),
        port: url.port_u16().unwrap_or(default_port),
    };
    let grant = HostGrant {
        is_plain,
        ..HostGrant::default()
    };
    Some((authority, grant))
}
