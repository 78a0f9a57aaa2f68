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
    /// Of a plugin without a file beside it.
    pub(super) fn absent(defaults: &Limits) -> Self {
        Self { sources: None, limits: defaults.clone() }
    }

    /// Reads the text of `file`; what it doesn't say is as in `defaults`.
    pub(super) fn read(file: &str, text: &str, defaults: &Limits) -> Result<Self, Faults> {
        let sink = Sink::default();
        let sidecar = document::read(file, text, &sink, |root| {
            Some(Self {
                sources: root.entry("sources").map(|entry| entry.list().into_iter().collect()),
                limits: root.table("limits", |section| limits::read(section, defaults)),
            })
        });
        sink.into_result(sidecar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_says_counts_and_the_rest_is_as_usual() {
        let defaults = Limits::default();
        let text = "sources = [\"payments\"]\nlimits = { memory_max = \"8MiB\", kv_keys_max = 5, kv_bytes_max = \"1KiB\", \
                    outbox_messages_max = 2 }";
        let sidecar = Sidecar::read("orders.toml", text, &defaults).expect("a good file");
        assert_eq!(sidecar.sources, Some([SourceName::new("payments").expect("valid")].into()));
        let expected = Limits {
            memory_max: 8 << 20,
            kv_keys_max: 5,
            kv_bytes_max: 1024,
            outbox_messages_max: 2,
            ..defaults.clone()
        };
        assert_eq!(sidecar.limits, expected);
        assert_eq!(Sidecar::read("orders.toml", "", &defaults), Ok(Sidecar::absent(&defaults)));
    }

    #[test]
    fn every_fault_is_told() {
        let text = "source = [\"payments\"]\n[limits]\nmemory_max = 5\ncpu = \"1s\"";
        let faults = Sidecar::read("orders.toml", text, &Limits::default()).expect_err("three faults").to_string();
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
