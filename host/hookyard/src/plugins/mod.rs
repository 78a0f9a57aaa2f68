//! `hookyard plugins`: how plugins stand, and orders about them. Works beside a running host and without one: both sides
//! read and write the same store.

mod standing;
mod list;
mod show;
mod order;

use std::path::Path;

use crate::cli::{Failure, Plugins};

/// Does what the command line says.
pub(crate) async fn run(path: &Path, command: Plugins) -> Result<(), Failure> {
    match command {
        Plugins::List { json } => list::list(path, json).await,
        Plugins::Show { plugin, json } => show::show(path, &plugin, json).await,
        Plugins::Rollback { plugin, to, json } => {
            order::rollback(path, plugin, to.as_deref(), json).await
        }
        Plugins::Pin {
            plugin,
            revision,
            json,
        } => order::pin(path, plugin, revision.as_deref(), json).await,
        Plugins::Unpin { plugin, json } => order::unpin(path, plugin, json).await,
        Plugins::Release { plugin, json } => order::release(path, plugin, json).await,
    }
}
