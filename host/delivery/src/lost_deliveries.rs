//! Deliveries that were lost because the host stopped during them; the sibling of `lost_attempts`
//! in dispatch.
//!
//! A lost delivery has begun, so it counts, but it has no record. A message that makes the host
//! crash would do so again at every start. So once as many deliveries of a message were lost as the
//! retry policy allows in all, the message is dead, and nothing is sent.

use hookyard_model::{DeliveryResult, chain};
use hookyard_store::{DELIVERIES_MAX, Error, MessageRecord};

use crate::sender::{SendTask, Sender};

impl Sender {
    /// Returns the result for a message with too many lost deliveries, or `None` if the message
    /// must be sent.
    pub(crate) async fn give_up_after_losses(&self, task: &SendTask) -> Option<DeliveryResult> {
        let lease = &task.message.lease;
        let deliveries_max = task.pass.destination.retry.attempts_max;
        // Fewer deliveries than that cannot have lost too many, so nothing needs to be read.
        if lease.delivery <= deliveries_max {
            return None;
        }

        match self.lost_deliveries(task).await {
            Ok(lost) => {
                let deliveries = lost.filter(|lost| *lost >= deliveries_max)?;
                Some(DeliveryResult::Lost { deliveries })
            }
            Err(error) => {
                tracing::warn!(message_id = %lease.id, error = chain(&error), "the number of lost deliveries is not known");
                None
            }
        }
    }

    async fn lost_deliveries(&self, task: &SendTask) -> Result<Option<u32>, Error> {
        let record = self.outbox.message(task.message.lease.id).await?;
        Ok(record.and_then(|record| count_lost(&record, task)))
    }
}

/// Counts the deliveries before this one that have no record, since the last replay of the message.
fn count_lost(record: &MessageRecord, task: &SendTask) -> Option<u32> {
    let lease = &task.message.lease;
    let recorded: Vec<_> = record
        .deliveries
        .iter()
        .filter(|(replays, _)| *replays == lease.replays)
        .map(|(_, delivery)| delivery)
        .collect();

    // A store that holds as many records as it can has dropped older ones. Deliveries before the
    // first record are then not known to be lost.
    let has_dropped_records = record.deliveries.len() >= DELIVERIES_MAX;
    let first_known = match recorded.first() {
        Some(delivery) if has_dropped_records => delivery.number,
        _ => 1,
    };

    lease
        .delivery
        .checked_sub(first_known)?
        .checked_sub(u32::try_from(recorded.len()).ok()?)
}
