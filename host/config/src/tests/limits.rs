//! The limits of tenants, and the listener for administrators.

use std::time::Duration;

use hookyard_plugin::Limits;

use super::support::{Folder, SECRET, check};
use crate::limits::UNLIMITED;

#[test]
fn tenant_limits_are_read() {
    let settings = Folder::new().settings(
        "[plugins.limits]\ncpu_max = \"2s\"\ninstances_max = 7\n\
         [tenants.acme.limits]\nmemory_max = \"16MiB\"\nhttp_requests_max = 3\ntransfer_max = \"1MiB\"",
    );
    let host = Limits {
        cpu_max: Duration::from_secs(2),
        instances_max: 7,
        ..Limits::default()
    };
    assert_eq!(settings.plugins.limits, host);
    let acme = Limits {
        memory_max: 16 << 20,
        http_requests_max: 3,
        transfer_max: 1 << 20,
        ..UNLIMITED
    };
    assert_eq!(
        settings.plugins.tenant_limits,
        [("acme".parse().expect("a name"), acme)].into()
    );
    assert_eq!(
        Folder::new()
            .settings("[tenants.acme]")
            .plugins
            .tenant_limits,
        [].into(),
        "no limits without a table"
    );
    check(
        "[tenants.acme.limits]\ncpu = \"1s\"",
        "hookyard.toml:2: tenants.acme.limits.cpu: unknown key; did you mean `cpu_max`?",
    );
}

#[test]
fn public_admin_listener_requires_a_token() {
    check(
        "[admin]\nlisten = \"0.0.0.0:9090\"",
        "hookyard.toml:1: admin: `token` is missing: other machines can reach 0.0.0.0:9090; set a \
         token, or listen on 127.0.0.1",
    );
    let admin = |text: &str| Folder::new().settings(text).admin;
    assert!(admin("[admin]\nlisten = \"[::1]:9090\"").token.is_none());
    let guarded = admin("[admin]\nlisten = \"0.0.0.0:9090\"\ntoken = { env = \"SECRET\" }");
    assert!(guarded.token.expect("a token").matches(SECRET.as_bytes()));
}
