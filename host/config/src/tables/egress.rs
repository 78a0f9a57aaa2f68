//! The `[egress]` table: how the host sends requests.

use std::path::PathBuf;

use hookyard_egress::Addresses;

use crate::document::{Entry, Section};
use crate::references::Resolver;
use crate::settings::Egress;

/// Reads the table.
pub fn read(section: &Section<'_>, resolver: &Resolver<'_>) -> Egress {
    let default = hookyard_egress::Config::default();
    let door = hookyard_egress::Config {
        roots: roots(section, resolver),
        connections_max: section.positive_or("connections_max", default.connections_max),
        host_concurrency_max: section
            .positive_or("host_concurrency_max", default.host_concurrency_max),
        connect_timeout: section.get_or("connect_timeout", default.connect_timeout),
        header_max: section.size_or("header_max", default.header_max),
        idle_timeout: section.get_or("idle_timeout", default.idle_timeout),
    };
    Egress {
        door,
        addresses: addresses(section),
    }
}

/// Reads `roots`: the PEM files of trusted certificates.
pub fn roots(section: &Section<'_>, resolver: &Resolver<'_>) -> Vec<Vec<u8>> {
    let Some(entry) = section.entry("roots") else {
        return Vec::new();
    };
    let root = |item: &Entry<'_>| {
        let path = item.get::<PathBuf>()?;
        resolver.file(item, &path)
    };
    entry.items().iter().filter_map(root).collect()
}

/// Reads `addresses`: the private addresses that may be reached.
pub fn addresses(section: &Section<'_>) -> Addresses {
    let Some(entry) = section.entry("addresses") else {
        return Addresses::default();
    };
    let range = |item: &Entry<'_>| {
        let range = item.get::<String>()?.parse();
        range.map_err(|error| item.fault(error)).ok()
    };
    Addresses {
        granted: entry.items().iter().filter_map(range).collect(),
    }
}
