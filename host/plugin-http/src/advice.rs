//! Says why a request is refused, and which lines of the plugin's settings would allow it.

use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hookyard_egress::{Addresses, Denial, Host, Scheme, Target, check_address};
use hookyard_model::chain;
use hookyard_plugin::{HttpCall, HttpError, HttpFault};
use http::Method;

use crate::grant;

/// Returns the error for a refused request.
///
/// The message names the host and the method but never the path, because a path may contain secrets
/// and the message goes to the attempt's log.
pub(crate) fn refusal(denied: &Denial, call: &HttpCall) -> HttpError {
    let way_out = way_out(denied, call).unwrap_or_default();
    HttpError {
        fault: HttpFault::Denied,
        message: format!("{}{way_out}", chain(denied)),
    }
}

/// Returns what the operator can change so that the request is allowed, or `None` if no grant would
/// allow it.
fn way_out(denied: &Denial, call: &HttpCall) -> Option<String> {
    let method = call.request.method();
    match denied {
        Denial::Url(_) | Denial::AmbiguousPath(_) => None,
        Denial::Host(target) => Some(format!(
            "; add to {}.toml:\n{}",
            call.plugin,
            table(target, method)
        )),
        Denial::Method { target, .. } => {
            let granted = grant::of_host(call, target).map_or(&[][..], |grant| &grant.methods);
            Some(format!(
                "; say in {}:\nmethods = {}",
                table_name(target),
                list(granted.iter().chain([method]))
            ))
        }
        Denial::Path(target) => Some(format!("; add it to `paths` in {}", table_name(target))),
    }
}

/// Returns the whole grant that a request needs, so that the next refusal does not ask for another
/// line of it.
fn table(target: &Target, method: &Method) -> String {
    let mut lines = vec![table_name(target), format!("methods = {}", list([method]))];
    if target.scheme == Scheme::Http {
        lines.push("scheme = \"http\"".to_owned());
    }

    let addresses = private_addresses(&target.host);
    if !addresses.is_empty() {
        lines.push(format!("addresses = {}", list(&addresses)));
    }
    lines.join("\n")
}

/// Returns the addresses of a host that are not public, if the host's name alone tells them.
///
/// The name is not resolved: a request that is not granted must not cause any traffic.
fn private_addresses(host: &Host) -> Vec<IpAddr> {
    let mut addresses = match host {
        Host::Address(address) => vec![*address],
        Host::Name(name) if name == "localhost" => {
            vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
        }
        Host::Name(_) => Vec::new(),
    };
    addresses.retain(|address| check_address(*address, &Addresses::default()).is_err());
    addresses
}

/// Returns a TOML array of strings.
fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<_> = items
        .into_iter()
        .map(|item| format!("\"{item}\""))
        .collect();
    format!("[{}]", items.join(", "))
}

/// Returns the name of the TOML table that grants a host.
fn table_name(target: &Target) -> String {
    if target.port == Scheme::Https.port() {
        format!("[grants.http.\"{}\"]", target.host)
    } else {
        format!("[grants.http.\"{}:{}\"]", target.host, target.port)
    }
}

#[cfg(test)]
mod tests {
    use hookyard_plugin::HostGrant;

    use super::*;
    use crate::support::call;

    fn message(grants: &[(&str, u16, HostGrant)], method: &str, url: &str) -> String {
        let error = crate::check(&call(grants, method, url)).expect_err("the request is refused");
        assert_eq!(error.fault, HttpFault::Denied);
        error.message
    }

    #[test]
    fn unknown_host_gets_whole_grant() {
        assert_eq!(
            message(&[], "GET", "https://api.example.com/v1?token=secret"),
            "https://api.example.com is not granted; add to acme/orders.toml:\n\
             [grants.http.\"api.example.com\"]\n\
             methods = [\"GET\"]"
        );
        assert_eq!(
            message(&[], "POST", "http://localhost:8080/"),
            "http://localhost:8080 is not granted; add to acme/orders.toml:\n\
             [grants.http.\"localhost:8080\"]\n\
             methods = [\"POST\"]\n\
             scheme = \"http\"\n\
             addresses = [\"127.0.0.1\", \"::1\"]"
        );
    }

    #[test]
    fn missing_method_is_added_to_granted_methods() {
        let grant = HostGrant {
            methods: vec![Method::GET],
            ..HostGrant::default()
        };
        assert_eq!(
            message(
                &[("api.example.com", 443, grant)],
                "POST",
                "https://api.example.com/"
            ),
            "the method POST is not granted for https://api.example.com; \
             say in [grants.http.\"api.example.com\"]:\n\
             methods = [\"GET\", \"POST\"]"
        );
    }

    #[test]
    fn refusal_never_names_path() {
        let grant = HostGrant {
            paths: vec!["/v1".into()],
            ..HostGrant::default()
        };
        let grants = [("api.example.com", 443, grant)];
        for url in [
            "https://api.example.com/secret",
            "https://api.example.com/v1/../secret",
        ] {
            let message = message(&grants, "GET", url);
            assert!(!message.contains("secret"), "{message}");
        }
    }

    #[test]
    fn unreadable_url_gets_no_advice() {
        let message = message(&[], "GET", "https://user@api.example.com/");
        assert!(!message.contains("grants."), "{message}");
    }
}
