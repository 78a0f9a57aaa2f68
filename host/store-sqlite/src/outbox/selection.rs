//! The statements that find the messages of a selection, like `crate::selection` for events. Which
//! messages a list looks at is decided by `crate::search`.

use hookyard_store::{Error, MessageSelection};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use crate::codec::{self, store};
use crate::replay::{Candidates, ReplayStatus};
use crate::selection::{Filter, hex};

fn filter(selection: &MessageSelection) -> Filter {
    let MessageSelection {
        ids,
        id_range,
        tenant,
        destination,
        plugin,
        event_type,
        event,
        text,
        states,
        since,
        until,
    } = selection;
    let mut filter = Filter::default();
    if !ids.is_empty() {
        filter.and(
            "message.id IN (SELECT unhex(value) FROM json_each(?))",
            hex(ids.iter().map(|id| id.as_uuid())),
        );
    }

    if let Some(range) = id_range {
        let condition = "message.seq IN (SELECT seq FROM message WHERE id >= ?";
        filter.and(condition, range.start().as_uuid().into_bytes().to_vec());
        filter.and("id <= ?)", range.end().as_uuid().into_bytes().to_vec());
    }

    if let Some(event) = event {
        filter.and("message.event = ?", event.as_uuid().into_bytes().to_vec());
    }

    filter.and_state("message.state", states);

    // The signs keep the planner from using other indexes and sorting: lists follow the order of
    // commit.
    let texts = [
        (
            "+message.tenant = ?",
            tenant.as_ref().map(ToString::to_string),
        ),
        (
            "+message.destination = ?",
            destination.as_ref().map(ToString::to_string),
        ),
        (
            "message.plugin = ?",
            plugin.as_ref().map(ToString::to_string),
        ),
        ("message.event_type = ?", event_type.clone()),
    ];
    for (condition, value) in texts {
        value
            .into_iter()
            .for_each(|value| filter.and(condition, value));
    }

    if let Some(text) = text {
        let body = "(SELECT instr(body, ?) FROM message_body WHERE message_body.message = message.seq) > 0";
        filter.and(body, text.clone().into_bytes());
    }

    for (condition, time) in [
        ("+message.created_at >= ?", since),
        ("+message.created_at < ?", until),
    ] {
        time.iter()
            .for_each(|time| filter.and(condition, time.unix_millis()));
    }

    filter
}

/// Returns the statement that keeps, of the numbers in the JSON array `?1`, those of the messages
/// that the selection matches and that are of the tenants in the JSON array `?2`, in the order of the
/// first array, and the values that follow these two.
pub(crate) fn matching(selection: &MessageSelection) -> (String, Vec<Value>) {
    let filter = filter(selection);
    let statement = format!(
        "SELECT message.seq FROM json_each(?1) AS number
           CROSS JOIN message ON message.seq = number.value
         WHERE (?2 IS NULL OR message.tenant IN (SELECT value FROM json_each(?2))){}",
        filter.text
    );

    (statement, filter.values)
}

/// Returns the statement for up to `limit` messages after a number, each with its status, and its
/// values.
fn replay_statement(
    selection: &MessageSelection,
    after: i64,
    limit: usize,
) -> (String, Vec<Value>) {
    let filter = filter(selection);
    let statement = format!(
        "SELECT message.seq, message.state = 'leased' FROM message WHERE message.seq > ?{}
         ORDER BY message.seq LIMIT ?",
        filter.text
    );
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);

    (
        statement,
        [vec![after.into()], filter.values, vec![limit.into()]].concat(),
    )
}

/// Returns the numbers of the messages that the selection matches after a number, each with its
/// status.
pub(super) fn to_replay(
    connection: &Connection,
    selection: &MessageSelection,
    after: i64,
    limit: usize,
) -> Result<Candidates<i64>, Error> {
    let (statement, values) = replay_statement(selection, after, limit);
    let mut statement = connection.prepare(&statement).map_err(store)?;
    codec::read_all(&mut statement, params_from_iter(values), |row| {
        let is_leased = row.get(1).map_err(store)?;
        Ok((row.get(0).map_err(store)?, ReplayStatus::of_job(is_leased)))
    })
}

#[cfg(test)]
mod tests {
    use hookyard_model::{EventId, MessageId, Timestamp};
    use uuid::Uuid;

    use super::*;
    use crate::query_plans;

    fn full() -> MessageSelection {
        MessageSelection {
            tenant: Some("acme".parse().expect("a name")),
            destination: Some("partner".parse().expect("a name")),
            plugin: Some("ship".parse().expect("a name")),
            event_type: Some("offer".into()),
            states: vec!["done".into()],
            since: Some(Timestamp::from_unix_secs(1)),
            until: Some(Timestamp::from_unix_secs(2)),
            ..MessageSelection::default()
        }
    }

    fn check(selection: &MessageSelection, part: &str) {
        let (kept, values) = matching(selection);
        assert_eq!(kept.matches('?').count(), values.len() + 3, "{kept}");
        let (replayed, values) = replay_statement(selection, 0, 10);
        assert_eq!(replayed.matches('?').count(), values.len(), "{replayed}");

        for (statement, part) in [
            (kept, "message USING INTEGER PRIMARY KEY (rowid=?)"),
            (replayed, part),
        ] {
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
    fn selected_messages_use_indexes() {
        let by_place = "message USING INTEGER PRIMARY KEY (rowid>?)";
        let dead = |selection| MessageSelection {
            states: vec!["dead".into()],
            ..selection
        };

        check(&MessageSelection::default(), by_place);
        check(&full(), by_place);
        check(
            &dead(MessageSelection::default()),
            "INDEX message_dead (state=? AND rowid>?)",
        );
        check(&dead(full()), "INDEX message_dead (state=? AND rowid>?)");

        let event = Some(EventId::from_uuid(Uuid::from_u128(7)));
        check(
            &MessageSelection { event, ..full() },
            "INDEX message_event (event=? AND rowid>?)",
        );

        let ids = vec![MessageId::from_uuid(Uuid::from_u128(7))];
        check(
            &MessageSelection {
                ids,
                ..MessageSelection::default()
            },
            "sqlite_autoindex_message_1 (id=?",
        );

        let id = MessageId::from_uuid(Uuid::from_u128(7));
        let range = MessageSelection {
            id_range: Some(id..=id),
            ..MessageSelection::default()
        };

        check(
            &range,
            "COVERING INDEX sqlite_autoindex_message_1 (id>? AND id<?)",
        );
    }
}
