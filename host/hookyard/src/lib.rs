//! The `hookyard` binary: arguments in, an exit code out. It only wires; the rooms below do the work.
//!
//! A library of one function, so that two binaries can be made of it: the one that ships, and the one of the crash
//! test, which is the same with its crash points armed.

mod cli;
mod explain;
mod telemetry;
mod document;
mod config;
mod provider;
mod system;
mod watch;
mod release;
mod reload;
mod serve;
mod check;
mod events;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;

use cli::{Cli, Command, Events, Failure};

/// A component that is still being compiled when the host ends is not waited for any longer than this.
const LEFTOVERS_MAX: Duration = Duration::from_millis(200);

/// Does what the command line says.
pub fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(),
    }
}

fn run(command: Command) -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new().context("the async runtime can't be started")?;
    let done = match command {
        Command::Serve { config, log } => {
            telemetry::start(log);
            runtime.block_on(serve::serve(&config.path))
        }
        Command::Check { config } => check::check(&config.path),
        Command::Events { command: Events::List { config, json } } => {
            runtime.block_on(events::list(&config.path, json))
        }
        Command::Config => {
            print!("{}", config::DEFAULT);
            Ok(())
        }
    };
    runtime.shutdown_timeout(LEFTOVERS_MAX);
    done
}
