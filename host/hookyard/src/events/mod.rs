//! `hookyard events`: what is stored and what became of it, and running it again. Works beside a host and without one.

mod discard;
mod list;
mod replay;
mod show;

use std::path::Path;

use crate::cli::{Events, Failure};

/// Does what the command line says.
pub(crate) async fn run(path: &Path, command: Events) -> Result<(), Failure> {
    match command {
        Events::List { listing, filters } => list::list(path, filters, listing).await,
        Events::Show { id, json } => show::show(path, &id, json).await,
        Events::Replay { ids, options } => replay::replay(path, ids, options).await,
        Events::Discard { ids, options } => discard::discard(path, ids, options).await,
    }
}
