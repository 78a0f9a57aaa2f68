//! `hookyard outbox`: what plugins asked to have sent, what became of it, and sending it again. Works beside a host and
//! without one.

mod list;
mod replay;
mod show;
mod usage;

use std::path::Path;

use anyhow::Context;
use hookyard_model::DestinationRef;
use hookyard_store::Outbox as _;

use crate::cli::Failure;
use crate::cli::outbox::Outbox;
use crate::output;
use crate::stored;

/// Does what the command line says.
pub(crate) async fn run(path: &Path, command: Outbox) -> Result<(), Failure> {
    match command {
        Outbox::List { listing, filters } => list::list(path, filters, listing).await,
        Outbox::Show { id, json } => show::show(path, &id, json).await,
        Outbox::Replay {
            ids,
            again,
            filters,
        } => replay::replay(path, ids, filters, again).await,
        Outbox::Usage { json } => usage::usage(path, json).await,
        Outbox::Enable { destination, json } => enable(path, destination, json).await,
    }
}

/// Ends a destination's disablement, as the operator who knows that it is there again.
async fn enable(path: &Path, destination: DestinationRef, json: bool) -> Result<(), Failure> {
    let stored = stored::to_change(path)?;
    stored.must_know_destination(&destination).await?;
    let disabled = stored
        .inbox
        .disabled()
        .await
        .context("the inbox can't be read")?;
    let was_disabled = disabled
        .iter()
        .any(|disabled| disabled.destination == destination);
    if was_disabled {
        stored
            .inbox
            .enable(&destination)
            .await
            .context("the destination could not be enabled")?;
    }
    if json {
        let destination = destination.to_string();
        return output::line(
            serde_json::json!({ "destination": destination, "was_disabled": was_disabled }),
        );
    }
    match was_disabled {
        true => output::line(format_args!(
            "{destination} is enabled; its messages are sent"
        )),
        false => output::line(format_args!("{destination} is not disabled")),
    }
}
