//! The `[egress]` table.

use std::time::Duration;

use super::support::{Folder, check};

#[test]
fn egress_settings_are_read() {
    let folder = Folder::new();
    folder.write("ca.pem", "certificates");
    let settings = folder.settings(
        "[egress]\nroots = [\"ca.pem\"]\nconnections_max = 9\nhost_concurrency_max = 3\nconnect_timeout = \"2s\"\n\
         header_max = \"8KiB\"\nidle_timeout = \"10s\"\naddresses = [\"10.0.0.0/8\", \"::1\"]",
    );
    let hookyard_egress::Config {
        roots,
        connections_max,
        host_concurrency_max,
        connect_timeout,
        header_max,
        idle_timeout,
    } = settings.egress.door;
    assert_eq!(roots, [b"certificates"]);
    assert_eq!(
        (connections_max, host_concurrency_max, header_max),
        (9, 3, 8 << 10)
    );
    assert_eq!(
        (connect_timeout, idle_timeout),
        (Duration::from_secs(2), Duration::from_secs(10))
    );
    let granted: Vec<_> = settings
        .egress
        .addresses
        .granted
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(granted, ["10.0.0.0/8", "::1/128"]);
    assert!(
        Folder::new()
            .settings("")
            .egress
            .addresses
            .granted
            .is_empty(),
        "no private addresses by default"
    );
}

#[test]
fn invalid_addresses_and_roots_are_refused() {
    let at = |key: &str, what: &str| format!("hookyard.toml:2: egress.{key}: {what}");
    let check = |line: &str, expected: &str| check(&format!("[egress]\n{line}"), expected);
    check(
        "addresses = [\"localhost\"]",
        &at(
            "addresses[0]",
            "must be a range of addresses such as \"10.0.0.0/8\", \"fd12:3456::/32\" or \"127.0.0.1\"",
        ),
    );
    check(
        "addresses = [\"10.1.2.3/8\"]",
        &at(
            "addresses[0]",
            "has host bits set; write \"10.0.0.0/8\", or a single address without a prefix length",
        ),
    );
    let missing = Folder::new().faults("[egress]\nroots = [\"none.pem\"]");
    assert!(
        missing.len() == 1 && missing[0].contains("egress.roots[0]: none.pem cannot be read"),
        "{missing:?}"
    );
}
