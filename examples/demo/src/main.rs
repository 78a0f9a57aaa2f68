//! `cargo demo`: the four senders of the repository at a real Hookyard, on this machine, in a minute or so.
//!
//! It builds the host and the reference plugins, starts the real `hookyard` binary on loopback, and then is what the
//! outside world is: senders who sign, others who forge, a receiver who is answered, and an operator who replaces a
//! plugin. All that it prints of the host's doing is read from answers, from what the receiver got, from the host's log
//! and from `hookyard events list`. It ends with an exit code of 1 when anything was not as it should be.

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

/// Shows Hookyard at work with real senders, forgers, and a plugin that is replaced while events flow
#[derive(Debug, Parser)]
#[command(name = "cargo demo", max_term_width = 100)]
struct Arguments {
    /// Leave the host running afterwards, until Ctrl-C
    #[arg(long)]
    keep_running: bool,
    /// Where the host's configuration, plugins and inbox go [default: demo, in cargo's target folder]
    #[arg(long)]
    folder: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut paper = Paper::new();
    match run(&arguments, &mut paper).await {
        Ok(()) => match paper.is_as_it_should_be() {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        },
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
    match arguments.keep_running {
        true => visit::show(stage, paper).await,
        false => stage.end(paper).await,
    }
}
