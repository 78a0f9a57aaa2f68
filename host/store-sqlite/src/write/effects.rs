//! The effects of an attempt, in the transaction of its settlement. All checks come before the
//! first write, so that an attempt that fails a check changes nothing.

use hookyard_crash::Point;
use hookyard_model::{Effects, Key, PluginRef, ReadVersion, Write};
use hookyard_store::{Error, KvUsage, OutboxUsage, Settlement};
use rusqlite::{OptionalExtension, params};

use super::Database;
use crate::codec::{corrupt, store};
use crate::values::TOTALS;

const VALUE_VERSION: &str =
    "SELECT version FROM value WHERE tenant = ?1 AND plugin = ?2 AND bucket = ?3 AND key = ?4";
const VALUE_BYTES: &str = "
    SELECT length(value) FROM value WHERE tenant = ?1 AND plugin = ?2 AND bucket = ?3 AND key = ?4";
const VALUE_PUT: &str = "
    INSERT INTO value (tenant, plugin, bucket, key, version, value) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    ON CONFLICT (tenant, plugin, bucket, key) DO UPDATE
      SET version = excluded.version, value = excluded.value";
const VALUE_DELETE: &str =
    "DELETE FROM value WHERE tenant = ?1 AND plugin = ?2 AND bucket = ?3 AND key = ?4";
const TOTALS_PUT: &str = "
    INSERT INTO value_store (tenant, plugin, keys, bytes, version) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (tenant, plugin)
    DO UPDATE SET keys = excluded.keys, bytes = excluded.bytes, version = excluded.version";

/// The totals of a plugin's key-value store.
#[derive(Default)]
struct Totals {
    usage: KvUsage,
    /// The last version that any key got.
    version: u64,
}

/// The totals that follow the writes of an attempt.
#[derive(Default)]
pub(super) struct NewTotals {
    usage: KvUsage,
    /// The last version that any key has before the writes.
    version_before: u64,
}

impl Database {
    /// Checks that the effects of the attempt can be committed. Changes nothing.
    pub(super) fn check_effects(&self, settlement: &Settlement) -> Result<NewTotals, Error> {
        let Settlement {
            lease,
            effects,
            quota,
            outbox,
            ..
        } = settlement;
        self.check_reads(&lease.plugin, &effects.reads)?;
        self.check_quota(&lease.plugin, outbox, OutboxUsage::of(&effects.messages))?;
        self.check_values(&lease.plugin, effects, *quota)
    }

    /// Adds the checked effects of the attempt to the current transaction.
    pub(super) fn commit_effects(
        &mut self,
        settlement: &Settlement,
        totals: NewTotals,
    ) -> Result<(), Error> {
        let Settlement {
            lease,
            attempt,
            effects,
            ..
        } = settlement;
        self.write_values(&lease.plugin, effects, totals)?;
        Point::SettleValues.pass();

        let ended_at = attempt.started_at.after(attempt.duration);
        for message in &effects.messages {
            let trace = effects.trace.as_deref();
            self.add_message(&lease.plugin, lease.event, message, trace, ended_at)?;
        }

        Ok(())
    }

    /// Fails if a key that the attempt read has changed since.
    fn check_reads(&self, plugin: &PluginRef, all: &[ReadVersion]) -> Result<(), Error> {
        if all.is_empty() {
            return Ok(());
        }

        let mut statement = self
            .connection
            .prepare_cached(VALUE_VERSION)
            .map_err(store)?;
        for ReadVersion { key, version } in all {
            let values = params![
                plugin.tenant.as_str(),
                plugin.name.as_str(),
                key.bucket,
                key.key
            ];
            let found = statement
                .query_row(values, |row| row.get::<_, i64>(0))
                .optional()
                .map_err(store)?;
            if found.map(i64::cast_unsigned) != *version {
                return Err(Error::Conflict(key.clone()));
            }
        }

        Ok(())
    }

    /// Returns the totals of the plugin's store after the writes, or fails if they exceed the quota.
    fn check_values(
        &self,
        plugin: &PluginRef,
        effects: &Effects,
        quota: KvUsage,
    ) -> Result<NewTotals, Error> {
        if effects.writes.is_empty() {
            return Ok(NewTotals::default());
        }

        let Totals { usage, version } = self.totals(plugin)?;
        let mut after = usage;
        for write in &effects.writes {
            let (old, new) = (self.size_at(plugin, &write.key)?, size_of(write));
            after = after.minus(old).plus(new);
        }

        match usage.exceeds(after, quota) {
            Some(excess) => Err(excess),
            None => Ok(NewTotals {
                usage: after,
                version_before: version,
            }),
        }
    }

    fn write_values(
        &self,
        plugin: &PluginRef,
        effects: &Effects,
        totals: NewTotals,
    ) -> Result<(), Error> {
        if effects.writes.is_empty() {
            return Ok(());
        }

        let mut version = totals.version_before;
        for write in &effects.writes {
            version += 1;
            self.put_value(plugin, write, version)?;
        }

        let usage = totals.usage;
        self.put_totals(plugin, &Totals { usage, version })
    }

    fn totals(&self, plugin: &PluginRef) -> Result<Totals, Error> {
        let mut statement = self.connection.prepare_cached(TOTALS).map_err(store)?;
        let found = statement.query_row([plugin.tenant.as_str(), plugin.name.as_str()], |row| {
            let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
            Ok(Totals {
                usage: KvUsage {
                    keys: number(0)?,
                    bytes: number(1)?,
                },
                version: number(2)?,
            })
        });

        found
            .optional()
            .map(Option::unwrap_or_default)
            .map_err(store)
    }

    fn put_totals(&self, plugin: &PluginRef, totals: &Totals) -> Result<(), Error> {
        let Totals {
            usage: KvUsage { keys, bytes },
            version,
        } = *totals;
        let numbers = [keys, bytes, version].map(u64::cast_signed);
        let values = params![
            plugin.tenant.as_str(),
            plugin.name.as_str(),
            numbers[0],
            numbers[1],
            numbers[2]
        ];

        self.execute(TOTALS_PUT, values).map(drop)
    }

    /// Returns the current usage of the key and its value.
    fn size_at(&self, plugin: &PluginRef, key: &Key) -> Result<KvUsage, Error> {
        let mut statement = self.connection.prepare_cached(VALUE_BYTES).map_err(store)?;
        let values = params![
            plugin.tenant.as_str(),
            plugin.name.as_str(),
            key.bucket,
            key.key
        ];
        let found = statement
            .query_row(values, |row| row.get::<_, i64>(0))
            .optional()
            .map_err(store)?;
        let Some(bytes) = found else {
            return Ok(KvUsage::default());
        };

        Ok(KvUsage::of(
            key,
            usize::try_from(bytes).map_err(|_| corrupt("a value's size"))?,
        ))
    }

    fn put_value(&self, plugin: &PluginRef, write: &Write, version: u64) -> Result<(), Error> {
        let (tenant, plugin, Key { bucket, key }) =
            (plugin.tenant.as_str(), plugin.name.as_str(), &write.key);
        match &write.value {
            None => self.execute(VALUE_DELETE, params![tenant, plugin, bucket, key]),
            Some(value) => {
                let version = version.cast_signed();
                self.execute(
                    VALUE_PUT,
                    params![tenant, plugin, bucket, key, version, &value[..]],
                )
            }
        }
        .map(drop)
    }
}

fn size_of(write: &Write) -> KvUsage {
    write
        .value
        .as_ref()
        .map(|value| KvUsage::of(&write.key, value.len()))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_plans;

    #[test]
    fn statements_use_indexes() {
        query_plans::check(&[
            (
                "settle: go by",
                VALUE_VERSION,
                &["autoindex_value_1 (tenant=? AND plugin=? AND bucket=? AND key=?)"],
            ),
            (
                "settle: size",
                VALUE_BYTES,
                &["autoindex_value_1 (tenant=? AND plugin=? AND bucket=? AND key=?)"],
            ),
            ("settle: write", VALUE_PUT, &[]),
            (
                "settle: delete",
                VALUE_DELETE,
                &["autoindex_value_1 (tenant=? AND plugin=? AND bucket=? AND key=?)"],
            ),
            ("settle: put totals", TOTALS_PUT, &[]),
        ]);
    }
}
