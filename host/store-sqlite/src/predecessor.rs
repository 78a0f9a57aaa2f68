//! Reads of the predecessor of a blocked job or message: the head of its lane (see `write::lane`).

use hookyard_model::{EventId, MessageId, WorkState};
use hookyard_store::{Error, Predecessor};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::codec::{self, store};

const JOB_AHEAD: &str = "
    SELECT event.id, job.state, job.due_at FROM job CROSS JOIN event ON event.seq = job.event
    WHERE job.tenant = ?1 AND job.plugin = ?2 AND job.lane = ?3
      AND job.lane IS NOT NULL AND job.state NOT IN ('done', 'dead', 'discarded')
        AND job.blocked = 0";
const MESSAGE_AHEAD: &str = "
    SELECT id, state, due_at FROM message WHERE tenant = ?1 AND destination = ?2
      AND ordering_key = ?3
      AND ordering_key IS NOT NULL AND state NOT IN ('done', 'dead') AND blocked = 0";

/// The tenant and the name of a lane. The plugin or destination is known from the context.
pub(crate) struct Lane {
    tenant: String,
    name: String,
}

/// Reads the head of the lane of a row. The columns from `first` on are the tenant, the lane, and
/// whether the item is blocked.
pub(crate) fn of<I>(
    state: WorkState,
    row: &Row<'_>,
    first: usize,
    head: impl Fn(&Lane) -> Result<Option<Predecessor<I>>, Error>,
) -> Result<Option<Predecessor<I>>, Error> {
    let (name, is_blocked): (Option<String>, bool) = (
        row.get(first + 1).map_err(store)?,
        row.get(first + 2).map_err(store)?,
    );
    let Some(name) = name.filter(|_| is_blocked && !state.is_over()) else {
        return Ok(None);
    };

    head(&Lane {
        tenant: row.get(first).map_err(store)?,
        name,
    })
}

pub(crate) fn of_job(
    connection: &Connection,
    plugin: &str,
    lane: &Lane,
) -> Result<Option<Predecessor<EventId>>, Error> {
    head(connection, JOB_AHEAD, plugin, lane, codec::event_id)
}

pub(crate) fn of_message(
    connection: &Connection,
    destination: &str,
    lane: &Lane,
) -> Result<Option<Predecessor<MessageId>>, Error> {
    head(
        connection,
        MESSAGE_AHEAD,
        destination,
        lane,
        codec::message_id,
    )
}

fn head<I>(
    connection: &Connection,
    statement: &str,
    owner: &str,
    Lane { tenant, name }: &Lane,
    id: fn(&[u8]) -> Result<I, Error>,
) -> Result<Option<Predecessor<I>>, Error> {
    let mut statement = connection.prepare_cached(statement).map_err(store)?;
    let found = statement.query_row([tenant.as_str(), owner, name], |row| {
        Ok((
            row.get::<_, [u8; 16]>(0)?,
            row.get::<_, String>(1)?,
            row.get(2)?,
        ))
    });
    let Some((found, state, due_at)) = found.optional().map_err(store)? else {
        return Ok(None);
    };

    Ok(Some(Predecessor {
        id: id(&found)?,
        state: codec::state(&state, due_at)?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_plans;

    #[test]
    fn statements_use_indexes() {
        query_plans::check(&[
            (
                "read: ahead",
                JOB_AHEAD,
                &[
                    "INDEX job_head (tenant=? AND plugin=? AND lane=?)",
                    "PRIMARY KEY (rowid=?)",
                ],
            ),
            (
                "list: ahead",
                MESSAGE_AHEAD,
                &["INDEX message_head (tenant=? AND destination=? AND ordering_key=?)"],
            ),
        ]);
    }
}
