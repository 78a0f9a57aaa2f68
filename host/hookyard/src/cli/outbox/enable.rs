//! `hookyard outbox enable`: enables a disabled destination.

use std::path::Path;

use anyhow::Context;
use clap::Args;
use hookyard_model::{DestinationRef, InvalidName};
use hookyard_store::Outbox;

use super::disabled::DisabledDestinations;
use crate::cli::Failure;
use crate::cli::shared::StoreAccess;
use crate::cli::shared::filters::QualifiedName;
use crate::output;

/// The arguments of `hookyard outbox enable`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The destination, as tenant/name
    #[arg(value_parser = destination)]
    destination: DestinationRef,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Enables the destination, and reports whether it was disabled.
pub(super) async fn run(path: &Path, arguments: Arguments) -> Result<(), Failure> {
    let Arguments { destination, json } = arguments;
    let access = StoreAccess::read_write(path)?;
    access.check_destination_name(&destination).await?;

    let store = access.store;
    let disabled = DisabledDestinations::read(&store).await?;
    let was_disabled = disabled.reason(&destination).is_some();
    if was_disabled {
        store
            .enable(&destination, None)
            .await
            .context("cannot enable the destination")?;
    }

    if json {
        let destination = destination.to_string();
        output::line(
            serde_json::json!({ "destination": destination, "was_disabled": was_disabled }),
        )
    } else if was_disabled {
        output::line(format_args!(
            "{destination} is enabled; its messages will be delivered"
        ))
    } else {
        output::line(format_args!("{destination} is not disabled"))
    }
}

fn destination(text: &str) -> Result<DestinationRef, String> {
    let QualifiedName { tenant, name } = text
        .parse()
        .map_err(|error: InvalidName| error.to_string())?;
    let tenant = tenant.ok_or("must be a tenant and a name, such as acme/partner")?;
    Ok(DestinationRef { tenant, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destination_needs_a_tenant() {
        assert!(destination("partner").is_err_and(|reason| reason.contains("acme/partner")));
        assert!(destination("acme/Partner").is_err());
        let parsed = destination("acme/partner").map(|destination| destination.to_string());
        assert_eq!(parsed, Ok("acme/partner".into()));
    }
}
