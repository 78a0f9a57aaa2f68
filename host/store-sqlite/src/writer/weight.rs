//! What a call costs the writer, estimated from what is known before the call: in rows written, about 10 µs each.
//!
//! Weights need not be right; they keep a call that costs a thousand times another from sharing a group with it.

use hookyard_model::Event;
use hookyard_store::Settlement;

/// Bytes that cost as much as a row.
const BYTES_PER_ROW: usize = 4096;
/// Reads of one row by its index that cost as much as a row.
const READS_PER_ROW: usize = 4;

/// Of an event, its jobs and its key.
const EVENT: u64 = 4;
/// Of a job's state and the record of the attempt.
const SETTLEMENT: u64 = 4;
/// Of a message with its body.
const MESSAGE: u64 = 6;

/// Of a stretch of work that the host does by itself, such as pruning.
pub(crate) const STRETCH: u64 = 200;
/// Of a call that changes a few rows.
pub(crate) const SMALL: u64 = 4;

pub(crate) fn of_event(event: &Event) -> u64 {
    let headers = event
        .headers
        .iter()
        .map(|header| header.name.len() + header.value.len())
        .sum::<usize>();
    EVENT + of_bytes(event.body.len() + headers)
}

pub(crate) fn of_settlement(settlement: &Settlement) -> u64 {
    let Settlement {
        attempt, effects, ..
    } = settlement;
    let values = effects
        .writes
        .iter()
        .filter_map(|write| write.value.as_ref())
        .map(|value| value.len());
    let bodies = effects.messages.iter().map(|message| message.body.len());
    let lines = attempt.log.iter().map(|line| line.text.len());
    let answers = effects.answers.iter().map(|answer| answer.body.len());
    let bytes = values
        .chain(bodies)
        .chain(lines)
        .chain(answers)
        .sum::<usize>();

    let reads = (effects.reads.len() / READS_PER_ROW) as u64;
    let rows = (effects.writes.len() + effects.answers.len()) as u64
        + MESSAGE * effects.messages.len() as u64;
    SETTLEMENT + reads + rows + of_bytes(bytes)
}

/// Of so many leases.
pub(crate) fn of_leases(count: usize) -> u64 {
    count as u64
}

fn of_bytes(bytes: usize) -> u64 {
    (bytes / BYTES_PER_ROW) as u64
}
