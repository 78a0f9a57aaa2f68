//! `hookyard refused`: lists and shows the refused requests that the store keeps.
//!
//! The commands work while a host serves from the store, and without a host.

mod item;
mod list;
mod show;

use std::path::Path;

use clap::Subcommand;

use super::Failure;

/// The commands on refused requests.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List refused requests with the reasons, newest first
    List(list::Arguments),
    /// Show one refused request: the reason, the headers and the body
    Show(show::Arguments),
}

/// Runs a command on the refused requests of the store that the configuration at `path` names.
pub(crate) async fn run(path: &Path, command: Command) -> Result<(), Failure> {
    match command {
        Command::List(arguments) => list::run(path, arguments).await,
        Command::Show(arguments) => show::run(path, arguments).await,
    }
}
