//! `hookyard outbox`: lists, shows and replays outbox messages, and enables destinations.
//!
//! The commands work on the store. They work while a host serves from it, and without a host.

mod disabled;
mod enable;
mod filters;
mod item;
mod list;
mod replay;
mod show;
mod usage;

use std::path::Path;

use clap::Subcommand;

use super::Failure;

/// The commands on outbox messages.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List messages with their states, newest first, and the disabled destinations
    List(list::Arguments),
    /// Show one message: its body, and every delivery with its result
    Show(show::Arguments),
    /// Deliver messages again, with their ids, in any state; earlier deliveries stay on record
    ///
    /// Messages that are being delivered are left alone. A running host starts the deliveries
    /// within moments, a stopped host when it starts.
    Replay(replay::Arguments),
    /// Show how many messages and bytes wait for delivery, by tenant and by plugin
    Usage(usage::Arguments),
    /// Re-enable a destination that was disabled, for example after it answered 410
    Enable(enable::Arguments),
}

/// Runs a command on the outbox of the store that the configuration at `path` names.
pub(crate) async fn run(path: &Path, command: Command) -> Result<(), Failure> {
    match command {
        Command::List(arguments) => list::run(path, arguments).await,
        Command::Show(arguments) => show::run(path, arguments).await,
        Command::Replay(arguments) => replay::run(path, arguments).await,
        Command::Usage(arguments) => usage::run(path, &arguments).await,
        Command::Enable(arguments) => enable::run(path, arguments).await,
    }
}
