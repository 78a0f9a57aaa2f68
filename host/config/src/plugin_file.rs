//! `<plugin>.toml`: the settings of one plugin, in the file next to its component.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use hookyard_model::SourceName;
use hookyard_plugin::{Grants, InstanceReuse, Limits};

use crate::document::{self, Fault, Faults, Section, Sink};
use crate::grants::{self, TenantGrants};
use crate::limits;
use crate::references::Resolver;
use crate::settings::{Backlog, Rehearsal};
use crate::tables;

/// The settings of one plugin. The fields have the names of the keys.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginSettings {
    /// The sources whose events the plugin handles. `None` means all sources that the plugin has a
    /// handler for.
    pub sources: Option<BTreeSet<SourceName>>,
    /// What an attempt may use.
    pub limits: Limits,
    /// What the plugin may import.
    pub grants: Grants,
    /// The values that the plugin reads with `wasi:config`.
    pub config: BTreeMap<String, String>,
    /// How a new revision is rehearsed.
    pub rehearsal: Rehearsal,
    /// How the plugin handles events from before any plugin handled them.
    pub backlog: Backlog,
    /// When an instance handles further events.
    pub reuse: InstanceReuse,
}

/// The values that apply where a plugin's settings file does not set a key.
pub struct PluginDefaults<'d> {
    /// The default limits.
    pub limits: &'d Limits,
    /// The maximum limits that a plugin of the tenant may set.
    pub limits_max: &'d Limits,
    /// The grants of the tenant's plugins, and the destinations that can be granted.
    pub grants: &'d TenantGrants,
    /// The default rehearsal settings.
    pub rehearsal: &'d Rehearsal,
    /// The default backlog settings.
    pub backlog: Backlog,
}

/// The result of reading a plugin's settings file.
pub struct Reading {
    /// The settings, or all faults.
    pub result: Result<PluginSettings, Faults>,
    /// Notes about oddities that do not make the file invalid, such as a short credential.
    pub notes: Vec<Fault>,
    /// Every file that the settings refer to.
    pub files: BTreeSet<PathBuf>,
}

impl PluginSettings {
    /// Reads the text of the file at `path`. The text is empty if there is no file.
    pub fn read(path: &Path, text: &str, defaults: &PluginDefaults<'_>) -> Reading {
        let sink = Sink::default();
        let resolver = Resolver::of_process(path);

        let settings = document::read(&path.display().to_string(), text, &sink, |root| {
            Some(Self::from_root(root, defaults, &resolver))
        });

        let notes = sink.take_notes();
        Reading {
            result: sink.into_result(settings),
            notes,
            files: resolver.into_files(),
        }
    }

    fn from_root(
        root: &Section<'_>,
        defaults: &PluginDefaults<'_>,
        resolver: &Resolver<'_>,
    ) -> Self {
        let TenantGrants {
            rules,
            destinations,
        } = defaults.grants;
        let own_rules = root.table("grants", |section| {
            grants::read(section, Some(destinations), resolver)
        });

        Self {
            sources: root
                .entry("sources")
                .map(|entry| entry.list().into_iter().collect()),
            limits: root.table("limits", |section| {
                limits::read(section, defaults.limits, defaults.limits_max)
            }),
            grants: own_rules.or(rules).grants(destinations),
            config: root.table("config", config),
            rehearsal: root.table("rehearsal", |section| {
                tables::rehearsal::read(section, defaults.rehearsal)
            }),
            backlog: tables::backlog(root, defaults.backlog),
            reuse: root.table("reuse", reuse),
        }
    }
}

/// Reads `[reuse]`.
fn reuse(section: &Section<'_>) -> InstanceReuse {
    let default = InstanceReuse::default();
    InstanceReuse {
        events: section.positive_or("events", default.events),
        idle: section.get_or("idle", default.idle),
    }
}

/// Reads `[config]`: strings under keys that the operator chooses.
fn config(section: &Section<'_>) -> BTreeMap<String, String> {
    let mut config = BTreeMap::new();
    section.each(|key, entry| config.extend(entry.get().map(|value| (key.to_owned(), value))));
    config
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::grants::GrantSettings;
    use crate::limits::UNLIMITED;
    use crate::settings::{BacklogChoice, RehearsalPolicy};

    fn read_with(text: &str, limits: &Limits, most: &Limits) -> Result<PluginSettings, Faults> {
        let defaults = PluginDefaults {
            limits,
            limits_max: most,
            grants: &GrantSettings::default().of_tenant(&"acme".parse().expect("a name")),
            rehearsal: &Rehearsal::default(),
            backlog: Backlog::default(),
        };
        PluginSettings::read(Path::new("orders.toml"), text, &defaults).result
    }

    fn read(text: &str) -> Result<PluginSettings, Faults> {
        read_with(text, &Limits::default(), &UNLIMITED)
    }

    fn faults(text: &str) -> Vec<String> {
        let faults = read(text).expect_err("faults").to_string();
        faults.lines().map(str::to_owned).collect()
    }

    #[test]
    fn plugin_settings_override_the_defaults() {
        let settings = read(
            "sources = [\"payments\"]\n\
             limits = { memory_max = \"8MiB\", kv_keys_max = 5, kv_bytes_max = \"1KiB\", \
             outbox_messages_max = 2 }",
        )
        .expect("a valid file");
        let payments = SourceName::new("payments").expect("valid");
        assert_eq!(settings.sources, Some([payments].into()));
        let limits = Limits {
            memory_max: 8 << 20,
            kv_keys_max: 5,
            kv_bytes_max: 1024,
            outbox_messages_max: 2,
            ..Limits::default()
        };
        assert_eq!(settings.limits, limits);

        let backlog =
            read("backlog = \"none\"\nbacklog_rate = 0.5").map(|settings| settings.backlog);
        let expected = Backlog {
            backlog: BacklogChoice::None,
            backlog_rate: 0.5,
        };
        assert_eq!(backlog, Ok(expected));

        let rehearsal = read("[rehearsal]\npolicy = \"require\"\nevents = 0")
            .map(|settings| settings.rehearsal);
        let expected = Rehearsal {
            policy: RehearsalPolicy::Require,
            events: 0,
            ..Rehearsal::default()
        };
        assert_eq!(rehearsal, Ok(expected));
    }

    #[test]
    fn empty_file_has_default_settings() {
        let grants = Grants {
            keyvalue: true,
            logging: true,
            config: true,
            ..Grants::default()
        };
        let expected = PluginSettings {
            sources: None,
            limits: Limits::default(),
            grants,
            config: BTreeMap::new(),
            rehearsal: Rehearsal::default(),
            backlog: Backlog::default(),
            reuse: InstanceReuse::default(),
        };
        assert_eq!(read(""), Ok(expected));
    }

    #[test]
    fn reuse_is_off_by_default() {
        let reuse = |text| read(text).map(|settings| settings.reuse.enabled());
        assert_eq!(reuse(""), Ok(None));
        let expected = |events, seconds| {
            Ok(Some(InstanceReuse {
                events,
                idle: Duration::from_secs(seconds),
            }))
        };
        assert_eq!(reuse("[reuse]\nevents = 1000"), expected(1000, 10));
        assert_eq!(
            reuse("reuse = { events = 20, idle = \"3s\" }"),
            expected(20, 3)
        );
        assert_eq!(
            faults("[reuse]\nevents = 0"),
            ["orders.toml:2: reuse.events: must be a whole number from 1 to 4294967295, not 0"]
        );
    }

    #[test]
    fn rehearsal_events_are_limited() {
        let events = |text| read(text).map(|settings| settings.rehearsal.events);
        assert_eq!(events("[rehearsal]\nevents = 10000"), Ok(10_000));
        assert_eq!(
            faults("[rehearsal]\nevents = 10001"),
            ["orders.toml:2: rehearsal.events: must be at most 10000, not 10001"]
        );
    }

    #[test]
    fn recorded_bytes_are_limited() {
        let recorded = Rehearsal {
            record: true,
            record_bytes_max: 1 << 20,
            ..Rehearsal::default()
        };
        assert_eq!(
            read("[rehearsal]\nrecord = true\nrecord_bytes_max = \"1MiB\"")
                .map(|settings| settings.rehearsal),
            Ok(recorded)
        );
        assert_eq!(
            faults("[rehearsal]\nrecord_bytes_max = \"2MiB\""),
            ["orders.toml:2: rehearsal.record_bytes_max: must be at most \"1MiB\""]
        );
    }

    #[test]
    fn tenant_limits_cap_plugin_limits() {
        let most = Limits {
            memory_max: 16 << 20,
            host_calls_max: 500,
            ..UNLIMITED
        };
        let read =
            |text| read_with(text, &Limits::default(), &most).map(|settings| settings.limits);
        let capped = Limits {
            memory_max: 16 << 20,
            host_calls_max: 500,
            ..Limits::default()
        };
        assert_eq!(
            read(""),
            Ok(capped.clone()),
            "the tenant's limits cap the defaults"
        );
        let text = "limits = { memory_max = \"16MiB\", host_calls_max = 20, wall_max = \"60s\" }";
        let requested = Limits {
            host_calls_max: 20,
            wall_max: Duration::from_secs(60),
            ..capped
        };
        assert_eq!(read(text), Ok(requested));

        let faults = read("[limits]\nmemory_max = \"17MiB\"\nhost_calls_max = 501")
            .expect_err("two faults")
            .to_string();
        let way_out =
            |key| format!("lower it, or raise {key} in the tenant's limits in hookyard.toml");
        assert_eq!(
            faults.lines().collect::<Vec<_>>(),
            [
                format!(
                    "orders.toml:2: limits.memory_max: is 17825792, but a plugin of this tenant \
                     may have at most 16777216; {}",
                    way_out("memory_max")
                ),
                format!(
                    "orders.toml:3: limits.host_calls_max: is 501, but a plugin of this tenant may \
                     have at most 500; {}",
                    way_out("host_calls_max")
                ),
            ]
        );
    }

    #[test]
    fn all_faults_are_reported() {
        assert_eq!(
            faults("source = [\"payments\"]\n[limits]\nmemory_max = 5\ncpu = \"1s\""),
            [
                "orders.toml:1: source: unknown key; did you mean `sources`?",
                "orders.toml:3: limits.memory_max: must be a size above zero in quotes, such as \
                 \"64KiB\" or \"1MiB\", not a number",
                "orders.toml:4: limits.cpu: unknown key; did you mean `cpu_max`?",
            ]
        );
    }
}
