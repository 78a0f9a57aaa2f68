//! `<plugin>.toml`: what the operator says of one plugin, in the file beside it.

use std::collections::BTreeSet;

use hookyard_model::SourceName;
use hookyard_plugin::Limits;

use crate::config::limits;
use crate::document::{self, Faults, Sink};

/// A plugin's own settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sidecar {
    /// The only sources whose events it takes; none means every one that it has a handler for.
    pub(super) sources: Option<BTreeSet<SourceName>>,
    /// What an attempt may use.
    pub(super) limits: Limits,
}

impl Sidecar {
    /// Reads the text of `file`, which is empty where there is none. What it doesn't say is as in `defaults`; it may not
    /// ask for more than `most`.
    pub(super) fn read(file: &str, text: &str, defaults: &Limits, most: &Limits) -> Result<Self, Faults> {
        let sink = Sink::default();
        let sidecar = document::read(file, text, &sink, |root| {
            Some(Self {
                sources: root.entry("sources").map(|entry| entry.list().into_iter().collect()),
                limits: root.table("limits", |section| limits::read(section, defaults, most)),
            })
        });
        sink.into_result(sidecar)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::limits::BOUNDLESS;

    #[test]
    fn what_it_says_counts_and_the_rest_is_as_usual() {
        let defaults = Limits::default();
        let text = "sources = [\"payments\"]\nlimits = { memory_max = \"8MiB\", kv_keys_max = 5, kv_bytes_max = \"1KiB\", \
                    outbox_messages_max = 2 }";
        let read = |text| Sidecar::read("orders.toml", text, &defaults, &BOUNDLESS).expect("a good file");
        let sidecar = read(text);
        assert_eq!(sidecar.sources, Some([SourceName::new("payments").expect("valid")].into()));
        let expected = Limits {
            memory_max: 8 << 20,
            kv_keys_max: 5,
            kv_bytes_max: 1024,
            outbox_messages_max: 2,
            ..defaults.clone()
        };
        assert_eq!(sidecar.limits, expected);
        assert_eq!(read(""), Sidecar { sources: None, limits: defaults.clone() });
    }

    #[test]
    fn a_plugin_may_ask_for_no_more_than_its_tenant_may_have() {
        let (defaults, most) = (Limits::default(), Limits { memory_max: 16 << 20, host_calls_max: 500, ..BOUNDLESS });
        let read = |text| Sidecar::read("orders.toml", text, &defaults, &most).map(|sidecar| sidecar.limits);
        let lowered = Limits { memory_max: 16 << 20, host_calls_max: 500, ..defaults.clone() };
        assert_eq!(read(""), Ok(lowered.clone()), "what the host gives is less where the tenant may have less");
        let asked = "limits = { memory_max = \"16MiB\", host_calls_max = 20, wall_max = \"60s\" }";
        assert_eq!(read(asked), Ok(Limits { host_calls_max: 20, wall_max: Duration::from_secs(60), ..lowered }));
        let faults = read("[limits]\nmemory_max = \"17MiB\"\nhost_calls_max = 501").expect_err("two faults").to_string();
        let way_out = |key| format!("ask for less, or raise {key} in the tenant's limits in hookyard.toml");
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
        let faults = Sidecar::read("orders.toml", text, &Limits::default(), &BOUNDLESS).expect_err("three faults").to_string();
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
