//! The `[grants]` tables: what plugins may use besides processor time and memory.
//!
//! Grants are in three places, from the widest to the narrowest: `[plugins.grants]` for all
//! plugins, `[tenants.<tenant>.grants]` for the plugins of a tenant, and `[grants]` in the settings
//! file of one plugin. For each key, the narrowest place that sets the key counts. Each HTTP host
//! is a key of its own.
//!
//! Credentials for HTTP hosts are references. They are read here and marked as sensitive, so that
//! nothing prints them.

use std::collections::{BTreeMap, BTreeSet};

use hookyard_egress::{Range, Rule, Scheme, is_path_prefix};
use hookyard_model::{DestinationName, TenantName};
use hookyard_plugin::{Authority, Grants, HostGrant};
use hookyard_schemes::check_secret;
use hookyard_schemes::{SecretReport, SecretUse};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::document::{Entry, Section, unknown};
use crate::references::Resolver;

/// The destinations of a tenant, each with the name of its provider.
pub type TenantDestinations = BTreeMap<DestinationName, Option<String>>;

/// The grants in one place. `None` means that the place does not set the key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GrantRules {
    keyvalue: Option<bool>,
    logging: Option<bool>,
    config: Option<bool>,
    destinations: Option<BTreeSet<DestinationName>>,
    http: BTreeMap<Authority, HostGrant>,
}

/// The grants in `hookyard.toml`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantSettings {
    /// The grants of all plugins, including the default ones.
    to_all: GrantRules,
    /// The grants of each tenant.
    pub by_tenant: BTreeMap<TenantName, TenantGrants>,
}

/// The grants of one tenant's plugins, and the destinations that can be granted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TenantGrants {
    /// The grants of the tenant's plugins.
    pub rules: GrantRules,
    /// The destinations of the tenant.
    pub destinations: TenantDestinations,
}

impl GrantSettings {
    /// Returns the settings with the rules of `[plugins.grants]` and without tenants.
    pub fn new(to_all: &GrantRules) -> Self {
        Self {
            to_all: to_all.or(&GrantRules::granted_by_default()),
            by_tenant: BTreeMap::new(),
        }
    }

    /// Returns the grants of a tenant's plugins, unless their own files differ.
    pub fn of_tenant(&self, tenant: &TenantName) -> TenantGrants {
        let TenantGrants {
            rules,
            destinations,
        } = self.by_tenant.get(tenant).cloned().unwrap_or_default();
        TenantGrants {
            rules: rules.or(&self.to_all),
            destinations,
        }
    }
}

impl Default for GrantSettings {
    fn default() -> Self {
        Self::new(&GrantRules::default())
    }
}

impl GrantRules {
    /// Returns the grants of a plugin without any settings: what reaches only the plugin's own
    /// data.
    fn granted_by_default() -> Self {
        Self {
            keyvalue: Some(true),
            logging: Some(true),
            config: Some(true),
            ..Self::default()
        }
    }

    /// Returns these rules, with the keys that they do not set taken from a `wider` place.
    pub fn or(&self, wider: &Self) -> Self {
        let destinations = self.destinations.as_ref().or(wider.destinations.as_ref());
        let mut http = wider.http.clone();
        http.extend(self.http.clone());

        Self {
            keyvalue: self.keyvalue.or(wider.keyvalue),
            logging: self.logging.or(wider.logging),
            config: self.config.or(wider.config),
            destinations: destinations.cloned(),
            http,
        }
    }

    /// Returns the grants of a plugin. Keys that no place sets are not granted.
    pub fn grants(&self, destinations: &TenantDestinations) -> Grants {
        let granted = self.destinations.iter().flatten();
        let known =
            granted.filter_map(|name| Some((name.clone(), destinations.get(name)?.clone())));
        Grants {
            keyvalue: self.keyvalue.unwrap_or_default(),
            logging: self.logging.unwrap_or_default(),
            config: self.config.unwrap_or_default(),
            destinations: known.collect(),
            http: self.http.clone(),
        }
    }
}

/// The keys of a host's table that are not headers.
const HOST_KEYS: [&str; 4] = ["scheme", "methods", "paths", "addresses"];
/// Headers that cannot be credentials: the host sets them, or they concern only one connection.
const FORBIDDEN_HEADERS: [&str; 14] = [
    "host",
    "content-length",
    "content-type",
    "connection",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "http2-settings",
    "accept-encoding",
];

/// Reads the rules of one place.
///
/// `destinations` are the destinations of the tenant, or `None` in `[plugins.grants]`, which cannot
/// grant destinations.
pub fn read(
    section: &Section<'_>,
    destinations: Option<&TenantDestinations>,
    resolver: &Resolver<'_>,
) -> GrantRules {
    GrantRules {
        keyvalue: section.get("keyvalue"),
        logging: section.get("logging"),
        config: section.get("config"),
        destinations: section
            .entry("destinations")
            .map(|entry| granted_destinations(&entry, destinations)),
        http: section.table("http", |section| hosts(section, resolver)),
    }
}

fn granted_destinations(
    entry: &Entry<'_>,
    destinations: Option<&TenantDestinations>,
) -> BTreeSet<DestinationName> {
    let Some(destinations) = destinations else {
        entry.fault(
            "cannot be granted here, because each destination belongs to a tenant; grant it in \
             [tenants.<tenant>.grants] or in the plugin's settings file",
        );
        return BTreeSet::new();
    };

    let mut granted = BTreeSet::new();
    for item in entry.items() {
        let Some(name) = item.get::<String>() else {
            continue;
        };
        match destinations.keys().find(|known| known.as_str() == name) {
            Some(known) => {
                granted.insert(known.clone());
            }
            None => {
                let known = destinations.keys().map(|known| known.as_str());
                item.fault(unknown("destination of this tenant", &name, known));
            }
        }
    }
    granted
}

fn hosts(section: &Section<'_>, resolver: &Resolver<'_>) -> BTreeMap<Authority, HostGrant> {
    let mut granted = BTreeMap::new();
    section.each(|name, entry| {
        granted.extend(entry.table(|section| host(name, section, &entry, resolver)));
    });
    granted
}

fn host(
    name: &str,
    section: &Section<'_>,
    entry: &Entry<'_>,
    resolver: &Resolver<'_>,
) -> Option<(Authority, HostGrant)> {
    let is_plain = section
        .entry("scheme")
        .is_some_and(|entry| is_plain(&entry));
    let addresses = section.entry("addresses").map(|entry| entry.items());
    let addresses = addresses.unwrap_or_default();
    let grant = HostGrant {
        is_plain,
        methods: nonempty_list(section, "methods", method),
        paths: nonempty_list(section, "paths", path),
        addresses: addresses.iter().filter_map(range).map(Into::into).collect(),
        credentials: credentials(section, resolver),
    };

    let scheme = if is_plain {
        Scheme::Http
    } else {
        Scheme::Https
    };
    let Some(Rule { target, .. }) = Rule::parse(name, scheme) else {
        entry.fault(
            "must be a host name or an IP address, with a port if it is not the scheme's default",
        );
        return None;
    };
    let authority = Authority {
        host: target.host.to_string(),
        port: target.port,
    };
    Some((authority, grant))
}

/// Reads a list that allows everything if it is absent. An empty list is a fault, because its
/// meaning would not be obvious.
fn nonempty_list<T>(
    section: &Section<'_>,
    key: &'static str,
    read: impl Fn(&Entry<'_>) -> Option<T>,
) -> Vec<T> {
    let Some(entry) = section.entry(key) else {
        return Vec::new();
    };
    let items = entry.items();
    if items.is_empty() {
        entry.fault("is empty; remove it to allow all, or remove the host to allow none");
    }
    items.iter().filter_map(read).collect()
}

fn is_plain(entry: &Entry<'_>) -> bool {
    match entry.get::<String>().as_deref() {
        Some("http") => true,
        Some("https") | None => false,
        Some(_) => {
            entry.fault("must be \"https\" or \"http\"");
            false
        }
    }
}

fn method(entry: &Entry<'_>) -> Option<Method> {
    let text = entry.get::<String>()?;
    let method = Method::from_bytes(text.as_bytes()).ok();
    let method = method.filter(|_| !text.bytes().any(|byte| byte.is_ascii_lowercase()));
    if method.is_none() {
        entry.fault("must be an HTTP method in capital letters, such as \"GET\" or \"POST\"");
    }
    method
}

fn path(entry: &Entry<'_>) -> Option<String> {
    let text = entry.get::<String>()?;
    if !is_path_prefix(&text) {
        entry.fault(
            "must be a path that begins with /, such as \"/v1/\", without the segments . and ..",
        );
        return None;
    }
    Some(text)
}

fn range(entry: &Entry<'_>) -> Option<Range> {
    entry
        .get::<String>()?
        .parse()
        .map_err(|error| entry.fault(error))
        .ok()
}

/// Reads the headers that the host adds to requests. Every key that is not in [`HOST_KEYS`] is the
/// name of a header, and its value is a reference.
fn credentials(section: &Section<'_>, resolver: &Resolver<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    section.each(|name, entry| {
        if !HOST_KEYS.contains(&name) {
            headers.extend(credential(name, &entry, resolver));
        }
    });
    headers
}

fn credential(
    name: &str,
    entry: &Entry<'_>,
    resolver: &Resolver<'_>,
) -> Option<(HeaderName, HeaderValue)> {
    if !entry.is_table() && entry.as_text().is_none() {
        let message = unknown("key", name, HOST_KEYS);
        entry.fault(
            message + "; the value of a header is { env = \"NAME\" } or { file = \"path\" }",
        );
        return None;
    }

    let header = HeaderName::from_bytes(name.as_bytes())
        .ok()
        .filter(|header| !FORBIDDEN_HEADERS.contains(&header.as_str()));
    let Some(header) = header else {
        entry.fault("is not a header that the host can add to a plugin's requests");
        return None;
    };
    let bytes = resolver.secret(entry, &judge_credential)?;

    let Ok(mut value) = HeaderValue::from_bytes(&bytes) else {
        entry.fault(
            "refers to a value with line ends or control characters, which a header cannot contain",
        );
        return None;
    };
    value.set_sensitive(true);
    Some((header, value))
}

/// Checks a credential. The host removes credentials from responses, so a credential must be long
/// enough to differ from ordinary text.
fn judge_credential(bytes: &[u8]) -> SecretReport {
    check_secret(bytes, SecretUse::Header)
}
