//! The tables that are about the host as a whole.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hookyard_egress::Addresses;
use hookyard_plugin::{CompileLimits, Limits};
use hookyard_schemes::check_secret;
use hookyard_schemes::{Secret, SecretUse};

use super::grants::{self, Granted};
use super::references::Surroundings;
use super::settings::{Admin, Backlog, Compile, Dispatch, Egress, Ingress, Plugins, Store};
use super::{backlog, limits};
use crate::document::{Entry, Section, Size};
use crate::settings::Windows;

/// `[ingress]`
pub fn ingress(section: &Section<'_>, shutdown_timeout: Duration) -> Ingress {
    let defaults = hookyard_ingress::Config::default();
    let size = |key, default| section.get(key).and_then(bytes).unwrap_or(default);
    let time = |key, default| section.get::<Duration>(key).unwrap_or(default);
    let server = hookyard_ingress::Config {
        listen: section.get("listen").unwrap_or(defaults.listen),
        buffered_max: size("buffered_max", defaults.buffered_max),
        header_max: size("header_max", defaults.header_max),
        header_timeout: time("header_timeout", defaults.header_timeout),
        body_timeout: time("body_timeout", defaults.body_timeout),
        idle_timeout: time("idle_timeout", defaults.idle_timeout),
        store_timeout: time("store_timeout", defaults.store_timeout),
        connections_max: section
            .get("connections_max")
            .map_or(defaults.connections_max, NonZeroUsize::get),
        streams_max: section
            .get("streams_max")
            .map_or(defaults.streams_max, NonZeroU32::get),
        shutdown_timeout,
        retry_after: time("retry_after", defaults.retry_after),
    };
    Ingress {
        server,
        body_max: size("body_max", 1 << 20),
    }
}

/// `[admin]`
pub fn admin(section: &Section<'_>, around: &Surroundings<'_>) -> Admin {
    let listen = section
        .get("listen")
        .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 9090)));
    let token = section
        .entry("token")
        .and_then(|entry| around.secret(&entry, &|token| check_secret(token, SecretUse::Bearer)));
    let token = token.map(Secret::new);
    if !listen.ip().is_loopback() && section.entry("token").is_none() {
        section.missing(
            "token",
            format_args!("{listen} can be reached by others; name a token, or listen on 127.0.0.1"),
        );
    }
    let hosts = section
        .entry("hosts")
        .map(|entry| entry.items().iter().filter_map(host).collect());
    Admin {
        listen,
        token,
        hosts: hosts.unwrap_or_default(),
    }
}

/// A name that a request may be sent to.
fn host(entry: &Entry<'_>) -> Option<String> {
    let name = entry.get::<String>()?;
    let is_name = |name: &str| {
        name.parse::<http::uri::Authority>()
            .is_ok_and(|parsed| parsed.host() == name)
    };
    if is_name(&name) {
        return Some(name);
    }
    entry.fault("must be a host name alone, without scheme, port or path");
    None
}

/// `[store]`
pub fn store(section: &Section<'_>, around: &Surroundings<'_>) -> Store {
    Store {
        url: store_url(section, around),
        dedupe_window: section
            .get("dedupe_window")
            .unwrap_or(Duration::from_secs(30 * 24 * 3600)),
    }
}

/// `[store]`: the database file.
fn store_url(section: &Section<'_>, around: &Surroundings<'_>) -> PathBuf {
    let default = || around.resolve(Path::new("data/hookyard.db"));
    let Some(entry) = section.entry("url") else {
        return default();
    };
    let Some(url) = entry.get::<String>() else {
        return default();
    };
    match url
        .strip_prefix("sqlite:")
        .map(|path| path.strip_prefix("//").unwrap_or(path))
    {
        Some(path) if !path.is_empty() => around.resolve(Path::new(path)),
        _ => {
            entry.fault("must name an SQLite file, such as \"sqlite:data/hookyard.db\"");
            default()
        }
    }
}

/// `[plugins]`
pub fn plugins(section: &Section<'_>, around: &Surroundings<'_>) -> Plugins {
    let folder = |key, default: &str| {
        around.resolve(
            &section
                .get::<PathBuf>(key)
                .unwrap_or_else(|| default.into()),
        )
    };
    let time = |key, default| {
        section
            .get::<Duration>(key)
            .unwrap_or(Duration::from_millis(default))
    };
    Plugins {
        folder: folder("folder", "plugins"),
        cache: folder("cache", "data/compiled"),
        revisions: folder("revisions", "data/revisions"),
        tenant_count_max: section
            .get("tenant_count_max")
            .map_or(1000, NonZeroUsize::get),
        file_max: section
            .get("file_max")
            .map_or(64 << 20, |Size(bytes)| bytes),
        rescan: time("rescan", 3_000),
        windows: Windows {
            settle: time("settle", 200),
            removal: time("removal", 1_000),
        },
        compile: section.table("compile", compile),
        limits: section.table("limits", |section| {
            limits::read(section, &Limits::default(), &limits::BOUNDLESS)
        }),
        ceilings: BTreeMap::new(),
        backlog: backlog::read(section, Backlog::default()),
        grants: Granted::to_all(
            &section.table("grants", |grants| grants::read(grants, None, around)),
        ),
    }
}

/// `[plugins.compile]`
fn compile(section: &Section<'_>) -> Compile {
    let defaults = CompileLimits::default();
    let limits = CompileLimits {
        memory_max: section
            .get("memory_max")
            .map_or(defaults.memory_max, |Size(bytes)| bytes),
        cpu_max: section.get("cpu_max").unwrap_or(defaults.cpu_max),
        wall_max: section.get("wall_max").unwrap_or(defaults.wall_max),
    };
    Compile {
        limits,
        concurrency: section.get("concurrency").map_or(2, NonZeroUsize::get),
    }
}

/// `[dispatch]`, and `[delivery]`, which has the same bounds.
pub fn dispatch(section: &Section<'_>) -> Dispatch {
    let concurrency_max = section.get("concurrency_max").map_or(64, NonZeroUsize::get);
    let of_tenant = section.get("tenant_concurrency_max").map(NonZeroUsize::get);
    Dispatch {
        concurrency_max,
        tenant_concurrency_max: of_tenant.unwrap_or_else(|| (concurrency_max * 3).div_ceil(4)),
        lease: section.get("lease").unwrap_or(Duration::from_secs(60)),
    }
}

/// `[egress]`
pub fn egress(section: &Section<'_>, around: &Surroundings<'_>) -> Egress {
    let defaults = hookyard_egress::Config::default();
    let count = |key, default| section.get(key).map_or(default, NonZeroUsize::get);
    let time = |key, default| section.get::<Duration>(key).unwrap_or(default);
    let door = hookyard_egress::Config {
        roots: roots(section, around),
        connections_max: count("connections_max", defaults.connections_max),
        host_concurrency_max: count("host_concurrency_max", defaults.host_concurrency_max),
        connect_timeout: time("connect_timeout", defaults.connect_timeout),
        header_max: section
            .get("header_max")
            .and_then(bytes)
            .unwrap_or(defaults.header_max),
        idle_timeout: time("idle_timeout", defaults.idle_timeout),
    };
    Egress {
        door,
        addresses: addresses(section),
    }
}

/// `roots`: the PEM files of certificates to trust.
pub fn roots(section: &Section<'_>, around: &Surroundings<'_>) -> Vec<Vec<u8>> {
    let root = |entry: &Entry<'_>| {
        let path = around.resolve(&entry.get::<PathBuf>()?);
        around
            .bytes(&path)
            .map_err(|error| entry.fault(format_args!("{} can't be read: {error}", path.display())))
            .ok()
    };
    section
        .entry("roots")
        .map(|entry| entry.items().iter().filter_map(root).collect())
        .unwrap_or_default()
}

/// `addresses`: the ranges that may be reached besides public addresses.
pub fn addresses(section: &Section<'_>) -> Addresses {
    let range = |entry: &Entry<'_>| {
        entry
            .get::<String>()?
            .parse()
            .map_err(|error| entry.fault(error))
            .ok()
    };
    let items = section
        .entry("addresses")
        .map(|entry| entry.items())
        .unwrap_or_default();
    Addresses {
        granted: items.iter().filter_map(range).collect(),
    }
}

/// A size that has to fit into memory.
pub fn bytes(Size(bytes): Size) -> Option<usize> {
    usize::try_from(bytes).ok()
}
