//! The `hookyard` binary: reads the command line, runs one command, and returns its exit code.
//!
//! [`cli`] has one file for each command. [`serve`] builds and runs the parts of the host. The
//! other crates do the work: this one reads the configuration and connects them.
//!
//! This is a library so that two binaries can share it: `hookyard`, and `hookyard-crashing`, which
//! has the crash points armed and is built only for the crash tests.

#![warn(clippy::print_stdout, clippy::print_stderr)]

mod cli;
mod output;
mod telemetry;
mod clock;
mod engine;
mod verifiers;
mod learnt;
mod way_out;
mod serve;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;

use cli::{Cli, Command, Failure};

/// How long the process waits at its end for work on other threads, such as a compilation.
const SHUTDOWN_MAX: Duration = Duration::from_millis(200);

/// Parses the command line and runs the command.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse_from(cli::arguments(std::env::args_os())) {
        Ok(cli) => cli,
        Err(error) => return report_usage(&error),
    };

    // The limits of this command apply only to threads that start after it, so it runs first.
    if let Command::Compile(arguments) = cli.command {
        return cli::compile::run(arguments);
    }

    let result = start(&cli.config_path, cli.command).and_then(|()| output::flush());
    let code = match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    };
    telemetry::flush();
    code
}

/// Prints help, the version, or the fault in the arguments.
///
/// Help and the version go to standard output, a fault goes to standard error.
fn report_usage(error: &clap::Error) -> ExitCode {
    let printed = error.print().and_then(|()| std::io::stdout().flush());

    match printed {
        Err(output_error) if !error.use_stderr() => output::exit_code(&output_error),
        _ => ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2)),
    }
}

/// Starts the async runtime, runs the command on it, and shuts it down.
fn start(path: &Path, command: Command) -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start the async runtime")?;
    let result = runtime.block_on(run(path, command));

    runtime.shutdown_timeout(SHUTDOWN_MAX);
    result
}

/// Runs a command with the configuration at `path`.
async fn run(path: &Path, command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(arguments) => cli::serve::run(path, arguments).await,
        Command::Check(arguments) => cli::check::run(path, arguments).await,
        Command::Events { command } => cli::events::run(path, command).await,
        Command::Outbox { command } => cli::outbox::run(path, command).await,
        Command::Plugins { command } => cli::plugins::run(path, command).await,
        Command::Rehearse(arguments) => cli::rehearse::run(path, arguments).await,
        Command::Handshakes(arguments) => cli::handshakes::run(path, &arguments),
        Command::Refused { command } => cli::refused::run(path, command).await,
        Command::Try(arguments) => cli::trial::run(path, arguments).await,
        Command::Backup(arguments) => cli::backup::run(path, &arguments),
        Command::Wit(arguments) => cli::wit::run(path, &arguments),
        #[cfg(feature = "develop")]
        Command::New(arguments) => cli::new::run(path, arguments),
        #[cfg(feature = "develop")]
        Command::Build(arguments) => cli::build::run(path, &arguments),
        #[cfg(feature = "develop")]
        Command::Provider { command } => cli::provider::run(command),
        Command::Config(arguments) => cli::config::run(&arguments),
        #[cfg(feature = "develop")]
        Command::Dev(arguments) => cli::dev::run(path, arguments).await,
        #[cfg(feature = "develop")]
        Command::Test(arguments) => cli::test::run(path, arguments).await,
        #[cfg(feature = "develop")]
        Command::Send(arguments) => cli::send::run(path, arguments).await,
        Command::Compile(_) => unreachable!("`main` runs this command before the runtime starts"),
    }
}
