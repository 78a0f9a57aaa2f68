//! `hookyard outbox`: what plugins asked to have sent, what became of it, and sending it again. Works beside a host and
//! without one.

mod list;
mod replay;
mod show;

use std::path::Path;

use anyhow::Context;
use hookyard_inbox::Outbox as _;
use hookyard_model::DestinationRef;

use crate::cli::Failure;
use crate::cli::outbox::Outbox;
use crate::output;
use crate::stored;

/// Does what the command line says.
pub(crate) async fn run(command: Outbox) -> Result<(), Failure> {
    match command {
        Outbox::List { config, limit, json, filters } => list::list(&config.path, filters, limit, json).await,
        Outbox::Show { id, config, json } => show::show(&config.path, id, json).await,
        Outbox::Replay { ids, config, again, filters } => replay::replay(&config.path, ids, filters, again).await,
        Outbox::Enable { destination, config } => enable(&config.path, destination).await,
    }
}

/// Ends a destination's disablement, as the operator who knows that it is there again.
async fn enable(path: &Path, destination: DestinationRef) -> Result<(), Failure> {
    let inbox = stored::to_change(path)?;
    let disabled = inbox.disabled().await.context("the inbox can't be read")?;
    if !disabled.iter().any(|disabled| disabled.destination == destination) {
        return output::line(format_args!("{destination} is not disabled"));
    }
    inbox.enable(&destination).await.context("the destination could not be enabled")?;
    output::line(format_args!("{destination} is enabled; its messages are sent"))
}
