//! `hookyard config`: prints the reference configuration, which is compiled in.

use clap::Args;

use super::Failure;
use crate::output;

/// The arguments of `hookyard config`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Print one JSON object without comments instead of TOML
    #[arg(long)]
    json: bool,
}

/// Prints every key with its default.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.json {
        output::line(hookyard_config::default_as_json())
    } else {
        output::text(hookyard_config::DEFAULT)
    }
}
