//! `hookyard events`: lists, shows, replays and discards stored events.
//!
//! The commands work on the store. They work while a host serves from it, and without a host.

mod discard;
#[cfg(feature = "develop")]
mod fixture;
mod filters;
mod item;
mod list;
mod replay;
mod show;

use std::path::Path;

use clap::Subcommand;

use super::Failure;

/// The commands on stored events.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List events with the state of their jobs, newest first
    List(list::Arguments),
    /// Show one event: headers, body, every attempt with its outcome and log, and every message
    Show(show::Arguments),
    /// Run events again, in any state; earlier attempts stay on record
    ///
    /// If you filter by plugin or state, only the jobs that match run again. If you name a plugin
    /// and no state, the plugin also gets the events that it has no job for, provided that it
    /// handles the events of their source. Jobs that are being attempted are left alone. A running
    /// host starts the jobs within moments, a stopped host when it starts.
    Replay(replay::Arguments),
    /// Make a fixture of an event, with everything that the attempt of a plugin used
    ///
    /// The command runs the attempt once more to find the values that the plugin reads. It commits
    /// nothing and sends nothing. `hookyard test` runs the fixture without the host.
    #[cfg(feature = "develop")]
    Fixture(fixture::Arguments),
    /// End jobs that are held, waiting, pending or dead, and unrouted events
    ///
    /// Each becomes `discarded`, with a reason and a time on record, and is pruned as its retention
    /// says. Jobs that are being attempted are left alone. A discarded event does not block later
    /// events with its ordering key.
    Discard(discard::Arguments),
}

/// Runs a command on the events of the store that the configuration at `path` names.
pub(crate) async fn run(path: &Path, command: Command) -> Result<(), Failure> {
    match command {
        Command::List(arguments) => list::run(path, arguments).await,
        Command::Show(arguments) => show::run(path, arguments).await,
        Command::Replay(arguments) => replay::run(path, arguments).await,
        #[cfg(feature = "develop")]
        Command::Fixture(arguments) => fixture::run(path, arguments).await,
        Command::Discard(arguments) => discard::run(path, arguments).await,
    }
}
