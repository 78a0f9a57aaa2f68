//! How to grant a plugin what it imports: a line of its settings that can be pasted as it stands, made of what they say now.
//!
//! It is one line, an inline table, so that it is the same in a log line, a list and a report, and it is the first line of
//! the file, so that it stands in no other table.

use std::path::Path;

use hookyard_model::TenantName;
use hookyard_plugin::{Grants, MissingGrant, RequiredGrant, Toolchain};
use toml::{Table, Value};

use crate::grants::Destinations;

/// Stands for the host that a plugin asks, which nobody knows but its author.
const HOST: &str = "api.example.com";

/// A plugin's settings, and what is granted to it now.
pub struct Granting<'g> {
    pub path: &'g Path,
    pub settings: &'g str,
    pub tenant: &'g TenantName,
    pub granted: &'g Grants,
    /// All that its tenant has.
    pub destinations: &'g Destinations,
}

impl Granting<'_> {
    /// What to do about grants that a plugin of these tools lacks. A line to paste stands at the end, after a line break.
    pub fn told(&self, lacks: &[MissingGrant], toolchain: Toolchain) -> String {
        let missing: Vec<_> = lacks
            .iter()
            .filter(|lack| self.is_without_destination(lack))
            .collect();
        if !missing.is_empty() {
            return missing
                .into_iter()
                .map(|lack| self.without_destination(lack))
                .collect::<Vec<_>>()
                .join("; ");
        }

        let before = self
            .settings
            .parse::<Table>()
            .ok()
            .and_then(|mut settings| settings.remove("grants"));
        let place = match before {
            None => "write as the first line of",
            Some(_) => "write this, in place of all that is said of grants, as the first line of",
        };
        let grants = lacks
            .iter()
            .fold(table(before), |grants, lack| self.grant(grants, lack));
        let line = format!("grants = {}", inline(&Value::Table(grants)));

        let asks = lacks.iter().any(|lack| lack.grant == RequiredGrant::Http);
        let host = if asks {
            format!(", with the host that it asks in place of {HOST}")
        } else {
            String::new()
        };
        let otherwise = match toolchain.without_requests().filter(|_| asks) {
            Some(command) => {
                format!("if it makes no requests, build it without them: `{command}`; if it does, ")
            }
            None => String::new(),
        };
        format!("{otherwise}{place} {}{host}:\n{line}", self.path.display())
    }

    fn grant(&self, mut grants: Table, lack: &MissingGrant) -> Table {
        let Some(key) = lack.grant.key() else {
            return grants;
        };
        match lack.grant {
            RequiredGrant::Destination => {
                let granted = self.granted.destinations.keys().map(|name| name.as_str());
                let mut names: Vec<Value> = granted.map(Value::from).collect();
                // What was said for this plugin, or was added for another import.
                names.extend(
                    grants
                        .get(key)
                        .and_then(Value::as_array)
                        .into_iter()
                        .flatten()
                        .cloned(),
                );
                names.extend(self.candidates(lack).next().map(Value::from));
                let mut once = Vec::new();
                names.into_iter().for_each(|name| {
                    if !once.contains(&name) {
                        once.push(name)
                    }
                });
                grants.insert(key.to_owned(), Value::Array(once));
            }
            RequiredGrant::Http => {
                let mut hosts = table(grants.remove(key));
                if hosts.is_empty() {
                    hosts.insert(HOST.to_owned(), Value::Table(Table::new()));
                }
                grants.insert(key.to_owned(), Value::Table(hosts));
            }
            _ => {
                grants.insert(key.to_owned(), true.into());
            }
        }
        grants
    }

    /// The tenant's destinations that would do.
    fn candidates<'s>(&'s self, lack: &'s MissingGrant) -> impl Iterator<Item = &'s str> {
        let does = |of: &Option<String>| lack.provider.is_none() || *of == lack.provider;
        self.destinations
            .iter()
            .filter(move |(_, of)| does(of))
            .map(|(name, _)| name.as_str())
    }

    fn is_without_destination(&self, lack: &MissingGrant) -> bool {
        lack.grant == RequiredGrant::Destination && self.candidates(lack).next().is_none()
    }

    fn without_destination(&self, lack: &MissingGrant) -> String {
        let tenant = self.tenant;
        let kind = lack
            .provider
            .as_ref()
            .map(|name| format!(" with provider = \"{name}\""))
            .unwrap_or_default();
        format!(
            "tenant {tenant} has no destination{kind}; configure one under [tenants.{tenant}.destinations] in hookyard.toml \
             and grant it to the plugin"
        )
    }
}

fn table(value: Option<Value>) -> Table {
    match value {
        Some(Value::Table(table)) => table,
        _ => Table::new(),
    }
}

/// A value in one line. Texts stand in single quotes where they can, so that a log line that quotes them has to change
/// nothing.
fn inline(value: &Value) -> String {
    match value {
        Value::Table(table) if table.is_empty() => "{}".to_owned(),
        Value::Table(table) => {
            let member =
                |(key, value): (&String, &Value)| format!("{} = {}", key_of(key), inline(value));
            format!(
                "{{ {} }}",
                table.iter().map(member).collect::<Vec<_>>().join(", ")
            )
        }
        Value::Array(items) => format!(
            "[{}]",
            items.iter().map(inline).collect::<Vec<_>>().join(", ")
        ),
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

fn key_of(key: &str) -> String {
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
    use crate::grants::{Granted, OfTenant};
    use crate::limits::BOUNDLESS;
    use crate::plugin_file::{Outer, Sidecar};
    use crate::settings::{Backlog, Rehearsal};

    const PATH: &str = "plugins/acme/it.toml";

    fn lack(grant: RequiredGrant, provider: Option<&str>) -> MissingGrant {
        MissingGrant {
            grant,
            provider: provider.map(str::to_owned),
        }
    }

    fn destinations() -> Destinations {
        let destination = |(name, provider): (&str, Option<&str>)| {
            (name.parse().expect("a name"), provider.map(str::to_owned))
        };
        [("answers", Some("topi-saas")), ("raw", None)]
            .map(destination)
            .into()
    }

    /// The grants that such a file comes to.
    fn granted(settings: &str) -> Grants {
        let tenant = "acme".parse().expect("a name");
        let mut granted = Granted::to_all(&Default::default());
        granted.to_tenants = [(
            tenant,
            OfTenant {
                destinations: destinations(),
                ..OfTenant::default()
            },
        )]
        .into();
        let grants = granted.to(&"acme".parse().expect("a name"));
        let limits = hookyard_plugin::Limits::default();
        let (rehearsal, backlog) = (Rehearsal::default(), Backlog::default());
        let outer = Outer {
            limits: &limits,
            most: &BOUNDLESS,
            grants: &grants,
            rehearsal: &rehearsal,
            backlog,
        };
        Sidecar::read(Path::new(PATH), settings, &outer)
            .result
            .unwrap_or_else(|faults| panic!("{settings}: {faults}"))
            .grants
    }

    fn told(
        settings: &str,
        destinations: &Destinations,
        lacks: &[MissingGrant],
        toolchain: Toolchain,
    ) -> String {
        let tenant = "acme".parse().expect("a name");
        let granted = granted(settings);
        let granting = Granting {
            path: Path::new(PATH),
            settings,
            tenant: &tenant,
            granted: &granted,
            destinations,
        };
        granting.told(lacks, toolchain)
    }

    #[test]
    fn the_line_grants_all_that_was_lacking_and_keeps_what_was_said() {
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
            let told = told(settings, &destinations(), &all, Toolchain::Unknown);
            let (words, line) = told.split_once(":\n").expect("a line to paste");
            assert_eq!(
                words.contains("in place of all that is said of grants"),
                settings.contains("grants"),
                "{told}"
            );
            let grants = granted(&format!("{line}\n{rest}"));
            assert!(grants.keyvalue && grants.logging && grants.config, "{told}");
            assert!(
                grants
                    .destinations
                    .keys()
                    .any(|name| name.as_str() == "answers"),
                "{told}"
            );
            let before = granted(settings);
            assert!(
                before
                    .destinations
                    .iter()
                    .all(|of| grants.destinations.contains_key(of.0)),
                "{told}"
            );
            match before.http.is_empty() {
                true => assert_eq!(
                    grants
                        .http
                        .keys()
                        .next()
                        .map(ToString::to_string)
                        .as_deref(),
                    Some("api.example.com:443")
                ),
                false => assert_eq!(grants.http, before.http, "{told}"),
            }
        }
    }

    #[test]
    fn what_no_line_can_grant_is_told_in_words() {
        let typed = lack(RequiredGrant::Destination, Some("topper"));
        assert_eq!(
            told(
                "",
                &destinations(),
                &[typed, lack(RequiredGrant::Keyvalue, None)],
                Toolchain::Unknown
            ),
            "tenant acme has no destination with provider = \"topper\"; configure one under [tenants.acme.destinations] in \
             hookyard.toml and grant it to the plugin"
        );
        let untyped = told(
            "",
            &Destinations::default(),
            &[lack(RequiredGrant::Destination, None)],
            Toolchain::Unknown,
        );
        assert!(
            untyped.starts_with("tenant acme has no destination; configure"),
            "{untyped}"
        );
    }

    #[test]
    fn tools_that_import_requests_unasked_are_told_how_not_to() {
        let http = [lack(RequiredGrant::Http, None)];
        assert_eq!(
            told("", &destinations(), &http, Toolchain::JavaScript),
            "if it makes no requests, build it without them: `componentize-js -d http -d fetch-event`; if it does, write as \
             the first line of plugins/acme/it.toml, with the host that it asks in place of api.example.com:\n\
             grants = { http = { 'api.example.com' = {} } }"
        );
        assert!(
            told("", &destinations(), &http, Toolchain::Rust)
                .starts_with("write as the first line of ")
        );
    }
}
