//! The statements of the outbox.

pub(crate) const INSERT: &str = "
    INSERT INTO message (id, tenant, plugin, event, destination, event_type, ordering_key, created_at, state, since,
                         bytes, blocked)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?8, ?10,
            EXISTS (SELECT 1 FROM message WHERE tenant = ?2 AND destination = ?5 AND ordering_key = ?7
                    AND ordering_key IS NOT NULL AND state NOT IN ('done', 'dead')))";
pub(crate) const INSERT_BODY: &str = "INSERT INTO message_body (message, body) VALUES (?1, ?2)";

pub(crate) const CLAIM_PENDING: &str = "
    SELECT seq, id, state, due_at, replays, deliveries, since, created_at, plugin, event, event_type, spared
    FROM message
    WHERE tenant = ?1 AND destination = ?2 AND blocked = 0 AND state = 'pending'
    ORDER BY seq LIMIT ?3";
pub(crate) const CLAIM_DUE: &str = "
    SELECT seq, id, state, due_at, replays, deliveries, since, due_at, plugin, event, event_type, spared
    FROM message
    WHERE tenant = ?1 AND destination = ?2 AND blocked = 0 AND due_at <= ?4
    ORDER BY due_at, seq LIMIT ?3";
pub(crate) const BODY: &str = "SELECT body FROM message_body WHERE message = ?1";
pub(crate) const LEASED: &str = "
    SELECT seq, tenant, destination, due_at FROM message
    WHERE id = ?1 AND state = 'leased' AND replays = ?2 AND deliveries = ?3";
pub(crate) const UPDATE: &str = "
    UPDATE message SET state = ?2, due_at = ?3, deliveries = ?4 WHERE seq = ?1
    RETURNING tenant, destination, ordering_key";
pub(crate) const SPARE: &str = "UPDATE message SET spared = spared + 1 WHERE seq = ?1";
pub(crate) const LANE_HEAD: &str = "
    SELECT seq, state = 'leased' FROM message WHERE tenant = ?1 AND destination = ?2 AND ordering_key = ?3
      AND ordering_key IS NOT NULL AND state NOT IN ('done', 'dead') AND blocked = 0";
pub(crate) const LANE_FIRST: &str = "
    SELECT min(seq) FROM message WHERE tenant = ?1 AND destination = ?2 AND ordering_key = ?3
      AND ordering_key IS NOT NULL AND state NOT IN ('done', 'dead')";
pub(crate) const BLOCK: &str =
    "UPDATE message SET blocked = ?3 WHERE seq = ?1 AND destination = ?2";
pub(crate) const DELIVERY_INSERT: &str = "
    INSERT INTO delivery (message, replays, number, started_at, duration_us, result, detail, headers, body)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
/// All but the latest of a message.
pub(crate) const DELIVERIES_TRIM: &str = "
    DELETE FROM delivery WHERE message = ?1 AND (replays, number) <=
        (SELECT replays, number FROM delivery WHERE message = ?1
         ORDER BY replays DESC, number DESC LIMIT 1 OFFSET ?2)";

pub(crate) const HAS_PENDING: &str = "
    SELECT EXISTS (SELECT 1 FROM message WHERE tenant = ?1 AND destination = ?2 AND blocked = 0 AND state = 'pending')";
pub(crate) const NEXT_DUE: &str = "
    SELECT min(due_at) FROM message
    WHERE tenant = ?1 AND destination = ?2 AND blocked = 0 AND due_at IS NOT NULL";

/// The columns of a message in a list. Its size is read without its body.
pub(crate) const SUMMARY: &str = "
    message.id, message.tenant, message.plugin, message.event, message.destination, message.event_type,
    message.created_at, message.state, message.due_at, message.deliveries,
    message.bytes, message.seq,
    message.tenant, message.ordering_key, message.blocked";
pub(crate) const AHEAD: &str = "
    SELECT id, state, due_at FROM message WHERE tenant = ?1 AND destination = ?2 AND ordering_key = ?3
      AND ordering_key IS NOT NULL AND state NOT IN ('done', 'dead') AND blocked = 0";
pub(crate) const LAST_DELIVERY: &str = "
    SELECT result, detail FROM delivery WHERE message = ?1 ORDER BY replays DESC, number DESC LIMIT 1";
pub(crate) const NOT_AFTER: &str =
    "SELECT seq FROM message WHERE id <= ?1 ORDER BY id DESC LIMIT 1";
pub(crate) const NOT_BEFORE: &str = "SELECT seq FROM message WHERE id >= ?1 ORDER BY id LIMIT 1";
pub(crate) const BY_ID: &str = "SELECT seq, ordering_key, replays FROM message WHERE id = ?1";
pub(crate) const DELIVERIES: &str = "
    SELECT replays, number, started_at, duration_us, result, detail, headers, body
    FROM delivery WHERE message = ?1 ORDER BY replays, number";

pub(crate) const LAST_PLACE: &str = "SELECT coalesce(max(seq), 0) FROM message";
pub(crate) const TO_REPLAY: &str = "SELECT state, due_at FROM message WHERE seq = ?1";
pub(crate) const REPLAY: &str = "
    UPDATE message SET state = ?2, due_at = ?3, replays = replays + 1, deliveries = 0, spared = 0, since = ?4,
        blocked = ordering_key IS NOT NULL AND (blocked OR state IN ('done', 'dead'))
    WHERE seq = ?1
    RETURNING tenant, destination, ordering_key";

pub(crate) const DISABLED: &str =
    "SELECT tenant, destination, reason, since FROM disabled ORDER BY tenant, destination";
pub(crate) const IS_DISABLED: &str =
    "SELECT EXISTS (SELECT 1 FROM disabled WHERE tenant = ?1 AND destination = ?2)";
pub(crate) const DISABLE: &str = "
    INSERT INTO disabled (tenant, destination, reason, since) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (tenant, destination) DO UPDATE SET reason = excluded.reason, since = excluded.since";
pub(crate) const ENABLE: &str = "DELETE FROM disabled WHERE tenant = ?1 AND destination = ?2";

/// Runs at start and at reloads; it walks what is to be sent still, in two indexes that hold all that it asks for.
pub(crate) const UNSENT_DESTINATIONS: &str = "
    SELECT tenant, destination FROM message WHERE state = 'pending'
    UNION SELECT tenant, destination FROM message WHERE due_at IS NOT NULL
    ORDER BY tenant, destination";

/// Every tenant that has ever had an event, and so every one that may have a message.
pub(crate) const TENANTS: &str = "SELECT tenant FROM stored ORDER BY tenant";
pub(crate) const OLDEST_OVER: &str = "
    SELECT seq, bytes FROM message
    WHERE tenant = ?1 AND created_at <= ?2 AND state IN ('done', 'dead')
    ORDER BY created_at, seq LIMIT ?3";
pub(crate) const OLDEST_UNSENT: &str = "
    SELECT seq, bytes FROM message
    WHERE tenant = ?1 AND since <= ?2 AND state IN ('pending', 'waiting', 'dead')
    ORDER BY since, seq LIMIT ?3";
/// One may have been replayed, or leased, since it was found.
pub(crate) const DELETE: &str = "
    DELETE FROM message WHERE seq = ?1 AND state IN ('done', 'dead')
    RETURNING tenant, destination, ordering_key";
pub(crate) const DELETE_UNSENT: &str = "
    DELETE FROM message WHERE seq = ?1 AND since <= ?2 AND state IN ('pending', 'waiting', 'dead')
    RETURNING tenant, destination, ordering_key";

pub(crate) const UNSENT: &str =
    "SELECT messages, bytes FROM unsent WHERE tenant = ?1 AND plugin = ?2";
pub(crate) const UNSENT_OF_TENANT: &str =
    "SELECT coalesce(sum(messages), 0), coalesce(sum(bytes), 0) FROM unsent WHERE tenant = ?1";
pub(crate) const UNSENT_ALL: &str =
    "SELECT tenant, plugin, messages, bytes FROM unsent WHERE messages > 0 ORDER BY tenant, plugin";

/// Runs once, when the store is opened; it walks the index of what is leased or waits.
pub(crate) const LEASES_LEFT: &str = "
    SELECT seq, due_at, deliveries FROM message WHERE due_at IS NOT NULL AND state = 'leased'";

#[cfg(test)]
mod tests {
    use super::super::plan;
    use super::*;

    #[test]
    fn no_statement_of_sending_reads_more_than_it_needs() {
        const BY_PLACE: &str = "PRIMARY KEY (rowid=?)";
        let head = "INDEX message_head (tenant=? AND destination=? AND ordering_key=?)";
        let lane = "INDEX message_lane (tenant=? AND destination=? AND ordering_key=?)";
        let pending = "INDEX message_pending (tenant=? AND destination=? AND blocked=?)";
        let by_id = "sqlite_autoindex_message_1 (id=?)";
        plan::check(&[
            ("insert", INSERT, &[lane]),
            ("insert: body", INSERT_BODY, &[]),
            ("claim: pending", CLAIM_PENDING, &[pending]),
            (
                "claim: due",
                CLAIM_DUE,
                &["message_due (tenant=? AND destination=? AND blocked=? AND due_at<?)"],
            ),
            (
                "claim: disabled",
                IS_DISABLED,
                &["PRIMARY KEY (tenant=? AND destination=?)"],
            ),
            ("claim: body", BODY, &[BY_PLACE]),
            ("settle: find", LEASED, &[by_id]),
            ("settle: put", UPDATE, &[BY_PLACE]),
            ("settle: spare", SPARE, &[BY_PLACE]),
            ("settle: head of a lane", LANE_HEAD, &[head]),
            ("settle: first of a lane", LANE_FIRST, &[lane]),
            ("settle: next of a lane", BLOCK, &[BY_PLACE]),
            ("settle: record", DELIVERY_INSERT, &[]),
            ("settle: trim", DELIVERIES_TRIM, &["PRIMARY KEY (message=?"]),
            ("next due: pending", HAS_PENDING, &[pending]),
            (
                "next due: timed",
                NEXT_DUE,
                &["message_due (tenant=? AND destination=? AND blocked=? AND due_at>?)"],
            ),
            (
                "list: place",
                NOT_AFTER,
                &["COVERING INDEX sqlite_autoindex_message_1 (id<?)"],
            ),
            (
                "list: place from the end",
                NOT_BEFORE,
                &["COVERING INDEX sqlite_autoindex_message_1 (id>?)"],
            ),
            ("list: ahead", AHEAD, &[head]),
            (
                "list: last try",
                LAST_DELIVERY,
                &["PRIMARY KEY (message=?)"],
            ),
            ("show", BY_ID, &[by_id]),
            ("show: tries", DELIVERIES, &["PRIMARY KEY (message=?)"]),
            ("replay: find", TO_REPLAY, &[BY_PLACE]),
            ("replay: put", REPLAY, &[BY_PLACE]),
            (
                "enable",
                ENABLE,
                &["PRIMARY KEY (tenant=? AND destination=?)"],
            ),
            (
                "prune: find",
                OLDEST_OVER,
                &["INDEX message_over (tenant=? AND created_at<?)"],
            ),
            (
                "prune: find unsent",
                OLDEST_UNSENT,
                &["INDEX message_unsent (tenant=? AND since<?)"],
            ),
            ("prune: take out", DELETE, &[BY_PLACE]),
            ("prune: take out unsent", DELETE_UNSENT, &[BY_PLACE]),
            (
                "settle: room",
                UNSENT,
                &["PRIMARY KEY (tenant=? AND plugin=?)"],
            ),
            (
                "settle: room of the tenant",
                UNSENT_OF_TENANT,
                &["PRIMARY KEY (tenant=?)"],
            ),
        ]);
    }

    #[test]
    fn what_is_to_be_sent_is_found_without_reading_the_history() {
        for (statement, index) in [
            (LEASES_LEFT, "INDEX message_due"),
            (UNSENT_DESTINATIONS, "COVERING INDEX message_pending"),
            (UNSENT_DESTINATIONS, "COVERING INDEX message_due"),
        ] {
            let steps = plan::of(statement);
            assert!(
                steps.iter().any(|step| step.contains(index)),
                "{statement}: {steps:#?}"
            );
        }
    }
}
