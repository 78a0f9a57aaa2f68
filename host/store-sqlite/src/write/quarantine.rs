//! Quarantines: the jobs of a quarantined plugin are held as if no source were routed to it. The
//! row of the quarantine counts at once; a sweep then holds the jobs in batches.

use hookyard_model::{PluginRef, Timestamp};
use hookyard_store::{Error, Quarantine};
use rusqlite::{Connection, Row, params};

use super::{Database, Sweep};
use crate::codec::{self, parsed, store};

const QUARANTINED: &str =
    "SELECT tenant, plugin, revision, reason, since FROM quarantine ORDER BY tenant, plugin";
const QUARANTINE_PUT: &str = "
    INSERT INTO quarantine (tenant, plugin, revision, reason, since) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (tenant, plugin)
    DO UPDATE SET revision = excluded.revision, reason = excluded.reason, since = excluded.since";
const QUARANTINE_DELETE: &str = "DELETE FROM quarantine WHERE tenant = ?1 AND plugin = ?2";

impl Database {
    /// Quarantines a plugin and returns the sweeps that must follow. From now on no claim leases a
    /// job of the plugin.
    pub(crate) fn quarantine(&mut self, quarantine: &Quarantine) -> Result<Vec<Sweep>, Error> {
        let Quarantine {
            plugin: PluginRef {
                tenant,
                name: plugin,
            },
            revision,
            reason,
            since,
        } = quarantine;
        let revision = revision.to_string();
        let values = params![
            tenant.as_str(),
            plugin.as_str(),
            revision,
            reason,
            since.unix_millis()
        ];
        self.execute(QUARANTINE_PUT, values)?;
        self.knowledge.quarantined = None;
        self.knowledge.set_all_busy();

        Ok(Sweep::to_hold(quarantine.plugin.clone()).collect())
    }

    /// Ends the quarantine of a plugin and returns the sweeps that must follow.
    pub(crate) fn lift(&mut self, plugin: &PluginRef) -> Result<Vec<Sweep>, Error> {
        self.execute(
            QUARANTINE_DELETE,
            params![plugin.tenant.as_str(), plugin.name.as_str()],
        )?;
        self.knowledge.quarantined = None;
        self.knowledge.set_all_busy();
        self.has_due_jobs = true;
        Ok(vec![Sweep::to_free(plugin.clone())])
    }

    pub(super) fn is_quarantined(&mut self, plugin: &PluginRef) -> Result<bool, Error> {
        let quarantined = match &mut self.knowledge.quarantined {
            Some(known) => known,
            unknown => {
                let rows = quarantined(&self.connection)?;
                unknown.insert(rows.into_iter().map(|row| row.plugin).collect())
            }
        };

        Ok(quarantined.contains(plugin))
    }
}

/// Reads all quarantines.
pub(crate) fn quarantined(connection: &Connection) -> Result<Vec<Quarantine>, Error> {
    let mut statement = connection.prepare_cached(QUARANTINED).map_err(store)?;
    codec::read_all(&mut statement, [], read)
}

fn read(row: &Row<'_>) -> Result<Quarantine, Error> {
    let text = |column: usize| row.get::<_, String>(column).map_err(store);
    let tenant = parsed(&text(0)?, "a quarantine's tenant")?;

    Ok(Quarantine {
        plugin: PluginRef {
            tenant,
            name: parsed(&text(1)?, "a quarantine's plugin")?,
        },
        revision: codec::revision(&text(2)?)?,
        reason: text(3)?,
        since: Timestamp::from_unix_millis(row.get(4).map_err(store)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_plans;

    #[test]
    fn statements_use_indexes() {
        query_plans::check(&[(
            "lift",
            QUARANTINE_DELETE,
            &["PRIMARY KEY (tenant=? AND plugin=?)"],
        )]);
    }
}
