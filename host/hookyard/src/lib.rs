//! The `hookyard` binary: arguments in, an exit code out. It only wires; the rooms below do the work.
//!
//! A library of one function, so that two binaries can be made of it: the one that ships, and the one of the crash
//! test, which is the same with its crash points armed.

#![warn(clippy::print_stdout, clippy::print_stderr)]

mod cli;
mod output;
mod telemetry;
mod system;
mod wit;
mod rehearse;
mod reload;
mod admin;
mod delivery;
mod serve;
mod signals;
mod stop;
mod retention;
mod unserved;
mod check;
mod stored;
mod events;
mod outbox;
mod plugins;
mod backup;
mod certificates;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;

use hookyard_config as config;

use cli::{Cli, Command, Failure};

/// A component that is still being compiled when the host ends is not waited for any longer than this.
const LEFTOVERS_MAX: Duration = Duration::from_millis(200);

/// Does what the command line says.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return tell_usage(&error),
    };
    // Before any thread is started: what is started before isn't bounded.
    if let Command::Compile(cli::Compile {
        memory_max,
        cpu_secs_max,
        parent,
    }) = cli.command
    {
        return hookyard_plugin::CompileOrder {
            memory_max,
            cpu_secs_max,
            parent,
        }
        .carry_out();
    }

    let code = match run(&cli.config.path, cli.command).and_then(|()| output::flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(),
    };
    telemetry::flush();
    code
}

/// Prints help, the version, or what is wrong with the arguments. The first two go to standard output.
fn tell_usage(error: &clap::Error) -> ExitCode {
    let printed = error.print().and_then(|()| std::io::stdout().flush());
    match printed {
        Err(error_of_output) if !error.use_stderr() => output::exit_code(&error_of_output),
        _ => ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2)),
    }
}

fn run(path: &Path, command: Command) -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new().context("the async runtime can't be started")?;
    let done = match command {
        Command::Serve { log } => {
            telemetry::start(log)?;
            runtime.block_on(serve::serve(path))
        }
        Command::Check { json } => check::check(path, json, runtime.handle()),
        Command::Events { command } => runtime.block_on(events::run(path, command)),
        Command::Outbox { command } => runtime.block_on(outbox::run(path, command)),
        Command::Plugins { command } => runtime.block_on(plugins::run(path, command)),
        Command::Rehearse(arguments) => runtime.block_on(rehearse::rehearse(path, arguments)),
        Command::Backup { file, json } => backup::backup(path, &file, json),
        Command::Wit { json } => wit::tell(path, json),
        Command::Compile(_) => Err(Failure::Told),
        Command::Config { json: true } => output::line(config::default_as_json()),
        Command::Config { json: false } => output::text(config::DEFAULT),
    };
    runtime.shutdown_timeout(LEFTOVERS_MAX);
    done
}
