//! The options that choose what a plugin imports.

use clap::Args;
use hookyard_project::{Capability, Imports};

/// What a plugin imports beside the interfaces of its provider.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Imports")]
pub(crate) struct ImportArguments {
    /// Import wasi:keyvalue, the plugin's key-value store
    #[arg(long)]
    keyvalue: bool,
    /// Import wasi:config, the values of the plugin's [config]; `--config` without a file means the
    /// same
    #[arg(long)]
    settings: bool,
    /// Import wasi:logging, log lines with levels
    #[arg(long)]
    logging: bool,
    /// Import hookyard:plugin/outbox, messages without types
    #[arg(long)]
    outbox: bool,
    /// Import hookyard:plugin/responder, the answer to the request of the event
    #[arg(long)]
    responder: bool,
    /// Import wasi:http, requests to granted hosts
    #[arg(long)]
    http: bool,
}

impl ImportArguments {
    /// Returns the chosen capabilities.
    pub(crate) fn imports(self) -> Imports {
        let chosen = [
            (self.keyvalue, Capability::Keyvalue),
            (self.settings, Capability::Config),
            (self.logging, Capability::Logging),
            (self.outbox, Capability::Outbox),
            (self.responder, Capability::Responder),
            (self.http, Capability::Http),
        ];
        let chosen = chosen.into_iter().filter(|(is_chosen, _)| *is_chosen);
        chosen.map(|(_, capability)| capability).collect()
    }
}
