//! Tries that were lost together with their host; the sibling of `lost` in dispatch.
//!
//! Each has begun and so counts, but has no record. Whatever takes the host down would do so again at every start; so
//! once as many tries at a message were lost as may be made in all, it is dead, and nothing is sent.

use hookyard_model::{DeliveryResult, chain};
use hookyard_store::DELIVERIES_MAX;
use hookyard_store::{Error, MessageRecord};

use crate::sending::{Means, Sending};

impl Means {
    /// What becomes of a message at which too many tries were lost; `None` when it's to be sent.
    pub(super) async fn given_up(&self, sending: &Sending) -> Option<DeliveryResult> {
        let attempts_max = sending.pass.destination.retry.attempts_max;
        // Otherwise so many can't have been lost, and nothing needs to be read.
        if sending.message.lease.delivery <= attempts_max {
            return None;
        }
        match self.lost(sending).await {
            Ok(lost) => lost
                .filter(|lost| *lost >= attempts_max)
                .map(|deliveries| DeliveryResult::Lost { deliveries }),
            Err(error) => {
                let message_id = sending.message.lease.id;
                tracing::warn!(%message_id, error = chain(&error), "it is not known how many tries were lost");
                None
            }
        }
    }

    async fn lost(&self, sending: &Sending) -> Result<Option<u32>, Error> {
        let record = self.outbox.message(sending.message.lease.id).await?;
        Ok(record.and_then(|record| lost(&record, sending)))
    }
}

/// How many tries before this one have no record, since the message was last replayed: of those that are remembered.
fn lost(record: &MessageRecord, sending: &Sending) -> Option<u32> {
    let lease = &sending.message.lease;
    let of_this_run = || {
        record
            .deliveries
            .iter()
            .filter(|(replays, _)| *replays == lease.replays)
    };
    let are_some_forgotten = record.deliveries.len() >= DELIVERIES_MAX;
    let first = of_this_run()
        .next()
        .filter(|_| are_some_forgotten)
        .map_or(1, |(_, delivery)| delivery.number);
    lease
        .delivery
        .checked_sub(first)?
        .checked_sub(u32::try_from(of_this_run().count()).ok()?)
}
