//! `hookyard plugins`: how plugins stand, and orders about them. Works beside a running host and without one: both sides
//! read and write the same store.

mod standing;
mod list;
mod show;
mod order;

use crate::cli::{Failure, Plugins};

/// Does what the command line says.
pub(crate) async fn run(command: Plugins) -> Result<(), Failure> {
    match command {
        Plugins::List { config, json } => list::list(&config.path, json).await,
        Plugins::Show { plugin, config, json } => show::show(&config.path, &plugin, json).await,
        Plugins::Rollback { plugin, to, config, json } => {
            order::rollback(&config.path, plugin, to.as_deref(), json).await
        }
        Plugins::Pin { plugin, revision, config, json } => {
            order::pin(&config.path, plugin, revision.as_deref(), json).await
        }
        Plugins::Unpin { plugin, config, json } => order::unpin(&config.path, plugin, json).await,
        Plugins::Release { plugin, config, json } => order::release(&config.path, plugin, json).await,
    }
}
