//! The imports of a plugin, compared with the interfaces that the host offers and with the grants.

use crate::guests::{Guest, TYPED};
use crate::support::*;
use hookyard_plugin::{Authority, Fault, HostGrant, RequiredGrant};
use hookyard_plugin::{
    Contract, Contracts, Grants, InstanceReuse, Limits, LoadError, LoadRequest, LoadedPlugin,
};
use hookyard_schemes::OutgoingEvents;
use std::sync::Arc;

fn load(imports: &str, grants: Grants) -> Result<LoadedPlugin, LoadError> {
    engine().load(LoadRequest {
        plugin: plugin(),
        bytes: &Guest { imports, ..TYPED }.build(),
        contracts: contracts(),
        limits: Limits::default(),
        grants: Arc::new(grants),
        config: Arc::default(),
        record_bytes_max: 0,
        reuse: InstanceReuse::default(),
    })
}

fn fault(imports: &str, grants: Grants) -> Fault {
    load(imports, grants)
        .expect_err("the import is refused")
        .fault
}

fn instance(name: &str, function: &str) -> String {
    format!("(import \"{name}\" (instance (export \"{function}\" (func))))")
}

#[test]
fn ungrantable_import_is_refused_with_advice() {
    for (import, expected) in [
        (
            instance("wasi:cli/environment@0.3.0", "get-environment"),
            "is built for WASI 0.3 (it imports wasi:cli/environment@0.3.0), and this host runs WASI 0.2; build it \
             again as a component for WASI 0.2, without async (for Rust: --target wasm32-wasip2)",
        ),
        (
            instance("wasi:keyvalue/store@0.2.0-rc1", "open"),
            "imports wasi:keyvalue/store@0.2.0-rc1, which this host offers only in other versions: 0.2.0-draft, \
             0.2.0-draft2; rebuild it for one of these",
        ),
        (
            instance("wasi:logging/logging@1.0.0", "log"),
            "imports wasi:logging/logging@1.0.0, which this host offers only in other versions: without a version, \
             0.1.0-draft; rebuild it for one of these",
        ),
        (
            instance("wasi:io/poll@0.2.0-rc-2023-11-10", "poll"),
            "imports wasi:io/poll@0.2.0-rc-2023-11-10, which this host offers only in other versions: 0.2.x (to 0.2.12); \
             rebuild it for one of these",
        ),
        (
            instance("hookyard:plugin/outbox@0.2.0", "send"),
            "imports hookyard:plugin/outbox@0.2.0, which this host offers only in other versions: 0.1.x (to 0.1.0); \
             rebuild it for one of these",
        ),
        (
            instance("wasi:keyvalue/watcher@0.2.0-draft", "on-set"),
            "imports wasi:keyvalue/watcher@0.2.0-draft, which is never granted; this host offers only \
             wasi:keyvalue/store, wasi:keyvalue/atomics, wasi:keyvalue/batch of this package; rebuild the component \
             without the import",
        ),
        (
            instance("wasi:http/incoming-handler@0.2.3", "handle"),
            "imports wasi:http/incoming-handler@0.2.3, which is never granted; this host offers only \
             wasi:http/types, wasi:http/outgoing-handler of this package; rebuild the component without the import",
        ),
        (
            instance("wasi:nn/graph@0.2.0", "load"),
            "imports wasi:nn/graph@0.2.0, which is never granted; this host does not offer that part of WASI; \
             rebuild the component without the import",
        ),
        (
            instance("acme:db/query@1.0.0", "run"),
            "imports acme:db/query@1.0.0, which is never granted; see `hookyard wit` for what plugins may import, \
             and rebuild the component without the import",
        ),
        (
            r#"(import "log" (func))"#.to_owned(),
            "imports log, which is never granted; see `hookyard wit` for what plugins may import, and rebuild the \
             component without the import",
        ),
    ] {
        assert_eq!(fault(&import, grants()).to_string(), expected, "{import}");
    }
}

#[test]
fn wasi_0_3_component_is_refused_before_compilation() {
    let text = r#"(component
        (import "wasi:clocks/monotonic-clock@0.3.0" (instance (export "wait-for" (func async (param "how-long" u64)))))
        (core module $m (func (export "f")) ))"#;
    let bytes = wat::parse_str(text).expect("a well-formed text");
    let error = load_with(&engine(), &bytes, Limits::default())
        .expect_err("the import is refused")
        .to_string();
    assert_eq!(
        error,
        "plugin acme/orders is built for WASI 0.3 (it imports wasi:clocks/monotonic-clock@0.3.0), and this host runs WASI \
         0.2; build it again as a component for WASI 0.2, without async (for Rust: --target wasm32-wasip2)"
    );
}

#[test]
fn harmless_imports_need_no_grant() {
    let offered = r#"(import "wasi:random/random@0.2.0" (instance (export "get-random-u64" (func (result u64)))))
        (import "wasi:sockets/network@0.2.3" (instance (export "network" (type (sub resource)))))
        (import "wasi:http/types@0.2.3" (instance (export "fields" (type (sub resource)))))
        (import "acme:shared/types" (instance (type $t (record (field "a" u8))) (export "t" (type (eq $t)))))"#;
    load(offered, Grants::default()).expect("the imports need no grant");
    let other_form = r#"(import "wasi:random/random@0.2.0" (instance (export "get-random-u64" (func (result u32)))))"#;
    let refusal = fault(other_form, grants()).to_string();
    assert!(
        refusal.contains("wasi:random/random@0.2.0")
            && refusal.ends_with("build it against WASI 0.2.0 to 0.2.12"),
        "{refusal}"
    );
}

#[test]
fn refusal_lists_all_missing_grants() {
    let http = instance("wasi:http/outgoing-handler@0.2.4", "handle");
    let keyvalue = instance("wasi:keyvalue/store@0.2.0-draft", "open");
    let others = [
        instance("wasi:logging/logging", "log"),
        instance("wasi:config/store@0.2.0-rc.1", "get"),
        instance("hookyard:plugin/outbox@0.1.0", "send"),
    ]
    .concat();
    for (imports, expected, expected_needs) in [
        (
            &http,
            "imports wasi:http/outgoing-handler@0.2.4, which it is not granted",
            vec![RequiredGrant::Http],
        ),
        (
            &keyvalue,
            "imports wasi:keyvalue/store@0.2.0-draft, which it is not granted",
            vec![RequiredGrant::Keyvalue],
        ),
        (
            &format!("{http}{others}{keyvalue}"),
            "imports wasi:http/outgoing-handler@0.2.4, wasi:logging/logging, wasi:config/store@0.2.0-rc.1, \
             hookyard:plugin/outbox@0.1.0, wasi:keyvalue/store@0.2.0-draft, which it is not granted",
            vec![
                RequiredGrant::Http,
                RequiredGrant::Logging,
                RequiredGrant::Config,
                RequiredGrant::Destination,
                RequiredGrant::Keyvalue,
            ],
        ),
    ] {
        let fault = fault(imports, Grants::default());
        assert_eq!(fault.to_string(), expected);
        let Fault::Ungranted { missing, .. } = fault else {
            panic!("{fault}")
        };
        assert_eq!(
            missing
                .into_iter()
                .map(|missing| missing.grant)
                .collect::<Vec<_>>(),
            expected_needs
        );
    }
}

#[test]
fn offered_package_versions_are_served_together() {
    let offering = |versions: &[&str]| {
        let versions = versions
            .iter()
            .map(|version| (*version).to_owned())
            .collect();
        let cases = [("order:paid".into(), "paid".into())].into();
        let (provider, package, content) = (
            "topper".to_owned(),
            "topper:webhooks".to_owned(),
            String::new(),
        );
        Contracts::new([Contract {
            provider,
            package,
            versions,
            content,
            cases,
            outgoing: OutgoingEvents::default(),
        }])
    };
    let load = |export: &str, contracts: Contracts| {
        let loaded = engine().load(LoadRequest {
            plugin: plugin(),
            bytes: &Guest { export, ..TYPED }.build(),
            contracts,
            limits: Limits::default(),
            grants: Arc::new(grants()),
            config: Arc::default(),
            record_bytes_max: 0,
            reuse: InstanceReuse::default(),
        });
        loaded
            .map(|loaded| loaded.handlers()[0].to_string())
            .map_err(|error| error.to_string())
    };
    for export in [
        "topper:webhooks/handler@1.0.0",
        "topper:webhooks/handler@1.7.0",
        "topper:webhooks/handler@0.9.3",
    ] {
        for offered in [&[][..], &["0.9", "1"], &["2", "1", "0.9"]] {
            assert_eq!(
                load(export, offering(offered)),
                Ok(export.to_owned()),
                "{offered:?}"
            );
        }
    }
    let refused = |export: &str| {
        format!(
            "plugin acme/orders exports {export}, which cannot be called: this host offers topper:webhooks in the \
             versions 0.9, 1; build the plugin against one of them, or update the provider"
        )
    };
    for export in [
        "topper:webhooks/handler@2.0.0",
        "topper:webhooks/handler@0.8.0",
        "topper:webhooks/handler@1.0.0-rc1",
    ] {
        assert_eq!(load(export, offering(&["0.9", "1"])), Err(refused(export)));
    }
}

#[test]
fn grant_admits_only_its_own_interface() {
    let granted = |name: &str| Grants {
        keyvalue: name == "keyvalue",
        logging: name == "logging",
        config: name == "config",
        destinations: if name == "outbox" {
            [("partner".parse().expect("a name"), None)].into()
        } else {
            [].into()
        },
        http: match name {
            "http" => [(
                Authority {
                    host: "api.example.com".into(),
                    port: 443,
                },
                HostGrant::default(),
            )]
            .into(),
            _ => [].into(),
        },
    };
    let all = [
        ("keyvalue", "wasi:keyvalue/store@0.2.0-draft2", "open"),
        ("logging", "wasi:logging/logging@0.1.0-draft", "log"),
        ("config", "wasi:config/store@0.2.0-draft", "get"),
        ("outbox", "hookyard:plugin/outbox@0.1.0", "send"),
        ("http", "wasi:http/outgoing-handler@0.2.0", "handle"),
    ];
    for (name, interface, function) in all {
        for (other, ..) in all {
            let fault = fault(&instance(interface, function), granted(other));
            // The function has another type than the host's, which is the last check.
            assert_eq!(
                matches!(fault, Fault::Mismatch { .. }),
                name == other,
                "{interface} with {other}: {fault}"
            );
            assert_eq!(
                matches!(fault, Fault::Ungranted { .. }),
                name != other,
                "{interface} with {other}: {fault}"
            );
        }
    }
}
