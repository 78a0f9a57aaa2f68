//! Routes and quarantines.

use std::sync::Arc;

use async_trait::async_trait;
use hookyard_model::PluginRef;
use hookyard_store::{Backlog, Error, Quarantine, Routes, Routing};

use crate::write::{Sweep, Turns};
use crate::writer::{Durability, Terms};
use crate::{SqliteStore, write};

#[async_trait]
impl Routing for SqliteStore {
    async fn route_with(&self, routes: Routes, backlog: &Backlog) -> Result<(), Error> {
        let (writer, table) = (self.writer()?, Arc::new((routes, backlog.clone())));
        let mut turns = Turns::new();
        let mut more = true;
        while more {
            let (table, given) = (Arc::clone(&table), turns.clone());
            let adopt = move |store: &mut write::Database| {
                let mut turns = given.clone();
                Ok((store.adopt(&table.0, &table.1, &mut turns)?, turns))
            };
            (more, turns) = writer
                .call(Terms::stretch(Durability::Synced), adopt)
                .await?;
        }

        let route =
            move |store: &mut write::Database| store.route(&table.0, &table.1, &mut turns.clone());
        let sweeps = writer
            .call(Terms::stretch(Durability::Synced), route)
            .await?;
        self.sweep(sweeps).await
    }

    async fn routes(&self) -> Result<Routes, Error> {
        self.readers.read(write::load_routes).await
    }

    async fn quarantine(&self, quarantine: Quarantine) -> Result<(), Error> {
        let sweeps = self
            .writer()?
            .call(Terms::stretch(Durability::Synced), move |store| {
                store.quarantine(&quarantine)
            })
            .await?;
        self.sweep(sweeps).await
    }

    async fn lift(&self, plugin: &PluginRef) -> Result<(), Error> {
        let plugin = plugin.clone();
        let sweeps = self
            .writer()?
            .call(Terms::stretch(Durability::Synced), move |store| {
                store.lift(&plugin)
            })
            .await?;
        self.sweep(sweeps).await
    }

    async fn quarantined(&self) -> Result<Vec<Quarantine>, Error> {
        self.readers.read(write::quarantined).await
    }
}

impl SqliteStore {
    /// Holds and sets free what should be, a stretch at a time, so that others come to the writer in between.
    async fn sweep(&self, sweeps: Vec<Sweep>) -> Result<(), Error> {
        for sweep in sweeps {
            let mut rest = Some(sweep);
            while let Some(sweep) = rest {
                rest = self
                    .writer()?
                    .call(Terms::stretch(Durability::Synced), move |store| {
                        store.sweep(&sweep)
                    })
                    .await?;
            }
        }
        Ok(())
    }
}
