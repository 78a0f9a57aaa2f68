//! The `[admin]` table: the listener for administrators.

use hookyard_schemes::check_secret;
use hookyard_schemes::{Secret, SecretUse};

use crate::document::{Entry, Section};
use crate::references::Resolver;
use crate::settings::Admin;

/// Reads the table.
pub fn read(section: &Section<'_>, resolver: &Resolver<'_>) -> Admin {
    let default = Admin::default();
    let listen = section.get_or("listen", default.listen);

    let token = section.entry("token");
    if token.is_none() && !listen.ip().is_loopback() {
        section.missing(
            "token",
            format_args!("other machines can reach {listen}; set a token, or listen on 127.0.0.1"),
        );
    }
    let token = token
        .and_then(|entry| resolver.secret(&entry, &|token| check_secret(token, SecretUse::Bearer)))
        .map(Secret::new);

    let hosts = section.entry("hosts").map_or(default.hosts, |entry| {
        entry.items().iter().filter_map(host_name).collect()
    });
    Admin {
        listen,
        token,
        hosts,
    }
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
