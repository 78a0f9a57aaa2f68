//! The statements that find the events and jobs of a selection.
//!
//! A statement consists only of fixed texts; every value that a caller chose is bound to it. Dead
//! jobs and unrouted events have an index each, so that a replay of them does not read finished
//! jobs. Which events a list looks at is decided by `crate::search`.

use hookyard_model::{PluginName, Timestamp};
use hookyard_store::{Error, EventSelection, ListOrder};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use uuid::Uuid;

use crate::codec::{self, parsed, store};
use crate::replay::{Candidates, ReplayStatus};

/// Selects over all tenants, because only then can SQLite use the index.
const FIRST_SINCE: &str = "
    SELECT min(event.seq) FROM stored CROSS JOIN event ON event.tenant = stored.tenant
    WHERE event.received_at >= ?1";

/// A job, by the number of its event and the name of its plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JobKey {
    pub(crate) seq: i64,
    pub(crate) plugin: PluginName,
}

/// A condition, and the values that are bound to it.
#[derive(Default)]
pub(crate) struct Filter {
    pub(crate) text: String,
    pub(crate) values: Vec<Value>,
}

impl Filter {
    /// Adds a condition, which must have one `?`, and its value.
    pub(crate) fn and(&mut self, condition: &str, value: impl Into<Value>) {
        self.text.push_str(" AND ");
        self.text.push_str(condition);
        self.values.push(value.into());
    }

    fn of_events(selection: &EventSelection) -> Self {
        let EventSelection {
            ids,
            id_range,
            tenant,
            source,
            plugin: _,
            event_type,
            key,
            text,
            states: _,
            since,
            until,
        } = selection;
        let mut filter = Self::default();
        if !ids.is_empty() {
            filter.and(
                "event.id IN (SELECT unhex(value) FROM json_each(?))",
                hex(ids.iter().map(|id| id.as_uuid())),
            );
        }

        if let Some(range) = id_range {
            filter.and(
                "event.seq IN (SELECT seq FROM event WHERE id >= ?",
                range.start().as_uuid().into_bytes().to_vec(),
            );
            filter.and("id <= ?)", range.end().as_uuid().into_bytes().to_vec());
        }

        // The signs keep the planner from using other indexes and sorting: lists follow the order
        // of arrival.
        if let Some(tenant) = tenant {
            filter.and("+event.tenant = ?", tenant.to_string());
        }

        if let Some(source) = source {
            filter.and("+event.source = ?", source.to_string());
        }

        if let Some(event_type) = event_type {
            filter.and("event.event_type = ?", event_type.clone());
        }

        if let Some(key) = key {
            filter.and("event.key = ?", key.clone());
        }

        if let Some(text) = text {
            filter.and("instr(event.body, ?) > 0", text.clone().into_bytes());
        }

        if let Some(since) = since {
            filter.and("+event.received_at >= ?", since.unix_millis());
        }

        if let Some(until) = until {
            filter.and("+event.received_at < ?", until.unix_millis());
        }

        filter
    }

    fn of_jobs(selection: &EventSelection) -> Self {
        let mut filter = Self::default();
        if let Some(plugin) = &selection.plugin {
            filter.and("job.plugin = ?", plugin.to_string());
        }
        filter.and_state("job.state", &selection.states);
        filter
    }

    /// Adds the condition that the column has one of these states. Adds nothing if no state is
    /// named.
    pub(crate) fn and_state(&mut self, column: &str, states: &[String]) {
        if is_dead(states) {
            // The planner only uses the index if the condition repeats its text.
            self.text.push_str(&format!(" AND {column} = 'dead'"));
        } else if !states.is_empty() {
            let states = serde_json::to_string(states).expect("texts make JSON");
            self.and(
                &format!("{column} IN (SELECT value FROM json_each(?))"),
                states,
            );
        }
    }
}

/// Returns whether only dead jobs are named, which have an index.
fn is_dead(states: &[String]) -> bool {
    states == ["dead"]
}

/// A range of a list: its bounds, its order and its maximum length.
pub(crate) struct Range {
    pub(crate) after: i64,
    pub(crate) before: i64,
    pub(crate) order: ListOrder,
    pub(crate) limit: i64,
}

impl Range {
    /// Returns the range of all items after a number, oldest first.
    pub(crate) const fn following(after: i64, limit: i64) -> Self {
        Self {
            after,
            before: i64::MAX,
            order: ListOrder::OldestFirst,
            limit,
        }
    }

    pub(crate) const fn direction(&self) -> &'static str {
        match self.order {
            ListOrder::OldestFirst => "",
            ListOrder::NewestFirst => " DESC",
        }
    }

    /// Returns the values for the two bounds.
    pub(crate) fn bounds(&self) -> Vec<Value> {
        vec![self.after.into(), self.before.into()]
    }
}

pub(crate) fn hex(ids: impl Iterator<Item = Uuid>) -> String {
    let ids: Vec<_> = ids.map(|id| format!("\"{}\"", id.simple())).collect();
    format!("[{}]", ids.join(","))
}

/// Returns the statement that keeps, of the numbers in the JSON array `?1`, those of the events that
/// the selection matches and that are of the tenants in the JSON array `?2`, in the order of the
/// first array, and the values that follow these two.
pub(crate) fn matching(selection: &EventSelection) -> (String, Vec<Value>) {
    let (of_events, of_jobs) = (Filter::of_events(selection), Filter::of_jobs(selection));
    let with_jobs = if of_jobs.text.is_empty() {
        String::new()
    } else {
        let job = format!(
            "SELECT 1 FROM job WHERE job.event = event.seq{}",
            of_jobs.text
        );
        format!(" AND (EXISTS ({job}){})", without_job(selection))
    };

    let statement = format!(
        "SELECT event.seq FROM json_each(?1) AS number CROSS JOIN event ON event.seq = number.value
         WHERE (?2 IS NULL OR event.tenant IN (SELECT value FROM json_each(?2))){with_jobs}{}",
        of_events.text
    );
    (statement, [of_jobs.values, of_events.values].concat())
}

/// Returns the conditions for events without jobs, if the selection names their states.
fn without_job(selection: &EventSelection) -> String {
    let mut or = String::new();
    if selection.plugin.is_some() {
        return or;
    }

    if selection.names_unrouted() {
        or.push_str(" OR EXISTS (SELECT 1 FROM unrouted INDEXED BY unrouted_event WHERE unrouted.event = event.seq)");
    }

    if selection.names_state("discarded") {
        or.push_str(" OR EXISTS (SELECT 1 FROM discard WHERE discard.event = event.seq AND discard.plugin = '')");
    }

    or
}

/// Returns the statement for a range of unrouted events without its columns, and its values.
fn unrouted_statement(
    of_events: &Filter,
    selection: &EventSelection,
    range: &Range,
) -> (String, Vec<Value>) {
    let from = if selection.ids.is_empty() {
        "unrouted INDEXED BY unrouted_event CROSS JOIN event"
    } else {
        "unrouted JOIN event"
    };

    let statement = format!(
        "FROM {from} ON event.seq = unrouted.event WHERE unrouted.event > ? AND unrouted.event < ?{}
         ORDER BY unrouted.event{} LIMIT ?",
        of_events.text,
        range.direction()
    );
    (
        statement,
        [
            range.bounds(),
            of_events.values.clone(),
            vec![range.limit.into()],
        ]
        .concat(),
    )
}

/// Returns the numbers of the unrouted events that the selection matches, after a number.
pub(crate) fn unrouted(
    connection: &Connection,
    selection: &EventSelection,
    after: i64,
    limit: usize,
) -> Result<Vec<i64>, Error> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let (from, values) = unrouted_statement(
        &Filter::of_events(selection),
        selection,
        &Range::following(after, limit),
    );
    let mut statement = connection
        .prepare(&format!("SELECT event.seq {from}"))
        .map_err(store)?;

    codec::read_all(&mut statement, params_from_iter(values), |row| {
        row.get(0).map_err(store)
    })
}

/// Returns the statement for a replay for one plugin: each selected event, with the job of the
/// plugin if there is one.
///
/// The columns are the event, the state of the job or NULL, and whether the source of the event is
/// routed to the plugin.
fn for_plugin_statement(
    selection: &EventSelection,
    plugin: &PluginName,
    after: i64,
    limit: i64,
) -> (String, Vec<Value>) {
    let of_events = Filter::of_events(selection);
    let name = Value::from(plugin.to_string());
    if !selection.states.is_empty() {
        let (from, values) =
            unrouted_statement(&of_events, selection, &Range::following(after, limit));
        return (
            format!("SELECT event.seq, NULL, {IS_ROUTED} {from}"),
            [vec![name], values].concat(),
        );
    }

    let statement = format!(
        "SELECT event.seq, job.state, {IS_ROUTED}
         FROM event LEFT JOIN job ON job.event = event.seq AND job.plugin = ?
         WHERE event.seq > ?{} ORDER BY event.seq LIMIT ?",
        of_events.text
    );
    let values = [
        vec![name.clone(), name, after.into()],
        of_events.values,
        vec![limit.into()],
    ];
    (statement, values.concat())
}

const IS_ROUTED: &str = "EXISTS (SELECT 1 FROM route WHERE route.tenant = event.tenant
    AND route.source = event.source AND route.plugin = ?)";

/// Returns the jobs that a replay of the selection affects, after a job.
pub(crate) fn to_replay(
    connection: &Connection,
    selection: &EventSelection,
    after: Option<&JobKey>,
    limit: usize,
) -> Result<Candidates<JobKey>, Error> {
    let Some(plugin) = selection
        .plugin
        .as_ref()
        .filter(|_| selection.creates_jobs())
    else {
        let found = jobs(connection, selection, "", after, limit)?;
        return Ok(found
            .into_iter()
            .map(|(place, is_leased)| (place, ReplayStatus::of_job(is_leased)))
            .collect());
    };

    let after = after.map_or(0, |place| place.seq);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let (statement, values) = for_plugin_statement(selection, plugin, after, limit);
    let mut statement = connection.prepare(&statement).map_err(store)?;
    codec::read_all(&mut statement, params_from_iter(values), |row| {
        let place = JobKey {
            seq: row.get(0).map_err(store)?,
            plugin: plugin.clone(),
        };
        let state: Option<String> = row.get(1).map_err(store)?;
        let standing = match (state, row.get(2).map_err(store)?) {
            (Some(state), _) => ReplayStatus::of_job(state == "leased"),
            (None, true) => ReplayStatus::Missing,
            (None, false) => ReplayStatus::NotRouted,
        };
        Ok((place, standing))
    })
}

/// Returns the selected jobs that a discard can end, after a job, each with whether it is leased.
pub(crate) fn unfinished(
    connection: &Connection,
    selection: &EventSelection,
    after: Option<&JobKey>,
    limit: usize,
) -> Result<Vec<(JobKey, bool)>, Error> {
    jobs(
        connection,
        selection,
        " AND job.state NOT IN ('done', 'discarded')",
        after,
        limit,
    )
}

/// Returns the statement for a range of jobs in the order of their events, and its values.
fn jobs_statement(
    selection: &EventSelection,
    further: &str,
    after: (i64, &str),
    limit: i64,
) -> (String, Vec<Value>) {
    let (of_events, of_jobs) = (Filter::of_events(selection), Filter::of_jobs(selection));
    let job = if is_dead(&selection.states) {
        "job INDEXED BY job_dead"
    } else {
        "job"
    };

    let order = if selection.ids.is_empty() {
        "CROSS JOIN event"
    } else {
        "JOIN event"
    };

    let statement = format!(
        "SELECT job.event, job.plugin, job.state FROM {job} {order} ON event.seq = job.event
         WHERE (job.event, job.plugin) > (?, ?){}{}{further}
           ORDER BY job.event, job.plugin LIMIT ?",
        of_jobs.text, of_events.text
    );
    let place = vec![after.0.into(), Value::from(after.1.to_owned())];
    (
        statement,
        [place, of_jobs.values, of_events.values, vec![limit.into()]].concat(),
    )
}

/// Returns the jobs that the selection and a further condition match, after a job, each with
/// whether it is leased.
fn jobs(
    connection: &Connection,
    selection: &EventSelection,
    further: &str,
    after: Option<&JobKey>,
    limit: usize,
) -> Result<Vec<(JobKey, bool)>, Error> {
    let after = after.map_or((0, ""), |place| (place.seq, place.plugin.as_str()));
    let (statement, values) = jobs_statement(
        selection,
        further,
        after,
        i64::try_from(limit).unwrap_or(i64::MAX),
    );
    let mut statement = connection.prepare(&statement).map_err(store)?;

    codec::read_all(&mut statement, params_from_iter(values), |row| {
        let (plugin, state): (String, String) =
            (row.get(1).map_err(store)?, row.get(2).map_err(store)?);
        let place = JobKey {
            seq: row.get(0).map_err(store)?,
            plugin: parsed(&plugin, "a job's plugin")?,
        };
        Ok((place, state == "leased"))
    })
}

/// Returns the number before the first event that arrived at `since` or later. Reads only the
/// index.
pub(crate) fn seq_before(connection: &Connection, since: Timestamp) -> Result<i64, Error> {
    let mut statement = connection.prepare_cached(FIRST_SINCE).map_err(store)?;
    let first: Option<i64> = statement
        .query_row([since.unix_millis()], |row| row.get(0))
        .map_err(store)?;
    Ok(first.map_or(i64::MAX, |first| first - 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_plans;

    fn full() -> EventSelection {
        EventSelection {
            tenant: Some("acme".parse().expect("a name")),
            source: Some("orders".parse().expect("a name")),
            plugin: Some("ship".parse().expect("a name")),
            event_type: Some("offer".into()),
            states: vec!["done".into()],
            since: Some(Timestamp::from_unix_secs(1)),
            until: Some(Timestamp::from_unix_secs(2)),
            ..EventSelection::default()
        }
    }

    /// Checks that the plan for the jobs contains this part, and that events are kept by their
    /// numbers.
    fn check(selection: &EventSelection, of_jobs: &str) {
        let (kept, values) = matching(selection);
        assert_eq!(kept.matches('?').count(), values.len() + 3, "{kept}");
        let by_number = "event USING INTEGER PRIMARY KEY (rowid=?)";
        let (jobs, values) = jobs_statement(selection, "", (0, ""), 10);
        assert_eq!(jobs.matches('?').count(), values.len(), "{jobs}");

        for (statement, part) in [(kept, by_number), (jobs, of_jobs)] {
            let steps = query_plans::of(&statement);
            assert!(
                steps.iter().any(|step| step.contains(part)),
                "without `{part}`: {statement}\n{steps:#?}"
            );
            let sorts = steps
                .iter()
                .any(|step| step.contains("TEMP B-TREE FOR ORDER"));
            assert!(
                !sorts || !selection.ids.is_empty(),
                "sorts: {statement}\n{steps:#?}"
            );
        }
    }

    #[test]
    fn unrouted_events_are_found_by_index() {
        let by_index = "INDEX unrouted_event (event>?";
        let selection = EventSelection {
            states: vec!["unrouted".into()],
            ..EventSelection::default()
        };
        let ship = "ship".parse().expect("a name");
        let (replay, values) = for_plugin_statement(&selection, &ship, 0, 10);
        assert_eq!(replay.matches('?').count(), values.len(), "{replay}");
        let (all, values) = for_plugin_statement(
            &EventSelection {
                states: Vec::new(),
                ..full()
            },
            &ship,
            0,
            10,
        );
        assert_eq!(all.matches('?').count(), values.len(), "{all}");

        for (statement, part) in [(replay, by_index), (all, "event USING INTEGER PRIMARY KEY")] {
            let steps = query_plans::of(&statement);
            assert!(
                steps.iter().any(|step| step.contains(part)),
                "without `{part}`: {statement}\n{steps:#?}"
            );
            assert!(
                steps.iter().all(|step| !step.contains("TEMP B-TREE")),
                "sorts: {statement}\n{steps:#?}"
            );
        }
    }

    #[test]
    fn selected_jobs_use_indexes() {
        let dead = |selection| EventSelection {
            states: vec!["dead".into()],
            ..selection
        };

        check(
            &EventSelection::default(),
            "job USING PRIMARY KEY ((event,plugin)>(?,?))",
        );
        check(&full(), "job USING PRIMARY KEY ((event,plugin)>(?,?))");
        check(
            &dead(EventSelection::default()),
            "INDEX job_dead ((event,plugin)>(?,?))",
        );
        check(&dead(full()), "INDEX job_dead ((event,plugin)>(?,?))");

        let id = hookyard_model::EventId::from_uuid(uuid::Uuid::from_u128(7));
        let by_id = EventSelection {
            ids: vec![id],
            ..EventSelection::default()
        };

        check(&by_id, "sqlite_autoindex_event_1 (id=?");

        let ids = EventSelection {
            id_range: Some(id..=id),
            ..EventSelection::default()
        };
        let by_ids = "COVERING INDEX sqlite_autoindex_event_1 (id>? AND id<?)";
        check(&ids, by_ids);

        let states = vec![
            "held".to_owned(),
            "unrouted".to_owned(),
            "discarded".to_owned(),
        ];
        let several = EventSelection {
            states,
            ..EventSelection::default()
        };

        check(&several, "job USING PRIMARY KEY ((event,plugin)>(?,?))");
    }
}
