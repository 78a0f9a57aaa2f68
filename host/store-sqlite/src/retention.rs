//! A step of pruning: a reader finds the events that the limits no longer keep, and the writer
//! removes them and returns their pages to the file system.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use hookyard_model::{TenantName, Timestamp};
use hookyard_store::{Error, PruneSummary, Retention, RetentionLimits, transitions};
use rusqlite::{Connection, params};

use crate::SqliteStore;
use crate::codec::{self, parsed, store};
use crate::write::Expired;
use crate::writer::{Durability, Terms};

const STORED: &str = "SELECT tenant, bytes FROM stored WHERE events > 0 ORDER BY tenant";
/// Selects the oldest unrouted events.
const OLDEST_UNROUTED: &str = "
    SELECT event.seq, length(event.headers) + length(event.body), event.received_at
    FROM unrouted INDEXED BY unrouted_age CROSS JOIN event ON event.seq = unrouted.event
    WHERE unrouted.tenant = ?1 AND unrouted.received_at <= ?2
    ORDER BY unrouted.received_at, unrouted.event LIMIT ?3";
/// Selects the oldest events whose jobs are all over. An unrouted event is not over, because it
/// waits for a plugin.
const OLDEST_OVER: &str = "
    SELECT event.seq, length(event.headers) + length(event.body) +
           (SELECT coalesce(sum(length(answer.headers) + length(answer.body)), 0) FROM answer
            WHERE answer.event = event.seq) +
           (SELECT coalesce(sum(length(response.headers) + length(response.body)), 0)
            FROM response WHERE response.event = event.seq),
           event.received_at
    FROM event
    WHERE event.tenant = ?1 AND event.received_at <= ?2
      AND (event.received_at, event.seq) > (?4, ?5)
      AND NOT EXISTS (SELECT 1 FROM unrouted WHERE unrouted.event = event.seq)
      AND NOT EXISTS (SELECT 1 FROM job WHERE job.event = event.seq
        AND job.state NOT IN ('done', 'dead', 'discarded'))
    ORDER BY event.received_at, event.seq LIMIT ?3";

pub(crate) async fn prune(
    store: &SqliteStore,
    limits: Retention,
    now: Timestamp,
    limit: usize,
) -> Result<PruneSummary, Error> {
    let writer = store.writer()?;
    let mut progress = store
        .pruned
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let find = move |connection: &Connection| {
        Ok((
            expired(connection, &limits, now, limit, &mut progress)?,
            progress,
        ))
    };
    let (expired, progress) = store.readers.read(find).await?;
    *store.pruned.lock().unwrap_or_else(PoisonError::into_inner) = progress;

    let is_full = expired.len() >= limit;
    let pruned = if expired.is_empty() {
        PruneSummary::default()
    } else {
        writer
            .call(Terms::batch(Durability::Unsynced), move |database| {
                database.prune(&expired)
            })
            .await?
    };

    let long_ago = now.before(transitions::KEY_GRACE);
    let more_keys = writer
        .call(Terms::batch(Durability::Unsynced), move |database| {
            database.forget_keys(long_ago)
        })
        .await?;
    let more_pages = writer
        .call(Terms::batch(Durability::Unsynced), |database| {
            database.shrink()
        })
        .await?;

    Ok(PruneSummary {
        more: is_full || more_keys || more_pages,
        ..pruned
    })
}

/// The position of the search in each tenant's events, by arrival and number, while there are more
/// events to remove. Events that are not over stay, and the next step does not read them again.
pub(crate) type Progress = BTreeMap<TenantName, (i64, i64)>;

/// Returns up to `limit` events that the limits do not keep, the oldest of each tenant first.
fn expired(
    connection: &Connection,
    limits: &Retention,
    now: Timestamp,
    limit: usize,
    progress: &mut Progress,
) -> Result<Vec<Expired>, Error> {
    let mut statement = connection.prepare_cached(STORED).map_err(store)?;
    let tenants = codec::read_all(&mut statement, [], |row| {
        let tenant: String = row.get(0).map_err(store)?;
        Ok((
            parsed::<TenantName>(&tenant, "a tenant's name")?,
            row.get::<_, i64>(1).map_err(store)?.unsigned_abs(),
        ))
    })?;
    let mut all = Vec::new();
    for (tenant, bytes) in tenants {
        let left = limit - all.len();
        if left == 0 {
            break;
        }
        let keep = limits.limits_of(&tenant);
        let unrouted = unrouted(connection, &tenant, keep, now, left)?;
        let bytes = bytes.saturating_sub(unrouted.iter().map(|event| event.bytes).sum());
        let left = left - unrouted.len();
        all.extend(unrouted);
        if left == 0 {
            break;
        }

        let (received_max, over) = bounds(keep, bytes, now);
        let after = progress.remove(&tenant).unwrap_or((i64::MIN, 0));
        let found = of_tenant(
            connection,
            &tenant,
            Bounds {
                received_max,
                over,
                after,
            },
            left,
        )?;
        if let Some(last) = found.last().filter(|_| found.len() == left) {
            progress.insert(tenant, (last.received_at, last.seq));
        }
        all.extend(found);
    }
    Ok(all)
}

/// The bounds of the events of a tenant that are removed.
struct Bounds {
    /// Every finished event that arrived at this time or earlier is removed.
    received_max: i64,
    /// The number of bytes that must also be removed.
    over: u64,
    /// The position after which the search continues.
    after: (i64, i64),
}

fn bounds(keep: RetentionLimits, bytes: u64, now: Timestamp) -> (i64, u64) {
    let over = bytes.saturating_sub(keep.bytes_max.unwrap_or(u64::MAX));
    (
        keep.age_max
            .map_or(i64::MIN, |age| now.before(age).unix_millis()),
        over,
    )
}

/// Returns the unrouted events of a tenant that are too old, the oldest first.
fn unrouted(
    connection: &Connection,
    tenant: &TenantName,
    keep: RetentionLimits,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<Expired>, Error> {
    let Some(age_max) = keep.unrouted_max_age else {
        return Ok(Vec::new());
    };
    let mut statement = connection.prepare_cached(OLDEST_UNROUTED).map_err(store)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let values = params![tenant.as_str(), now.before(age_max).unix_millis(), limit];

    codec::read_all(&mut statement, values, |row| {
        let bytes = row.get::<_, i64>(1).map_err(store)?.unsigned_abs();
        let (seq, received_at) = (row.get(0).map_err(store)?, row.get(2).map_err(store)?);
        Ok(Expired {
            seq,
            bytes,
            received_at,
            is_unrouted: true,
        })
    })
}

fn of_tenant(
    connection: &Connection,
    tenant: &TenantName,
    bounds: Bounds,
    limit: usize,
) -> Result<Vec<Expired>, Error> {
    let Bounds {
        received_max,
        mut over,
        after,
    } = bounds;
    let received_last = if over > 0 { i64::MAX } else { received_max };
    let mut statement = connection.prepare_cached(OLDEST_OVER).map_err(store)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let values = params![tenant.as_str(), received_last, limit, after.0, after.1];
    let mut rows = statement.query(values).map_err(store)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(store)? {
        let bytes = row.get::<_, i64>(1).map_err(store)?.unsigned_abs();
        let received_at = row.get(2).map_err(store)?;
        if received_at > received_max && over == 0 {
            break;
        }
        over = over.saturating_sub(bytes);
        found.push(Expired {
            seq: row.get(0).map_err(store)?,
            bytes,
            received_at,
            is_unrouted: false,
        });
    }

    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_plans;

    #[test]
    fn statements_use_indexes() {
        query_plans::check(&[
            (
                "prune: find",
                OLDEST_OVER,
                &[
                    "event_age (tenant=? AND received_at>? AND received_at<?)",
                    "answer USING PRIMARY KEY (event=?)",
                    "response USING INTEGER PRIMARY KEY (rowid=?)",
                    "job USING PRIMARY KEY (event=?)",
                ],
            ),
            (
                "prune: find unrouted",
                OLDEST_UNROUTED,
                &[
                    "INDEX unrouted_age (tenant=? AND received_at<?)",
                    "PRIMARY KEY (rowid=?)",
                ],
            ),
        ]);
    }
}
