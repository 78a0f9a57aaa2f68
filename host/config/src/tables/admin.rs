//! The `[admin]` table: the listener for administrators.

use std::collections::BTreeMap;

use hookyard_model::{Role, TenantName};
use hookyard_schemes::check_secret;
use hookyard_schemes::{Secret, SecretUse};
use hookyard_store::Tenants;

use crate::document::{Entry, Section};
use crate::references::Resolver;
use crate::settings::{Admin, AdminToken};

/// Reads the table.
pub fn read(section: &Section<'_>, resolver: &Resolver<'_>) -> Admin {
    let default = Admin::default();
    let listen = section.get_or("listen", default.listen);

    let token = section.entry("token");
    let tokens = section.table("tokens", |section| tokens(section, resolver));
    if token.is_none() && tokens.is_empty() && !listen.ip().is_loopback() {
        section.missing(
            "token",
            format_args!("other machines can reach {listen}; set a token, or listen on 127.0.0.1"),
        );
    }
    let token = token.and_then(|entry| secret(&entry, resolver));

    let hosts = section.entry("hosts").map_or(default.hosts, |entry| {
        entry.items().iter().filter_map(host_name).collect()
    });
    Admin {
        listen,
        token,
        tokens,
        read_only: section.get_or("read_only", default.read_only),
        hosts,
    }
}

fn secret(entry: &Entry<'_>, resolver: &Resolver<'_>) -> Option<Secret> {
    let token = resolver.secret(entry, &|token| check_secret(token, SecretUse::Bearer));
    token.map(Secret::new)
}

/// Reads `[admin.tokens]`, which has a table for each token.
fn tokens(section: &Section<'_>, resolver: &Resolver<'_>) -> BTreeMap<String, AdminToken> {
    let mut tokens = BTreeMap::new();
    section.each(|name, entry| {
        let read = entry.table(|section| token(section, resolver));
        tokens.extend(read.map(|token| (name.to_owned(), token)));
    });
    tokens
}

fn token(section: &Section<'_>, resolver: &Resolver<'_>) -> Option<AdminToken> {
    let token = section.entry("token");
    if token.is_none() {
        section.missing("token", "requests prove their right by it");
    }
    let role = section.require::<String>("role", "it says what the token allows");
    let role = role.and_then(|name| {
        let role = Role::from_name(&name);
        if role.is_none() {
            let names = Role::ALL.map(Role::name).join(", ");
            section.fault(format_args!("`role` must be one of {names}"));
        }
        role
    });
    let tenants = section.entry("tenants").map_or(Tenants::All, |entry| {
        let tenants = entry
            .items()
            .into_iter()
            .filter_map(|item| item.get::<TenantName>());
        Tenants::Only(tenants.collect())
    });
    let payloads = section.get_or("payloads", false);

    Some(AdminToken {
        token: secret(&token?, resolver)?,
        role: role?,
        tenants,
        payloads,
    })
}

/// Reads a host name without a port.
fn host_name(entry: &Entry<'_>) -> Option<String> {
    let name = entry.get::<String>()?;
    let authority = name.parse::<http::uri::Authority>();
    if authority.is_ok_and(|authority| authority.host() == name) {
        return Some(name);
    }

    entry.fault("must be a host name without scheme, port or path");
    None
}
