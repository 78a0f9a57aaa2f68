//! Reads of messages: lists, whole messages, usage and expired messages.

use std::time::Duration;

use hookyard_model::{
    Answer, Delivery, DestinationRef, MessageId, PluginRef, TenantName, Timestamp, WorkState,
};
use hookyard_store::{
    ClaimedMessage, DisabledDestination, Error, MessagePage, MessageRecord, MessageSummary,
    OutboxUsage, Retention,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::codec::{self, corrupt, parsed, store};
use crate::listing::{Places, range};
use crate::predecessor;
use crate::selection::Range;
use crate::write::{self, ExpiredMessage, NewMessageLease};

const BODY: &str = "SELECT body FROM message_body WHERE message = ?1";
const HAS_PENDING: &str = "
    SELECT EXISTS (SELECT 1 FROM message WHERE tenant = ?1 AND destination = ?2 AND blocked = 0
      AND state = 'pending')";
const NEXT_DUE: &str = "
    SELECT min(due_at) FROM message
    WHERE tenant = ?1 AND destination = ?2 AND blocked = 0 AND due_at IS NOT NULL";
/// The columns of a message in a list. The size of the body is read without the body.
const SUMMARY: &str = "
    SELECT seq, id, tenant, plugin, event, destination, event_type, created_at, state, due_at,
      deliveries, bytes, seq, tenant, ordering_key, blocked
    FROM message WHERE seq = ?1";
const LAST_DELIVERY: &str = "
    SELECT result, detail, started_at, duration_us FROM delivery WHERE message = ?1
      ORDER BY replays DESC, number DESC LIMIT 1";
const NOT_AFTER: &str = "SELECT seq FROM message WHERE id <= ?1 ORDER BY id DESC LIMIT 1";
const NOT_BEFORE: &str = "SELECT seq FROM message WHERE id >= ?1 ORDER BY id LIMIT 1";
const BY_ID: &str = "SELECT seq, ordering_key, replays FROM message WHERE id = ?1";
const DELIVERIES: &str = "
    SELECT replays, number, started_at, duration_us, result, detail, headers, body
    FROM delivery WHERE message = ?1 ORDER BY replays, number";
const DISABLED: &str =
    "SELECT tenant, destination, reason, since FROM disabled ORDER BY tenant, destination";
/// Runs when the host starts or reloads. It walks the unsent messages in two covering indexes.
const UNSENT_DESTINATIONS: &str = "
    SELECT tenant, destination FROM message WHERE state = 'pending'
    UNION SELECT tenant, destination FROM message WHERE due_at IS NOT NULL
    ORDER BY tenant, destination";
/// Selects every tenant that has ever had an event. Only these tenants can have messages.
const TENANTS: &str = "SELECT tenant FROM stored ORDER BY tenant";
const OLDEST_OVER: &str = "
    SELECT seq, bytes FROM message
    WHERE tenant = ?1 AND created_at <= ?2 AND state IN ('done', 'dead')
    ORDER BY created_at, seq LIMIT ?3";
const OLDEST_UNSENT: &str = "
    SELECT seq, bytes FROM message
    WHERE tenant = ?1 AND since <= ?2 AND state IN ('pending', 'waiting', 'dead')
    ORDER BY since, seq LIMIT ?3";
const UNSENT_ALL: &str =
    "SELECT tenant, plugin, messages, bytes FROM unsent WHERE messages > 0 ORDER BY tenant, plugin";

/// Loads the bodies of new leases.
pub(super) fn load(
    connection: &Connection,
    leased: Vec<NewMessageLease>,
) -> Result<Vec<ClaimedMessage>, Error> {
    let load = |leased: NewMessageLease| {
        let NewMessageLease {
            seq,
            lease,
            destination,
            plugin,
            event,
            event_type,
            since,
            spared,
            trace,
        } = leased;
        let body = body(connection, seq)?.into();
        Ok(ClaimedMessage {
            lease,
            destination,
            plugin,
            event,
            event_type,
            body,
            since,
            spared,
            trace,
        })
    };

    leased.into_iter().map(load).collect()
}

fn body(connection: &Connection, seq: i64) -> Result<Vec<u8>, Error> {
    let mut statement = connection.prepare_cached(BODY).map_err(store)?;
    statement.query_row([seq], |row| row.get(0)).map_err(store)
}

/// Returns the earliest time at which a message to any of these destinations is due.
pub(super) fn next_due(
    connection: &Connection,
    destinations: &[DestinationRef],
) -> Result<Option<Timestamp>, Error> {
    let mut has_pending = connection.prepare_cached(HAS_PENDING).map_err(store)?;
    let mut next_due = connection.prepare_cached(NEXT_DUE).map_err(store)?;
    let mut earliest = None;
    for destination in destinations {
        if write::is_disabled(connection, destination)? {
            continue;
        }
        let values = [destination.tenant.as_str(), destination.name.as_str()];
        if has_pending
            .query_row(values, |row| row.get::<_, bool>(0))
            .map_err(store)?
        {
            return Ok(WorkState::Pending.due_at());
        }
        let due: Option<i64> = next_due
            .query_row(values, |row| row.get(0))
            .map_err(store)?;
        earliest = [earliest, due].into_iter().flatten().min();
    }

    Ok(earliest.map(Timestamp::from_unix_millis))
}

const PLACES: Places = Places {
    not_after: NOT_AFTER,
    not_before: NOT_BEFORE,
};

/// Returns the range of a page of the list of messages.
pub(crate) fn message_range(connection: &Connection, page: &MessagePage) -> Result<Range, Error> {
    let after = page.after.map(MessageId::as_uuid);

    range(connection, page.order, after, page.limit, &PLACES)
}

/// Reads the summary of the message of this number.
pub(crate) fn summary_of(connection: &Connection, seq: i64) -> Result<MessageSummary, Error> {
    let mut statement = connection.prepare_cached(SUMMARY).map_err(store)?;
    let found = statement.query_row([seq], |row| Ok(summary(connection, row)));

    found.map_err(store)?
}

fn summary(connection: &Connection, row: &Row<'_>) -> Result<MessageSummary, Error> {
    let text = |column: usize| row.get::<_, String>(column).map_err(store);
    let (id, event): ([u8; 16], [u8; 16]) =
        (row.get(1).map_err(store)?, row.get(4).map_err(store)?);
    let plugin = PluginRef {
        tenant: parsed(&text(2)?, "a message's tenant")?,
        name: parsed(&text(3)?, "a message's plugin")?,
    };
    let bytes: i64 = row.get(11).map_err(store)?;
    let last = last_delivery(connection, row.get(0).map_err(store)?)?;
    let (destination, state) = (
        text(5)?,
        codec::state(&text(8)?, row.get(9).map_err(store)?)?,
    );

    Ok(MessageSummary {
        id: codec::message_id(&id)?,
        plugin,
        event: codec::event_id(&event)?,
        behind: predecessor::of(state, row, 13, |lane| {
            predecessor::of_message(connection, &destination, lane)
        })?,
        destination: parsed(&destination, "a message's destination")?,
        event_type: row.get(6).map_err(store)?,
        created_at: Timestamp::from_unix_millis(row.get(7).map_err(store)?),
        state,
        deliveries: row.get(10).map_err(store)?,
        last_result: last.as_ref().map(|(result, _)| result.clone()),
        ended_at: last
            .filter(|_| state.is_over())
            .map(|(_, ended_at)| ended_at),
        body_bytes: bytes.try_into().map_err(|_| corrupt("a message's size"))?,
    })
}

/// Reads the result of the last ended delivery of a message, and the time of its end.
fn last_delivery(connection: &Connection, seq: i64) -> Result<Option<(String, Timestamp)>, Error> {
    let mut statement = connection.prepare_cached(LAST_DELIVERY).map_err(store)?;
    let found = codec::read_all(&mut statement, [seq], |row| {
        let (name, detail): (String, Option<String>) =
            (row.get(0).map_err(store)?, row.get(1).map_err(store)?);
        let duration: i64 = row.get(3).map_err(store)?;
        let started_at = Timestamp::from_unix_millis(row.get(2).map_err(store)?);
        let ended_at = started_at.after(Duration::from_micros(duration.unsigned_abs()));

        Ok((
            codec::result(&name, detail.as_deref())?.to_string(),
            ended_at,
        ))
    })?;

    Ok(found.into_iter().next())
}

/// Reads a whole message.
pub(super) fn message(
    connection: &Connection,
    id: MessageId,
) -> Result<Option<MessageRecord>, Error> {
    let mut statement = connection.prepare_cached(BY_ID).map_err(store)?;
    let found = statement.query_row([id.as_uuid().into_bytes()], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    });
    let Some((seq, ordering_key, replays)) = found.optional().map_err(store)? else {
        return Ok(None);
    };
    let summary = summary_of(connection, seq)?;
    let mut statement = connection.prepare_cached(DELIVERIES).map_err(store)?;
    let deliveries = codec::read_all(&mut statement, [seq], delivery)?;
    let body = body(connection, seq)?.into();

    Ok(Some(MessageRecord {
        summary,
        ordering_key,
        replays,
        body,
        deliveries,
    }))
}

fn delivery(row: &Row<'_>) -> Result<(u32, Delivery), Error> {
    let (result, detail): (String, Option<String>) =
        (row.get(4).map_err(store)?, row.get(5).map_err(store)?);
    let (headers, body): (Option<Vec<u8>>, Option<Vec<u8>>) =
        (row.get(6).map_err(store)?, row.get(7).map_err(store)?);
    let duration: i64 = row.get(3).map_err(store)?;
    let answer = headers.map(|headers| {
        let headers = codec::headers_from_blob(headers)?;
        Ok(Answer {
            headers,
            body: body.unwrap_or_default().into(),
        })
    });
    let delivery = Delivery {
        number: row.get(1).map_err(store)?,
        started_at: Timestamp::from_unix_millis(row.get(2).map_err(store)?),
        duration: Duration::from_micros(duration.unsigned_abs()),
        result: codec::result(&result, detail.as_deref())?,
        answer: answer.transpose()?,
    };

    Ok((row.get(0).map_err(store)?, delivery))
}

/// Returns the unsent messages by plugin.
pub(super) fn unsent(connection: &Connection) -> Result<Vec<(PluginRef, OutboxUsage)>, Error> {
    let mut statement = connection.prepare_cached(UNSENT_ALL).map_err(store)?;
    codec::read_all(&mut statement, [], |row| {
        let text = |column: usize| row.get::<_, String>(column).map_err(store);
        let number = |column: usize| {
            row.get::<_, i64>(column)
                .map(i64::unsigned_abs)
                .map_err(store)
        };
        let tenant = parsed(&text(0)?, "a message's tenant")?;
        let plugin = PluginRef {
            tenant,
            name: parsed(&text(1)?, "a message's plugin")?,
        };
        Ok((
            plugin,
            OutboxUsage {
                messages: number(2)?,
                bytes: number(3)?,
            },
        ))
    })
}

/// Reads the disabled destinations.
pub(super) fn disabled(connection: &Connection) -> Result<Vec<DisabledDestination>, Error> {
    let mut statement = connection.prepare_cached(DISABLED).map_err(store)?;
    codec::read_all(&mut statement, [], |row| {
        let text = |column: usize| row.get::<_, String>(column).map_err(store);
        let tenant = parsed(&text(0)?, "a disabled destination's tenant")?;
        let destination = DestinationRef {
            tenant,
            name: parsed(&text(1)?, "a disabled destination")?,
        };
        let since = Timestamp::from_unix_millis(row.get(3).map_err(store)?);
        Ok(DisabledDestination {
            destination,
            reason: text(2)?,
            since,
        })
    })
}

/// Returns the destinations that have unsent messages.
pub(super) fn unsent_destinations(connection: &Connection) -> Result<Vec<DestinationRef>, Error> {
    let mut statement = connection
        .prepare_cached(UNSENT_DESTINATIONS)
        .map_err(store)?;
    codec::read_all(&mut statement, [], |row| {
        let text = |column: usize| row.get::<_, String>(column).map_err(store);
        let tenant = parsed(&text(0)?, "a message's tenant")?;
        Ok(DestinationRef {
            tenant,
            name: parsed(&text(1)?, "a message's destination")?,
        })
    })
}

/// Returns up to `limit` messages that the limits do not keep, the oldest of each tenant first.
pub(super) fn old(
    connection: &Connection,
    limits: &Retention,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<ExpiredMessage>, Error> {
    let mut tenants = connection.prepare_cached(TENANTS).map_err(store)?;
    let tenants = codec::read_all(&mut tenants, [], |row| {
        let tenant: String = row.get(0).map_err(store)?;
        parsed::<TenantName>(&tenant, "a tenant's name")
    })?;
    let mut old = Vec::new();
    for tenant in tenants {
        let keep = limits.limits_of(&tenant);
        for (age_max, is_unsent) in [(keep.age_max, false), (keep.unsent_max_age, true)] {
            let Some(age_max) = age_max else { continue };
            let until = now.before(age_max).unix_millis();
            let left = i64::try_from(limit - old.len()).unwrap_or(i64::MAX);
            let mut statement = connection
                .prepare_cached(if is_unsent {
                    OLDEST_UNSENT
                } else {
                    OLDEST_OVER
                })
                .map_err(store)?;
            let values = params![tenant.as_str(), until, left];
            old.extend(codec::read_all(&mut statement, values, |row| {
                let bytes: i64 = row.get(1).map_err(store)?;
                let unsent_until = is_unsent.then_some(until);
                Ok(ExpiredMessage {
                    seq: row.get(0).map_err(store)?,
                    bytes: bytes.unsigned_abs(),
                    unsent_until,
                })
            })?);
        }
    }

    Ok(old)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_plans;

    #[test]
    fn statements_use_indexes() {
        query_plans::check(&[
            ("claim: body", BODY, &["PRIMARY KEY (rowid=?)"]),
            (
                "next due: pending",
                HAS_PENDING,
                &["INDEX message_pending (tenant=? AND destination=? AND blocked=?)"],
            ),
            (
                "next due: timed",
                NEXT_DUE,
                &["message_due (tenant=? AND destination=? AND blocked=? AND due_at>?)"],
            ),
            (
                "list: place",
                NOT_AFTER,
                &["COVERING INDEX sqlite_autoindex_message_1 (id<?)"],
            ),
            (
                "list: place from the end",
                NOT_BEFORE,
                &["COVERING INDEX sqlite_autoindex_message_1 (id>?)"],
            ),
            ("list: summary", SUMMARY, &["PRIMARY KEY (rowid=?)"]),
            (
                "list: last delivery",
                LAST_DELIVERY,
                &["PRIMARY KEY (message=?)"],
            ),
            ("show", BY_ID, &["sqlite_autoindex_message_1 (id=?)"]),
            ("show: deliveries", DELIVERIES, &["PRIMARY KEY (message=?)"]),
            (
                "prune: find",
                OLDEST_OVER,
                &["INDEX message_over (tenant=? AND created_at<?)"],
            ),
            (
                "prune: find unsent",
                OLDEST_UNSENT,
                &["INDEX message_unsent (tenant=? AND since<?)"],
            ),
        ]);
    }

    #[test]
    fn unsent_destinations_are_found_by_index() {
        let steps = query_plans::of(UNSENT_DESTINATIONS);
        for index in ["message_pending", "message_due"] {
            let part = format!("COVERING INDEX {index}");
            assert!(steps.iter().any(|step| step.contains(&part)), "{steps:?}");
        }
    }
}
