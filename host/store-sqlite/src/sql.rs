//! Every statement that runs while the host serves, in one place, so that a test can pin how SQLite goes about each.
//!
//! The planner can use a partial index only where the statement repeats the index's condition word by word.

pub(crate) mod outbox;
#[cfg(test)]
pub(crate) mod plan;

pub(crate) const EVENT_INSERT: &str = "
    INSERT INTO event (id, tenant, source, provider, event_type, key, received_at, payload_at, headers, body,
                       key_until, ordering_key)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
/// Changes nothing where the key is another event's still.
pub(crate) const KEY_CLAIM: &str = "
    INSERT INTO dedupe (key, event, until) VALUES (?1, ?2, ?3)
    ON CONFLICT (key) DO UPDATE SET event = excluded.event, until = excluded.until
    WHERE until <= ?4";
pub(crate) const KEY_OWNER: &str = "SELECT event FROM dedupe WHERE key = ?1";
pub(crate) const KEYS_FORGET: &str = "
    DELETE FROM dedupe WHERE key IN
        (SELECT key FROM dedupe WHERE until <= ?1 ORDER BY until LIMIT ?2)";
/// The last of a source; its tenant's others are passed over.
pub(crate) const RECENT: &str = "
    SELECT seq, id FROM event WHERE tenant = ?1 AND source = ?2 ORDER BY received_at DESC, seq DESC LIMIT ?3";
pub(crate) const EVENT_LOAD: &str = "
    SELECT id, tenant, source, provider, event_type, key, received_at, payload_at, headers, body, key_until,
           ordering_key
    FROM event WHERE seq = ?1";
pub(crate) const JOB_INSERT: &str = "
    INSERT INTO job (event, plugin, tenant, state, lane, blocked)
    VALUES (?1, ?2, ?3, ?4, ?5,
            EXISTS (SELECT 1 FROM job WHERE tenant = ?3 AND plugin = ?2 AND lane = ?5
                    AND lane IS NOT NULL AND state NOT IN ('done', 'dead', 'discarded')))";
/// For an event that came in earlier. It is blocked until its lane is lined up.
pub(crate) const JOB_INSERT_LATE: &str = "
    INSERT INTO job (event, plugin, tenant, state, due_at, revision, since, lane, blocked)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8 IS NOT NULL)
    RETURNING tenant, plugin, lane";
pub(crate) const UNROUTED_INSERT: &str =
    "INSERT INTO unrouted (tenant, source, event, received_at) VALUES (?1, ?2, ?3, ?4)";
pub(crate) const UNROUTED_TAKE: &str = "DELETE FROM unrouted WHERE event = ?1";
pub(crate) const UNROUTED_TALLIES: &str =
    "SELECT tenant, source, count(*), min(received_at) FROM unrouted GROUP BY tenant, source";
pub(crate) const HELD_TALLIES: &str = "
    SELECT held.tenant, held.plugin, held.jobs, event.received_at
    FROM (SELECT tenant, plugin, count(*) AS jobs, min(event) AS first FROM job WHERE state = 'held'
          GROUP BY tenant, plugin) AS held
    CROSS JOIN event ON event.seq = held.first";

pub(crate) const ROUTES_LOAD: &str = "SELECT tenant, source, plugin FROM route";
pub(crate) const ROUTE_INSERT: &str =
    "INSERT INTO route (tenant, source, plugin) VALUES (?1, ?2, ?3)";
pub(crate) const ROUTE_DELETE: &str =
    "DELETE FROM route WHERE tenant = ?1 AND source = ?2 AND plugin = ?3";
pub(crate) const UNROUTED: &str = "
    SELECT event.seq, event.ordering_key FROM unrouted CROSS JOIN event ON event.seq = unrouted.event
    WHERE unrouted.tenant = ?1 AND unrouted.source = ?2 ORDER BY unrouted.event LIMIT ?3";
/// Stretches of a plugin's jobs, for `write::sweep`.
pub(crate) const SWEEP_PENDING: &str = "
    SELECT job.event, event.source, job.due_at FROM job CROSS JOIN event ON event.seq = job.event
    WHERE job.tenant = ?1 AND job.plugin = ?2 AND job.blocked = ?5 AND job.state = 'pending' AND job.event > ?4
    ORDER BY job.event LIMIT ?3";
pub(crate) const SWEEP_WAITING: &str = "
    SELECT job.event, event.source, job.due_at FROM job CROSS JOIN event ON event.seq = job.event
    WHERE job.tenant = ?1 AND job.plugin = ?2 AND job.blocked = ?5 AND job.due_at IS NOT NULL
      AND (job.due_at, job.event) > (?6, ?4) AND job.state = 'waiting'
    ORDER BY job.due_at, job.event LIMIT ?3";
pub(crate) const SWEEP_HELD: &str = "
    SELECT job.event, event.source, job.due_at FROM job CROSS JOIN event ON event.seq = job.event
    WHERE job.tenant = ?1 AND job.plugin = ?2 AND job.state = 'held' AND job.event > ?4
    ORDER BY job.event LIMIT ?3";
pub(crate) const JOB_TURN: &str =
    "UPDATE job SET state = ?3, due_at = ?4 WHERE event = ?1 AND plugin = ?2";

pub(crate) const CLAIM_PENDING: &str = "
    SELECT job.event, event.id, event.source, job.state, job.due_at, job.replays, job.attempts, job.revision,
           coalesce(job.since, event.received_at), event.received_at, job.spared
    FROM job CROSS JOIN event ON event.seq = job.event
    WHERE job.tenant = ?1 AND job.plugin = ?2 AND job.blocked = 0 AND job.state = 'pending'
    ORDER BY job.event LIMIT ?3";
pub(crate) const CLAIM_DUE: &str = "
    SELECT job.event, event.id, event.source, job.state, job.due_at, job.replays, job.attempts, job.revision,
           coalesce(job.since, event.received_at), job.due_at, job.spared
    FROM job CROSS JOIN event ON event.seq = job.event
    WHERE job.tenant = ?1 AND job.plugin = ?2 AND job.blocked = 0 AND job.due_at <= ?4
    ORDER BY job.due_at, job.event LIMIT ?3";
pub(crate) const JOB_LEASED: &str = "
    SELECT job.event, event.source, job.due_at
    FROM event CROSS JOIN job ON job.event = event.seq
    WHERE event.id = ?1 AND job.plugin = ?2 AND job.tenant = ?3 AND job.state = 'leased'
      AND job.replays = ?4 AND job.attempts = ?5";
pub(crate) const JOB_UPDATE: &str = "
    UPDATE job SET state = ?3, due_at = ?4, attempts = ?5, failed_on = NULL WHERE event = ?1 AND plugin = ?2
    RETURNING tenant, plugin, lane";
pub(crate) const JOB_FAILED: &str =
    "UPDATE job SET failed_on = ?3 WHERE event = ?1 AND plugin = ?2";
pub(crate) const JOB_SPARE: &str =
    "UPDATE job SET spared = spared + 1 WHERE event = ?1 AND plugin = ?2";
pub(crate) const LANE_HEAD: &str = "
    SELECT event, state = 'leased' FROM job WHERE tenant = ?1 AND plugin = ?2 AND lane = ?3
      AND lane IS NOT NULL AND state NOT IN ('done', 'dead', 'discarded') AND blocked = 0";
pub(crate) const LANE_FIRST: &str = "
    SELECT min(event) FROM job WHERE tenant = ?1 AND plugin = ?2 AND lane = ?3
      AND lane IS NOT NULL AND state NOT IN ('done', 'dead', 'discarded')";
pub(crate) const JOB_BLOCK: &str = "UPDATE job SET blocked = ?3 WHERE event = ?1 AND plugin = ?2";
pub(crate) const ATTEMPT_INSERT: &str = "
    INSERT INTO attempt (event, plugin, replays, number, revision, started_at, duration_us, outcome, detail, log)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";

pub(crate) const ANSWERS_DELETE: &str = "DELETE FROM answer WHERE event = ?1 AND plugin = ?2";
pub(crate) const ANSWER_INSERT: &str = "
    INSERT INTO answer (event, plugin, number, tenant, request, status, headers, body)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
pub(crate) const ANSWERS: &str = "
    SELECT answer.request, answer.status, answer.headers, answer.body
    FROM event CROSS JOIN answer ON answer.event = event.seq
    WHERE event.id = ?1 AND event.tenant = ?2 AND answer.plugin = ?3 ORDER BY answer.number";

pub(crate) const VALUE: &str = "SELECT version, value FROM value WHERE tenant = ?1 AND plugin = ?2 AND bucket = ?3 AND key = ?4";
pub(crate) const VALUE_VERSION: &str =
    "SELECT version FROM value WHERE tenant = ?1 AND plugin = ?2 AND bucket = ?3 AND key = ?4";
pub(crate) const VALUE_BYTES: &str = "SELECT length(value) FROM value WHERE tenant = ?1 AND plugin = ?2 AND bucket = ?3 AND key = ?4";
pub(crate) const VALUE_PUT: &str = "
    INSERT INTO value (tenant, plugin, bucket, key, version, value) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    ON CONFLICT (tenant, plugin, bucket, key) DO UPDATE SET version = excluded.version, value = excluded.value";
pub(crate) const VALUE_DELETE: &str =
    "DELETE FROM value WHERE tenant = ?1 AND plugin = ?2 AND bucket = ?3 AND key = ?4";
pub(crate) const KEYS: &str = "
    SELECT key FROM value WHERE tenant = ?1 AND plugin = ?2 AND bucket = ?3 AND key > ?4 ORDER BY key LIMIT ?5";
pub(crate) const KEYS_FIRST: &str = "
    SELECT key FROM value WHERE tenant = ?1 AND plugin = ?2 AND bucket = ?3 ORDER BY key LIMIT ?4";
pub(crate) const TOTALS: &str =
    "SELECT keys, bytes, version FROM value_store WHERE tenant = ?1 AND plugin = ?2";
pub(crate) const TOTALS_PUT: &str = "
    INSERT INTO value_store (tenant, plugin, keys, bytes, version) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (tenant, plugin)
    DO UPDATE SET keys = excluded.keys, bytes = excluded.bytes, version = excluded.version";

pub(crate) const HAS_PENDING: &str = "
    SELECT EXISTS (SELECT 1 FROM job WHERE tenant = ?1 AND plugin = ?2 AND blocked = 0 AND state = 'pending')
       AND NOT EXISTS (SELECT 1 FROM quarantine WHERE tenant = ?1 AND plugin = ?2)";
pub(crate) const NEXT_DUE: &str = "SELECT min(due_at) FROM job WHERE tenant = ?1 AND plugin = ?2 AND blocked = 0 AND due_at IS NOT NULL";

pub(crate) const EVENT_NOT_AFTER: &str =
    "SELECT seq FROM event WHERE id <= ?1 ORDER BY id DESC LIMIT 1";
pub(crate) const EVENT_NOT_BEFORE: &str =
    "SELECT seq FROM event WHERE id >= ?1 ORDER BY id LIMIT 1";
/// Of every tenant, so that the index is of use.
pub(crate) const FIRST_SINCE: &str = "
    SELECT min(event.seq) FROM stored CROSS JOIN event ON event.tenant = stored.tenant
    WHERE event.received_at >= ?1";
pub(crate) const JOBS_OF_EVENT: &str = "
    SELECT job.event, job.plugin, job.state, job.due_at, job.attempts,
           attempt.revision, attempt.outcome, attempt.detail, job.tenant, job.lane, job.blocked
    FROM job LEFT JOIN attempt ON attempt.event = job.event AND attempt.plugin = job.plugin
         AND (attempt.replays, attempt.number) =
             (SELECT last.replays, last.number FROM attempt AS last
              WHERE last.event = job.event AND last.plugin = job.plugin
              ORDER BY last.replays DESC, last.number DESC LIMIT 1)
    WHERE job.event = ?1
    ORDER BY job.plugin";

pub(crate) const SEQ_BY_ID: &str = "SELECT seq FROM event WHERE id = ?1";
pub(crate) const JOBS_TO_READ: &str = "
    SELECT plugin, state, due_at, replays, tenant, lane, blocked FROM job WHERE event = ?1 ORDER BY plugin";
pub(crate) const JOB_AHEAD: &str = "
    SELECT event.id, job.state, job.due_at FROM job CROSS JOIN event ON event.seq = job.event
    WHERE job.tenant = ?1 AND job.plugin = ?2 AND job.lane = ?3
      AND job.lane IS NOT NULL AND job.state NOT IN ('done', 'dead', 'discarded') AND job.blocked = 0";
pub(crate) const ATTEMPTS_TO_READ: &str = "
    SELECT replays, number, revision, started_at, duration_us, outcome, detail, log
    FROM attempt WHERE event = ?1 AND plugin = ?2 ORDER BY replays, number";

pub(crate) const LAST_PLACE: &str = "SELECT coalesce(max(seq), 0) FROM event";
pub(crate) const JOB_TO_REPLAY: &str = "
    SELECT job.state, job.due_at, job.tenant, event.source
    FROM job CROSS JOIN event ON event.seq = job.event WHERE job.event = ?1 AND job.plugin = ?2";
pub(crate) const JOB_REPLAY: &str = "
    UPDATE job SET state = ?3, due_at = ?4, replays = replays + 1, attempts = 0, spared = 0, revision = ?5, since = ?6,
        failed_on = NULL, blocked = lane IS NOT NULL AND (blocked OR state IN ('done', 'dead', 'discarded'))
    WHERE event = ?1 AND plugin = ?2
    RETURNING tenant, plugin, lane";

pub(crate) const EVENT_TO_ROUTE: &str =
    "SELECT tenant, source, ordering_key FROM event WHERE seq = ?1";

pub(crate) const JOB_DISCARD: &str = "
    UPDATE job SET state = ?3, due_at = NULL WHERE event = ?1 AND plugin = ?2
    RETURNING tenant, plugin, lane";
pub(crate) const JOB_DISCARD_RECORD: &str = "
    INSERT INTO discard (event, plugin, replays, at, reason)
    SELECT event, plugin, replays, ?3, ?4 FROM job WHERE event = ?1 AND plugin = ?2";
pub(crate) const EVENT_DISCARD_RECORD: &str =
    "INSERT INTO discard (event, plugin, replays, at, reason) VALUES (?1, '', 0, ?2, ?3)";
/// The event has a job from now on.
pub(crate) const EVENT_DISCARD_FORGET: &str =
    "DELETE FROM discard WHERE event = ?1 AND plugin = ''";
pub(crate) const DISCARDS_TO_READ: &str =
    "SELECT replays, at, reason FROM discard WHERE event = ?1 AND plugin = ?2 ORDER BY replays";

pub(crate) const QUARANTINED: &str =
    "SELECT tenant, plugin, revision, reason, since FROM quarantine ORDER BY tenant, plugin";
pub(crate) const QUARANTINE_PUT: &str = "
    INSERT INTO quarantine (tenant, plugin, revision, reason, since) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (tenant, plugin)
    DO UPDATE SET revision = excluded.revision, reason = excluded.reason, since = excluded.since";
pub(crate) const FAILED: &str = "
    SELECT job.event, event.source, job.state, job.due_at FROM job CROSS JOIN event ON event.seq = job.event
    WHERE job.tenant = ?1 AND job.plugin = ?2 AND job.failed_on = ?3 AND job.failed_on IS NOT NULL
      AND job.state IN ('waiting', 'dead')
    ORDER BY job.event LIMIT ?4";
/// Until it is lined up, one that was dead is behind all others of its lane.
pub(crate) const JOB_RETRY: &str = "
    UPDATE job SET state = ?3, due_at = NULL, failed_on = NULL,
        blocked = lane IS NOT NULL AND (blocked OR state = 'dead')
    WHERE event = ?1 AND plugin = ?2
    RETURNING tenant, plugin, lane";
pub(crate) const IS_QUARANTINED: &str =
    "SELECT EXISTS (SELECT 1 FROM quarantine WHERE tenant = ?1 AND plugin = ?2)";
pub(crate) const QUARANTINE_DELETE: &str =
    "DELETE FROM quarantine WHERE tenant = ?1 AND plugin = ?2";

pub(crate) const STORED: &str = "SELECT tenant, bytes FROM stored WHERE events > 0 ORDER BY tenant";
/// The oldest unrouted events.
pub(crate) const OLDEST_UNROUTED: &str = "
    SELECT event.seq, length(event.headers) + length(event.body), event.received_at
    FROM unrouted INDEXED BY unrouted_age CROSS JOIN event ON event.seq = unrouted.event
    WHERE unrouted.tenant = ?1 AND unrouted.received_at <= ?2
    ORDER BY unrouted.received_at, unrouted.event LIMIT ?3";
/// An event that is unrouted waits for a plugin, and isn't over.
pub(crate) const OLDEST_OVER: &str = "
    SELECT event.seq, length(event.headers) + length(event.body) +
           (SELECT coalesce(sum(length(answer.headers) + length(answer.body)), 0) FROM answer
            WHERE answer.event = event.seq),
           event.received_at
    FROM event
    WHERE event.tenant = ?1 AND event.received_at <= ?2 AND (event.received_at, event.seq) > (?4, ?5)
      AND NOT EXISTS (SELECT 1 FROM unrouted WHERE unrouted.event = event.seq)
      AND NOT EXISTS (SELECT 1 FROM job WHERE job.event = event.seq AND job.state NOT IN ('done', 'dead', 'discarded'))
    ORDER BY event.received_at, event.seq LIMIT ?3";
pub(crate) const EVENT_DELETE: &str = "
    DELETE FROM event WHERE seq = ?1
      AND NOT EXISTS (SELECT 1 FROM job WHERE job.event = ?1 AND job.state NOT IN ('done', 'dead', 'discarded'))";
pub(crate) const UNROUTED_EVENT_DELETE: &str = "
    DELETE FROM event WHERE seq = ?1 AND EXISTS (SELECT 1 FROM unrouted WHERE unrouted.event = ?1)";
pub(crate) const PAGES_FREE: &str = "PRAGMA freelist_count";

/// Runs once, when the inbox is opened; it walks the index of what is leased or waits.
pub(crate) const LEASES_LEFT: &str = "
    SELECT job.event, job.plugin, job.tenant, event.source, job.due_at, job.attempts
    FROM job CROSS JOIN event ON event.seq = job.event
    WHERE job.due_at IS NOT NULL AND job.state = 'leased'";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_statement_of_the_hot_path_reads_more_than_it_needs() {
        plan::check(&[
            ("append", EVENT_INSERT, &[]),
            ("append: claim a key", KEY_CLAIM, &[]),
            ("append: a repeat", KEY_OWNER, &["PRIMARY KEY (key=?)"]),
            (
                "append: a job",
                JOB_INSERT,
                &["INDEX job_lane (tenant=? AND plugin=? AND lane=?)"],
            ),
            ("append: no job", UNROUTED_INSERT, &[]),
            (
                "claim: pending",
                CLAIM_PENDING,
                &[
                    "INDEX job_pending (tenant=? AND plugin=? AND blocked=?)",
                    "PRIMARY KEY (rowid=?)",
                ],
            ),
            (
                "claim: due",
                CLAIM_DUE,
                &[
                    "job_due (tenant=? AND plugin=? AND blocked=? AND due_at<?)",
                    "PRIMARY KEY (rowid=?)",
                ],
            ),
            ("recent", RECENT, &["INDEX event_age (tenant=?)"]),
            ("claim: load", EVENT_LOAD, &["PRIMARY KEY (rowid=?)"]),
            (
                "settle: find",
                JOB_LEASED,
                &[
                    "autoindex_event_1 (id=?)",
                    "PRIMARY KEY (event=? AND plugin=?)",
                ],
            ),
            (
                "settle: put",
                JOB_UPDATE,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
            (
                "settle: head of a lane",
                LANE_HEAD,
                &["INDEX job_head (tenant=? AND plugin=? AND lane=?)"],
            ),
            (
                "settle: first of a lane",
                LANE_FIRST,
                &["INDEX job_lane (tenant=? AND plugin=? AND lane=?)"],
            ),
            (
                "settle: next of a lane",
                JOB_BLOCK,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
            ("settle: record", ATTEMPT_INSERT, &[]),
            (
                "settle: forget answers",
                ANSWERS_DELETE,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
            ("settle: record an answer", ANSWER_INSERT, &[]),
            (
                "answers",
                ANSWERS,
                &[
                    "autoindex_event_1 (id=?)",
                    "answer USING PRIMARY KEY (event=? AND plugin=?)",
                ],
            ),
            (
                "settle: go by",
                VALUE_VERSION,
                &["autoindex_value_1 (tenant=? AND plugin=? AND bucket=? AND key=?)"],
            ),
            (
                "settle: size",
                VALUE_BYTES,
                &["autoindex_value_1 (tenant=? AND plugin=? AND bucket=? AND key=?)"],
            ),
            ("settle: write", VALUE_PUT, &[]),
            (
                "settle: delete",
                VALUE_DELETE,
                &["autoindex_value_1 (tenant=? AND plugin=? AND bucket=? AND key=?)"],
            ),
            (
                "settle: totals",
                TOTALS,
                &["PRIMARY KEY (tenant=? AND plugin=?)"],
            ),
            ("settle: put totals", TOTALS_PUT, &[]),
            (
                "value",
                VALUE,
                &["autoindex_value_1 (tenant=? AND plugin=? AND bucket=? AND key=?)"],
            ),
            (
                "keys",
                KEYS,
                &[
                    "COVERING INDEX sqlite_autoindex_value_1 (tenant=? AND plugin=? AND bucket=? AND key>?)",
                ],
            ),
            (
                "keys: first",
                KEYS_FIRST,
                &["COVERING INDEX sqlite_autoindex_value_1 (tenant=? AND plugin=? AND bucket=?)"],
            ),
            (
                "next_due: pending",
                HAS_PENDING,
                &["INDEX job_pending (tenant=? AND plugin=? AND blocked=?)"],
            ),
            (
                "next_due: timed",
                NEXT_DUE,
                &["INDEX job_due (tenant=? AND plugin=? AND blocked=? AND due_at>?)"],
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
                "read: ahead",
                JOB_AHEAD,
                &[
                    "INDEX job_head (tenant=? AND plugin=? AND lane=?)",
                    "PRIMARY KEY (rowid=?)",
                ],
            ),
            (
                "read: attempts",
                ATTEMPTS_TO_READ,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
            (
                "replay: find",
                JOB_TO_REPLAY,
                &["job USING PRIMARY KEY (event=? AND plugin=?)"],
            ),
            (
                "replay: put",
                JOB_REPLAY,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
            (
                "sweep: pending",
                SWEEP_PENDING,
                &["INDEX job_pending (tenant=? AND plugin=? AND blocked=? AND event>?)"],
            ),
            (
                "sweep: waiting",
                SWEEP_WAITING,
                &["job_due (tenant=? AND plugin=? AND blocked=? AND (due_at,event)>(?,?))"],
            ),
            (
                "sweep: held",
                SWEEP_HELD,
                &["INDEX job_held (tenant=? AND plugin=? AND event>?)"],
            ),
            (
                "sweep: turn",
                JOB_TURN,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
            (
                "route: unrouted",
                UNROUTED,
                &[
                    "unrouted USING PRIMARY KEY (tenant=? AND source=?)",
                    "(rowid=?)",
                ],
            ),
            (
                "route: take",
                UNROUTED_TAKE,
                &["INDEX unrouted_event (event=?)"],
            ),
            ("route: a late job", JOB_INSERT_LATE, &[]),
            (
                "settle: failed",
                JOB_FAILED,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
            (
                "settle: spare",
                JOB_SPARE,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
            (
                "retry: find",
                FAILED,
                &["INDEX job_failed (tenant=? AND plugin=? AND failed_on=?)"],
            ),
            (
                "retry: put",
                JOB_RETRY,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
            (
                "lift",
                QUARANTINE_DELETE,
                &["PRIMARY KEY (tenant=? AND plugin=?)"],
            ),
            (
                "prune: find",
                OLDEST_OVER,
                &[
                    "event_age (tenant=? AND received_at>? AND received_at<?)",
                    "answer USING PRIMARY KEY (event=?)",
                    "job USING PRIMARY KEY (event=?)",
                ],
            ),
            (
                "prune: find unrouted",
                OLDEST_UNROUTED,
                &[
                    "INDEX unrouted_age (tenant=? AND received_at<?)",
                    "PRIMARY KEY (rowid=?)",
                ],
            ),
            (
                "prune: take out unrouted",
                UNROUTED_EVENT_DELETE,
                &["event USING INTEGER PRIMARY KEY (rowid=?)"],
            ),
            (
                "discard: put",
                JOB_DISCARD,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
            (
                "discard: record",
                JOB_DISCARD_RECORD,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
            ("discard: record an event", EVENT_DISCARD_RECORD, &[]),
            (
                "discard: forget",
                EVENT_DISCARD_FORGET,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
            (
                "read: discards",
                DISCARDS_TO_READ,
                &["PRIMARY KEY (event=? AND plugin=?)"],
            ),
            (
                "prune: take out",
                EVENT_DELETE,
                &["event USING INTEGER PRIMARY KEY (rowid=?)"],
            ),
            (
                "prune: keys",
                KEYS_FORGET,
                &[
                    "COVERING INDEX dedupe_until (until<?)",
                    "PRIMARY KEY (key=?)",
                ],
            ),
        ]);
    }

    #[test]
    fn tallies_walk_indices_of_what_waits_alone() {
        let unrouted = plan::of(UNROUTED_TALLIES);
        assert_eq!(unrouted, ["SCAN unrouted"], "in the order of its key");
        let held = plan::of(HELD_TALLIES);
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

    #[test]
    fn leases_left_are_found_without_reading_the_history() {
        assert!(
            plan::of(LEASES_LEFT)[0].contains("INDEX job_due"),
            "{:?}",
            plan::of(LEASES_LEFT)
        );
    }
}
