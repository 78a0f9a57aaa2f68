//! Reads of the key-value stores of plugins. `write::effects` writes them.

use async_trait::async_trait;
use hookyard_model::{Key, PluginRef, Versioned};
use hookyard_store::{Error, KvUsage, Values};
use rusqlite::{Connection, OptionalExtension, params};

use crate::SqliteStore;
use crate::codec::{self, store};

const VALUE: &str = "
    SELECT version, value FROM value WHERE tenant = ?1 AND plugin = ?2 AND bucket = ?3
      AND key = ?4";
const KEYS: &str = "
    SELECT key FROM value WHERE tenant = ?1 AND plugin = ?2 AND bucket = ?3 AND key > ?4
      ORDER BY key LIMIT ?5";
const KEYS_FIRST: &str = "
    SELECT key FROM value WHERE tenant = ?1 AND plugin = ?2 AND bucket = ?3 ORDER BY key LIMIT ?4";
pub(crate) const TOTALS: &str =
    "SELECT keys, bytes, version FROM value_store WHERE tenant = ?1 AND plugin = ?2";

#[async_trait]
impl Values for SqliteStore {
    async fn value(&self, plugin: &PluginRef, key: &Key) -> Result<Option<Versioned>, Error> {
        let (plugin, key) = (plugin.clone(), key.clone());

        self.readers
            .read(move |connection| value(connection, &plugin, &key))
            .await
    }

    async fn keys(
        &self,
        plugin: &PluginRef,
        bucket: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        let plugin = plugin.clone();
        let bucket = bucket.to_owned();
        let after = after.map(str::to_owned);

        self.readers
            .read(move |connection| keys(connection, &plugin, &bucket, after.as_deref(), limit))
            .await
    }

    async fn usage(&self, plugin: &PluginRef) -> Result<KvUsage, Error> {
        let plugin = plugin.clone();

        self.readers
            .read(move |connection| usage(connection, &plugin))
            .await
    }
}

fn value(
    connection: &Connection,
    plugin: &PluginRef,
    key: &Key,
) -> Result<Option<Versioned>, Error> {
    let mut statement = connection.prepare_cached(VALUE).map_err(store)?;
    let values = params![
        plugin.tenant.as_str(),
        plugin.name.as_str(),
        key.bucket,
        key.key
    ];

    let found = statement.query_row(values, |row| {
        let value: Vec<u8> = row.get("value")?;
        Ok(Versioned {
            version: row.get::<_, i64>("version")?.cast_unsigned(),
            value: value.into(),
        })
    });
    found.optional().map_err(store)
}

/// Returns up to `limit` keys of a bucket after `after`. SQLite compares texts by their bytes.
fn keys(
    connection: &Connection,
    plugin: &PluginRef,
    bucket: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<String>, Error> {
    let (tenant, plugin) = (plugin.tenant.as_str(), plugin.name.as_str());
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let key = |row: &rusqlite::Row<'_>| row.get("key").map_err(store);

    if let Some(after) = after {
        let mut statement = connection.prepare_cached(KEYS).map_err(store)?;
        let values = params![tenant, plugin, bucket, after, limit];
        codec::read_all(&mut statement, values, key)
    } else {
        let mut statement = connection.prepare_cached(KEYS_FIRST).map_err(store)?;
        let values = params![tenant, plugin, bucket, limit];
        codec::read_all(&mut statement, values, key)
    }
}

fn usage(connection: &Connection, plugin: &PluginRef) -> Result<KvUsage, Error> {
    let mut statement = connection.prepare_cached(TOTALS).map_err(store)?;
    let values = [plugin.tenant.as_str(), plugin.name.as_str()];

    let found = statement.query_row(values, |row| {
        Ok(KvUsage {
            keys: row.get::<_, i64>("keys")?.cast_unsigned(),
            bytes: row.get::<_, i64>("bytes")?.cast_unsigned(),
        })
    });
    Ok(found.optional().map_err(store)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_plans;

    #[test]
    fn statements_use_indexes() {
        query_plans::check(&[
            (
                "settle: totals",
                TOTALS,
                &["PRIMARY KEY (tenant=? AND plugin=?)"],
            ),
            (
                "value",
                VALUE,
                &["autoindex_value_1 (tenant=? AND plugin=? AND bucket=? AND key=?)"],
            ),
            (
                "keys",
                KEYS,
                &[
                    "COVERING INDEX sqlite_autoindex_value_1 (tenant=? AND plugin=? AND bucket=? AND key>?)",
                ],
            ),
            (
                "keys: first",
                KEYS_FIRST,
                &["COVERING INDEX sqlite_autoindex_value_1 (tenant=? AND plugin=? AND bucket=?)"],
            ),
        ]);
    }
}
