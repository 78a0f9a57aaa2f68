//! Reads of what settled attempts have left behind: plugins' key-value stores and the outbox.

use hookyard_inbox::{Error, MessageSummary, Usage};
use hookyard_model::{Key, MessageId, PluginRef, Versioned};
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use crate::codec::{self, corrupt, parsed, store};
use crate::sql;

/// What stands at a key.
pub(crate) fn value(connection: &Connection, plugin: &PluginRef, key: &Key) -> Result<Option<Versioned>, Error> {
    let mut statement = connection.prepare_cached(sql::VALUE).map_err(store)?;
    let values = params![plugin.tenant.as_str(), plugin.plugin.as_str(), key.bucket, key.key];
    let found = statement.query_row(values, |row| {
        let value: Vec<u8> = row.get(1)?;
        Ok(Versioned { version: row.get::<_, i64>(0)?.cast_unsigned(), value: value.into() })
    });
    found.optional().map_err(store)
}

/// A stretch of a bucket's keys. SQLite compares texts by their bytes.
pub(crate) fn keys(
    connection: &Connection,
    plugin: &PluginRef,
    bucket: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<String>, Error> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let (tenant, plugin) = (plugin.tenant.as_str(), plugin.plugin.as_str());
    let key = |row: &Row<'_>| row.get(0).map_err(store);
    let mut statement = connection.prepare_cached(after.map_or(sql::KEYS_FIRST, |_| sql::KEYS)).map_err(store)?;
    match after {
        None => codec::read_all(&mut statement, params![tenant, plugin, bucket, limit], key),
        Some(after) => codec::read_all(&mut statement, params![tenant, plugin, bucket, after, limit], key),
    }
}

/// How much a plugin's store holds.
pub(crate) fn usage(connection: &Connection, plugin: &PluginRef) -> Result<Usage, Error> {
    let mut statement = connection.prepare_cached(sql::TOTALS).map_err(store)?;
    let found = statement.query_row([plugin.tenant.as_str(), plugin.plugin.as_str()], |row| {
        let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
        Ok(Usage { keys: number(0)?, bytes: number(1)? })
    });
    found.optional().map(Option::unwrap_or_default).map_err(store)
}

/// A stretch of the outbox.
pub(crate) fn messages(
    connection: &Connection,
    after: Option<MessageId>,
    limit: usize,
) -> Result<Vec<MessageSummary>, Error> {
    let place = match after {
        None => 0,
        Some(id) => {
            let mut place = connection.prepare_cached(sql::MESSAGE_NOT_AFTER).map_err(store)?;
            let id = id.as_uuid().into_bytes();
            place.query_row([id], |row| row.get::<_, i64>(0)).optional().map_err(store)?.unwrap_or(0)
        }
    };
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(sql::MESSAGES).map_err(store)?;
    codec::read_all(&mut statement, [place, limit], message)
}

fn message(row: &Row<'_>) -> Result<MessageSummary, Error> {
    let text = |column: usize| row.get::<_, String>(column).map_err(store);
    let (id, event): ([u8; 16], [u8; 16]) = (row.get(0).map_err(store)?, row.get(3).map_err(store)?);
    let plugin = PluginRef {
        tenant: parsed(&text(1)?, "a message's tenant")?,
        plugin: parsed(&text(2)?, "a message's plugin")?,
    };
    Ok(MessageSummary {
        id: MessageId::from_uuid(Uuid::from_bytes(id)),
        plugin,
        event: codec::event_id(&event)?,
        destination: text(4)?,
        body_bytes: row.get::<_, i64>(5).map_err(store)?.try_into().map_err(|_| corrupt("a message's size"))?,
    })
}
