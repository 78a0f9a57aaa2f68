//! The outbox: the settlement of an attempt adds messages, which are then leased and settled like
//! jobs.

use std::time::Duration;

use hookyard_model::{
    DestinationRef, EventId, Message, MessageId, PluginName, PluginRef, Timestamp, WorkState,
};
use hookyard_store::DELIVERIES_MAX;
use hookyard_store::{
    AuditEntry, DisabledDestination, Error, Hint, MessageLease, MessageRequest, MessageSettlement,
    OutboxQuota, OutboxUsage, PruneSummary, ReplaySummary, transitions,
};
use rusqlite::{OptionalExtension, Row, params};

use super::lane::{Lane, LaneKind};
use super::{Database, knowledge};
use crate::codec::{self, due_of, parsed, store};

const INSERT: &str = "
    INSERT INTO message (id, tenant, plugin, event, destination, event_type, ordering_key,
      created_at, state, since,
                         bytes, trace, blocked)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?8, ?10, ?11,
            EXISTS (SELECT 1 FROM message WHERE tenant = ?2 AND destination = ?5
              AND ordering_key = ?7
                    AND ordering_key IS NOT NULL AND state NOT IN ('done', 'dead')))";
const INSERT_BODY: &str = "INSERT INTO message_body (message, body) VALUES (?1, ?2)";
const CLAIM_PENDING: &str = "
    SELECT seq, id, state, due_at, replays, deliveries, since, created_at, plugin, event,
      event_type, spared, trace
    FROM message
    WHERE tenant = ?1 AND destination = ?2 AND blocked = 0 AND state = 'pending'
    ORDER BY seq LIMIT ?3";
const CLAIM_DUE: &str = "
    SELECT seq, id, state, due_at, replays, deliveries, since, due_at, plugin, event, event_type,
      spared, trace
    FROM message
    WHERE tenant = ?1 AND destination = ?2 AND blocked = 0 AND due_at <= ?4
    ORDER BY due_at, seq LIMIT ?3";
const BY_TOKEN: &str =
    "SELECT tenant, destination, state, due_at, lease FROM message WHERE seq = ?1 AND id = ?2";
const WAS_SETTLED: &str =
    "SELECT EXISTS (SELECT 1 FROM delivery WHERE message = ?1 AND lease = ?2)";
const UPDATE: &str = "
    UPDATE message SET state = ?2, due_at = ?3, deliveries = ?4, lease = ?5 WHERE seq = ?1
    RETURNING tenant, destination, ordering_key";
const SPARE: &str = "UPDATE message SET spared = spared + 1 WHERE seq = ?1";
const DELIVERY_INSERT: &str = "
    INSERT INTO delivery (message, replays, number, started_at, duration_us, result, detail,
      headers, body, lease)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
/// Deletes all but the latest deliveries of a message.
const DELIVERIES_TRIM: &str = "
    DELETE FROM delivery WHERE message = ?1 AND (replays, number) <=
        (SELECT replays, number FROM delivery WHERE message = ?1
         ORDER BY replays DESC, number DESC LIMIT 1 OFFSET ?2)";
const TO_REPLAY: &str = "SELECT state, due_at FROM message WHERE seq = ?1";
const REPLAY: &str = "
    UPDATE message SET state = ?2, due_at = ?3, replays = replays + 1, deliveries = 0, spared = 0,
      since = ?4,
        blocked = ordering_key IS NOT NULL AND (blocked OR state IN ('done', 'dead'))
    WHERE seq = ?1
    RETURNING tenant, destination, ordering_key";
const IS_DISABLED: &str =
    "SELECT EXISTS (SELECT 1 FROM disabled WHERE tenant = ?1 AND destination = ?2)";
const DISABLE: &str = "
    INSERT INTO disabled (tenant, destination, reason, since) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (tenant, destination) DO UPDATE SET reason = excluded.reason,
      since = excluded.since";
const ENABLE: &str = "DELETE FROM disabled WHERE tenant = ?1 AND destination = ?2";
/// Skips a message that was replayed or leased since the reader found it.
const DELETE: &str = "
    DELETE FROM message WHERE seq = ?1 AND state IN ('done', 'dead')
    RETURNING tenant, destination, ordering_key";
const DELETE_UNSENT: &str = "
    DELETE FROM message WHERE seq = ?1 AND since <= ?2 AND state IN ('pending', 'waiting', 'dead')
    RETURNING tenant, destination, ordering_key";
const UNSENT: &str = "SELECT messages, bytes FROM unsent WHERE tenant = ?1 AND plugin = ?2";
const UNSENT_OF_TENANT: &str =
    "SELECT coalesce(sum(messages), 0), coalesce(sum(bytes), 0) FROM unsent WHERE tenant = ?1";
/// Runs once, when the store is opened. It walks the index of leased and waiting messages.
const ABANDONED_LEASES: &str = "
    SELECT seq, due_at, deliveries FROM message WHERE due_at IS NOT NULL AND state = 'leased'";

/// A new lease without the body. A reader loads the body once the lease is committed.
pub(crate) struct NewMessageLease {
    pub(crate) seq: i64,
    pub(crate) lease: MessageLease,
    pub(crate) destination: DestinationRef,
    pub(crate) plugin: PluginRef,
    pub(crate) event: EventId,
    pub(crate) event_type: Option<String>,
    pub(crate) since: Timestamp,
    pub(crate) spared: u32,
    pub(crate) trace: Option<String>,
}

/// A message that the limits no longer keep.
pub(crate) struct ExpiredMessage {
    pub(crate) seq: i64,
    pub(crate) bytes: u64,
    /// For an unsent message: the time that `since` must not exceed.
    pub(crate) unsent_until: Option<i64>,
}

/// What a lease on a message is when its holder comes back with it.
enum Standing {
    /// The message is still under the lease.
    Leased(LeasedMessage),
    /// The delivery under the lease has been settled.
    Settled,
    /// The lease has ended.
    Lost,
}

/// A message under lease.
struct LeasedMessage {
    seq: i64,
    lease: i64,
    tenant: String,
    destination: String,
    until: Timestamp,
}

impl Database {
    /// Fails if this many more messages would exceed the quota.
    pub(super) fn check_quota(
        &self,
        plugin: &PluginRef,
        quota: &OutboxQuota,
        more: OutboxUsage,
    ) -> Result<(), Error> {
        if more.messages == 0 {
            return Ok(());
        }

        let unsent = |statement, values: &[&dyn rusqlite::ToSql]| {
            let mut statement = self.connection.prepare_cached(statement).map_err(store)?;
            let number = |row: &Row<'_>, column| row.get::<_, i64>(column).map(i64::unsigned_abs);
            let read = |row: &Row<'_>| {
                Ok(OutboxUsage {
                    messages: number(row, 0)?,
                    bytes: number(row, 1)?,
                })
            };
            Ok(statement
                .query_row(values, read)
                .optional()
                .map_err(store)?
                .unwrap_or_default())
        };
        let (tenant, name) = (plugin.tenant.as_str(), plugin.name.as_str());
        let of_plugin = unsent(UNSENT, params![tenant, name])?;
        let of_tenant = unsent(UNSENT_OF_TENANT, params![tenant])?;
        quota
            .exceeded(of_plugin, of_tenant, more)
            .map_or(Ok(()), Err)
    }

    pub(super) fn add_message(
        &mut self,
        plugin: &PluginRef,
        event: EventId,
        message: &Message,
        trace: Option<&str>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let values = params![
            message.id.as_uuid().into_bytes(),
            plugin.tenant.as_str(),
            plugin.name.as_str(),
            event.as_uuid().into_bytes(),
            message.destination.as_str(),
            message.event_type,
            message.ordering_key,
            now.unix_millis(),
            WorkState::Pending.name(),
            message.body.len() as i64,
            trace,
        ];
        self.execute(INSERT, values)?;
        self.hint(|| Hint::Message {
            id: message.id,
            destination: DestinationRef {
                tenant: plugin.tenant.clone(),
                name: message.destination.clone(),
            },
        });

        let seq = self.connection.last_insert_rowid();
        self.execute(INSERT_BODY, params![seq, &message.body[..]])?;
        self.has_due_messages = true;

        Ok(())
    }

    pub(crate) fn claim_messages(
        &mut self,
        requests: &[MessageRequest],
        lease: Duration,
    ) -> Result<Vec<NewMessageLease>, Error> {
        let until = self.now.after(lease);
        let mut leased = Vec::new();
        for request in requests {
            for message in self.due_messages(request)? {
                let transitions::Claim::Lease(next) =
                    transitions::claim(message.state, true, until, self.now)
                else {
                    continue;
                };
                let attempt = message.attempts + 1;
                let lease = self.knowledge.new_lease();
                self.put_message(message.seq, next, attempt, Some(lease))?;
                self.hint(|| Hint::Message {
                    id: message.id,
                    destination: request.destination.clone(),
                });
                leased.push(message.leased(request, attempt, lease));
            }
        }

        Ok(leased)
    }

    /// Returns up to `limit` messages, those that have been due for the longest time first.
    fn due_messages(&self, request: &MessageRequest) -> Result<Vec<DueMessage>, Error> {
        if is_disabled(&self.connection, &request.destination)? {
            return Ok(Vec::new());
        }

        let (tenant, destination) = (
            request.destination.tenant.as_str(),
            request.destination.name.as_str(),
        );
        let limit = i64::try_from(request.limit).unwrap_or(i64::MAX);
        let values = params![tenant, destination, limit, self.now.unix_millis()];
        let mut due = Vec::new();
        for statement in [CLAIM_PENDING, CLAIM_DUE] {
            let mut statement = self.connection.prepare_cached(statement).map_err(store)?;
            // The statement for pending messages has no parameter for the time.
            let values = &values[..statement.parameter_count()];
            due.extend(codec::read_all(&mut statement, values, DueMessage::read)?);
        }

        due.sort_by_key(|message| (message.due_since, message.seq));
        due.truncate(request.limit);

        Ok(due)
    }

    pub(crate) fn extend_messages(
        &mut self,
        leases: &[MessageLease],
        lease: Duration,
    ) -> Result<(), Error> {
        let until = self.now.after(lease);
        for lease in leases {
            if let Standing::Leased(message) = self.standing_of_message(lease)?
                && message.until < until
            {
                let (next, number) = (WorkState::Leased { until }, Some(message.lease));
                self.put_message(message.seq, next, lease.delivery, number)?;
            }
        }
        Ok(())
    }

    pub(crate) fn give_back_messages(&mut self, leases: &[MessageLease]) -> Result<(), Error> {
        for lease in leases {
            let Standing::Leased(message) = self.standing_of_message(lease)? else {
                continue;
            };
            if let Ok(next) = transitions::give_back(
                WorkState::Leased {
                    until: message.until,
                },
                true,
            ) {
                self.put_message(message.seq, next, lease.delivery - 1, None)?;
                self.has_due_messages = true;
            }
        }

        Ok(())
    }

    pub(crate) fn settle_message(&mut self, settlement: &MessageSettlement) -> Result<(), Error> {
        let MessageSettlement {
            lease,
            delivery,
            next,
            is_spared,
            disable,
        } = settlement;
        let message = match self.standing_of_message(lease)? {
            Standing::Leased(message) => message,
            Standing::Settled => return Ok(()),
            Standing::Lost => return Err(Error::MessageLeaseLost(lease.clone())),
        };

        let next = next.at(self.now);
        self.put_message(message.seq, next, lease.delivery, Some(message.lease))?;

        let answer = delivery.answer.as_ref();
        let values = params![
            message.seq,
            lease.replays,
            lease.delivery,
            delivery.started_at.unix_millis(),
            i64::try_from(delivery.duration.as_micros()).unwrap_or(i64::MAX),
            delivery.result.name(),
            codec::result_detail(&delivery.result),
            answer.map(|answer| codec::headers_to_blob(&answer.headers)),
            answer.map(|answer| &answer.body[..]),
            message.lease,
        ];
        self.execute(DELIVERY_INSERT, values)?;

        // Only a message with many deliveries, or with replays, can have more records than the
        // maximum.
        if lease.delivery as usize > DELIVERIES_MAX || lease.replays > 0 {
            self.execute(DELIVERIES_TRIM, params![message.seq, DELIVERIES_MAX as i64])?;
        }

        if *is_spared {
            self.execute(SPARE, params![message.seq])?;
        }

        if let Some(reason) = disable {
            let since = delivery.started_at.after(delivery.duration).unix_millis();
            self.execute(
                DISABLE,
                params![message.tenant, message.destination, reason, since],
            )?;
        }

        self.has_due_messages = true;
        self.hint_delivery(&message, lease.id, disable.is_some())
    }

    /// Notes the end of a delivery, and whether it disabled the destination.
    fn hint_delivery(
        &mut self,
        message: &LeasedMessage,
        id: MessageId,
        is_disabled: bool,
    ) -> Result<(), Error> {
        let destination = DestinationRef {
            tenant: parsed(&message.tenant, "a message's tenant")?,
            name: parsed(&message.destination, "a message's destination")?,
        };
        if is_disabled {
            self.hint(|| Hint::Destination(destination.clone()));
        }
        self.hint(|| Hint::Message { id, destination });

        Ok(())
    }

    /// Gives back all leases, which an earlier host has left. Its deliveries had begun, so they
    /// count.
    pub(crate) fn give_back_all_messages(&mut self) -> Result<usize, Error> {
        let left: Vec<(i64, i64, u32)> = {
            let mut statement = self.connection.prepare(ABANDONED_LEASES).map_err(store)?;
            let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
            codec::read_all(&mut statement, [], |row| read(row).map_err(store))?
        };

        for (seq, until, attempts) in &left {
            let until = Timestamp::from_unix_millis(*until);
            if let Ok(next) = transitions::give_back(WorkState::Leased { until }, true) {
                self.put_message(*seq, next, *attempts, None)?;
            }
        }

        Ok(left.len())
    }

    pub(crate) fn disable(&mut self, disabled: &DisabledDestination) -> Result<(), Error> {
        let DisabledDestination {
            destination:
                DestinationRef {
                    tenant,
                    name: destination,
                },
            reason,
            since,
        } = disabled;
        let values = params![
            tenant.as_str(),
            destination.as_str(),
            reason,
            since.unix_millis()
        ];

        self.execute(DISABLE, values).map(drop)
    }

    /// Enables a destination. Returns whether the destination was disabled.
    pub(crate) fn enable(
        &mut self,
        destination: &DestinationRef,
        audit: Option<&AuditEntry>,
    ) -> Result<bool, Error> {
        let values = params![destination.tenant.as_str(), destination.name.as_str()];
        let was_disabled = self.execute(ENABLE, values)? > 0;
        if was_disabled {
            self.has_due_messages = true;
            self.note(audit)?;
            self.hint(|| Hint::Destination(destination.clone()));
        }

        Ok(was_disabled)
    }

    /// Replays the messages that still exist.
    pub(crate) fn replay_messages(&mut self, batch: &MessageBatch) -> Result<ReplaySummary, Error> {
        self.hint(|| Hint::Everything);
        let mut replayed = ReplaySummary::default();
        for seq in &batch.messages {
            let Some(state) = self.state_of_message(*seq)? else {
                continue;
            };
            let due =
                transitions::replay_due(batch.now, batch.rate, batch.before + replayed.replayed);
            let Ok(next) = transitions::replay(state, due, true) else {
                replayed.leased += 1;
                continue;
            };
            let since = due.unwrap_or(batch.now).unix_millis();
            let values = params![seq, next.name(), due_of(next), since];
            if let Some(lane) = self.change(LaneKind::Messages, REPLAY, values)? {
                self.update_lane(&lane)?;
            }
            replayed.replayed += 1;
        }

        self.has_due_messages |= replayed.replayed > 0;

        Ok(replayed)
    }

    /// Removes the messages that are still as the reader found them.
    pub(crate) fn prune_messages(&mut self, old: &[ExpiredMessage]) -> Result<PruneSummary, Error> {
        let mut pruned = PruneSummary::default();
        for message in old {
            let Some(lane) = self.take_out(message)? else {
                continue;
            };
            pruned.count += 1;
            pruned.bytes += message.bytes;
            if let Some(lane) = lane {
                self.update_lane(&lane)?;
            }
        }

        Ok(pruned)
    }

    /// Removes a message and returns its lane. Returns `None` if the message was replayed or leased
    /// since the reader found it.
    fn take_out(&self, message: &ExpiredMessage) -> Result<Option<Option<Lane>>, Error> {
        let ExpiredMessage {
            seq, unsent_until, ..
        } = message;
        let delete = if unsent_until.is_some() {
            DELETE_UNSENT
        } else {
            DELETE
        };
        let mut statement = self.connection.prepare_cached(delete).map_err(store)?;
        let values = params![seq, unsent_until];
        let values = &values[..statement.parameter_count()];

        statement
            .query_row(values, |row| Lane::read(LaneKind::Messages, row))
            .optional()
            .map_err(store)
    }

    /// Changes the state of one message, and updates its lane. `lease` is the number of the lease
    /// under which the message is, or under which its last delivery ended.
    fn put_message(
        &mut self,
        seq: i64,
        next: WorkState,
        attempts: u32,
        lease: Option<i64>,
    ) -> Result<(), Error> {
        let lane = self.change(
            LaneKind::Messages,
            UPDATE,
            params![seq, next.name(), due_of(next), attempts, lease],
        )?;
        // Only the head of a lane is ever leased, so a lease never changes the head.
        match lane.filter(|_| !matches!(next, WorkState::Leased { .. })) {
            Some(lane) => self.update_lane(&lane),
            None => Ok(()),
        }
    }

    /// Finds the message of a lease by the token, and returns what the lease is.
    fn standing_of_message(&self, lease: &MessageLease) -> Result<Standing, Error> {
        let (number, seq) = knowledge::parts_of(lease.token);
        let mut statement = self.connection.prepare_cached(BY_TOKEN).map_err(store)?;
        let found = statement
            .query_row(params![seq, lease.id.as_uuid().into_bytes()], |row| {
                let message = LeasedMessage {
                    seq,
                    lease: number,
                    tenant: row.get(0)?,
                    destination: row.get(1)?,
                    until: Timestamp::from_unix_millis(row.get::<_, Option<_>>(3)?.unwrap_or(0)),
                };
                Ok((
                    message,
                    row.get::<_, String>(2)? == "leased",
                    row.get::<_, Option<i64>>(4)?,
                ))
            })
            .optional()
            .map_err(store)?;
        let Some((message, is_leased, current)) = found else {
            return Ok(Standing::Lost);
        };

        if current == Some(number) && is_leased {
            return Ok(Standing::Leased(message));
        }
        let was_settled = current == Some(number) || self.was_delivered(seq, number)?;
        Ok(if was_settled {
            Standing::Settled
        } else {
            Standing::Lost
        })
    }

    /// Returns whether an earlier delivery of a message was settled under a lease.
    fn was_delivered(&self, seq: i64, lease: i64) -> Result<bool, Error> {
        self.connection
            .prepare_cached(WAS_SETTLED)
            .and_then(|mut statement| statement.query_row([seq, lease], |row| row.get(0)))
            .map_err(store)
    }

    /// Returns `None` if the message was removed.
    fn state_of_message(&self, seq: i64) -> Result<Option<WorkState>, Error> {
        let mut statement = self.connection.prepare_cached(TO_REPLAY).map_err(store)?;
        let found = statement.query_row([seq], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)));
        let Some((state, due_at)) = found.optional().map_err(store)? else {
            return Ok(None);
        };
        codec::state(&state, due_at).map(Some)
    }
}

/// A batch of messages to replay.
pub(crate) struct MessageBatch {
    pub(crate) messages: Vec<i64>,
    /// The number of messages per second from `now` on.
    pub(crate) rate: Option<f64>,
    pub(crate) now: Timestamp,
    /// The number of messages that were replayed before this batch.
    pub(crate) before: u64,
}

struct DueMessage {
    seq: i64,
    id: MessageId,
    state: WorkState,
    replays: u32,
    attempts: u32,
    since: Timestamp,
    due_since: i64,
    plugin: PluginName,
    event: EventId,
    event_type: Option<String>,
    spared: u32,
    trace: Option<String>,
}

impl DueMessage {
    fn read(row: &Row<'_>) -> Result<Self, Error> {
        let (id, event): ([u8; 16], [u8; 16]) =
            (row.get(1).map_err(store)?, row.get(9).map_err(store)?);
        let (state, plugin): (String, String) =
            (row.get(2).map_err(store)?, row.get(8).map_err(store)?);

        Ok(Self {
            seq: row.get(0).map_err(store)?,
            id: codec::message_id(&id)?,
            state: codec::state(&state, row.get(3).map_err(store)?)?,
            replays: row.get(4).map_err(store)?,
            attempts: row.get(5).map_err(store)?,
            since: Timestamp::from_unix_millis(row.get(6).map_err(store)?),
            due_since: row.get(7).map_err(store)?,
            plugin: parsed(&plugin, "a message's plugin")?,
            event: codec::event_id(&event)?,
            event_type: row.get(10).map_err(store)?,
            spared: row.get(11).map_err(store)?,
            trace: row.get(12).map_err(store)?,
        })
    }

    fn leased(self, request: &MessageRequest, attempt: u32, lease: i64) -> NewMessageLease {
        NewMessageLease {
            seq: self.seq,
            lease: MessageLease {
                id: self.id,
                replays: self.replays,
                delivery: attempt,
                token: knowledge::token(lease, self.seq),
            },
            destination: request.destination.clone(),
            plugin: PluginRef {
                tenant: request.destination.tenant.clone(),
                name: self.plugin,
            },
            event: self.event,
            event_type: self.event_type,
            since: self.since,
            spared: self.spared,
            trace: self.trace,
        }
    }
}

pub(crate) fn is_disabled(
    connection: &rusqlite::Connection,
    destination: &DestinationRef,
) -> Result<bool, Error> {
    let mut statement = connection.prepare_cached(IS_DISABLED).map_err(store)?;
    let values = [destination.tenant.as_str(), destination.name.as_str()];
    statement.query_row(values, |row| row.get(0)).map_err(store)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_plans;

    #[test]
    fn statements_use_indexes() {
        query_plans::check(&[
            (
                "insert",
                INSERT,
                &["INDEX message_lane (tenant=? AND destination=? AND ordering_key=?)"],
            ),
            ("insert: body", INSERT_BODY, &[]),
            (
                "claim: pending",
                CLAIM_PENDING,
                &["INDEX message_pending (tenant=? AND destination=? AND blocked=?)"],
            ),
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
            ("settle: find", BY_TOKEN, &["PRIMARY KEY (rowid=?)"]),
            (
                "settle: an earlier delivery",
                WAS_SETTLED,
                &["PRIMARY KEY (message=?)"],
            ),
            ("settle: put", UPDATE, &["PRIMARY KEY (rowid=?)"]),
            ("settle: spare", SPARE, &["PRIMARY KEY (rowid=?)"]),
            ("settle: record", DELIVERY_INSERT, &[]),
            ("settle: trim", DELIVERIES_TRIM, &["PRIMARY KEY (message=?"]),
            ("replay: find", TO_REPLAY, &["PRIMARY KEY (rowid=?)"]),
            ("replay: put", REPLAY, &["PRIMARY KEY (rowid=?)"]),
            (
                "enable",
                ENABLE,
                &["PRIMARY KEY (tenant=? AND destination=?)"],
            ),
            ("prune: take out", DELETE, &["PRIMARY KEY (rowid=?)"]),
            (
                "prune: take out unsent",
                DELETE_UNSENT,
                &["PRIMARY KEY (rowid=?)"],
            ),
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
    fn abandoned_leases_are_found_by_index() {
        let steps = query_plans::of(ABANDONED_LEASES);
        assert!(
            steps.iter().any(|step| step.contains("INDEX message_due")),
            "{steps:?}"
        );
    }
}
