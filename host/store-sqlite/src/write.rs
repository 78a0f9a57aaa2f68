//! What each writing call does inside a transaction that it shares with others.
//!
//! Nothing here commits: the writer does, once for the whole group. States come from `hookyard_store::transitions` and from
//! the caller; the only thing decided here is which rows to touch.

mod claim;
mod discard;
mod effects;
mod lane;
mod outbox;
mod quarantine;
mod replay;
mod retention;
mod retry;
mod routing;
mod sweep;

pub(crate) use claim::Leased;
pub(crate) use discard::{DiscardStretch, Ended};
pub(crate) use outbox::{LeasedMessage, MessageStretch, OldMessage, is_disabled};
pub(crate) use quarantine::quarantined;
pub(crate) use replay::Stretch;
pub(crate) use retention::Expired;
pub(crate) use routing::{Turns, load_routes};
pub(crate) use sweep::Sweep;

use std::collections::BTreeSet;

use hookyard_crash::Point;
use hookyard_model::{
    Event, EventId, Outcome, Payload, PluginName, PluginRef, RecordedAnswer, SourceName, SourceRef,
    Timestamp, WorkState,
};
use hookyard_store::{AppendResult, Error, JobLease, Routes, Settlement, transitions};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::codec::{self, parsed, store};
use crate::sql;

/// The writer's connection and what it remembers of the database.
pub(crate) struct Store {
    pub(crate) connection: Connection,
    /// The table `route`; `None` when it has to be read again.
    routes: Option<Routes>,
    /// Those in the table `quarantine`; `None` when it has to be read again.
    quarantined: Option<BTreeSet<PluginRef>>,
    /// Jobs became due through the transaction at hand.
    pub(crate) has_news: bool,
    /// Messages became due through it.
    pub(crate) has_outbox_news: bool,
}

impl Store {
    pub(crate) fn new(connection: Connection) -> Self {
        Self {
            connection,
            routes: None,
            quarantined: None,
            has_news: false,
            has_outbox_news: false,
        }
    }

    /// To be called whenever anything was rolled back, or somebody else has written.
    pub(crate) fn forget(&mut self) {
        self.routes = None;
        self.quarantined = None;
    }

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
        if self.execute(sql::KEY_CLAIM, params![key, id, key_until, received_at])? == 0 {
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
        self.execute(sql::EVENT_INSERT, values)?;
        let seq = self.connection.last_insert_rowid();
        Point::AppendEvent.pass();
        for plugin in &plugins {
            self.add_job(seq, &event.source, plugin, event.ordering_key.as_deref())?;
        }
        if plugins.is_empty() {
            self.execute(
                sql::UNROUTED_INSERT,
                params![tenant, source, seq, received_at],
            )?;
        }
        self.has_news |= !plugins.is_empty();
        Ok(AppendResult::New)
    }

    /// Makes the job of an event and a plugin that it is for. To be called in the order of the events.
    fn add_job(
        &mut self,
        event: i64,
        source: &SourceRef,
        plugin: &PluginName,
        ordering_key: Option<&str>,
    ) -> Result<(), Error> {
        let state = transitions::route(WorkState::Pending, !self.is_quarantined(source, plugin)?);
        let lane = ordering_key.map(|ordering_key| lane::name(source, ordering_key));
        let values = params![
            event,
            plugin.as_str(),
            source.tenant.as_str(),
            state.name(),
            lane
        ];
        self.execute(sql::JOB_INSERT, values).map(drop)
    }

    fn owner_of(&self, key: &[u8]) -> Result<EventId, Error> {
        let mut statement = self
            .connection
            .prepare_cached(sql::KEY_OWNER)
            .map_err(store)?;
        let id: [u8; 16] = statement
            .query_row([key], |row| row.get(0))
            .map_err(store)?;
        codec::event_id(&id)
    }

    pub(crate) fn extend(&mut self, leases: &[JobLease], until: Timestamp) -> Result<(), Error> {
        for lease in leases {
            if let Some(job) = self.leased(lease)?
                && job.until < until
            {
                self.put(
                    job.seq,
                    &lease.plugin.name,
                    WorkState::Leased { until },
                    lease.attempt,
                )?;
            }
        }
        Ok(())
    }

    pub(crate) fn give_back(&mut self, leases: &[JobLease]) -> Result<(), Error> {
        for lease in leases {
            let Some(job) = self.leased(lease)? else {
                continue;
            };
            let routed = self.is_wanted(&job, &lease.plugin)?;
            if let Ok(next) = transitions::give_back(WorkState::Leased { until: job.until }, routed)
            {
                self.put(job.seq, &lease.plugin.name, next, lease.attempt - 1)?;
            }
        }
        Ok(())
    }

    pub(crate) fn settle(&mut self, settlement: &Settlement) -> Result<(), Error> {
        let Settlement {
            lease,
            attempt,
            next,
            ..
        } = settlement;
        let Some(job) = self.leased(lease)? else {
            return Err(Error::LeaseLost(lease.clone()));
        };
        let next = transitions::route(*next, self.is_wanted(&job, &lease.plugin)?);
        self.put(job.seq, &lease.plugin.name, next, lease.attempt)?;
        if settlement.is_watched {
            let revision = attempt.revision.to_string();
            self.execute(
                sql::JOB_FAILED,
                params![job.seq, lease.plugin.name.as_str(), revision],
            )?;
        }
        if settlement.is_spared {
            self.execute(sql::JOB_SPARE, params![job.seq, lease.plugin.name.as_str()])?;
        }
        Point::SettleState.pass();
        let values = params![
            job.seq,
            lease.plugin.name.as_str(),
            lease.replays,
            lease.attempt,
            attempt.revision.to_string(),
            attempt.started_at.unix_millis(),
            i64::try_from(attempt.duration.as_micros()).unwrap_or(i64::MAX),
            attempt.outcome.name(),
            codec::outcome_detail(&attempt.outcome),
            codec::log_to_json(&attempt.log),
        ];
        self.execute(sql::ATTEMPT_INSERT, values)?;
        Point::SettleRecord.pass();
        if attempt.outcome == Outcome::Done {
            self.commit_effects(settlement)?;
            self.put_answers(job.seq, &lease.plugin, &settlement.effects.answers)?;
        }
        Ok(())
    }

    /// Puts what was recorded in the place of what was before, if there is some.
    fn put_answers(
        &self,
        event: i64,
        plugin: &PluginRef,
        answers: &[RecordedAnswer],
    ) -> Result<(), Error> {
        if answers.is_empty() {
            return Ok(());
        }
        let (tenant, plugin) = (plugin.tenant.as_str(), plugin.name.as_str());
        self.execute(sql::ANSWERS_DELETE, params![event, plugin])?;
        for (
            number,
            RecordedAnswer {
                request,
                status,
                headers,
                body,
            },
        ) in (1_i64..).zip(answers)
        {
            let headers = codec::headers_to_blob(headers);
            let values = params![
                event,
                plugin,
                number,
                tenant,
                request,
                status,
                headers,
                &body[..]
            ];
            self.execute(sql::ANSWER_INSERT, values)?;
        }
        Ok(())
    }

    /// Gives back the leases of a host that is no more. Its attempts had begun, so they count.
    pub(crate) fn release_all(&mut self) -> Result<usize, Error> {
        let left: Vec<_> = {
            let mut statement = self.connection.prepare(sql::LEASES_LEFT).map_err(store)?;
            codec::read_all(&mut statement, [], LeftJob::read)?
        };
        for job in &left {
            let routed = self.is_taken(&job.source, &job.plugin)?;
            if let Ok(next) = transitions::give_back(WorkState::Leased { until: job.until }, routed)
            {
                self.put(job.seq, &job.plugin, next, job.attempts)?;
            }
        }
        Ok(left.len())
    }

    fn leased(&self, lease: &JobLease) -> Result<Option<LeasedJob>, Error> {
        let mut statement = self
            .connection
            .prepare_cached(sql::JOB_LEASED)
            .map_err(store)?;
        let PluginRef {
            tenant,
            name: plugin,
        } = &lease.plugin;
        let id = lease.event.as_uuid().into_bytes();
        let values = params![
            id,
            plugin.as_str(),
            tenant.as_str(),
            lease.replays,
            lease.attempt
        ];
        let found = statement.query_row(values, |row| {
            Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?))
        });
        let Some((seq, source, until)) = found.optional().map_err(store)? else {
            return Ok(None);
        };
        let source = parsed(&source, "an event's source")?;
        Ok(Some(LeasedJob {
            seq,
            source,
            until: Timestamp::from_unix_millis(until),
        }))
    }

    /// Whether the plugin takes a job that it has under lease, should that come to be run again.
    fn is_wanted(&mut self, job: &LeasedJob, plugin: &PluginRef) -> Result<bool, Error> {
        let source = SourceRef {
            tenant: plugin.tenant.clone(),
            name: job.source.clone(),
        };
        self.is_taken(&source, &plugin.name)
    }

    fn execute(&self, statement: &str, values: &[&dyn rusqlite::ToSql]) -> Result<usize, Error> {
        self.connection
            .prepare_cached(statement)
            .and_then(|mut statement| statement.execute(values))
            .map_err(store)
    }
}

struct LeasedJob {
    seq: i64,
    source: SourceName,
    until: Timestamp,
}

struct LeftJob {
    seq: i64,
    plugin: PluginName,
    source: SourceRef,
    until: Timestamp,
    attempts: u32,
}

impl LeftJob {
    fn read(row: &Row<'_>) -> Result<Self, Error> {
        let text = |column: usize| row.get::<_, String>(column).map_err(store);
        let source = SourceRef {
            tenant: parsed(&text(2)?, "a job's tenant")?,
            name: parsed(&text(3)?, "an event's source")?,
        };
        Ok(Self {
            seq: row.get(0).map_err(store)?,
            plugin: parsed(&text(1)?, "a job's plugin")?,
            source,
            until: Timestamp::from_unix_millis(row.get(4).map_err(store)?),
            attempts: row.get(5).map_err(store)?,
        })
    }
}
