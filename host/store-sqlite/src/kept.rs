//! Reads of plugins' key-value stores.

use hookyard_model::{Key, PluginRef, Versioned};
use hookyard_store::{Error, KvUsage};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::codec::{self, store};
use crate::sql;

/// What stands at a key.
pub(crate) fn value(
    connection: &Connection,
    plugin: &PluginRef,
    key: &Key,
) -> Result<Option<Versioned>, Error> {
    let mut statement = connection.prepare_cached(sql::VALUE).map_err(store)?;
    let values = params![
        plugin.tenant.as_str(),
        plugin.name.as_str(),
        key.bucket,
        key.key
    ];
    let found = statement.query_row(values, |row| {
        let value: Vec<u8> = row.get(1)?;
        Ok(Versioned {
            version: row.get::<_, i64>(0)?.cast_unsigned(),
            value: value.into(),
        })
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
    let (tenant, plugin) = (plugin.tenant.as_str(), plugin.name.as_str());
    let key = |row: &Row<'_>| row.get(0).map_err(store);
    let mut statement = connection
        .prepare_cached(after.map_or(sql::KEYS_FIRST, |_| sql::KEYS))
        .map_err(store)?;
    match after {
        None => codec::read_all(&mut statement, params![tenant, plugin, bucket, limit], key),
        Some(after) => codec::read_all(
            &mut statement,
            params![tenant, plugin, bucket, after, limit],
            key,
        ),
    }
}

/// How much a plugin's store holds.
pub(crate) fn usage(connection: &Connection, plugin: &PluginRef) -> Result<KvUsage, Error> {
    let mut statement = connection.prepare_cached(sql::TOTALS).map_err(store)?;
    let found = statement.query_row([plugin.tenant.as_str(), plugin.name.as_str()], |row| {
        let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
        Ok(KvUsage {
            keys: number(0)?,
            bytes: number(1)?,
        })
    });
    found
        .optional()
        .map(Option::unwrap_or_default)
        .map_err(store)
}
