//! `hookyard plugins`: lists and shows plugins, and gives orders about them.
//!
//! The commands work on the store and the plugin folder. They work while a host serves from these,
//! and without a host.

pub(crate) mod list;
pub(crate) mod orders;
mod show;
pub(crate) mod standing;

use std::path::Path;

use clap::{Args, Subcommand};
use hookyard_admin::host::Wanted;
use hookyard_model::{InvalidName, PluginRef};

use super::Failure;

/// The commands on plugins.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List plugins: the active revision of each, since when, and whether its file is served
    List {
        /// Print one JSON object per line instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Show one plugin: its revisions, each with its steps, reasons and reports
    Show(Target),
    /// Return to the previous good revision, and block the active one
    ///
    /// A running host does so at once, a stopped host when it starts.
    Rollback {
        #[command(flatten)]
        target: Target,
        /// Return to this revision instead: its first digits, enough to be unique
        #[arg(long, value_name = "REVISION")]
        to: Option<String>,
    },
    /// Keep a plugin at a revision until `unpin`, whichever files are dropped
    ///
    /// Files that are dropped in the meantime are checked and compiled, and wait.
    Pin {
        #[command(flatten)]
        target: Target,
        /// The revision instead of the active one: its first digits, enough to be unique
        revision: Option<String>,
    },
    /// End a pin, so that the file in the folder is released
    Unpin(Target),
    /// End a plugin's quarantine and its blocks
    ///
    /// Held events go on, and blocked revisions may serve again.
    Clear(Target),
}

/// The plugin that a command is about, and the form of its output.
#[derive(Debug, Args)]
pub(crate) struct Target {
    /// The plugin, as tenant/name
    #[arg(value_parser = plugin)]
    plugin: PluginRef,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// Runs a command on the plugins of the configuration at `path`.
pub(crate) async fn run(path: &Path, command: Command) -> Result<(), Failure> {
    match command {
        Command::List { json } => list::list(path, json).await,
        Command::Show(target) => show::show(path, &target.plugin, target.json).await,
        Command::Rollback { target, to } => orders::run(path, target, Wanted::Rollback(to)).await,
        Command::Pin { target, revision } => orders::run(path, target, Wanted::Pin(revision)).await,
        Command::Unpin(target) => orders::run(path, target, Wanted::Unpin).await,
        Command::Clear(target) => orders::run(path, target, Wanted::Clear).await,
    }
}

fn plugin(text: &str) -> Result<PluginRef, String> {
    let (tenant, name) = text
        .split_once('/')
        .ok_or("must be a tenant and a name, such as acme/books")?;
    let message = |error: InvalidName| error.to_string();
    Ok(PluginRef {
        tenant: tenant.parse().map_err(message)?,
        name: name.parse().map_err(message)?,
    })
}
