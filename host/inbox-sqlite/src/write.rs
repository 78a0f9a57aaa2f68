//! What each writing call does inside a transaction that it shares with others.
//!
//! Nothing here commits: the writer does, once for the whole group. States come from `hookyard_inbox::step` and from
//! the caller; the only thing decided here is which rows to touch.

mod claim;
mod effects;
mod lane;
mod outbox;
mod quarantine;
mod replay;
mod retention;

pub(crate) use claim::Leased;
pub(crate) use outbox::{LeasedMessage, MessageStretch, is_disabled};
pub(crate) use quarantine::quarantined;
pub(crate) use replay::Stretch;
pub(crate) use retention::Expired;

use std::collections::{BTreeMap, BTreeSet};

use hookyard_crash::Point;
use hookyard_inbox::{Appended, Error, JobRef, Routes, Settlement, step};
use hookyard_model::{
    Event, EventId, JobState, Outcome, Payload, PluginName, PluginRef, SourceName, SourceRef, Timestamp,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::codec::{self, corrupt, due_of, parsed, store};
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
        Self { connection, routes: None, quarantined: None, has_news: false, has_outbox_news: false }
    }

    /// To be called whenever anything was rolled back, or somebody else has written.
    pub(crate) fn forget(&mut self) {
        self.routes = None;
        self.quarantined = None;
    }

    pub(crate) fn append(&mut self, event: &Event) -> Result<Appended, Error> {
        let plugins = self.plugins_of(&event.source)?;
        let (tenant, source) = (event.source.tenant.as_str(), event.source.source.as_str());
        let payload_at = match &event.payload {
            Payload::Body => None,
            Payload::TextAt(pointer) => Some(pointer),
        };
        let (id, key_until) = (event.id.as_uuid().into_bytes(), event.key_until.unix_millis());
        let received_at = event.received_at.unix_millis();
        let key = codec::dedupe_key(&event.source, &event.key);
        if self.execute(sql::KEY_CLAIM, params![key, id, key_until, received_at])? == 0 {
            return self.owner_of(&key).map(Appended::Repeat);
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
        let lane = event.ordering_key.as_ref().map(|ordering_key| lane::name(&event.source, ordering_key));
        for plugin in &plugins {
            let state = step::route(JobState::Pending, self.is_taken(&event.source, plugin)?);
            self.execute(sql::JOB_INSERT, params![seq, plugin.as_str(), tenant, state.name(), lane])?;
        }
        if plugins.is_empty() {
            self.execute(sql::UNROUTED_INSERT, params![tenant, source, seq])?;
        }
        self.has_news |= !plugins.is_empty();
        Ok(Appended::New)
    }

    fn owner_of(&self, key: &[u8]) -> Result<EventId, Error> {
        let mut statement = self.connection.prepare_cached(sql::KEY_OWNER).map_err(store)?;
        let id: [u8; 16] = statement.query_row([key], |row| row.get(0)).map_err(store)?;
        codec::event_id(&id)
    }

    pub(crate) fn route(&mut self, routes: &Routes) -> Result<(), Error> {
        let old = self.routes()?.clone();
        for (source, plugin) in difference(&old, routes) {
            self.execute(sql::ROUTE_DELETE, params![source.tenant.as_str(), source.source.as_str(), plugin.as_str()])?;
            self.turn(source, plugin, false)?;
        }
        Point::RouteHalf.pass();
        let added = difference(routes, &old);
        for (source, plugin) in &added {
            let values = params![source.tenant.as_str(), source.source.as_str(), plugin.as_str()];
            self.execute(sql::ROUTE_INSERT, values)?;
            let is_free = !self.is_quarantined(source, plugin)?;
            self.turn(source, plugin, is_free)?;
            self.add_jobs(source, plugin, step::route(JobState::Pending, is_free))?;
        }
        for source in added.iter().map(|(source, _)| source).collect::<BTreeSet<_>>() {
            self.execute(sql::UNROUTED_DELETE, params![source.tenant.as_str(), source.source.as_str()])?;
        }
        self.routes = Some(routes.clone());
        self.has_news = true;
        Ok(())
    }

    /// Attaches or detaches every job that the plugin has of the source's events.
    fn turn(&self, source: &SourceRef, plugin: &PluginName, routed: bool) -> Result<(), Error> {
        let waiting = JobState::Waiting { until: Timestamp::from_unix_millis(0) };
        let turns = [
            (sql::DETACH_PENDING, JobState::Pending),
            (sql::DETACH_WAITING, waiting),
            (sql::ATTACH_HELD, JobState::Held),
        ];
        for (statement, state) in turns {
            let next = step::route(state, routed);
            if next != state {
                let (tenant, source) = (source.tenant.as_str(), source.source.as_str());
                self.execute(statement, params![tenant, plugin.as_str(), source, next.name(), due_of(next)])?;
            }
        }
        Ok(())
    }

    pub(crate) fn extend(&mut self, leases: &[JobRef], until: Timestamp) -> Result<(), Error> {
        for lease in leases {
            if let Some(job) = self.leased(lease)?
                && job.until < until
            {
                self.put(job.seq, &lease.plugin.plugin, JobState::Leased { until }, lease.attempt)?;
            }
        }
        Ok(())
    }

    pub(crate) fn release(&mut self, leases: &[JobRef]) -> Result<(), Error> {
        for lease in leases {
            let Some(job) = self.leased(lease)? else { continue };
            let routed = self.is_routed(&job, &lease.plugin)?;
            if let Ok(next) = step::release(JobState::Leased { until: job.until }, routed) {
                self.put(job.seq, &lease.plugin.plugin, next, lease.attempt - 1)?;
            }
        }
        Ok(())
    }

    pub(crate) fn settle(&mut self, settlement: &Settlement) -> Result<(), Error> {
        let Settlement { lease, attempt, next, .. } = settlement;
        let Some(job) = self.leased(lease)? else { return Err(Error::LeaseLost(lease.clone())) };
        let next = step::route(*next, self.is_routed(&job, &lease.plugin)?);
        self.put(job.seq, &lease.plugin.plugin, next, lease.attempt)?;
        Point::SettleState.pass();
        let values = params![
            job.seq,
            lease.plugin.plugin.as_str(),
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
            if let Ok(next) = step::release(JobState::Leased { until: job.until }, routed) {
                self.put(job.seq, &job.plugin, next, job.attempts)?;
            }
        }
        Ok(left.len())
    }

    fn leased(&self, lease: &JobRef) -> Result<Option<LeasedJob>, Error> {
        let mut statement = self.connection.prepare_cached(sql::JOB_LEASED).map_err(store)?;
        let PluginRef { tenant, plugin } = &lease.plugin;
        let id = lease.event.as_uuid().into_bytes();
        let values = params![id, plugin.as_str(), tenant.as_str(), lease.replays, lease.attempt];
        let found = statement.query_row(values, |row| Ok((row.get(0)?, row.get::<_, String>(1)?, row.get(2)?)));
        let Some((seq, source, until)) = found.optional().map_err(store)? else { return Ok(None) };
        let source = parsed(&source, "an event's source")?;
        Ok(Some(LeasedJob { seq, source, until: Timestamp::from_unix_millis(until) }))
    }

    fn is_routed(&mut self, job: &LeasedJob, plugin: &PluginRef) -> Result<bool, Error> {
        let source = SourceRef { tenant: plugin.tenant.clone(), source: job.source.clone() };
        self.is_taken(&source, &plugin.plugin)
    }

    /// Whether the plugin is given the source's events: it is routed to it, and isn't quarantined.
    fn is_taken(&mut self, source: &SourceRef, plugin: &PluginName) -> Result<bool, Error> {
        Ok(self.routes()?.0.get(source).is_some_and(|plugins| plugins.contains(plugin))
            && !self.is_quarantined(source, plugin)?)
    }

    fn execute(&self, statement: &str, values: &[&dyn rusqlite::ToSql]) -> Result<usize, Error> {
        self.connection.prepare_cached(statement).and_then(|mut statement| statement.execute(values)).map_err(store)
    }

    fn plugins_of(&mut self, source: &SourceRef) -> Result<BTreeSet<PluginName>, Error> {
        Ok(self.routes()?.0.get(source).cloned().unwrap_or_default())
    }

    fn routes(&mut self) -> Result<&Routes, Error> {
        if self.routes.is_none() {
            self.routes = Some(load_routes(&self.connection)?);
        }
        Ok(self.routes.as_ref().expect("just loaded"))
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
        let source =
            SourceRef { tenant: parsed(&text(2)?, "a job's tenant")?, source: parsed(&text(3)?, "an event's source")? };
        Ok(Self {
            seq: row.get(0).map_err(store)?,
            plugin: parsed(&text(1)?, "a job's plugin")?,
            source,
            until: Timestamp::from_unix_millis(row.get(4).map_err(store)?),
            attempts: row.get(5).map_err(store)?,
        })
    }
}

/// The pairs of `these` that `those` is without.
fn difference<'a>(these: &'a Routes, those: &Routes) -> Vec<(&'a SourceRef, &'a PluginName)> {
    let pairs = these.0.iter().flat_map(|(source, plugins)| plugins.iter().map(move |plugin| (source, plugin)));
    pairs.filter(|(source, plugin)| !those.0.get(source).is_some_and(|there| there.contains(plugin))).collect()
}

fn load_routes(connection: &Connection) -> Result<Routes, Error> {
    let mut statement = connection.prepare_cached(sql::ROUTES_LOAD).map_err(store)?;
    let mut rows = statement.query([]).map_err(store)?;
    let mut routes = BTreeMap::<SourceRef, BTreeSet<PluginName>>::new();
    while let Some(row) = rows.next().map_err(store)? {
        let text = |column: usize| row.get_ref(column).ok().and_then(|value| value.as_str().ok()).unwrap_or_default();
        let tenant = parsed(text(0), "a route's tenant")?;
        let source = SourceRef { tenant, source: parsed(text(1), "a route's source")? };
        let plugin = PluginName::new(text(2)).map_err(|_| corrupt("a route's plugin"))?;
        routes.entry(source).or_default().insert(plugin);
    }
    Ok(Routes(routes))
}
