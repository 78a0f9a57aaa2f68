//! Which messages a search looks at, and which of them it keeps.

use hookyard_model::{MessageId, TenantName, Timestamp};
use hookyard_store::{
    Budget, Error, Found, MessagePage, MessageSelection, MessageSummary, Place, Tenants,
};
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

use super::events::tenants_of;
use super::walk::{LISTED_MAX, STREAMS_MAX, Source, Walk, distinct};
use super::{Numbers, run};
use crate::codec::{self, store};
use crate::outbox::{self, message_range, summary_of};
use crate::selection::{Range, hex};
use crate::values_of;

const EVERY: Source = Source {
    number: "message.seq",
    from: "message WHERE TRUE",
};
const OF_DESTINATION: Source = Source {
    number: "message.seq",
    from: "message INDEXED BY message_run WHERE tenant = ? AND destination = ?",
};
const PENDING: Source = Source {
    number: "message.seq",
    from: "message INDEXED BY message_pending
           WHERE state = 'pending' AND tenant = ? AND destination = ? AND blocked = ?",
};
const DEAD: Source = Source {
    number: "message.seq",
    from: "message INDEXED BY message_dead_of
           WHERE state = 'dead' AND tenant = ? AND destination = ?",
};
const OF_EVENT: Source = Source {
    number: "message.seq",
    from: "message INDEXED BY message_event WHERE event = ?",
};
/// Selects the leased and waiting messages to a destination, which no index has in order.
const TIMED: &str = "
    SELECT seq FROM
      (SELECT seq, state FROM message INDEXED BY message_due
       WHERE due_at IS NOT NULL AND tenant = ?1 AND destination = ?2 LIMIT ?4)
    WHERE state = ?3";

const NEXT_DESTINATION: &str = "
    SELECT destination FROM message INDEXED BY message_run WHERE tenant = ?
      AND destination > ? ORDER BY destination LIMIT 1";
const NEXT_PENDING: &str = "
    SELECT destination FROM message INDEXED BY message_pending WHERE state = 'pending'
      AND tenant = ? AND destination > ? ORDER BY destination LIMIT 1";
const NEXT_DEAD: &str = "
    SELECT destination FROM message INDEXED BY message_dead_of WHERE state = 'dead'
      AND tenant = ? AND destination > ? ORDER BY destination LIMIT 1";
const NEXT_TIMED: &str = "
    SELECT destination FROM message INDEXED BY message_due WHERE due_at IS NOT NULL
      AND tenant = ? AND destination > ? ORDER BY destination LIMIT 1";

const BY_IDS: &str = "SELECT seq FROM message WHERE id IN (SELECT unhex(value) FROM json_each(?1))";
const BY_ID_RANGE: &str = "SELECT seq FROM message WHERE id >= ?1 AND id <= ?2 LIMIT ?3";
const PLACE: &str = "SELECT id, created_at FROM message WHERE seq = ?1";

/// Reads a page of the list of messages, within the budget.
pub(crate) fn search(
    connection: &Connection,
    page: &MessagePage,
    tenants: &Tenants,
    budget: Budget,
) -> Result<Found<MessageSummary, MessageId>, Error> {
    let Numbers { found, next } = numbers(connection, page, tenants, budget)?;
    let items = found.into_iter().map(|seq| summary_of(connection, seq));
    let next = next.map(|seq| place(connection, seq)).transpose()?;

    Ok(Found {
        items: items.collect::<Result<_, _>>()?,
        next,
    })
}

/// Returns the numbers of the messages of a page.
pub(super) fn numbers(
    connection: &Connection,
    page: &MessagePage,
    tenants: &Tenants,
    budget: Budget,
) -> Result<Numbers, Error> {
    let MessagePage {
        selection, limit, ..
    } = page;
    let range = message_range(connection, page)?;
    let tenants = tenants.filtered(selection.tenant.as_ref());
    let mut walk = walk(connection, selection, &tenants, &range)?;

    let (statement, values) = outbox::matching(selection);
    let among = values_of(&tenants).map_or(Value::Null, Value::from);
    run(connection, &mut walk, *limit, budget, |numbers| {
        let numbers = serde_json::to_string(numbers).expect("numbers make JSON");
        let values = [vec![numbers.into(), among.clone()], values.clone()].concat();
        let mut statement = connection.prepare_cached(&statement).map_err(store)?;
        codec::read_all(&mut statement, params_from_iter(values), |row| {
            row.get(0).map_err(store)
        })
    })
}

fn place(connection: &Connection, seq: i64) -> Result<Place<MessageId>, Error> {
    let mut statement = connection.prepare_cached(PLACE).map_err(store)?;
    let (id, at): ([u8; 16], i64) = statement
        .query_row([seq], |row| Ok((row.get(0)?, row.get(1)?)))
        .map_err(store)?;

    Ok(Place {
        id: codec::message_id(&id)?,
        at: Timestamp::from_unix_millis(at),
    })
}

/// Returns the walk over the messages that may match.
fn walk(
    connection: &Connection,
    selection: &MessageSelection,
    tenants: &Tenants,
    range: &Range,
) -> Result<Walk, Error> {
    let walking = Walking {
        connection,
        selection,
        range,
        tenants: tenants_of(connection, tenants)?,
    };
    let has_run = *tenants != Tenants::All || selection.destination.is_some();
    let walk = match walking.by_ids()? {
        Some(walk) => Some(walk),
        None => match walking.by_states()? {
            Some(walk) => Some(walk),
            None if has_run => walking.by(NEXT_DESTINATION, OF_DESTINATION, &[&[]])?,
            None => None,
        },
    };

    Ok(walk.unwrap_or_else(|| {
        let mut walk = Walk::new(range);
        walk.add(EVERY, Vec::new());
        walk
    }))
}

/// The choice of a walk. Each way returns `None` if the selection does not allow it.
struct Walking<'a> {
    connection: &'a Connection,
    selection: &'a MessageSelection,
    range: &'a Range,
    tenants: Vec<TenantName>,
}

impl Walking<'_> {
    fn by_ids(&self) -> Result<Option<Walk>, Error> {
        let MessageSelection {
            ids,
            id_range,
            event,
            ..
        } = self.selection;
        let mut walk = Walk::new(self.range);
        if !ids.is_empty() {
            let ids = hex(ids.iter().map(|id| id.as_uuid()));
            walk.add_list(self.list(BY_IDS, params![ids])?);
        } else if let Some(range) = id_range {
            let [first, last] = [range.start(), range.end()].map(|id| id.as_uuid().into_bytes());
            let found = self.list(BY_ID_RANGE, params![first, last, LISTED_MAX as i64 + 1])?;
            if found.len() > LISTED_MAX {
                return Ok(None);
            }
            walk.add_list(found);
        } else if let Some(event) = event {
            walk.add(OF_EVENT, vec![event.as_uuid().into_bytes().to_vec().into()]);
        } else {
            return Ok(None);
        }

        Ok(Some(walk))
    }

    /// Walks over the messages in the selected states. Done messages are in no index of their own,
    /// because they are most of the messages.
    fn by_states(&self) -> Result<Option<Walk>, Error> {
        if self.selection.states.is_empty() {
            return Ok(None);
        }

        let mut walk = Walk::new(self.range);
        for state in &self.selection.states {
            let is_walked = match state.as_str() {
                "pending" => {
                    let blocked = [&[0.into()][..], &[1.into()]];
                    self.add(&mut walk, NEXT_PENDING, PENDING, &blocked)?
                }
                "dead" => self.add(&mut walk, NEXT_DEAD, DEAD, &[&[]])?,
                "leased" | "waiting" => self.add_timed(&mut walk, state)?,
                _ => false,
            };
            if !is_walked {
                return Ok(None);
            }
        }
        Ok(Some(walk))
    }

    fn by(&self, next: &str, source: Source, further: &[&[Value]]) -> Result<Option<Walk>, Error> {
        let mut walk = Walk::new(self.range);
        let is_walked = self.add(&mut walk, next, source, further)?;

        Ok(is_walked.then_some(walk))
    }

    /// Adds the messages to each destination in an index, once with each of the `further` values.
    fn add(
        &self,
        walk: &mut Walk,
        next: &str,
        source: Source,
        further: &[&[Value]],
    ) -> Result<bool, Error> {
        for tenant in &self.tenants {
            for destination in self.destinations(next, tenant)? {
                for further in further {
                    let of = [Value::from(tenant.to_string()), destination.clone().into()];
                    walk.add(source, [&of[..], further].concat());
                }
            }
            if walk.is_too_wide() {
                return Ok(false);
            }
        }

        Ok(true)
    }

    /// Adds the leased or the waiting messages, unless there are too many of them.
    fn add_timed(&self, walk: &mut Walk, state: &str) -> Result<bool, Error> {
        let mut found = Vec::new();
        for tenant in &self.tenants {
            for destination in self.destinations(NEXT_TIMED, tenant)? {
                let limit = LISTED_MAX as i64 + 1;
                let values = params![tenant.as_str(), destination, state, limit];
                found.extend(self.list(TIMED, values)?);
                if found.len() > LISTED_MAX {
                    return Ok(false);
                }
            }
        }

        walk.add_list(found);
        Ok(true)
    }

    /// Returns the destinations of a tenant in an index, or the selected destination.
    fn destinations(&self, next: &str, tenant: &TenantName) -> Result<Vec<String>, Error> {
        match &self.selection.destination {
            Some(destination) => Ok(vec![destination.to_string()]),
            None => distinct(self.connection, next, &[tenant.as_str()], STREAMS_MAX),
        }
    }

    fn list(&self, statement: &str, values: impl rusqlite::Params) -> Result<Vec<i64>, Error> {
        let mut statement = self.connection.prepare_cached(statement).map_err(store)?;
        codec::read_all(&mut statement, values, |row| row.get(0).map_err(store))
    }
}

#[cfg(test)]
mod tests {
    use hookyard_store::ListOrder;

    use super::*;
    use crate::query_plans;

    #[test]
    fn walks_follow_indexes_in_order() {
        let of = "(tenant=? AND destination=? AND rowid>? AND rowid<?)";
        for (source, index) in [
            (
                EVERY,
                "message USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)".to_owned(),
            ),
            (OF_DESTINATION, format!("message_run {of}")),
            (DEAD, format!("message_dead_of {of}")),
            (
                OF_EVENT,
                "message_event (event=? AND rowid>? AND rowid<?)".to_owned(),
            ),
            (
                PENDING,
                "message_pending (tenant=? AND destination=? AND blocked=? AND rowid>?".to_owned(),
            ),
        ] {
            for order in [ListOrder::OldestFirst, ListOrder::NewestFirst] {
                let statement = source.statement(order);
                let steps = query_plans::of(&statement).concat();
                assert!(steps.contains(&index), "{statement}: {steps}");
                assert!(!steps.contains("TEMP B-TREE"), "{statement}: {steps}");
            }
        }
    }

    #[test]
    fn statements_use_indexes() {
        query_plans::check(&[
            (
                "search: a destination",
                NEXT_DESTINATION,
                &["message_run (tenant=? AND destination>?)"],
            ),
            (
                "search: pending",
                NEXT_PENDING,
                &["message_pending (tenant=? AND destination>?)"],
            ),
            (
                "search: dead",
                NEXT_DEAD,
                &["message_dead_of (tenant=? AND destination>?)"],
            ),
            (
                "search: timed",
                NEXT_TIMED,
                &["message_due (tenant=? AND destination>?)"],
            ),
            ("search: place", PLACE, &["PRIMARY KEY (rowid=?)"]),
            (
                "search: ids from to",
                BY_ID_RANGE,
                &["sqlite_autoindex_message_1 (id>? AND id<?)"],
            ),
        ]);
        let by_ids = query_plans::of(BY_IDS).concat();
        assert!(
            by_ids.contains("sqlite_autoindex_message_1 (id=?)"),
            "{by_ids}"
        );
        let timed = query_plans::of(TIMED).concat();
        assert!(
            timed.contains("message_due (tenant=? AND destination=?)"),
            "{timed}"
        );
    }
}
