//! `hookyard provider`: makes the folders of providers.

mod import;

use clap::Subcommand;

use super::Failure;

/// The commands on provider folders.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a provider folder of a sender's own description of its webhooks
    ///
    /// Reads an OpenAPI or AsyncAPI document, a JSON Schema, or a folder of bodies, and prints what
    /// the command would write: the types as WIT, a provider.toml to complete, and samples. With the
    /// sender's next description, the command prints what changed, and which change breaks plugins
    /// that were built before. Nothing is fetched.
    ///
    /// Exit code 3 if a change breaks plugins; with --plugins, if a change breaks one of them.
    Import(import::Arguments),
}

/// Runs a command.
pub(crate) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Import(arguments) => import::run(&arguments),
    }
}
