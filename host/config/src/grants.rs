//! `[grants]`: what plugins may use beside processor and memory. Said in three places, each about fewer plugins: for all
//! (`[plugins.grants]`), for a tenant's (`[tenants.<tenant>.grants]`), and for one, in the file beside it.
//!
//! What the nearest place says of a key counts; of hosts, each is a key of its own. A credential is a reference, read
//! here, and marked so that nothing prints it.

use std::collections::{BTreeMap, BTreeSet};

use hookyard_egress::{Range, Rule, Scheme, is_path_prefix};
use hookyard_model::{DestinationName, TenantName};
use hookyard_plugin::{Authority, Grants, HostGrant};
use hookyard_schemes::check_secret;
use hookyard_schemes::{SecretReport, SecretUse};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use super::references::Surroundings;
use crate::document::{Entry, Section, unknown};

/// The destinations of a tenant, each with its provider's name.
pub type Destinations = BTreeMap<DestinationName, Option<String>>;

/// What one place says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Said {
    keyvalue: Option<bool>,
    logging: Option<bool>,
    config: Option<bool>,
    destinations: Option<BTreeSet<DestinationName>>,
    http: BTreeMap<Authority, HostGrant>,
}

/// What is granted before a plugin's own file is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// To all plugins.
    to_all: Said,
    /// To those of a tenant.
    pub to_tenants: BTreeMap<TenantName, OfTenant>,
}

/// What is said of one tenant's plugins, and what there is to be granted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OfTenant {
    pub said: Said,
    pub destinations: Destinations,
}

impl Granted {
    /// With what is said for all plugins.
    pub fn to_all(said: &Said) -> Self {
        Self {
            to_all: said.or(&Said::by_default()),
            to_tenants: BTreeMap::new(),
        }
    }

    /// To the plugins of a tenant, unless their own files say otherwise; with the destinations that these may name.
    pub fn to(&self, tenant: &TenantName) -> OfTenant {
        let OfTenant { said, destinations } =
            self.to_tenants.get(tenant).cloned().unwrap_or_default();
        OfTenant {
            said: said.or(&self.to_all),
            destinations,
        }
    }
}

/// Keys of a host's table that are no headers.
const HOST_KEYS: [&str; 4] = ["scheme", "methods", "paths", "addresses"];
/// Headers that the host sets by itself, or that are about a connection and go no further than the door.
const NO_CREDENTIALS: [&str; 14] = [
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

impl Said {
    /// What holds where nothing is said: what reaches nothing but the plugin's own is granted.
    fn by_default() -> Self {
        Self {
            keyvalue: Some(true),
            logging: Some(true),
            config: Some(true),
            ..Self::default()
        }
    }

    /// This, and where it says nothing, what a place farther out says.
    pub fn or(&self, farther: &Self) -> Self {
        let mut http = farther.http.clone();
        http.extend(self.http.clone());
        Self {
            keyvalue: self.keyvalue.or(farther.keyvalue),
            logging: self.logging.or(farther.logging),
            config: self.config.or(farther.config),
            destinations: self
                .destinations
                .clone()
                .or_else(|| farther.destinations.clone()),
            http,
        }
    }

    /// What it comes to. What isn't said anywhere isn't granted.
    pub fn grants(&self, destinations: &Destinations) -> Grants {
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

/// Reads what one place says. Destinations are a tenant's, so there are none where no tenant is.
pub fn read(
    section: &Section<'_>,
    destinations: Option<&Destinations>,
    around: &Surroundings<'_>,
) -> Said {
    Said {
        keyvalue: section.get("keyvalue"),
        logging: section.get("logging"),
        config: section.get("config"),
        destinations: section
            .entry("destinations")
            .map(|entry| named(&entry, destinations)),
        http: section.table("http", |hosts| http(hosts, around)),
    }
}

fn named(entry: &Entry<'_>, destinations: Option<&Destinations>) -> BTreeSet<DestinationName> {
    let Some(destinations) = destinations else {
        entry.fault("destinations are a tenant's: grant them in [tenants.<tenant>.grants] or beside the plugin");
        return BTreeSet::new();
    };
    let known = |item: &Entry<'_>| {
        let name = item.get::<String>()?;
        let found = destinations
            .keys()
            .find(|known| known.as_str() == name)
            .cloned();
        if found.is_none() {
            let known = destinations.keys().map(|name| name.as_str());
            item.fault(unknown("destination of this tenant", &name, known));
        }
        found
    };
    entry.items().iter().filter_map(known).collect()
}

fn http(hosts: &Section<'_>, around: &Surroundings<'_>) -> BTreeMap<Authority, HostGrant> {
    let mut granted = BTreeMap::new();
    hosts.each(|name, entry| {
        granted.extend(entry.table(|section| host(name, section, &entry, around)));
    });
    granted
}

fn host(
    name: &str,
    section: &Section<'_>,
    entry: &Entry<'_>,
    around: &Surroundings<'_>,
) -> Option<(Authority, HostGrant)> {
    let is_plain = section
        .entry("scheme")
        .is_some_and(|entry| is_plain(&entry));
    let items = |key| {
        section
            .entry(key)
            .map(|entry| entry.items())
            .unwrap_or_default()
    };
    let some = |key| {
        let items = items(key);
        if items.is_empty()
            && let Some(entry) = section.entry(key)
        {
            entry.fault("is empty; leave it out to allow all, or leave the host out to allow none");
        }
        items
    };
    let grant = HostGrant {
        is_plain,
        methods: some("methods").iter().filter_map(method).collect(),
        paths: some("paths").iter().filter_map(path).collect(),
        addresses: items("addresses")
            .iter()
            .filter_map(range)
            .map(Into::into)
            .collect(),
        credentials: credentials(section, around),
    };
    let scheme = if is_plain {
        Scheme::Http
    } else {
        Scheme::Https
    };
    let Some(Rule { target, .. }) = Rule::parse(name, scheme) else {
        entry.fault("must be a host's name or address as in a URL, with a port where it's another than the scheme's");
        return None;
    };
    Some((
        Authority {
            host: target.host.to_string(),
            port: target.port,
        },
        grant,
    ))
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
        entry.fault("must be a method in capitals, such as \"GET\" or \"POST\"");
    }
    method
}

fn path(entry: &Entry<'_>) -> Option<String> {
    let text = entry.get::<String>()?;
    if !is_path_prefix(&text) {
        entry.fault(
            "must be a path that begins with /, such as \"/v1/\", without dots in place of names",
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

/// Every key that is none of a host's own is a header, whose value is a reference.
fn credentials(section: &Section<'_>, around: &Surroundings<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    section.each(|name, entry| {
        if HOST_KEYS.contains(&name) {
            return;
        }
        if !entry.is_table() && entry.as_text().is_none() {
            entry.fault(
                unknown("key", name, HOST_KEYS)
                    + "; a header's value is { env = \"NAME\" } or { file = \"path\" }",
            );
            return;
        }
        let header = HeaderName::from_bytes(name.as_bytes()).ok();
        match header.filter(|header| !NO_CREDENTIALS.contains(&header.as_str())) {
            Some(header) => {
                if let Some(value) = around
                    .secret(&entry, &credential)
                    .and_then(|bytes| value(&entry, &bytes))
                {
                    headers.insert(header, value);
                }
            }
            None => entry.fault("is no header that a plugin's requests can be given"),
        }
    });
    headers
}

/// A credential that is too short could not be told from ordinary text either when it comes back.
fn credential(bytes: &[u8]) -> SecretReport {
    check_secret(bytes, SecretUse::Header)
}

fn value(entry: &Entry<'_>, bytes: &[u8]) -> Option<HeaderValue> {
    let Ok(mut value) = HeaderValue::from_bytes(bytes) else {
        entry.fault("refers to something with line ends or control characters in it, which no header can have");
        return None;
    };
    value.set_sensitive(true);
    Some(value)
}
