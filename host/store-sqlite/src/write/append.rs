//! Stores events with their jobs, and recognizes repeated events by their keys.
//!
//! Where the worker has room, a new job is leased at once and handed over (see
//! `hookyard_store::Handover`).

use std::sync::Arc;

use hookyard_crash::Point;
use hookyard_model::{Event, EventId, PluginRef, WorkState};
use hookyard_store::{AppendResult, ClaimedJob, Error, Hint, JobLease, transitions};
use rusqlite::{OptionalExtension, params};

use super::{Database, knowledge, lane};
use crate::codec::{self, due_of, store};

/// Changes nothing if an event with this id is stored.
const EVENT_INSERT: &str = "
    INSERT INTO event (id, tenant, source, provider, event_type, key, received_at, payload_at,
      headers, body,
                       key_until, ordering_key)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
    ON CONFLICT (id) DO NOTHING";
/// Changes nothing if the key still belongs to another event.
const KEY_CLAIM: &str = "
    INSERT INTO dedupe (key, event, until) VALUES (?1, ?2, ?3)
    ON CONFLICT (key) DO UPDATE SET event = excluded.event, until = excluded.until
    WHERE until <= ?4";
const KEY_OWNER: &str = "SELECT event FROM dedupe WHERE key = ?1";
/// Finds the owner of a key of version 5 that has not expired.
const OLD_KEY_OWNER: &str = "SELECT event FROM dedupe WHERE key = ?1 AND until > ?2";
const OLD_KEYS_EXIST: &str = "SELECT EXISTS (SELECT 1 FROM dedupe WHERE length(key) = 16)";
const KEY_DELETE: &str = "DELETE FROM dedupe WHERE key = ?1";
/// Reads the body of an event, if it has the length `?2`.
const BODY_OF_LENGTH: &str =
    "SELECT seq, CASE length(body) WHEN ?2 THEN body END FROM event WHERE id = ?1";
const DIFFERING_REPEAT: &str = "
    INSERT INTO differing_repeat (event, count, last_at) VALUES (?1, 1, ?2)
    ON CONFLICT (event) DO UPDATE SET count = count + 1, last_at = excluded.last_at";
const IS_STORED: &str = "SELECT EXISTS (SELECT 1 FROM event WHERE id = ?1)";
const JOB_INSERT: &str = "
    INSERT INTO job (event, plugin, tenant, state, due_at, attempts, lease, lane, blocked)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
const LANE_IS_TAKEN: &str = "
    SELECT EXISTS (SELECT 1 FROM job WHERE tenant = ?1 AND plugin = ?2 AND lane = ?3
      AND lane IS NOT NULL AND state NOT IN ('done', 'dead', 'discarded'))";
const UNROUTED_INSERT: &str =
    "INSERT INTO unrouted (tenant, source, event, received_at) VALUES (?1, ?2, ?3, ?4)";

impl Database {
    /// Stores an event with its jobs, unless its key still belongs to an earlier event.
    pub(crate) fn append(&mut self, event: &Arc<Event>) -> Result<AppendResult, Error> {
        let id = event.id.as_uuid().into_bytes();
        let key = codec::dedupe_key(&event.source, &event.key);
        let key_until = self.now.after(event.key_window).unix_millis();
        let now = self.now.unix_millis();
        if let Some(owner) = self.owner_of_old(&key, now)? {
            return self.repeat_of(event, owner);
        }
        if self.execute(KEY_CLAIM, params![key, id, key_until, now])? == 0 {
            return self.repeat_of(event, self.owner_of(&key)?);
        }

        if !self.insert_event(event)? {
            // The caller got no answer to its first call, and the key has expired since.
            self.execute(KEY_DELETE, params![key])?;
            return Ok(AppendResult::New);
        }

        let seq = self.connection.last_insert_rowid();
        self.count(event);
        self.hint(|| Hint::Event {
            id: event.id,
            source: event.source.clone(),
        });
        Point::AppendEvent.pass();

        let plugins = self.plugins_of(&event.source)?;
        for plugin in plugins.iter() {
            self.add_job(seq, event, plugin)?;
        }

        if plugins.is_empty() {
            let (tenant, source) = (event.source.tenant.as_str(), event.source.name.as_str());
            let received_at = event.received_at.unix_millis();
            self.execute(UNROUTED_INSERT, params![tenant, source, seq, received_at])?;
        }

        Ok(AppendResult::New)
    }

    /// Counts a new event in the totals of its tenant.
    fn count(&mut self, event: &Event) {
        let headers = event.headers.iter();
        // Each part comes after its length.
        let headers = headers.map(|header| header.name.len() + header.value.len() + 8);
        let bytes = (event.body.len() + headers.sum::<usize>()) as i64;
        match self.stored.get_mut(&event.source.tenant) {
            Some(of_tenant) => *of_tenant = (of_tenant.0 + 1, of_tenant.1 + bytes),
            None => {
                self.stored.insert(event.source.tenant.clone(), (1, bytes));
            }
        }
    }

    /// Inserts the row of an event. Returns `false` if an event with its id is stored.
    fn insert_event(&self, event: &Event) -> Result<bool, Error> {
        let values = params![
            event.id.as_uuid().into_bytes(),
            event.source.tenant.as_str(),
            event.source.name.as_str(),
            event.provider,
            event.event_type,
            event.key,
            event.received_at.unix_millis(),
            event.payload.to_text(),
            codec::headers_to_blob(&event.headers),
            &event.body[..],
            event.received_at.after(event.key_window).unix_millis(),
            event.ordering_key,
        ];

        Ok(self.execute(EVENT_INSERT, values)? > 0)
    }

    /// Creates the job of an event for a plugin. Must be called in the order of the events.
    fn add_job(&mut self, seq: i64, event: &Arc<Event>, plugin: &PluginRef) -> Result<(), Error> {
        let lane = event.ordering_key.as_deref();
        let lane = lane.map(|ordering_key| lane::name(&event.source, ordering_key));
        let is_blocked = match &lane {
            Some(lane) => self.is_lane_taken(plugin, lane)?,
            None => false,
        };

        let idle_state = transitions::route(WorkState::Pending, !self.is_quarantined(plugin)?);
        let lease = if is_blocked || idle_state != WorkState::Pending {
            None
        } else {
            self.hand_over(seq, event, plugin)
        };
        let state = match (&self.handover, lease) {
            (Some(handover), Some(_)) => WorkState::Leased {
                until: self.now.after(handover.lease()),
            },
            _ => idle_state,
        };

        let values = params![
            seq,
            plugin.name.as_str(),
            plugin.tenant.as_str(),
            state.name(),
            due_of(state),
            u32::from(lease.is_some()),
            lease,
            lane,
            is_blocked,
        ];
        self.execute(JOB_INSERT, values)?;

        if !is_blocked {
            self.knowledge.note(plugin, None, state);
        }
        if state == WorkState::Pending && !is_blocked {
            self.set_due(plugin);
        }
        Ok(())
    }

    /// Reserves a place in the handover for a new job, if the plugin has no pending jobs. Returns
    /// the number of the lease under which the job must be stored.
    fn hand_over(&mut self, seq: i64, event: &Arc<Event>, plugin: &PluginRef) -> Option<i64> {
        let handover = self.handover.as_ref()?;
        self.knowledge.idle(plugin)?;
        if !handover.reserve(plugin, event.body.len()) {
            return None;
        }

        let lease = self.knowledge.new_lease();
        self.handed_over.push(ClaimedJob {
            lease: JobLease {
                event: event.id,
                plugin: plugin.clone(),
                replays: 0,
                attempt: 1,
                token: knowledge::token(lease, seq),
            },
            event: Arc::clone(event),
            since: event.received_at,
            due: event.received_at,
            revision: None,
            spared: 0,
        });
        Some(lease)
    }

    /// Returns whether a lane has a job that is not over.
    fn is_lane_taken(&self, plugin: &PluginRef, lane: &str) -> Result<bool, Error> {
        let values = [plugin.tenant.as_str(), plugin.name.as_str(), lane];
        self.connection
            .prepare_cached(LANE_IS_TAKEN)
            .and_then(|mut statement| statement.query_row(values, |row| row.get(0)))
            .map_err(store)
    }

    /// Returns the result for an event whose key belongs to a stored event, which may be the event
    /// itself.
    fn repeat_of(&self, event: &Event, owner: EventId) -> Result<AppendResult, Error> {
        if owner == event.id || self.is_stored(event.id)? {
            return Ok(AppendResult::New);
        }

        match self.with_another_body(owner, &event.body)? {
            Some(seq) => {
                self.execute(DIFFERING_REPEAT, params![seq, self.now.unix_millis()])?;
                Ok(AppendResult::RepeatDiffers(owner))
            }
            None => Ok(AppendResult::Repeat(owner)),
        }
    }

    /// Returns the number of the event `id` if it is stored and its body is not `body`.
    fn with_another_body(&self, id: EventId, body: &[u8]) -> Result<Option<i64>, Error> {
        let mut statement = self
            .connection
            .prepare_cached(BODY_OF_LENGTH)
            .map_err(store)?;
        let differing = statement.query_row(
            params![id.as_uuid().into_bytes(), body.len() as i64],
            |row| {
                let is_same = row.get_ref(1)?.as_blob_or_null()? == Some(body);
                Ok((!is_same).then_some(row.get(0)?))
            },
        );
        Ok(differing.optional().map_err(store)?.flatten())
    }

    fn is_stored(&self, id: EventId) -> Result<bool, Error> {
        self.connection
            .prepare_cached(IS_STORED)
            .and_then(|mut statement| {
                statement.query_row([id.as_uuid().into_bytes()], |row| row.get(0))
            })
            .map_err(store)
    }

    /// Returns the event that owns a key which a store of version 5 wrote.
    fn owner_of_old(&mut self, key: &[u8], now: i64) -> Result<Option<EventId>, Error> {
        let exist = match self.knowledge.has_old_keys {
            Some(known) => known,
            None => {
                let mut statement = self
                    .connection
                    .prepare_cached(OLD_KEYS_EXIST)
                    .map_err(store)?;
                let exist = statement.query_row([], |row| row.get(0)).map_err(store)?;
                *self.knowledge.has_old_keys.insert(exist)
            }
        };
        if !exist {
            return Ok(None);
        }

        let digest = &key[key.len() - codec::DEDUPE_DIGEST_LEN..];
        let mut statement = self
            .connection
            .prepare_cached(OLD_KEY_OWNER)
            .map_err(store)?;
        let owner: Option<[u8; 16]> = statement
            .query_row(params![digest, now], |row| row.get(0))
            .optional()
            .map_err(store)?;
        owner.map(|id| codec::event_id(&id)).transpose()
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
                "append: an old key",
                OLD_KEY_OWNER,
                &["PRIMARY KEY (key=?)"],
            ),
            ("append: a job", JOB_INSERT, &[]),
            (
                "append: a lane",
                LANE_IS_TAKEN,
                &["INDEX job_lane (tenant=? AND plugin=? AND lane=?)"],
            ),
            (
                "append: the same event",
                IS_STORED,
                &["COVERING INDEX sqlite_autoindex_event_1 (id=?)"],
            ),
            (
                "append: the body of the first event",
                BODY_OF_LENGTH,
                &["INDEX sqlite_autoindex_event_1 (id=?)"],
            ),
            ("append: a differing repeat", DIFFERING_REPEAT, &[]),
            ("append: forget a key", KEY_DELETE, &["PRIMARY KEY (key=?)"]),
            ("append: no job", UNROUTED_INSERT, &[]),
        ]);
    }

    #[test]
    fn old_keys_are_found_by_index() {
        let steps = query_plans::of(OLD_KEYS_EXIST);
        assert!(steps.concat().contains("INDEX dedupe_digest"), "{steps:?}");
    }
}
