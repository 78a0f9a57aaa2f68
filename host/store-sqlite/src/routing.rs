//! Routes and quarantines.

use std::sync::Arc;

use async_trait::async_trait;
use hookyard_model::PluginRef;
use hookyard_store::{Backlog, Error, Quarantine, Routes, Routing};

use crate::write::{JobCounts, Sweep};
use crate::writer::{Durability, Terms};
use crate::{SqliteStore, write};

#[async_trait]
impl Routing for SqliteStore {
    async fn route_with(&self, routes: Routes, backlog: &Backlog) -> Result<(), Error> {
        let (writer, table) = (self.writer()?, Arc::new((routes, backlog.clone())));
        let mut job_counts = JobCounts::new();
        let mut more = true;
        while more {
            let (table, given) = (Arc::clone(&table), job_counts.clone());
            let take_backlog = move |database: &mut write::Database| {
                let mut job_counts = given.clone();
                Ok((
                    database.take_backlog(&table.0, &table.1, &mut job_counts)?,
                    job_counts,
                ))
            };
            (more, job_counts) = writer
                .call(Terms::batch(Durability::Synced), take_backlog)
                .await?;
        }

        let route = move |database: &mut write::Database| {
            database.route(&table.0, &table.1, &mut job_counts.clone())
        };
        let sweeps = writer.call(Terms::batch(Durability::Synced), route).await?;
        self.sweep(sweeps).await
    }

    async fn routes(&self) -> Result<Routes, Error> {
        self.readers.read(write::load_routes).await
    }

    async fn quarantine(&self, quarantine: Quarantine) -> Result<(), Error> {
        let sweeps = self
            .writer()?
            .call(Terms::batch(Durability::Synced), move |database| {
                database.quarantine(&quarantine)
            })
            .await?;
        self.sweep(sweeps).await
    }

    async fn lift(&self, plugin: &PluginRef) -> Result<(), Error> {
        let plugin = plugin.clone();
        let sweeps = self
            .writer()?
            .call(Terms::batch(Durability::Synced), move |database| {
                database.lift(&plugin)
            })
            .await?;
        self.sweep(sweeps).await
    }

    async fn quarantined(&self) -> Result<Vec<Quarantine>, Error> {
        self.readers.read(write::quarantined).await
    }
}

impl SqliteStore {
    /// Runs sweeps, one batch at a time, so that other calls reach the writer in between.
    async fn sweep(&self, sweeps: Vec<Sweep>) -> Result<(), Error> {
        for sweep in sweeps {
            let mut rest = Some(sweep);
            while let Some(sweep) = rest {
                rest = self
                    .writer()?
                    .call(Terms::batch(Durability::Synced), move |database| {
                        database.sweep(&sweep)
                    })
                    .await?;
            }
        }

        Ok(())
    }
}
