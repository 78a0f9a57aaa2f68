//! Quarantine: the jobs of a plugin are held, as if no source were routed to it.

use std::collections::BTreeSet;

use hookyard_inbox::{Error, Quarantine};
use hookyard_model::{PluginName, PluginRef, SourceRef, Timestamp};
use rusqlite::{Connection, Row, params};

use super::Store;
use crate::codec::{self, parsed, store};
use crate::sql;

impl Store {
    pub(crate) fn quarantine(&mut self, quarantine: &Quarantine) -> Result<(), Error> {
        let Quarantine { plugin: PluginRef { tenant, plugin }, revision, reason, since } = quarantine;
        let revision = revision.to_string();
        let values = params![tenant.as_str(), plugin.as_str(), revision, reason, since.unix_millis()];
        self.execute(sql::QUARANTINE_PUT, values)?;
        self.quarantined = None;
        self.turn_all(&quarantine.plugin, false)
    }

    pub(crate) fn lift(&mut self, plugin: &PluginRef) -> Result<(), Error> {
        let values = params![plugin.tenant.as_str(), plugin.plugin.as_str()];
        if self.execute(sql::QUARANTINE_DELETE, values)? > 0 {
            self.quarantined = None;
            self.has_news = true;
            self.turn_all(plugin, true)?;
        }
        Ok(())
    }

    /// Attaches or detaches the plugin's jobs of every source that is routed to it; those of others are held anyway.
    fn turn_all(&mut self, plugin: &PluginRef, routed: bool) -> Result<(), Error> {
        let of_plugin = |(source, plugins): (&SourceRef, &BTreeSet<PluginName>)| {
            (source.tenant == plugin.tenant && plugins.contains(&plugin.plugin)).then(|| source.clone())
        };
        let sources: Vec<_> = self.routes()?.0.iter().filter_map(of_plugin).collect();
        sources.iter().try_for_each(|source| self.turn(source, &plugin.plugin, routed))
    }

    pub(super) fn is_quarantined(&mut self, source: &SourceRef, plugin: &PluginName) -> Result<bool, Error> {
        let quarantined = match &mut self.quarantined {
            Some(known) => known,
            unknown => {
                let rows = quarantined(&self.connection)?;
                unknown.insert(rows.into_iter().map(|row| row.plugin).collect())
            }
        };
        // Hardly ever any, and this is asked for every job.
        let is_it = |held: &PluginRef| held.tenant == source.tenant && held.plugin == *plugin;
        Ok(quarantined.iter().any(is_it))
    }
}

/// All that are.
pub(crate) fn quarantined(connection: &Connection) -> Result<Vec<Quarantine>, Error> {
    let mut statement = connection.prepare_cached(sql::QUARANTINED).map_err(store)?;
    codec::read_all(&mut statement, [], read)
}

fn read(row: &Row<'_>) -> Result<Quarantine, Error> {
    let text = |column: usize| row.get::<_, String>(column).map_err(store);
    let tenant = parsed(&text(0)?, "a quarantine's tenant")?;
    Ok(Quarantine {
        plugin: PluginRef { tenant, plugin: parsed(&text(1)?, "a quarantine's plugin")? },
        revision: codec::revision(&text(2)?)?,
        reason: text(3)?,
        since: Timestamp::from_unix_millis(row.get(4).map_err(store)?),
    })
}
