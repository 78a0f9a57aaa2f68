//! The weight of a call: its estimated cost for the writer, in rows written. A row takes about 10
//! µs.
//!
//! Weights need not be exact. They keep a call that costs a thousand times as much as another from
//! sharing its group.

use hookyard_model::Event;
use hookyard_store::Settlement;

/// The number of bytes that cost as much as a row.
const BYTES_PER_ROW: usize = 4096;
/// The number of reads by index that cost as much as a row.
const READS_PER_ROW: usize = 4;

/// The weight of an event with its jobs and its key.
const EVENT: u64 = 4;
/// The weight of the state of a job and the record of its attempt.
const SETTLEMENT: u64 = 4;
/// The weight of a message with its body.
const MESSAGE: u64 = 6;

/// The weight of one batch of the host's own work, such as pruning.
pub(crate) const BATCH: u64 = 200;
/// The weight of a call that changes a few rows.
pub(crate) const SMALL: u64 = 4;

pub(crate) fn of_event(event: &Event) -> u64 {
    let headers: usize = event
        .headers
        .iter()
        .map(|header| header.name.len() + header.value.len())
        .sum();

    EVENT + of_bytes(event.body.len() + headers)
}

pub(crate) fn of_settlement(settlement: &Settlement) -> u64 {
    let effects = &settlement.effects;

    let values = effects
        .writes
        .iter()
        .filter_map(|write| write.value.as_ref())
        .map(|value| value.len());
    let bodies = effects.messages.iter().map(|message| message.body.len());
    let answers = effects.answers.iter().map(|answer| answer.body.len());
    let log = settlement.attempt.log.iter().map(|line| line.text.len());
    let bytes: usize = values.chain(bodies).chain(answers).chain(log).sum();

    let reads = (effects.reads.len() / READS_PER_ROW) as u64;
    let rows = (effects.writes.len() + effects.answers.len()) as u64;
    let messages = MESSAGE * effects.messages.len() as u64;
    SETTLEMENT + reads + rows + messages + of_bytes(bytes)
}

pub(crate) fn of_leases(count: usize) -> u64 {
    count as u64
}

fn of_bytes(bytes: usize) -> u64 {
    (bytes / BYTES_PER_ROW) as u64
}
