//! The jobs of stored events: claims, settlements and retries.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hookyard_crash::Point;
use hookyard_model::{PluginRef, Revision, TenantName};
use hookyard_store::{ClaimedJob, Error, Handover, JobLease, JobRequest, Jobs, Settlement, Tally};

use crate::writer::{Durability, Terms, weight};
use crate::{SqliteStore, listing, reader, write};

#[async_trait]
impl Jobs for SqliteStore {
    async fn claim(
        &self,
        requests: &[JobRequest],
        lease: Duration,
    ) -> Result<Vec<ClaimedJob>, Error> {
        let requests = requests.to_vec();
        let count = requests.iter().map(|request| request.limit).sum();
        let leased = self
            .writer()?
            .call(Terms::leases(count), move |database| {
                database.claim(&requests, lease)
            })
            .await?;
        if leased.is_empty() {
            return Ok(Vec::new());
        }

        Point::ClaimCommitted.pass();

        self.readers
            .read(move |connection| reader::load(connection, leased))
            .await
    }

    fn hand_over(&self, to: Arc<Handover>) {
        self.wakes.set_handover(to);
    }

    async fn extend(&self, leases: &[JobLease], lease: Duration) -> Result<(), Error> {
        let leases = leases.to_vec();
        self.writer()?
            .call(Terms::leases(leases.len()), move |database| {
                database.extend(&leases, lease)
            })
            .await
    }

    async fn give_back(&self, leases: &[JobLease]) -> Result<(), Error> {
        let leases = leases.to_vec();
        self.writer()?
            .call(Terms::leases(leases.len()), move |database| {
                database.give_back(&leases)
            })
            .await
    }

    async fn settle(&self, settlement: Settlement) -> Result<(), Error> {
        let tenant = settlement.lease.plugin.tenant.clone();
        let terms = Terms::settlement(Some(tenant), weight::of_settlement(&settlement));
        let settle = move |database: &mut write::Database| {
            let settled = database.settle(&settlement);
            Point::SettleWritten.pass();
            settled
        };
        let settled = self.writer()?.call(terms, settle).await;
        Point::SettleCommitted.pass();

        settled
    }

    async fn next_due(&self, plugins: &[PluginRef]) -> Result<Option<Duration>, Error> {
        let plugins = plugins.to_vec();
        self.writer()?
            .call(Terms::leases(0), move |database| {
                database.next_due(&plugins)
            })
            .await
    }

    async fn changed(&self) {
        self.wakes.jobs.notified().await;
    }

    async fn held(&self) -> Result<Vec<Tally<PluginRef>>, Error> {
        self.readers.read(listing::held).await
    }

    async fn unhandled(&self) -> Result<Vec<(TenantName, u64)>, Error> {
        self.readers.read(listing::unhandled).await
    }

    async fn retry_failed(&self, plugin: &PluginRef, revision: Revision) -> Result<u64, Error> {
        let mut retried = 0;
        loop {
            let plugin = plugin.clone();
            let retry =
                move |database: &mut write::Database| database.retry_failed(&plugin, revision);
            let (count, more) = self
                .writer()?
                .call(Terms::batch(Durability::Synced), retry)
                .await?;
            retried += count;
            if !more {
                return Ok(retried);
            }
        }
    }
}
