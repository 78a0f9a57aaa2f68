//! The line that grants a plugin what it imports.
//!
//! When the host refuses a plugin because a grant is missing, the message contains a line that the
//! operator can paste into the plugin's settings file. The line keeps the grants that the file
//! already contains.
//!
//! The line is an inline table, so that it looks the same in a log line, a list and a report. It
//! must be the first line of the file, so that it is not part of another table.

use std::path::Path;

use hookyard_model::TenantName;
use hookyard_plugin::{Grants, MissingGrant, RequiredGrant, Toolchain};
use toml::{Table, Value};

use crate::grants::TenantDestinations;

/// The placeholder for the host that a plugin sends requests to. Only the plugin's author knows the
/// host.
const HOST: &str = "api.example.com";

/// The settings file of a plugin, and the grants that the plugin has now.
pub struct CurrentGrants<'g> {
    /// The path of the settings file, which may not exist.
    pub path: &'g Path,
    /// The text of the settings file.
    pub settings: &'g str,
    /// The tenant of the plugin.
    pub tenant: &'g TenantName,
    /// The grants that the plugin has now.
    pub granted: &'g Grants,
    /// All destinations of the tenant.
    pub destinations: &'g TenantDestinations,
}

impl CurrentGrants<'_> {
    /// Explains how to grant what a plugin built with `toolchain` lacks. If a line can grant
    /// everything, the text ends with a line break and that line.
    pub fn advice(&self, lacks: &[MissingGrant], toolchain: Toolchain) -> String {
        let missing_destinations: Vec<_> = lacks
            .iter()
            .filter(|lack| {
                lack.grant == RequiredGrant::Destination && self.candidate(lack).is_none()
            })
            .map(|lack| self.configure_destination(lack))
            .collect();
        if !missing_destinations.is_empty() {
            return missing_destinations.join("; ");
        }

        let settings = self.settings.parse::<Table>().ok();
        let before = settings.and_then(|mut settings| settings.remove("grants"));
        let place = if before.is_none() {
            "add this as the first line of"
        } else {
            "remove all grants, and add this as the first line of"
        };
        let mut grants = table(before);
        for lack in lacks {
            self.grant(&mut grants, lack);
        }
        let line = format!("grants = {}", inline(&Value::Table(grants)));

        let sends_requests = lacks.iter().any(|lack| lack.grant == RequiredGrant::Http);
        let host = if sends_requests {
            format!(", with the host that the plugin sends requests to in place of {HOST}")
        } else {
            String::new()
        };
        let without_requests = toolchain.without_requests().filter(|_| sends_requests);
        let alternative = without_requests.map_or_else(String::new, |command| {
            format!(
                "if the plugin sends no requests, build it without this import: `{command}`; \
                 otherwise "
            )
        });
        format!(
            "{alternative}{place} {}{host}:\n{line}",
            self.path.display()
        )
    }

    /// Adds a grant for `lack` to the table `grants`.
    fn grant(&self, grants: &mut Table, lack: &MissingGrant) {
        let Some(key) = lack.grant.key() else {
            return;
        };
        let grant = match lack.grant {
            RequiredGrant::Destination => self.destination_grant(grants.get(key), lack),
            RequiredGrant::Http => {
                let mut hosts = table(grants.remove(key));
                if hosts.is_empty() {
                    hosts.insert(HOST.to_owned(), Value::Table(Table::new()));
                }
                Value::Table(hosts)
            }
            _ => true.into(),
        };
        grants.insert(key.to_owned(), grant);
    }

    /// Returns the destinations that are granted now, those in the table, and one for `lack`,
    /// without duplicates.
    fn destination_grant(&self, in_table: Option<&Value>, lack: &MissingGrant) -> Value {
        let granted = self.granted.destinations.keys();
        let granted = granted.map(|name| Value::from(name.as_str()));
        let in_table = in_table.and_then(Value::as_array).into_iter().flatten();
        let candidate = self.candidate(lack).map(Value::from);

        let mut names: Vec<Value> = Vec::new();
        for name in granted.chain(in_table.cloned()).chain(candidate) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Value::Array(names)
    }

    /// Returns the first destination of the tenant that satisfies `lack`.
    fn candidate(&self, lack: &MissingGrant) -> Option<&str> {
        let satisfies =
            |provider: &Option<String>| lack.provider.is_none() || *provider == lack.provider;
        self.destinations
            .iter()
            .find(|(_, provider)| satisfies(provider))
            .map(|(name, _)| name.as_str())
    }

    fn configure_destination(&self, lack: &MissingGrant) -> String {
        let tenant = self.tenant;
        let kind = match &lack.provider {
            Some(name) => format!(" with provider = \"{name}\""),
            None => String::new(),
        };
        format!(
            "tenant {tenant} has no destination{kind}; configure one under \
             [tenants.{tenant}.destinations] in hookyard.toml and grant it to the plugin"
        )
    }
}

/// Returns the value if it is a table, and an empty table otherwise.
fn table(value: Option<Value>) -> Table {
    match value {
        Some(Value::Table(table)) => table,
        _ => Table::new(),
    }
}

/// Formats a value on one line. Strings are in single quotes where possible, so that a log line
/// that quotes the value needs no escapes.
fn inline(value: &Value) -> String {
    match value {
        Value::Table(table) if table.is_empty() => "{}".to_owned(),
        Value::Table(table) => {
            let members: Vec<_> = table
                .iter()
                .map(|(key, value)| format!("{} = {}", inline_key(key), inline(value)))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(inline).collect();
            format!("[{}]", items.join(", "))
        }
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

fn inline_key(key: &str) -> String {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !key.is_empty() && key.bytes().all(is_bare) {
        key.to_owned()
    } else {
        quoted(key)
    }
}

fn quoted(text: &str) -> String {
    let is_plain = !text.contains('\'') && !text.chars().any(char::is_control);
    if is_plain {
        format!("'{text}'")
    } else {
        Value::from(text).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grants::{GrantSettings, TenantGrants};
    use crate::limits::UNLIMITED;
    use crate::plugin_file::{PluginDefaults, PluginSettings};
    use crate::settings::{Backlog, Rehearsal};

    const PATH: &str = "plugins/acme/it.toml";

    fn lack(grant: RequiredGrant, provider: Option<&str>) -> MissingGrant {
        MissingGrant {
            grant,
            provider: provider.map(str::to_owned),
        }
    }

    fn destinations() -> TenantDestinations {
        let destination = |(name, provider): (&str, Option<&str>)| {
            (name.parse().expect("a name"), provider.map(str::to_owned))
        };
        [("answers", Some("topi-saas")), ("raw", None)]
            .map(destination)
            .into()
    }

    /// Returns the grants of a plugin with these settings.
    fn granted(settings: &str) -> Grants {
        let acme: TenantName = "acme".parse().expect("a name");
        let of_acme = TenantGrants {
            destinations: destinations(),
            ..TenantGrants::default()
        };
        let mut grants = GrantSettings::default();
        grants.by_tenant = [(acme.clone(), of_acme)].into();

        let defaults = PluginDefaults {
            limits: &hookyard_plugin::Limits::default(),
            limits_max: &UNLIMITED,
            grants: &grants.of_tenant(&acme),
            rehearsal: &Rehearsal::default(),
            backlog: Backlog::default(),
        };
        PluginSettings::read(Path::new(PATH), settings, &defaults)
            .result
            .unwrap_or_else(|faults| panic!("{settings}: {faults}"))
            .grants
    }

    fn advice(
        settings: &str,
        destinations: &TenantDestinations,
        lacks: &[MissingGrant],
        toolchain: Toolchain,
    ) -> String {
        let current = CurrentGrants {
            path: Path::new(PATH),
            settings,
            tenant: &"acme".parse().expect("a name"),
            granted: &granted(settings),
            destinations,
        };
        current.advice(lacks, toolchain)
    }

    #[test]
    fn grant_line_adds_missing_and_keeps_present_grants() {
        let all = [
            lack(RequiredGrant::Keyvalue, None),
            lack(RequiredGrant::Logging, None),
            lack(RequiredGrant::Config, None),
            lack(RequiredGrant::Destination, None),
            lack(RequiredGrant::Destination, Some("topi-saas")),
            lack(RequiredGrant::Http, None),
        ];
        for (settings, rest) in [
            ("", ""),
            ("[limits]\ncpu_max = \"2s\"", "[limits]\ncpu_max = \"2s\""),
            ("grants = { keyvalue = false }\n", ""),
            (
                "[grants]\nkeyvalue = false\nlogging = false\ndestinations = [\"raw\"]",
                "",
            ),
            (
                "[config]\na = \"b\"\n[grants.http.\"api.test:8443\"]\nscheme = \"http\"\npaths = [\"/it's/\"]",
                "[config]\na = \"b\"",
            ),
            ("grants.config = false", ""),
        ] {
            let text = advice(settings, &destinations(), &all, Toolchain::Unknown);
            let (words, line) = text.split_once(":\n").expect("a line to paste");
            assert_eq!(
                words.contains("remove all grants"),
                settings.contains("grants"),
                "{text}"
            );
            let grants = granted(&format!("{line}\n{rest}"));
            assert!(grants.keyvalue && grants.logging && grants.config, "{text}");
            assert!(
                grants
                    .destinations
                    .keys()
                    .any(|name| name.as_str() == "answers"),
                "{text}"
            );

            let before = granted(settings);
            assert!(
                before
                    .destinations
                    .iter()
                    .all(|of| grants.destinations.contains_key(of.0)),
                "{text}"
            );
            if before.http.is_empty() {
                let host = grants.http.keys().next().map(ToString::to_string);
                assert_eq!(host.as_deref(), Some("api.example.com:443"));
            } else {
                assert_eq!(grants.http, before.http, "{text}");
            }
        }
    }

    #[test]
    fn missing_destination_has_no_grant_line() {
        let typed = lack(RequiredGrant::Destination, Some("topper"));
        assert_eq!(
            advice(
                "",
                &destinations(),
                &[typed, lack(RequiredGrant::Keyvalue, None)],
                Toolchain::Unknown
            ),
            "tenant acme has no destination with provider = \"topper\"; configure one under \
             [tenants.acme.destinations] in hookyard.toml and grant it to the plugin"
        );
        let untyped = advice(
            "",
            &TenantDestinations::default(),
            &[lack(RequiredGrant::Destination, None)],
            Toolchain::Unknown,
        );
        assert!(
            untyped.starts_with("tenant acme has no destination; configure"),
            "{untyped}"
        );
    }

    #[test]
    fn javascript_plugins_can_drop_the_http_import() {
        let http = [lack(RequiredGrant::Http, None)];
        assert_eq!(
            advice("", &destinations(), &http, Toolchain::JavaScript),
            "if the plugin sends no requests, build it without this import: `componentize-js -d \
             http -d fetch-event`; otherwise add this as the first line of plugins/acme/it.toml, \
             with the host that the plugin sends requests to in place of api.example.com:\n\
             grants = { http = { 'api.example.com' = {} } }"
        );
        assert!(
            advice("", &destinations(), &http, Toolchain::Rust)
                .starts_with("add this as the first line of ")
        );
    }
}
