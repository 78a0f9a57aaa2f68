//! The guest's capabilities other than effects: its log and its configuration values. Requests are
//! tested with the real binary.

use crate::guests::{Guest, ORDERS};
use crate::support::*;
use hookyard_dispatch::AttemptResult;
use hookyard_dispatch::Runner as _;
use hookyard_model::Outcome;
use hookyard_plugin::{Authority, HostGrant};
use hookyard_plugin::{
    Catalog, CompilerMode, Config, Engine, Grants, InstanceReuse, Limits, LoadRequest,
};
use hookyard_store::ClaimedJob;
use http::HeaderMap;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A credential of the plugin, which the host does not give to the guest.
const SECRET: &str = "very-secret-token";

/// Returns a guest that writes to the log with `wasi:logging`: `(call $log level context length
/// text length)`.
pub(crate) fn logger(version: &str, handle: &str) -> Vec<u8> {
    let imports = format!(
        r#"(import "wasi:logging/logging{version}" (instance $logging
             (type $level' (enum "trace" "debug" "info" "warn" "error" "critical"))
             (export "level" (type $level (eq $level')))
             (export "log" (func (param "level" $level) (param "context" string) (param "message" string)))))
           (core func $log (canon lower (func $logging "log") (memory (core memory $libc "memory"))))"#
    );
    Guest {
        imports: &imports,
        host: [
            r#"(import "log" "log" (func $log (param i32 i32 i32 i32 i32)))"#,
            r#"(with "log" (instance (export "log" (func $log))))"#,
        ],
        core: r#"(data (i32.const 16) "orders") (data (i32.const 32) "it is\nlate: very-secret-token")"#,
        handle,
        ..ORDERS
    }
    .build()
}

/// Returns a guest that reads the configuration value `seen` and rejects with its text. The guest
/// traps if there is no such value.
fn asker(version: &str) -> Vec<u8> {
    let imports = format!(
        r#"(import "wasi:config/store@{version}" (instance $config
             (type $error' (variant (case "upstream" string) (case "io" string)))
             (export "error" (type $error (eq $error')))
             (export "get" (func (param "key" string) (result (result (option string) (error $error)))))
             (export "get-all" (func (result (result (list (tuple string string)) (error $error)))))))
           (core func $get (canon lower (func $config "get")
             (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))"#
    );
    Guest {
        imports: &imports,
        host: [
            r#"(import "config" "get" (func $get (param i32 i32 i32)))"#,
            r#"(with "config" (instance (export "get" (func $get))))"#,
        ],
        core: r#"(data (i32.const 16) "seen")"#,
        handle: "(call $get (i32.const 16) (i32.const 4) (i32.const 512))
            (if (i32.or (i32.load8_u (i32.const 512)) (i32.eqz (i32.load8_u (i32.const 516)))) (then unreachable))
            (call $reject (i32.load (i32.const 520)) (i32.load (i32.const 524)))",
        ..ORDERS
    }
    .build()
}

async fn attempt(component: &[u8], config: &[(&str, &str)], limits: Limits) -> AttemptResult {
    let mut credentials = HeaderMap::new();
    credentials.insert("authorization", SECRET.parse().expect("a header's value"));
    let host = Authority {
        host: "api.example.com".into(),
        port: 443,
    };
    let http = [(
        host,
        HostGrant {
            credentials,
            ..HostGrant::default()
        },
    )]
    .into();
    let config: BTreeMap<_, _> = config
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
    let request = LoadRequest {
        plugin: plugin(),
        bytes: component,
        contracts: contracts(),
        limits,
        grants: Arc::new(Grants { http, ..grants() }),
        config: Arc::new(config),
        record_bytes_max: 0,
        reuse: InstanceReuse::default(),
    };
    let catalog = Catalog::new(services());
    catalog.activate(Arc::new(
        engine()
            .load(request)
            .unwrap_or_else(|error| panic!("{error}")),
    ));
    let paid = job(Some("order:paid"), r#"{"id":"order-1","amount":1}"#);
    catalog.run(&paid).await.expect("the plugin is active")
}

fn logged_lines(ran: &AttemptResult) -> Vec<(bool, &str)> {
    ran.log
        .iter()
        .map(|line| (line.is_error, line.text.as_str()))
        .collect()
}

#[tokio::test]
async fn log_lines_have_level_and_context() {
    let handle =
        "(call $log (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 32) (i32.const 5))
        (call $log (i32.const 3) (i32.const 16) (i32.const 6) (i32.const 32) (i32.const 10))
        (call $log (i32.const 5) (i32.const 16) (i32.const 6) (i32.const 32) (i32.const 29))
        (call $ok)";
    for version in ["", "@0.1.0-draft"] {
        let ran = attempt(&logger(version, handle), &[], Limits::default()).await;
        let expected = [
            (false, "it is"),
            (false, "warn: orders: it is late"),
            (true, "critical: orders: it is late: [redacted]"),
        ];
        assert_eq!(
            (&ran.outcome, logged_lines(&ran)),
            (&Outcome::Done, expected.to_vec()),
            "{version}"
        );
    }
}

#[tokio::test]
async fn logging_shares_the_limits_of_standard_output() {
    let five = "(call $log (i32.const 2) (i32.const 0) (i32.const 0) (i32.const 32) (i32.const 29))"
        .repeat(5) + "(call $ok)";
    let limits = Limits {
        log_lines_max: 2,
        log_line_max: 14,
        ..Limits::default()
    };
    let cut = attempt(&logger("", &five), &[], limits).await;
    // The line is cut within the credential, which is redacted nevertheless.
    let line = (false, "it is late: [r…");
    assert_eq!(
        logged_lines(&cut),
        [line, line, (true, "(3 more lines were not kept)")]
    );
    let limits = Limits {
        host_bytes_max: 100,
        ..Limits::default()
    };
    let ended = attempt(&logger("", &five), &[], limits).await;
    assert_eq!(
        ended.outcome,
        Outcome::Exceeded {
            limit: hookyard_model::Limit::HostBytes,
            max: 100
        }
    );
}

#[tokio::test]
async fn configuration_is_readable_in_every_version() {
    for version in ["0.2.0-draft", "0.2.0-rc.1"] {
        let present = attempt(
            &asker(version),
            &[("other", "x"), ("seen", "DE,AT")],
            Limits::default(),
        )
        .await;
        assert_eq!(present.outcome, rejected("DE,AT"));
        let absent = attempt(&asker(version), &[("other", "x")], Limits::default()).await;
        assert!(
            matches!(absent.outcome, Outcome::Trapped { .. }),
            "{:?}",
            absent.outcome
        );
    }
}

#[tokio::test]
async fn replayed_revision_uses_current_settings() {
    let cache = tempfile::tempdir().expect("a folder");
    let config = Config {
        cache_folder: Some(cache.path().to_owned()),
        ..Config::new(Arc::new(FixedClock), CompilerMode::InProcess)
    };
    let (engine, catalog) = (
        Engine::new(config).expect("an engine"),
        Catalog::new(services()),
    );
    let activate = |bytes: &[u8], setting: &str, grants: Grants| {
        let config = Arc::new([("seen".to_owned(), setting.to_owned())].into());
        let (grants, limits) = (Arc::new(grants), Limits::default());
        let request = LoadRequest {
            plugin: plugin(),
            bytes,
            contracts: contracts(),
            limits,
            grants,
            config,
            record_bytes_max: 0,
            reuse: InstanceReuse::default(),
        };
        let loaded = Arc::new(
            engine
                .load(request)
                .unwrap_or_else(|error| panic!("{error}")),
        );
        catalog.activate(Arc::clone(&loaded));
        loaded.revision()
    };
    let earlier = activate(&asker("0.2.0-draft"), "then", grants());
    activate(&asker("0.2.0-rc.1"), "now", grants());
    let replay = ClaimedJob {
        revision: Some(earlier),
        ..job(Some("order:paid"), r#"{"id":"order-1","amount":1}"#)
    };
    // The first run uses compiled code from the cache, the second run the loaded revision.
    for _ in 0..2 {
        assert_eq!(
            catalog
                .run(&replay)
                .await
                .expect("the plugin is active")
                .outcome,
            rejected("now")
        );
    }
    activate(
        &ORDERS.build(),
        "",
        Grants {
            config: false,
            ..grants()
        },
    );
    let outcome = catalog
        .run(&replay)
        .await
        .expect("the plugin is active")
        .outcome;
    assert!(
        matches!(outcome, Outcome::Rejected { reason } if reason.contains("is no longer kept"))
    );
}

#[tokio::test]
async fn reason_contains_no_credential() {
    let ran = attempt(
        &asker("0.2.0-draft"),
        &[("seen", "it was very-secret-token")],
        Limits::default(),
    )
    .await;
    assert_eq!(ran.outcome, rejected("it was [redacted]"));
}
