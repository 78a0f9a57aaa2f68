//! `hookyard handshakes`: shows the secrets that the handshakes of a source brought, and removes
//! them.
//!
//! Some senders choose the secret of an endpoint and send it with their first request. The command
//! hands the secret to the operator, who decides whether it is the sender's.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context;
use clap::Args;
use hookyard_config::{self as config, Settings};
use hookyard_model::{InvalidName, SourceRef};
use serde_json::json;

use super::Failure;
use super::shared::filters::QualifiedName;
use crate::learnt::{LearntFolder, StoredSecret};
use crate::output;

/// The arguments of `hookyard handshakes`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The source, as tenant/name
    #[arg(value_parser = source)]
    source: SourceRef,
    /// Print one JSON object for each secret instead of text
    #[arg(long)]
    json: bool,
}

/// Shows the secrets of one source, and removes them once they are written.
pub(crate) fn run(path: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let settings = config::read(path).result?;
    let source = &arguments.source;
    require_source(&settings, source)?;

    let folder = LearntFolder::beside(&settings.store.url);
    let secrets = folder
        .read(source)
        .with_context(|| format!("the secrets of {source} cannot be read"))?;
    if arguments.json {
        secrets
            .iter()
            .try_for_each(|stored| output::line(as_json(stored)))?;
    } else if secrets.is_empty() {
        output::line(none(source))?;
    } else {
        output::text(as_text(source, &secrets))?;
    }
    output::flush()?;

    secrets
        .into_iter()
        .try_for_each(StoredSecret::remove)
        .with_context(|| format!("the secrets of {source} cannot be removed"))?;
    Ok(())
}

fn source(text: &str) -> Result<SourceRef, String> {
    let QualifiedName { tenant, name } = text
        .parse()
        .map_err(|error: InvalidName| error.to_string())?;
    let tenant = tenant.ok_or("must be tenant/name, such as acme/tasks")?;
    Ok(SourceRef { tenant, name })
}

fn require_source(settings: &Settings, source: &SourceRef) -> Result<(), Failure> {
    if settings.sources.contains_key(source) {
        return Ok(());
    }
    let names: Vec<_> = settings.sources.keys().map(SourceRef::to_string).collect();
    Err(Failure::Arguments(format!(
        "there is no source {source}; the sources are {}",
        names.join(", ")
    )))
}

fn secret(stored: &StoredSecret) -> String {
    String::from_utf8_lossy(stored.learnt.secret.expose()).into_owned()
}

fn as_json(stored: &StoredSecret) -> serde_json::Value {
    json!({
        "received_at": stored.learnt.received_at.to_string(),
        "peer": &*stored.learnt.peer,
        "secret": secret(stored),
    })
}

fn none(source: &SourceRef) -> String {
    format!(
        "no handshake of {source} brought a secret; add `learning = true` to the source, and \
         register its URL at the sender"
    )
}

fn as_text(source: &SourceRef, secrets: &[StoredSecret]) -> String {
    let mut text = String::new();
    for stored in secrets {
        let _ = writeln!(
            text,
            "{}  from {}\n  {}",
            stored.learnt.received_at,
            stored.learnt.peer,
            secret(stored)
        );
    }
    let SourceRef { tenant, name } = source;
    let _ = writeln!(
        text,
        "\nAnybody can send such a secret. Use the one that came when you registered the URL.\n\
         Write it to a file or a variable, and refer to it in [tenants.{tenant}.sources.{name}]:\n  \
         secrets = [{{ file = \"{name}.secret\" }}]\n\
         Then remove `learning`. The host has forgotten what is shown here."
    );
    text
}
