//! Which messages a selection finds, as statements that are made to measure; as `crate::select` for events.

use hookyard_inbox::{Error, MessageSelection};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::codec::{self, store};
use crate::select::{Filter, hex};

fn filter(selection: &MessageSelection) -> Filter {
    let MessageSelection { ids, tenant, destination, plugin, event_type, event, state, since, until } = selection;
    let mut filter = Filter::default();
    if !ids.is_empty() {
        filter.and("message.id IN (SELECT unhex(value) FROM json_each(?))", hex(ids.iter().map(|id| id.as_uuid())));
    }
    if let Some(event) = event {
        filter.and("message.event = ?", event.as_uuid().into_bytes().to_vec());
    }
    match state.as_deref() {
        None => {}
        // Word by word as in the index.
        Some("dead") => filter.text.push_str(" AND message.state = 'dead'"),
        Some(state) => filter.and("+message.state = ?", state.to_owned()),
    }
    // The signs keep the planner from sorting what an index finds: lists follow the order of commit.
    let texts = [
        ("+message.tenant = ?", tenant.as_ref().map(ToString::to_string)),
        ("+message.destination = ?", destination.as_ref().map(ToString::to_string)),
        ("message.plugin = ?", plugin.as_ref().map(ToString::to_string)),
        ("message.event_type = ?", event_type.clone()),
    ];
    for (condition, value) in texts {
        value.into_iter().for_each(|value| filter.and(condition, value));
    }
    for (condition, time) in [("+message.created_at >= ?", since), ("+message.created_at < ?", until)] {
        time.iter().for_each(|time| filter.and(condition, time.unix_millis()));
    }
    filter
}

/// The statement for the place and these columns of a stretch of the list, and what is bound to it.
pub(super) fn messages(columns: &str, selection: &MessageSelection, after: i64, limit: i64) -> (String, Vec<Value>) {
    let filter = filter(selection);
    let statement = format!(
        "SELECT message.seq, {columns} FROM message WHERE message.seq > ?{} ORDER BY message.seq LIMIT ?",
        filter.text
    );
    (statement, [vec![after.into()], filter.values, vec![limit.into()]].concat())
}

/// The places of messages that the selection finds after a place, each with whether it is under lease.
pub(super) fn places(
    connection: &Connection,
    selection: &MessageSelection,
    after: i64,
    limit: usize,
) -> Result<Vec<(i64, bool)>, Error> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let (statement, values) = messages("message.state = 'leased'", selection, after, limit);
    let mut statement = connection.prepare(&statement).map_err(store)?;
    codec::read_all(&mut statement, params_from_iter(values), |row| {
        Ok((row.get(0).map_err(store)?, row.get(1).map_err(store)?))
    })
}
