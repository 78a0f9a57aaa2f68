//! Reads of events: lists, whole events, tallies and recorded answers.

use std::time::Duration;

use hookyard_model::{
    Attempt, AttemptUsage, Event, EventId, Outcome, PluginRef, RecordedAnswer, Response, Revision,
    SourceRef, TenantName, Timestamp,
};
use hookyard_store::{
    DifferingRepeats, DiscardRecord, Error, EventPage, EventRecord, EventSummary, GivenResponse,
    JobRecord, JobSummary, ListOrder, Tally,
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use crate::codec::{self, parsed, store};
use crate::predecessor;
use crate::reader::EVENT_LOAD;
use crate::reader::{event, source};
use crate::selection::{self, Range};

/// Selects the newest events of a source.
const RECENT: &str = "
    SELECT seq, id FROM event WHERE tenant = ?1 AND source = ?2
      ORDER BY received_at DESC, seq DESC LIMIT ?3";
const UNROUTED_TALLIES: &str =
    "SELECT tenant, source, count(*), min(received_at) FROM unrouted GROUP BY tenant, source";
const HELD_TALLIES: &str = "
    SELECT held.tenant, held.plugin, held.jobs, event.received_at
    FROM (SELECT tenant, plugin, count(*) AS jobs, min(event) AS first FROM job WHERE state = 'held'
          GROUP BY tenant, plugin) AS held
    CROSS JOIN event ON event.seq = held.first";
const UNHANDLED: &str = "
    SELECT tenant, sum(jobs) FROM (
        SELECT tenant, count(*) AS jobs FROM job WHERE state = 'pending' GROUP BY tenant
        UNION ALL
        SELECT tenant, count(*) AS jobs FROM job WHERE due_at IS NOT NULL GROUP BY tenant
    ) GROUP BY tenant";
const ANSWERS: &str = "
    SELECT answer.request, answer.status, answer.headers, answer.body
    FROM event CROSS JOIN answer ON answer.event = event.seq
    WHERE event.id = ?1 AND event.tenant = ?2 AND answer.plugin = ?3 ORDER BY answer.number";
const RESPONSE: &str = "
    SELECT response.plugin, response.status, response.headers, response.body
    FROM event CROSS JOIN response ON response.event = event.seq WHERE event.id = ?1";
const EVENT_NOT_AFTER: &str = "SELECT seq FROM event WHERE id <= ?1 ORDER BY id DESC LIMIT 1";
const EVENT_NOT_BEFORE: &str = "SELECT seq FROM event WHERE id >= ?1 ORDER BY id LIMIT 1";
const SUMMARY: &str = "
    SELECT id, tenant, source, provider, event_type, key, received_at,
      EXISTS (SELECT 1 FROM discard WHERE discard.event = event.seq AND discard.plugin = '')
    FROM event WHERE seq = ?1";
const JOBS_OF_EVENT: &str = "
    SELECT job.event, job.plugin, job.state, job.due_at, job.attempts,
           attempt.revision, attempt.outcome, attempt.detail, job.tenant, job.lane, job.blocked,
           job.first_revision,
           CASE job.state
             WHEN 'discarded' THEN (SELECT max(at) FROM discard
               WHERE discard.event = job.event AND discard.plugin = job.plugin)
             ELSE coalesce(job.first_started_at + job.first_duration_us / 1000,
                           attempt.started_at + attempt.duration_us / 1000)
           END
    FROM job LEFT JOIN attempt ON attempt.event = job.event AND attempt.plugin = job.plugin
         AND (attempt.replays, attempt.number) =
             (SELECT last.replays, last.number FROM attempt AS last
              WHERE last.event = job.event AND last.plugin = job.plugin
              ORDER BY last.replays DESC, last.number DESC LIMIT 1)
    WHERE job.event = ?1
    ORDER BY job.plugin";
const SEQ_BY_ID: &str = "SELECT seq FROM event WHERE id = ?1";
const JOBS_TO_READ: &str = "
    SELECT plugin, state, due_at, replays, tenant, lane, blocked, first_revision, first_started_at,
      first_duration_us, first_cpu_us, first_memory_bytes, first_host_calls
    FROM job WHERE event = ?1 ORDER BY plugin";
const ATTEMPTS_TO_READ: &str = "
    SELECT replays, number, revision, started_at, duration_us, outcome, detail, log,
      cpu_us, memory_bytes, host_calls
    FROM attempt WHERE event = ?1 AND plugin = ?2 ORDER BY replays, number";
const DISCARDS_TO_READ: &str =
    "SELECT replays, at, reason FROM discard WHERE event = ?1 AND plugin = ?2 ORDER BY replays";
const DIFFERING_REPEATS: &str = "SELECT count, last_at FROM differing_repeat WHERE event = ?1";

const PLACES: Places = Places {
    not_after: EVENT_NOT_AFTER,
    not_before: EVENT_NOT_BEFORE,
};

/// The statements that find the position of an id, whether or not the id is stored.
pub(crate) struct Places {
    pub(crate) not_after: &'static str,
    pub(crate) not_before: &'static str,
}

/// Returns the range that follows `after` in the given order.
pub(crate) fn range(
    connection: &Connection,
    order: ListOrder,
    after: Option<Uuid>,
    limit: usize,
    places: &Places,
) -> Result<Range, Error> {
    let place = |statement: &str, id: Uuid| {
        let mut statement = connection.prepare_cached(statement).map_err(store)?;
        statement
            .query_row([id.into_bytes()], |row| row.get::<_, i64>(0))
            .optional()
            .map_err(store)
    };

    let all = Range {
        after: 0,
        before: i64::MAX,
        order,
        limit: i64::try_from(limit).unwrap_or(i64::MAX),
    };

    Ok(match (after, order) {
        (None, _) => all,
        (Some(id), ListOrder::OldestFirst) => Range {
            after: place(places.not_after, id)?.unwrap_or(0),
            ..all
        },
        (Some(id), ListOrder::NewestFirst) => Range {
            before: place(places.not_before, id)?.unwrap_or(i64::MAX),
            ..all
        },
    })
}

/// Returns the range of a page of the list of events.
pub(crate) fn event_range(connection: &Connection, page: &EventPage) -> Result<Range, Error> {
    let after = page.after.map(EventId::as_uuid);
    let mut range = range(connection, page.order, after, page.limit, &PLACES)?;
    if let Some(since) = page.selection.since {
        range.after = range.after.max(selection::seq_before(connection, since)?);
    }

    Ok(range)
}

/// Reads the summary of the event of this number, with its jobs.
pub(crate) fn summary_of(connection: &Connection, seq: i64) -> Result<EventSummary, Error> {
    let mut statement = connection.prepare_cached(SUMMARY).map_err(store)?;
    let found = statement.query_row([seq], |row| Ok(summary(row)));
    let summary = found.map_err(store)??;
    let mut jobs = connection.prepare_cached(JOBS_OF_EVENT).map_err(store)?;
    let jobs = codec::read_all(&mut jobs, [seq], |row| job(connection, row))?;

    Ok(EventSummary { jobs, ..summary })
}

fn summary(row: &Row<'_>) -> Result<EventSummary, Error> {
    let id: [u8; 16] = row.get(0).map_err(store)?;

    Ok(EventSummary {
        id: codec::event_id(&id)?,
        source: source(row, 1)?,
        provider: row.get(3).map_err(store)?,
        event_type: row.get(4).map_err(store)?,
        key: row.get(5).map_err(store)?,
        received_at: Timestamp::from_unix_millis(row.get(6).map_err(store)?),
        jobs: Vec::new(),
        is_discarded: row.get(7).map_err(store)?,
    })
}

fn job(connection: &Connection, row: &Row<'_>) -> Result<JobSummary, Error> {
    let text = |column: usize| row.get::<_, Option<String>>(column).map_err(store);
    let (plugin, state) = (text(1)?.unwrap_or_default(), text(2)?.unwrap_or_default());
    let (revision, outcome, detail) = (text(5)?, text(6)?, text(7)?);
    let mut outcome = outcome
        .map(|name| codec::outcome(&name, detail.as_deref()))
        .transpose()?;
    let mut revision = revision.map(|text| codec::revision(&text)).transpose()?;
    if let Some(digest) = row.get::<_, Option<[u8; 32]>>(11).map_err(store)? {
        revision = Some(Revision::from_sha256(digest));
        outcome = Some(Outcome::Done);
    }
    let state = codec::state(&state, row.get(3).map_err(store)?)?;

    Ok(JobSummary {
        behind: predecessor::of(state, row, 8, |lane| {
            predecessor::of_job(connection, &plugin, lane)
        })?,
        plugin: parsed(&plugin, "a job's plugin")?,
        state,
        attempts: row.get(4).map_err(store)?,
        ended_at: if state.is_over() {
            let ended: Option<i64> = row.get(12).map_err(store)?;
            ended.map(Timestamp::from_unix_millis)
        } else {
            None
        },
        revision,
        last_outcome: outcome.map(|outcome| outcome.to_string()),
    })
}

/// Returns the ids of the newest events of these sources, the newest first.
pub(crate) fn recent(
    connection: &Connection,
    sources: &[SourceRef],
    limit: usize,
) -> Result<Vec<EventId>, Error> {
    let mut statement = connection.prepare_cached(RECENT).map_err(store)?;
    let limit_of_each = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut found: Vec<(i64, [u8; 16])> = Vec::new();
    for source in sources {
        let values = params![source.tenant.as_str(), source.name.as_str(), limit_of_each];
        let place = |row: &Row<'_>| Ok((row.get(0).map_err(store)?, row.get(1).map_err(store)?));
        found.extend(codec::read_all(&mut statement, values, place)?);
    }

    found.sort_unstable_by(|one, other| other.cmp(one));
    found.truncate(limit);

    found
        .into_iter()
        .map(|(_, id)| codec::event_id(&id))
        .collect()
}

/// Reads one event, with its number.
pub(crate) fn one(connection: &Connection, id: EventId) -> Result<Option<(i64, Event)>, Error> {
    let mut statement = connection.prepare_cached(SEQ_BY_ID).map_err(store)?;
    let found = statement.query_row([id.as_uuid().into_bytes()], |row| row.get(0));
    let Some(seq): Option<i64> = found.optional().map_err(store)? else {
        return Ok(None);
    };
    let mut statement = connection.prepare_cached(EVENT_LOAD).map_err(store)?;
    let loaded = statement
        .query_row([seq], |row| Ok(event(row)))
        .optional()
        .map_err(store)?;

    Ok(loaded.transpose()?.map(|event| (seq, event)))
}

/// Reads one event with its jobs and their history.
pub(crate) fn read(connection: &Connection, id: EventId) -> Result<Option<EventRecord>, Error> {
    let Some((seq, event)) = one(connection, id)? else {
        return Ok(None);
    };
    let mut jobs = connection.prepare_cached(JOBS_TO_READ).map_err(store)?;
    let jobs = codec::read_all(&mut jobs, [seq], |row| record(connection, seq, row))?;
    let discarded = discards(connection, seq, "")?
        .pop()
        .map(|(_, discarding)| discarding);

    Ok(Some(EventRecord {
        event,
        jobs,
        discarded,
        differing_repeats: differing_repeats(connection, seq)?,
    }))
}

fn record(connection: &Connection, seq: i64, row: &Row<'_>) -> Result<JobRecord, Error> {
    let (plugin, state): (String, String) =
        (row.get(0).map_err(store)?, row.get(1).map_err(store)?);
    let mut statement = connection.prepare_cached(ATTEMPTS_TO_READ).map_err(store)?;
    let state = codec::state(&state, row.get(2).map_err(store)?)?;
    let mut attempts = codec::read_all(&mut statement, params![seq, plugin], attempt)?;
    attempts.extend(first_success(row)?.map(|attempt| (0, attempt)));

    Ok(JobRecord {
        state,
        behind: predecessor::of(state, row, 4, |lane| {
            predecessor::of_job(connection, &plugin, lane)
        })?,
        replays: row.get(3).map_err(store)?,
        attempts,
        discards: discards(connection, seq, &plugin)?,
        plugin: parsed(&plugin, "a job's plugin")?,
    })
}

/// Reads the attempt of a job that succeeded at once, which has no row of its own.
fn first_success(row: &Row<'_>) -> Result<Option<Attempt>, Error> {
    let Some(digest) = row.get::<_, Option<[u8; 32]>>(7).map_err(store)? else {
        return Ok(None);
    };
    let duration: i64 = row.get(9).map_err(store)?;

    Ok(Some(Attempt {
        number: 1,
        revision: Revision::from_sha256(digest),
        started_at: Timestamp::from_unix_millis(row.get(8).map_err(store)?),
        duration: Duration::from_micros(duration.unsigned_abs()),
        outcome: Outcome::Done,
        log: Vec::new(),
        used: usage(row, 10)?,
    }))
}

/// Reads the discards of a job, or of the event itself if `plugin` is empty.
fn discards(
    connection: &Connection,
    seq: i64,
    plugin: &str,
) -> Result<Vec<(u32, DiscardRecord)>, Error> {
    let mut statement = connection.prepare_cached(DISCARDS_TO_READ).map_err(store)?;
    codec::read_all(&mut statement, params![seq, plugin], |row| {
        let at = Timestamp::from_unix_millis(row.get(1).map_err(store)?);
        Ok((
            row.get(0).map_err(store)?,
            DiscardRecord {
                at,
                reason: row.get(2).map_err(store)?,
            },
        ))
    })
}

/// Reads how many later requests had the key of an event and another body.
fn differing_repeats(connection: &Connection, seq: i64) -> Result<Option<DifferingRepeats>, Error> {
    let mut statement = connection
        .prepare_cached(DIFFERING_REPEATS)
        .map_err(store)?;
    let found = codec::read_all(&mut statement, [seq], |row| {
        let count: i64 = row.get(0).map_err(store)?;
        Ok(DifferingRepeats {
            count: count.unsigned_abs(),
            last: Timestamp::from_unix_millis(row.get(1).map_err(store)?),
        })
    })?;
    Ok(found.first().copied())
}

/// Counts the unrouted events by source.
pub(crate) fn unrouted(connection: &Connection) -> Result<Vec<Tally<SourceRef>>, Error> {
    tallies(connection, UNROUTED_TALLIES, |row| source(row, 0))
}

/// Counts the held jobs by plugin.
pub(crate) fn held(connection: &Connection) -> Result<Vec<Tally<PluginRef>>, Error> {
    tallies(connection, HELD_TALLIES, |row| {
        let text = |column: usize| row.get::<_, String>(column).map_err(store);
        Ok(PluginRef {
            tenant: parsed(&text(0)?, "a job's tenant")?,
            name: parsed(&text(1)?, "a job's plugin")?,
        })
    })
}

/// Counts the jobs that are pending, leased or waiting by tenant. Leased and waiting jobs are the
/// ones with a time.
pub(crate) fn unhandled(connection: &Connection) -> Result<Vec<(TenantName, u64)>, Error> {
    let mut statement = connection.prepare_cached(UNHANDLED).map_err(store)?;
    codec::read_all(&mut statement, [], |row| {
        let tenant: String = row.get(0).map_err(store)?;
        let count: i64 = row.get(1).map_err(store)?;
        Ok((parsed(&tenant, "a job's tenant")?, count.unsigned_abs()))
    })
}

fn tallies<N>(
    connection: &Connection,
    statement: &str,
    of: impl Fn(&Row<'_>) -> Result<N, Error>,
) -> Result<Vec<Tally<N>>, Error> {
    let mut statement = connection.prepare_cached(statement).map_err(store)?;
    codec::read_all(&mut statement, [], |row| {
        let count = row.get::<_, i64>(2).map_err(store)?.unsigned_abs();
        Ok(Tally {
            of: of(row)?,
            count,
            oldest: Timestamp::from_unix_millis(row.get(3).map_err(store)?),
        })
    })
}

fn attempt(row: &Row<'_>) -> Result<(u32, Attempt), Error> {
    let text = |column: usize| row.get::<_, Option<String>>(column).map_err(store);
    let duration: i64 = row.get(4).map_err(store)?;
    let attempt = Attempt {
        number: row.get(1).map_err(store)?,
        revision: codec::revision(&text(2)?.unwrap_or_default())?,
        started_at: Timestamp::from_unix_millis(row.get(3).map_err(store)?),
        duration: Duration::from_micros(duration.unsigned_abs()),
        outcome: codec::outcome(&text(5)?.unwrap_or_default(), text(6)?.as_deref())?,
        log: codec::log_from_json(text(7)?.as_deref())?,
        used: usage(row, 8)?,
    };

    Ok((row.get(0).map_err(store)?, attempt))
}

/// Reads what an attempt used from three columns, which follow each other.
fn usage(row: &Row<'_>, first: usize) -> Result<Option<AttemptUsage>, Error> {
    let number = |column: usize| {
        let number = row.get::<_, Option<i64>>(column).map_err(store)?;
        Ok::<_, Error>(number.map(i64::unsigned_abs))
    };
    let (Some(cpu), Some(memory_bytes), Some(host_calls)) =
        (number(first)?, number(first + 1)?, number(first + 2)?)
    else {
        return Ok(None);
    };

    Ok(Some(AttemptUsage {
        cpu: Duration::from_micros(cpu),
        memory_bytes,
        host_calls,
    }))
}

/// Reads the recorded answers of a job.
pub(crate) fn answers(
    connection: &Connection,
    id: EventId,
    plugin: &PluginRef,
) -> Result<Vec<RecordedAnswer>, Error> {
    let mut statement = connection.prepare_cached(ANSWERS).map_err(store)?;
    let of = params![
        id.as_uuid().into_bytes(),
        plugin.tenant.as_str(),
        plugin.name.as_str()
    ];

    codec::read_all(&mut statement, of, |row| {
        Ok(RecordedAnswer {
            request: row.get(0).map_err(store)?,
            status: row.get(1).map_err(store)?,
            headers: codec::headers_from_blob(row.get(2).map_err(store)?)?,
            body: row.get::<_, Vec<u8>>(3).map_err(store)?.into(),
        })
    })
}

/// Reads the response to an event.
pub(crate) fn response(
    connection: &Connection,
    id: EventId,
) -> Result<Option<GivenResponse>, Error> {
    let mut statement = connection.prepare_cached(RESPONSE).map_err(store)?;
    let found = codec::read_all(&mut statement, [id.as_uuid().into_bytes()], |row| {
        let response = Response {
            status: row.get(1).map_err(store)?,
            headers: codec::headers_from_blob(row.get(2).map_err(store)?)?,
            body: row.get::<_, Vec<u8>>(3).map_err(store)?.into(),
        };
        let plugin: String = row.get(0).map_err(store)?;
        let plugin = parsed(&plugin, "a response's plugin")?;
        Ok(GivenResponse { plugin, response })
    })?;

    Ok(found.into_iter().next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_plans;

    #[test]
    fn statements_use_indexes() {
        query_plans::check(&[
            ("recent", RECENT, &["INDEX event_age (tenant=?)"]),
            (
                "answers",
                ANSWERS,
                &[
                    "autoindex_event_1 (id=?)",
                    "answer USING PRIMARY KEY (event=? AND plugin=?)",
                ],
            ),
            (
                "events: place",
                EVENT_NOT_AFTER,
                &["COVERING INDEX sqlite_autoindex_event_1 (id<?)"],
            ),
            (
                "events: place from the end",
                EVENT_NOT_BEFORE,
                &["COVERING INDEX sqlite_autoindex_event_1 (id>?)"],
            ),
            (
                "events: summary",
                SUMMARY,
                &[
                    "event USING INTEGER PRIMARY KEY (rowid=?)",
                    "discard USING PRIMARY KEY (event=? AND plugin=?)",
                ],
            ),
            (
                "events: jobs",
                JOBS_OF_EVENT,
                &["job USING PRIMARY KEY (event=?)", "replays=? AND number=?"],
            ),
            (
                "read: event",
                SEQ_BY_ID,
                &["sqlite_autoindex_event_1 (id=?)"],
            ),
            ("read: jobs", JOBS_TO_READ, &["PRIMARY KEY (event=?)"]),
            (
                "read: attempts",
                ATTEMPTS_TO_READ,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
            (
                "read: discards",
                DISCARDS_TO_READ,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
        ]);
    }

    #[test]
    fn tallies_scan_only_waiting_rows() {
        let unrouted = query_plans::of(UNROUTED_TALLIES);
        assert_eq!(unrouted, ["SCAN unrouted"], "in the order of its key");

        let unhandled = query_plans::of(UNHANDLED);
        for index in ["job_pending", "job_due"] {
            assert!(
                unhandled
                    .iter()
                    .any(|step| step.contains(&format!("COVERING INDEX {index}"))),
                "{unhandled:?}"
            );
        }

        let held = query_plans::of(HELD_TALLIES);
        assert!(
            held.iter()
                .any(|step| step.contains("COVERING INDEX job_held")),
            "{held:?}"
        );
        assert!(
            held.iter().all(|step| !step.contains("TEMP B-TREE")),
            "{held:?}"
        );
    }
}
