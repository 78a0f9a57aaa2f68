//! Stores events with their jobs, and recognizes repeated events by their keys.

use hookyard_crash::Point;
use hookyard_model::{Event, EventId, Payload, PluginName, SourceRef, WorkState};
use hookyard_store::{AppendResult, Error, transitions};
use rusqlite::params;

use super::Database;
use crate::codec::{self, store};

const EVENT_INSERT: &str = "
    INSERT INTO event (id, tenant, source, provider, event_type, key, received_at, payload_at,
      headers, body,
                       key_until, ordering_key)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
/// Changes nothing if the key still belongs to another event.
const KEY_CLAIM: &str = "
    INSERT INTO dedupe (key, event, until) VALUES (?1, ?2, ?3)
    ON CONFLICT (key) DO UPDATE SET event = excluded.event, until = excluded.until
    WHERE until <= ?4";
const KEY_OWNER: &str = "SELECT event FROM dedupe WHERE key = ?1";
const JOB_INSERT: &str = "
    INSERT INTO job (event, plugin, tenant, state, lane, blocked)
    VALUES (?1, ?2, ?3, ?4, ?5,
            EXISTS (SELECT 1 FROM job WHERE tenant = ?3 AND plugin = ?2 AND lane = ?5
                    AND lane IS NOT NULL AND state NOT IN ('done', 'dead', 'discarded')))";
const UNROUTED_INSERT: &str =
    "INSERT INTO unrouted (tenant, source, event, received_at) VALUES (?1, ?2, ?3, ?4)";

impl Database {
    /// Stores an event with its jobs, unless its key still belongs to an earlier event.
    pub(crate) fn append(&mut self, event: &Event) -> Result<AppendResult, Error> {
        let plugins = self.plugins_of(&event.source)?;
        let (tenant, source) = (event.source.tenant.as_str(), event.source.name.as_str());
        let payload_at = match &event.payload {
            Payload::Body => None,
            Payload::TextAt(pointer) => Some(pointer),
        };

        let (id, key_until) = (
            event.id.as_uuid().into_bytes(),
            event.key_until.unix_millis(),
        );
        let received_at = event.received_at.unix_millis();
        let key = codec::dedupe_key(&event.source, &event.key);
        if self.execute(KEY_CLAIM, params![key, id, key_until, received_at])? == 0 {
            return self.owner_of(&key).map(AppendResult::Repeat);
        }

        let values = params![
            id,
            tenant,
            source,
            event.provider,
            event.event_type,
            event.key,
            received_at,
            payload_at,
            codec::headers_to_blob(&event.headers),
            &event.body[..],
            key_until,
            event.ordering_key,
        ];
        self.execute(EVENT_INSERT, values)?;

        let seq = self.connection.last_insert_rowid();
        Point::AppendEvent.pass();

        for plugin in &plugins {
            self.add_job(seq, &event.source, plugin, event.ordering_key.as_deref())?;
        }

        if plugins.is_empty() {
            self.execute(UNROUTED_INSERT, params![tenant, source, seq, received_at])?;
        }

        self.has_due_jobs |= !plugins.is_empty();

        Ok(AppendResult::New)
    }

    /// Creates the job of an event for a plugin. Must be called in the order of the events.
    fn add_job(
        &mut self,
        event: i64,
        source: &SourceRef,
        plugin: &PluginName,
        ordering_key: Option<&str>,
    ) -> Result<(), Error> {
        let state = transitions::route(WorkState::Pending, !self.is_quarantined(source, plugin)?);
        let lane = ordering_key.map(|ordering_key| super::lane::name(source, ordering_key));
        let values = params![
            event,
            plugin.as_str(),
            source.tenant.as_str(),
            state.name(),
            lane
        ];

        self.execute(JOB_INSERT, values).map(drop)
    }

    /// Returns the event that owns a key.
    fn owner_of(&self, key: &[u8]) -> Result<EventId, Error> {
        let mut statement = self.connection.prepare_cached(KEY_OWNER).map_err(store)?;
        let id: [u8; 16] = statement
            .query_row([key], |row| row.get(0))
            .map_err(store)?;
        codec::event_id(&id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_plans;

    #[test]
    fn statements_use_indexes() {
        query_plans::check(&[
            ("append", EVENT_INSERT, &[]),
            ("append: claim a key", KEY_CLAIM, &[]),
            ("append: a repeat", KEY_OWNER, &["PRIMARY KEY (key=?)"]),
            (
                "append: a job",
                JOB_INSERT,
                &["INDEX job_lane (tenant=? AND plugin=? AND lane=?)"],
            ),
            ("append: no job", UNROUTED_INSERT, &[]),
        ]);
    }
}
