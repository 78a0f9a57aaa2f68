//! `cargo demo` shows a real Hookyard with the four senders of the repository, on this machine, in
//! about a minute.
//!
//! The demo builds the host and the reference plugins and starts the real `hookyard` binary on
//! loopback. It then acts as the outside world: senders that sign, senders that forge, a receiver
//! of answers, and an operator who replaces a plugin. Everything that it prints about the host
//! comes from answers, from the receiver, from the host's log and from `hookyard events list`. The
//! exit code is 1 if any result was unexpected.

mod paper;
mod stage;

mod deliveries;
mod answers;
mod refusals;
mod replacement;
mod visit;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use paper::Paper;
use stage::Stage;

/// Shows Hookyard with real senders, forged requests, and a plugin that is replaced while events
/// arrive
#[derive(Debug, Parser)]
#[command(name = "cargo demo", max_term_width = 100)]
struct Arguments {
    /// Keep the host running afterwards, until Ctrl-C
    #[arg(long)]
    keep_running: bool,
    /// The folder for the host's configuration, plugins and store [default: demo, in cargo's target
    /// folder]
    #[arg(long)]
    folder: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut paper = Paper::new();
    match run(&arguments, &mut paper).await {
        Ok(()) => {
            if paper.is_as_it_should_be() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            paper.failure(&error);
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments, paper: &mut Paper) -> Result<()> {
    let stage = Stage::build(arguments.folder.clone(), paper).await?;
    let deliveries = deliveries::show(&stage, paper).await?;
    let answers = answers::show(&stage, paper).await?;
    let refusals = refusals::show(&stage, paper).await?;
    let replacement = replacement::show(&stage, paper).await?;
    paper.summary(&[deliveries, answers, refusals, replacement]);
    if arguments.keep_running {
        visit::show(stage, paper).await
    } else {
        stage.end(paper).await
    }
}
