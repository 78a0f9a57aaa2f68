//! One step of pruning: a reader finds what is no longer kept, the writer takes it out and gives the pages back.

use hookyard_inbox::{Error, Keep, Pruned, Retention, step};
use hookyard_model::{TenantName, Timestamp};
use rusqlite::{Connection, params};

use crate::codec::{self, parsed, store};
use crate::write::Expired;
use crate::writer::Durability;
use crate::{SqliteInbox, sql};

pub(crate) async fn prune(
    inbox: &SqliteInbox,
    limits: Retention,
    now: Timestamp,
    limit: usize,
) -> Result<Pruned, Error> {
    let writer = inbox.writer()?;
    let expired = inbox.readers.read(move |connection| expired(connection, &limits, now, limit)).await?;
    let is_full = expired.len() >= limit;
    let pruned = match expired.is_empty() {
        true => Pruned::default(),
        false => writer.call(Durability::Unsynced, move |store| store.prune(&expired)).await?,
    };
    let long_ago = now.before(step::KEY_GRACE);
    let more_keys = writer.call(Durability::Unsynced, move |store| store.forget_keys(long_ago)).await?;
    let more_pages = writer.call(Durability::Unsynced, |store| store.shrink()).await?;
    Ok(Pruned { more: is_full || more_keys || more_pages, ..pruned })
}

/// What isn't kept, the oldest of each tenant first, no more than `limit` of them.
fn expired(connection: &Connection, limits: &Retention, now: Timestamp, limit: usize) -> Result<Vec<Expired>, Error> {
    let mut statement = connection.prepare_cached(sql::STORED).map_err(store)?;
    let tenants = codec::read_all(&mut statement, [], |row| {
        let tenant: String = row.get(0).map_err(store)?;
        Ok((parsed::<TenantName>(&tenant, "a tenant's name")?, row.get::<_, i64>(1).map_err(store)?.unsigned_abs()))
    })?;
    let mut all = Vec::new();
    for (tenant, bytes) in tenants {
        let keep = limits.keep_of(&tenant);
        all.extend(of_tenant(connection, &tenant, bytes, keep, now, limit - all.len())?);
    }
    Ok(all)
}

fn of_tenant(
    connection: &Connection,
    tenant: &TenantName,
    bytes: u64,
    keep: Keep,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<Expired>, Error> {
    let mut over = bytes.saturating_sub(keep.bytes_max.unwrap_or(u64::MAX));
    let cutoff = keep.age_max.map_or(i64::MIN, |age| now.before(age).unix_millis());
    let received_max = if over > 0 { i64::MAX } else { cutoff };
    if limit == 0 || received_max == i64::MIN {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare_cached(sql::OLDEST_OVER).map_err(store)?;
    let values = params![tenant.as_str(), received_max, i64::try_from(limit).unwrap_or(i64::MAX)];
    let mut rows = statement.query(values).map_err(store)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(store)? {
        let (bytes, received_at) =
            (row.get::<_, i64>(1).map_err(store)?.unsigned_abs(), row.get::<_, i64>(2).map_err(store)?);
        if received_at > cutoff && over == 0 {
            break;
        }
        over = over.saturating_sub(bytes);
        found.push(Expired { seq: row.get(0).map_err(store)?, bytes });
    }
    Ok(found)
}
