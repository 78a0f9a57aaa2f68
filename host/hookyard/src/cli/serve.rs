//! `hookyard serve`: receives webhooks and runs plugins until it is stopped.

use std::path::Path;

use clap::Args;

use super::Failure;
use crate::serve;
use crate::telemetry::{self, LogFormat};

/// The arguments of `hookyard serve`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The format of log lines on standard error
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    log: LogFormat,
}

/// Starts the log and serves the configuration at `path`.
pub(crate) async fn run(path: &Path, arguments: Arguments) -> Result<(), Failure> {
    telemetry::start(arguments.log)?;
    serve::serve(path).await
}
