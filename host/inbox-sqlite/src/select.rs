//! Which events and jobs a selection finds, as statements that are made to measure.
//!
//! Only fixed texts make up a statement; whatever a caller chose is bound to it. What is dead has an index of its own,
//! so that looking for it doesn't read what is done.

use hookyard_inbox::{Error, Selection};
use hookyard_model::{EventId, PluginName, Timestamp};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params_from_iter};
use uuid::Uuid;

use crate::codec::{self, parsed, store};
use crate::sql;

/// A job, by its place in the order of arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JobPlace {
    pub(crate) seq: i64,
    pub(crate) plugin: PluginName,
}

/// A condition and what is bound to it.
#[derive(Default)]
pub(crate) struct Filter {
    pub(crate) text: String,
    pub(crate) values: Vec<Value>,
}

impl Filter {
    /// `condition` has one `?`.
    pub(crate) fn and(&mut self, condition: &str, value: impl Into<Value>) {
        self.text.push_str(" AND ");
        self.text.push_str(condition);
        self.values.push(value.into());
    }

    fn of_events(selection: &Selection) -> Self {
        let Selection { ids, tenant, source, plugin: _, event_type, state: _, since, until } = selection;
        let mut filter = Self::default();
        if !ids.is_empty() {
            filter.and("event.id IN (SELECT unhex(value) FROM json_each(?))", hex(ids.iter().map(|id| id.as_uuid())));
        }
        // The signs keep the planner from sorting what an index finds: lists follow the order of arrival.
        if let Some(tenant) = tenant {
            filter.and("+event.tenant = ?", tenant.to_string());
        }
        if let Some(source) = source {
            filter.and("+event.source = ?", source.to_string());
        }
        if let Some(event_type) = event_type {
            filter.and("event.event_type = ?", event_type.clone());
        }
        if let Some(since) = since {
            filter.and("+event.received_at >= ?", since.unix_millis());
        }
        if let Some(until) = until {
            filter.and("+event.received_at < ?", until.unix_millis());
        }
        filter
    }

    fn of_jobs(selection: &Selection) -> Self {
        let mut filter = Self::default();
        if let Some(plugin) = &selection.plugin {
            filter.and("job.plugin = ?", plugin.to_string());
        }
        match selection.state.as_deref() {
            None => {}
            // Word by word as in the index.
            Some("dead") => filter.text.push_str(" AND job.state = 'dead'"),
            Some(state) => filter.and("job.state = ?", state.to_owned()),
        }
        filter
    }
}

pub(crate) fn hex(ids: impl Iterator<Item = Uuid>) -> String {
    let ids: Vec<_> = ids.map(|id| format!("\"{}\"", id.simple())).collect();
    format!("[{}]", ids.join(","))
}

/// The columns of an event in a list.
const SUMMARY: &str = "event.seq, event.id, event.tenant, event.source, event.provider, event.event_type, event.key,
    event.received_at";

/// The statement for a stretch of the list, and what is bound to it.
pub(crate) fn events(selection: &Selection, after: i64, limit: i64) -> (String, Vec<Value>) {
    let (of_events, of_jobs) = (Filter::of_events(selection), Filter::of_jobs(selection));
    let is_dead = selection.state.as_deref() == Some("dead");
    let mut values = [vec![after.into()], of_jobs.values, of_events.values].concat();
    values.push(limit.into());
    let (jobs, events) = (of_jobs.text, of_events.text);
    let from = if is_dead {
        format!(
            "FROM job INDEXED BY job_dead CROSS JOIN event ON event.seq = job.event
             WHERE job.event > ?{jobs}{events} GROUP BY job.event ORDER BY job.event"
        )
    } else if jobs.is_empty() {
        format!("FROM event WHERE event.seq > ?{events} ORDER BY event.seq")
    } else {
        let job = format!("SELECT 1 FROM job WHERE job.event = event.seq{jobs}");
        format!("FROM event WHERE event.seq > ? AND EXISTS ({job}){events} ORDER BY event.seq")
    };
    (format!("SELECT {SUMMARY} {from} LIMIT ?"), values)
}

/// The statement for a stretch of jobs in the order of their events, and what is bound to it.
fn jobs_statement(selection: &Selection, after: (i64, &str), limit: i64) -> (String, Vec<Value>) {
    let (of_events, of_jobs) = (Filter::of_events(selection), Filter::of_jobs(selection));
    let job = if selection.state.as_deref() == Some("dead") { "job INDEXED BY job_dead" } else { "job" };
    let order = if selection.ids.is_empty() { "CROSS JOIN event" } else { "JOIN event" };
    let statement = format!(
        "SELECT job.event, job.plugin, job.state FROM {job} {order} ON event.seq = job.event
         WHERE (job.event, job.plugin) > (?, ?){}{} ORDER BY job.event, job.plugin LIMIT ?",
        of_jobs.text, of_events.text
    );
    let place = vec![after.0.into(), Value::from(after.1.to_owned())];
    (statement, [place, of_jobs.values, of_events.values, vec![limit.into()]].concat())
}

/// The jobs that the selection finds after a place, each with whether it is under lease.
pub(crate) fn jobs(
    connection: &Connection,
    selection: &Selection,
    after: Option<&JobPlace>,
    limit: usize,
) -> Result<Vec<(JobPlace, bool)>, Error> {
    let after = after.map_or((0, ""), |place| (place.seq, place.plugin.as_str()));
    let (statement, values) = jobs_statement(selection, after, i64::try_from(limit).unwrap_or(i64::MAX));
    let mut statement = connection.prepare(&statement).map_err(store)?;
    codec::read_all(&mut statement, params_from_iter(values), |row| {
        let (plugin, state): (String, String) = (row.get(1).map_err(store)?, row.get(2).map_err(store)?);
        let place = JobPlace { seq: row.get(0).map_err(store)?, plugin: parsed(&plugin, "a job's plugin")? };
        Ok((place, state == "leased"))
    })
}

/// The place before the first event that came in at `since` or later. Reads no event, the index alone.
pub(crate) fn place_before(connection: &Connection, since: Timestamp) -> Result<i64, Error> {
    let mut statement = connection.prepare_cached(sql::FIRST_SINCE).map_err(store)?;
    let first: Option<i64> = statement.query_row([since.unix_millis()], |row| row.get(0)).map_err(store)?;
    Ok(first.map_or(i64::MAX, |first| first - 1))
}

/// The place of the last event whose id is not after this one.
pub(crate) fn place_of(connection: &Connection, id: EventId) -> Result<i64, Error> {
    let mut statement = connection.prepare_cached(sql::EVENT_NOT_AFTER).map_err(store)?;
    let found = statement.query_row([id.as_uuid().into_bytes()], |row| row.get::<_, i64>(0));
    Ok(found.optional().map_err(store)?.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::plan;

    fn full() -> Selection {
        Selection {
            ids: Vec::new(),
            tenant: Some("acme".parse().expect("a name")),
            source: Some("orders".parse().expect("a name")),
            plugin: Some("ship".parse().expect("a name")),
            event_type: Some("offer".into()),
            state: Some("done".into()),
            since: Some(Timestamp::from_unix_secs(1)),
            until: Some(Timestamp::from_unix_secs(2)),
        }
    }

    /// What is to be part of the plan for the events, and of that for the jobs.
    fn check(selection: &Selection, of_events: &str, of_jobs: &str) {
        let (events, values) = events(selection, 0, 10);
        assert_eq!(events.matches('?').count(), values.len(), "{events}");
        let (jobs, values) = jobs_statement(selection, (0, ""), 10);
        assert_eq!(jobs.matches('?').count(), values.len(), "{jobs}");
        for (statement, part) in [(events, of_events), (jobs, of_jobs)] {
            let steps = plan::of(&statement);
            assert!(steps.iter().any(|step| step.contains(part)), "without `{part}`: {statement}\n{steps:#?}");
            let sorts = steps.iter().any(|step| step.contains("TEMP B-TREE FOR ORDER"));
            assert!(!sorts || !selection.ids.is_empty(), "sorts: {statement}\n{steps:#?}");
        }
    }

    #[test]
    fn lists_follow_the_order_of_arrival_and_what_is_dead_is_found_by_its_index() {
        let by_place = "event USING INTEGER PRIMARY KEY (rowid>?)";
        let dead = |selection| Selection { state: Some("dead".into()), ..selection };
        check(&Selection::default(), by_place, "job USING PRIMARY KEY ((event,plugin)>(?,?))");
        check(&full(), by_place, "job USING PRIMARY KEY ((event,plugin)>(?,?))");
        check(&dead(Selection::default()), "INDEX job_dead (event>?)", "INDEX job_dead ((event,plugin)>(?,?))");
        check(&dead(full()), "INDEX job_dead (event>?)", "INDEX job_dead ((event,plugin)>(?,?))");
        let id = EventId::from_uuid(uuid::Uuid::from_u128(7));
        let by_id = Selection { ids: vec![id], ..Selection::default() };
        check(&by_id, "sqlite_autoindex_event_1 (id=?", "sqlite_autoindex_event_1 (id=?");
    }
}
