//! `<plugin>.toml`: what the operator says of one plugin, in the file beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use hookyard_model::SourceName;
use hookyard_plugin::{Grants, Limits};

use crate::document::{self, Fault, Faults, Section, Sink};
use crate::grants::{self, OfTenant};
use crate::references::Surroundings;
use crate::settings::{Backlog, Rehearsal};
use crate::{backlog, limits, rehearsal};

/// A plugin's own settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Sidecar {
    /// The only sources whose events it takes; none means every one that it has a handler for.
    pub sources: Option<BTreeSet<SourceName>>,
    /// What an attempt may use.
    pub limits: Limits,
    /// What it may import.
    pub grants: Grants,
    /// What `wasi:config` tells it.
    pub config: BTreeMap<String, String>,
    /// How a new revision of it is tried out.
    pub rehearsal: Rehearsal,
    /// What it does with the events that came before any plugin.
    pub backlog: Backlog,
}

/// What holds where a plugin's own file says nothing, and what it may say.
pub struct Outer<'o> {
    pub limits: &'o Limits,
    /// No plugin of the tenant may have more.
    pub most: &'o Limits,
    pub grants: &'o OfTenant,
    pub rehearsal: &'o Rehearsal,
    pub backlog: Backlog,
}

/// A plugin's settings, or all that is wrong with them, and every file that they refer to.
pub struct Reading {
    pub result: Result<Sidecar, Faults>,
    /// Everything odd that stops nothing, such as a short credential.
    pub notes: Vec<Fault>,
    pub files: BTreeSet<PathBuf>,
}

impl Sidecar {
    /// Reads the text of the file at `path`, which is empty where there is none.
    pub fn read(path: &Path, text: &str, outer: &Outer<'_>) -> Reading {
        let (sink, around) = (Sink::default(), Surroundings::of_process(path));
        let sidecar = document::read(&path.display().to_string(), text, &sink, |root| {
            let said = root.table("grants", |section| {
                grants::read(section, Some(&outer.grants.destinations), &around)
            });
            Some(Self {
                sources: root
                    .entry("sources")
                    .map(|entry| entry.list().into_iter().collect()),
                limits: root.table("limits", |section| {
                    limits::read(section, outer.limits, outer.most)
                }),
                grants: said
                    .or(&outer.grants.said)
                    .grants(&outer.grants.destinations),
                config: root.table("config", config),
                rehearsal: root.table("rehearsal", |section| {
                    rehearsal::read(section, outer.rehearsal)
                }),
                backlog: backlog::read(root, outer.backlog),
            })
        });
        let notes = sink.take_notes();
        Reading {
            result: sink.into_result(sidecar),
            notes,
            files: around.into_files(),
        }
    }
}

/// What the plugin is told, as it's written.
fn config(section: &Section<'_>) -> BTreeMap<String, String> {
    let mut config = BTreeMap::new();
    section.each(|key, entry| config.extend(entry.get().map(|value| (key.to_owned(), value))));
    config
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::grants::{Granted, Said};
    use crate::limits::BOUNDLESS;
    use crate::settings::RehearsalPolicy;

    fn read(text: &str, limits: &Limits, most: &Limits) -> Result<Sidecar, Faults> {
        let grants = Granted::to_all(&Said::default()).to(&"acme".parse().expect("a name"));
        let outer = Outer {
            limits,
            most,
            grants: &grants,
            rehearsal: &Rehearsal::default(),
            backlog: Backlog::default(),
        };
        Sidecar::read(Path::new("orders.toml"), text, &outer).result
    }

    #[test]
    fn what_it_says_counts_and_the_rest_is_as_usual() {
        let defaults = Limits::default();
        let text = "sources = [\"payments\"]\nlimits = { memory_max = \"8MiB\", kv_keys_max = 5, kv_bytes_max = \"1KiB\", \
                    outbox_messages_max = 2 }";
        let read = |text| read(text, &defaults, &BOUNDLESS).expect("a good file");
        let sidecar = read(text);
        assert_eq!(
            sidecar.sources,
            Some([SourceName::new("payments").expect("valid")].into())
        );
        let expected = Limits {
            memory_max: 8 << 20,
            kv_keys_max: 5,
            kv_bytes_max: 1024,
            outbox_messages_max: 2,
            ..defaults.clone()
        };
        assert_eq!(sidecar.limits, expected);
        let grants = Grants {
            keyvalue: true,
            logging: true,
            config: true,
            ..Grants::default()
        };
        let (config, rehearsal) = (BTreeMap::new(), Rehearsal::default());
        let backlog = Backlog::default();
        assert_eq!(
            read(""),
            Sidecar {
                sources: None,
                limits: defaults.clone(),
                grants,
                config,
                rehearsal,
                backlog
            }
        );
        let own = read("backlog = \"none\"\nbacklog_rate = 0.5").backlog;
        assert_eq!(
            own,
            Backlog {
                is_taken: false,
                rate: 0.5
            }
        );
        let own = read("[rehearsal]\npolicy = \"require\"\nevents = 0").rehearsal;
        assert_eq!(
            own,
            Rehearsal {
                policy: RehearsalPolicy::Require,
                events: 0,
                ..rehearsal
            }
        );
    }

    #[test]
    fn no_plugin_is_rehearsed_with_more_events_than_there_is_time_for() {
        let read = |text| super::tests::read(text, &Limits::default(), &BOUNDLESS);
        assert_eq!(
            read("[rehearsal]\nevents = 10000").map(|sidecar| sidecar.rehearsal.events),
            Ok(10_000)
        );
        let faults = read("[rehearsal]\nevents = 10001")
            .expect_err("too many")
            .to_string();
        assert_eq!(
            faults,
            "orders.toml:2: rehearsal.events: must be no more than 10000, not 10001"
        );
    }

    #[test]
    fn answers_are_recorded_where_that_is_asked_for() {
        let read = |text| {
            super::tests::read(text, &Limits::default(), &BOUNDLESS)
                .map(|sidecar| sidecar.rehearsal)
        };
        let recorded = Rehearsal {
            record: true,
            record_bytes_max: 1 << 20,
            ..Rehearsal::default()
        };
        assert_eq!(
            read("[rehearsal]\nrecord = true\nrecord_bytes_max = \"1MiB\""),
            Ok(recorded)
        );
        let faults = read("[rehearsal]\nrecord_bytes_max = \"2MiB\"")
            .expect_err("too much")
            .to_string();
        assert_eq!(
            faults,
            "orders.toml:2: rehearsal.record_bytes_max: must be no more than \"1MiB\""
        );
    }

    #[test]
    fn a_plugin_may_ask_for_no_more_than_its_tenant_may_have() {
        let (defaults, most) = (
            Limits::default(),
            Limits {
                memory_max: 16 << 20,
                host_calls_max: 500,
                ..BOUNDLESS
            },
        );
        let read = |text| read(text, &defaults, &most).map(|sidecar| sidecar.limits);
        let lowered = Limits {
            memory_max: 16 << 20,
            host_calls_max: 500,
            ..defaults.clone()
        };
        assert_eq!(
            read(""),
            Ok(lowered.clone()),
            "what the host gives is less where the tenant may have less"
        );
        let asked = "limits = { memory_max = \"16MiB\", host_calls_max = 20, wall_max = \"60s\" }";
        assert_eq!(
            read(asked),
            Ok(Limits {
                host_calls_max: 20,
                wall_max: Duration::from_secs(60),
                ..lowered
            })
        );
        let faults = read("[limits]\nmemory_max = \"17MiB\"\nhost_calls_max = 501")
            .expect_err("two faults")
            .to_string();
        let way_out =
            |key| format!("ask for less, or raise {key} in the tenant's limits in hookyard.toml");
        assert_eq!(
            faults.lines().collect::<Vec<_>>(),
            [
                format!(
                    "orders.toml:2: limits.memory_max: asks for 17825792, and a plugin of this tenant may have 16777216; {}",
                    way_out("memory_max")
                ),
                format!(
                    "orders.toml:3: limits.host_calls_max: asks for 501, and a plugin of this tenant may have 500; {}",
                    way_out("host_calls_max")
                ),
            ]
        );
    }

    #[test]
    fn every_fault_is_told() {
        let text = "source = [\"payments\"]\n[limits]\nmemory_max = 5\ncpu = \"1s\"";
        let faults = read(text, &Limits::default(), &BOUNDLESS)
            .expect_err("three faults")
            .to_string();
        assert_eq!(
            faults.lines().collect::<Vec<_>>(),
            [
                "orders.toml:1: source: unknown key; did you mean `sources`?",
                "orders.toml:3: limits.memory_max: must be a size above zero in quotes, such as \"64KiB\" or \"1MiB\", not a number",
                "orders.toml:4: limits.cpu: unknown key; did you mean `cpu_max`?",
            ]
        );
    }
}
