//! Making jobs due that failed while a revision was watched which is taken back now, a stretch of them at a time.

use hookyard_model::{PluginName, PluginRef, Revision, SourceRef, WorkState};
use hookyard_store::{Error, transitions};
use rusqlite::params;

use super::Store;
use super::lane::Of;
use crate::codec::{self, parsed, store};
use crate::sql;

/// Jobs that are made due in one go.
const STRETCH: usize = 500;

impl Store {
    /// How many were made due, and whether there may be more.
    pub(crate) fn retry_failed(
        &mut self,
        plugin: &PluginRef,
        revision: Revision,
    ) -> Result<(u64, bool), Error> {
        let found = self.failed(plugin, revision)?;
        for (event, source, state) in &found {
            let source = SourceRef {
                tenant: plugin.tenant.clone(),
                name: parsed(source, "an event's source")?,
            };
            let routed = self.is_taken(&source, &plugin.name)?;
            if let Ok(next) = transitions::retry(*state, routed) {
                self.put_retried(*event, &plugin.name, next)?;
            }
        }
        self.has_news |= !found.is_empty();
        Ok((found.len() as u64, found.len() == STRETCH))
    }

    fn failed(
        &self,
        plugin: &PluginRef,
        revision: Revision,
    ) -> Result<Vec<(i64, String, WorkState)>, Error> {
        let mut statement = self.connection.prepare_cached(sql::FAILED).map_err(store)?;
        let (tenant, name) = (plugin.tenant.as_str(), plugin.name.as_str());
        let values = params![tenant, name, revision.to_string(), STRETCH as i64];
        codec::read_all(&mut statement, values, |row| {
            let state: String = row.get(2).map_err(store)?;
            let state = codec::state(&state, row.get(3).map_err(store)?)?;
            Ok((
                row.get(0).map_err(store)?,
                row.get(1).map_err(store)?,
                state,
            ))
        })
    }

    fn put_retried(
        &mut self,
        event: i64,
        plugin: &PluginName,
        next: WorkState,
    ) -> Result<(), Error> {
        match self.change(
            Of::Jobs,
            sql::JOB_RETRY,
            params![event, plugin.as_str(), next.name()],
        )? {
            Some(lane) => self.line_up(&lane),
            None => Ok(()),
        }
    }
}
