//! `hookyard plugins`: how they stand, and what operators can order.

use clap::Subcommand;
use hookyard_model::PluginRef;

/// What to do with plugins.
#[derive(Debug, Subcommand)]
pub(crate) enum Plugins {
    /// List plugins: what each runs, since when, and whether its file is served
    List {
        /// One JSON object per line instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Show one plugin: its revisions, each with its steps, reasons and reports
    Show {
        /// The plugin, as tenant/name
        #[arg(value_parser = plugin)]
        plugin: PluginRef,
        /// One JSON object instead of text
        #[arg(long)]
        json: bool,
    },
    /// Put the revision before back into service; what serves now is refused from then on
    ///
    /// A running host does so at once, another one when it starts.
    Rollback {
        /// The plugin, as tenant/name
        #[arg(value_parser = plugin)]
        plugin: PluginRef,
        /// Rather this revision: its first digits, as many as tell it from others
        #[arg(long, value_name = "REVISION")]
        to: Option<String>,
        /// Say what was done as JSON
        #[arg(long)]
        json: bool,
    },
    /// Have a plugin stay with a revision, whatever file is dropped, until `unpin`
    ///
    /// Files that are dropped meanwhile are checked and compiled, and wait.
    Pin {
        /// The plugin, as tenant/name
        #[arg(value_parser = plugin)]
        plugin: PluginRef,
        /// Rather this revision than the one that serves: its first digits, as many as tell it from others
        revision: Option<String>,
        /// Say what was done as JSON
        #[arg(long)]
        json: bool,
    },
    /// End a pin: the file in the folder is taken up
    Unpin {
        /// The plugin, as tenant/name
        #[arg(value_parser = plugin)]
        plugin: PluginRef,
        /// Say what was done as JSON
        #[arg(long)]
        json: bool,
    },
    /// End a plugin's quarantine: its held events go on, and content that is refused may serve again
    Release {
        /// The plugin, as tenant/name
        #[arg(value_parser = plugin)]
        plugin: PluginRef,
        /// Say what was done as JSON
        #[arg(long)]
        json: bool,
    },
}

fn plugin(text: &str) -> Result<PluginRef, String> {
    let (tenant, plugin) = text
        .split_once('/')
        .ok_or("must be a tenant and a name, such as acme/books")?;
    let tenant = tenant
        .parse()
        .map_err(|error: hookyard_model::InvalidName| error.to_string())?;
    Ok(PluginRef {
        tenant,
        name: plugin
            .parse()
            .map_err(|error: hookyard_model::InvalidName| error.to_string())?,
    })
}
