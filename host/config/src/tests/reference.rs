//! The reference configuration against the settings and the readers.
//!
//! Together, these tests keep three things equal: the keys in `default.toml`, the keys that the
//! readers know, and the names of the fields that the keys fill.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::Path;

use super::support::{Folder, source};
use crate::DEFAULT;
use crate::grants::{GrantRules, GrantSettings};
use crate::limits::UNLIMITED;
use crate::plugin_file::{PluginDefaults, PluginSettings};
use crate::settings::{Backlog, Rehearsal};
use crate::tenant::{SCHEME_KEYS, SIGNING_KEYS};

type Names = BTreeSet<String>;

/// Keys by table, including the optional keys in comments.
struct Reference {
    by_table: BTreeMap<String, Names>,
    /// The reference with all optional keys uncommented.
    text: String,
}

impl Reference {
    /// Parses the keys of `hookyard.toml`.
    fn of_host() -> Self {
        Self::parse(
            DEFAULT
                .lines()
                .map(|line| line.strip_prefix("# ").unwrap_or(line)),
        )
    }

    /// Parses the keys of a plugin's settings file, which are in the comment on `[plugins]`.
    fn of_plugin() -> Self {
        Self::parse(
            DEFAULT
                .lines()
                .filter_map(|line| line.strip_prefix("#     ")),
        )
    }

    fn parse<'l>(lines: impl Iterator<Item = &'l str>) -> Self {
        let is_key = |key: &str| {
            key.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        };
        let mut reference = Self {
            by_table: BTreeMap::new(),
            text: String::new(),
        };
        let mut table = String::new();

        for line in lines {
            let key = line.split_once(" = ").map(|(key, _)| key);
            let code = line.split(" #").next().unwrap_or_default().trim_end();
            let header = code
                .strip_prefix('[')
                .and_then(|rest| rest.strip_suffix(']'));

            if let Some(key) = key.filter(|key| is_key(key)) {
                let keys = reference.by_table.entry(table.clone()).or_default();
                keys.insert(key.to_owned());
            } else if let Some(header) = header {
                table = header.to_owned();
                reference.by_table.entry(table.clone()).or_default();
            } else {
                continue;
            }
            reference.text += line;
            reference.text += "\n";
        }
        reference
    }

    /// Returns the keys and subtables of one table.
    fn names(&self, table: &str) -> Names {
        let prefix = match table {
            "" => String::new(),
            table => format!("{table}."),
        };
        let mut names = self.by_table.get(table).cloned().unwrap_or_default();
        for name in self.by_table.keys() {
            let below = name.strip_prefix(&prefix).filter(|below| !below.is_empty());
            let child = below.and_then(|below| below.split('.').next());
            names.extend(child.map(str::to_owned));
        }
        names
    }
}

/// Returns the field names of a struct that derives `Debug`. If a field in `groups` contains a
/// struct, the fields of that struct take the place of the field.
fn fields(value: &dyn Debug, groups: &[&str]) -> Names {
    let text = format!("{value:#?}");
    let lines: Vec<_> = text.lines().collect();
    let mut names = Names::new();
    collect_fields(&lines, groups, &mut names);
    names
}

/// Collects the fields of the struct that begins at the first line. Returns the lines after it.
fn collect_fields<'l>(lines: &'l [&'l str], groups: &[&str], names: &mut Names) -> &'l [&'l str] {
    let depth = |line: &str| line.len() - line.trim_start().len();
    let outer = depth(lines[0]);
    let mut rest = &lines[1..];
    while depth(rest[0]) > outer {
        let name = rest[0].trim_start().split(':').next().unwrap_or_default();
        if groups.contains(&name) && rest[0].ends_with('{') {
            rest = collect_fields(rest, groups, names);
            continue;
        }

        names.insert(name.to_owned());
        let field = depth(rest[0]);
        let has_block = rest[0].ends_with(['{', '(', '[']);
        rest = &rest[1..];
        if has_block {
            let end = rest.iter().position(|line| depth(line) == field);
            rest = &rest[end.expect("the end of the value") + 1..];
        }
    }
    &rest[1..]
}

fn names<const N: usize>(names: [&str; N]) -> Names {
    names.map(str::to_owned).into()
}

#[test]
fn field_names_come_from_debug_output() {
    #[derive(Debug)]
    #[expect(dead_code, reason = "only the `Debug` output is used")]
    struct Outer {
        size: Option<u64>,
        group: Inner,
        list: Vec<Inner>,
        last: bool,
    }
    #[derive(Debug)]
    #[expect(dead_code, reason = "only the `Debug` output is used")]
    struct Inner {
        first: Vec<u8>,
        second: u8,
    }
    let inner = || Inner {
        first: vec![1],
        second: 2,
    };
    let outer = Outer {
        size: Some(1),
        group: inner(),
        list: vec![inner()],
        last: true,
    };
    let plain = names(["size", "group", "list", "last"]);
    assert_eq!(fields(&outer, &[]), plain);
    let grouped = names(["size", "first", "second", "list", "last"]);
    assert_eq!(fields(&outer, &["group"]), grouped);
}

fn without(mut names: Names, others: &[&str]) -> Names {
    names.retain(|name| !others.contains(&name.as_str()));
    names
}

#[test]
fn reference_keys_equal_settings_fields() {
    let reference = Reference::of_host();
    let check = |table: &str, fields: Names| {
        assert_eq!(
            reference.names(table),
            fields,
            "keys and fields of [{table}]"
        );
    };
    let settings = Folder::new().settings("");

    // The tables of tenants are spread over several fields.
    let mut all = without(fields(&settings, &[]), &["sources", "destinations"]);
    all.insert("tenants".to_owned());
    check("", all);
    // `shutdown_timeout` is at the top level, because the key applies to all parts of the host.
    let ingress = fields(&settings.ingress, &["server", "overload", "refused"]);
    check("ingress", without(ingress, &["shutdown_timeout"]));
    check("admin", fields(&settings.admin, &[]));
    check("store", fields(&settings.store, &[]));
    check("traces", fields(&settings.traces, &[]));
    check("dispatch", fields(&settings.dispatch, &[]));
    check("delivery", fields(&settings.delivery, &[]));
    check("egress", fields(&settings.egress, &["door"]));
    check("retry", fields(&settings.retry, &[]));
    check("quarantine", fields(&settings.quarantine, &["policy"]));
    check("rehearsal", fields(&settings.rehearsal, &[]));

    let release = fields(&settings.release, &["policy"]);
    check("release", release);
    let retention = fields(&settings.retention, &["limits", "fallback"]);
    check("retention", without(retention, &["by_tenant"]));

    let plugins = &settings.plugins;
    let groups = ["windows", "backlog"];
    check(
        "plugins",
        without(fields(plugins, &groups), &["tenant_limits"]),
    );
    check(
        "plugins.compile",
        fields(&plugins.compile, &["limits", "cache"]),
    );
    check("plugins.limits", fields(&plugins.limits, &[]));
    check("plugins.grants", fields(&GrantRules::default(), &[]));
}

#[test]
fn reference_keys_equal_plugin_settings_fields() {
    let defaults = PluginDefaults {
        limits: &UNLIMITED,
        limits_max: &UNLIMITED,
        grants: &GrantSettings::default().of_tenant(&"acme".parse().expect("a name")),
        rehearsal: &Rehearsal::default(),
        backlog: Backlog::default(),
    };
    let settings = PluginSettings::read(Path::new("orders.toml"), "", &defaults)
        .result
        .expect("valid settings");
    let fields = fields(&settings, &["backlog"]);
    assert_eq!(Reference::of_plugin().names(""), fields);
}

#[test]
fn reference_keys_equal_source_and_destination_fields() {
    let reference = Reference::of_host();
    let destination = "[tenants.acme.destinations.x]\nurl = \"https://partner.example/\"\n\
                       secrets = [{ env = \"SECRET\" }]\n";
    let source = source("provider = \"topi\"\nscheme = \"unverified\"");
    let settings = Folder::new().settings(&(destination.to_owned() + &source));

    let tables = reference.by_table.iter();
    let sources = tables.filter(|(table, _)| table.starts_with("tenants.acme.sources."));
    let keys: Names = sources.flat_map(|(_, keys)| keys.clone()).collect();
    let source = settings.sources.values().next().expect("a source");
    assert_eq!(
        without(
            without(keys, &SCHEME_KEYS),
            &[
                "scheme",
                "handshake_secret",
                "learning",
                "ack",
                "ack_timeout",
                "responder",
            ]
        ),
        // The keys that are left out above fill these fields.
        without(
            fields(source, &[]),
            &["scheme", "verifier", "allow_http", "handshakes", "wait"]
        )
    );

    let keys = reference.names("tenants.acme.destinations.partner");
    let destination = settings.destinations.values().next();
    let delivery = &destination.expect("a destination").delivery;
    assert_eq!(
        without(without(keys, &SIGNING_KEYS), &["scheme", "provider"]),
        without(fields(&**delivery, &["policy"]), &["signer", "tenant"])
    );
}

#[test]
fn readers_know_every_reference_key() {
    let faults = Folder::new().faults(&Reference::of_host().text);
    let unknown: Vec<_> = faults
        .iter()
        .filter(|fault| fault.contains("unknown"))
        .collect();
    assert_eq!(unknown, [""; 0]);
}

#[test]
fn reference_contains_the_default_values() {
    let folder = Folder::new();
    let (reference, empty) = (folder.settings(DEFAULT), folder.settings(""));
    assert_eq!(format!("{reference:?}"), format!("{empty:?}"));
}

/// The readers of sources and destinations ask for different keys for each scheme.
#[test]
fn reference_documents_every_key() {
    let folder = Folder::new();
    let reference = folder.settings(DEFAULT);
    for kind in hookyard_schemes::SchemeKind::ALL {
        let provider = ["topi", "topper", "topi-saas", "tipser"]
            .into_iter()
            .find(|name| reference.providers[*name].scheme.allowed.contains(&kind));
        let provider = provider.unwrap_or("topi");
        folder.faults(&source(&format!(
            "provider = \"{provider}\"\nscheme = \"{kind}\"\ndelivery = \"raw\""
        )));
        folder.faults(&format!(
            "[tenants.acme.destinations.x]\nscheme = \"{kind}\"\nbreaker = {{}}\n\
             identity = {{}}\nsecrets = [{{}}]"
        ));
    }
    folder.faults("[tenants.acme.grants.http.x]\n[tenants.acme.limits]\n[tenants.acme.retention]");

    let asked = crate::document::asked::of("hookyard.toml");
    assert!(asked.len() > 45, "the keys are recorded: {asked:?}");
    let is_table = |key: &str| {
        let headers = [format!("{key}]"), format!("[{key}."), format!(".{key}.")];
        headers.iter().any(|header| DEFAULT.contains(header))
    };
    let is_documented = |key: &str| {
        let words = |line: &str| {
            line.split(['#', ' ', '{', ',', '('])
                .any(|word| word == key)
        };
        DEFAULT
            .lines()
            .any(|line| words(line) && line.contains(&format!("{key} = ")))
    };
    for key in asked {
        assert!(
            is_table(key) || is_documented(key),
            "default.toml does not document {key}"
        );
    }
}
