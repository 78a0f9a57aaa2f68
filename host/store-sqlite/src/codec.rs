//! The representation of the model's values in the database.
//!
//! Values are checked when they are read. A value that this program did not write is
//! [`Error::Corrupt`], never a guess.

mod delivery;

pub(crate) use delivery::{result, result_detail};

use std::time::Duration;

use bytes::Bytes;
use hookyard_model::{
    EventId, Header, Limit, LogLine, MessageId, Outcome, Revision, SourceRef, TimeLimit, Timestamp,
    WorkState,
};
use hookyard_store::Error;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// Wraps an error of the driver in the error of the contract.
pub(crate) fn store(error: rusqlite::Error) -> Error {
    Error::Store(Box::new(error))
}

/// Runs a query and reads every row with `read`.
pub(crate) fn read_all<T>(
    statement: &mut rusqlite::Statement<'_>,
    values: impl rusqlite::Params,
    read: impl Fn(&rusqlite::Row<'_>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let mut rows = statement.query(values).map_err(store)?;
    let mut all = Vec::new();
    while let Some(row) = rows.next().map_err(store)? {
        all.push(read(row)?);
    }
    Ok(all)
}

/// Returns the error for a value that cannot be read.
pub(crate) fn corrupt(what: impl Into<String>) -> Error {
    Error::Corrupt { what: what.into() }
}

/// Parses a name or another checked text.
pub(crate) fn parsed<T: std::str::FromStr>(text: &str, what: &str) -> Result<T, Error> {
    text.parse().map_err(|_| corrupt(what))
}

pub(crate) fn message_id(bytes: &[u8]) -> Result<MessageId, Error> {
    Uuid::from_slice(bytes)
        .map(MessageId::from_uuid)
        .map_err(|_| corrupt("a message's id"))
}

pub(crate) fn event_id(bytes: &[u8]) -> Result<EventId, Error> {
    Uuid::from_slice(bytes)
        .map(EventId::from_uuid)
        .map_err(|_| corrupt("an event id"))
}

/// Returns the names and values of the headers. Each comes after its length in four bytes, in
/// little-endian order.
pub(crate) fn headers_to_blob(headers: &[Header]) -> Vec<u8> {
    let length: usize = headers
        .iter()
        .map(|header| header.name.len() + header.value.len() + 8)
        .sum();
    let mut blob = Vec::with_capacity(length);
    for part in headers
        .iter()
        .flat_map(|header| [header.name.as_bytes(), &header.value])
    {
        let length =
            u32::try_from(part.len()).expect("a header is far below 4 GiB: ingress bounds it");
        blob.extend_from_slice(&length.to_le_bytes());
        blob.extend_from_slice(part);
    }

    blob
}

/// Returns the headers of a blob. The values share the memory of the blob.
pub(crate) fn headers_from_blob(blob: Vec<u8>) -> Result<Vec<Header>, Error> {
    let mut rest = Bytes::from(blob);
    let mut headers = Vec::new();
    while !rest.is_empty() {
        let name = part_from(&mut rest).and_then(|name| String::from_utf8(name.into()).ok());
        let value = part_from(&mut rest);
        let (Some(name), Some(value)) = (name, value) else {
            return Err(corrupt("an event's headers"));
        };
        headers.push(Header { name, value });
    }

    Ok(headers)
}

fn part_from(rest: &mut Bytes) -> Option<Bytes> {
    let length = u32::from_le_bytes(*rest.first_chunk()?) as usize;
    let _ = rest.split_to(4);
    (length <= rest.len()).then(|| rest.split_to(length))
}

/// Returns the column `due_at` for a state. Only states with a time have one.
pub(crate) fn due_of(state: WorkState) -> Option<i64> {
    match state {
        WorkState::Leased { until } | WorkState::Waiting { until } => Some(until.unix_millis()),
        WorkState::Pending
        | WorkState::Done
        | WorkState::Dead
        | WorkState::Held
        | WorkState::Discarded => None,
    }
}

pub(crate) fn state(name: &str, due_at: Option<i64>) -> Result<WorkState, Error> {
    match (name, due_at.map(Timestamp::from_unix_millis)) {
        ("pending", None) => Ok(WorkState::Pending),
        ("leased", Some(until)) => Ok(WorkState::Leased { until }),
        ("waiting", Some(until)) => Ok(WorkState::Waiting { until }),
        ("done", None) => Ok(WorkState::Done),
        ("dead", None) => Ok(WorkState::Dead),
        ("held", None) => Ok(WorkState::Held),
        ("discarded", None) => Ok(WorkState::Discarded),
        _ => Err(corrupt(format!("a job's state `{name}`"))),
    }
}

/// Returns the details of an outcome as a JSON object, without its name.
pub(crate) fn outcome_detail(outcome: &Outcome) -> Option<String> {
    let detail = match outcome {
        Outcome::Done => return None,
        Outcome::Retry { reason, after } => {
            json!({ "reason": reason, "after_ms": after.map(millis) })
        }
        Outcome::Rejected { reason } => json!({ "reason": reason }),
        Outcome::Trapped { message } => json!({ "message": message }),
        Outcome::TimedOut { limit, max } => {
            json!({ "limit": limit.name(), "max_ms": millis(*max) })
        }
        Outcome::OutOfMemory { max } => json!({ "max": max }),
        Outcome::Exceeded { limit, max } => json!({ "limit": limit.name(), "max": max }),
        Outcome::Undecodable { path, message } => json!({ "path": path, "message": message }),
        Outcome::Lost { attempts } => json!({ "attempts": attempts }),
    };

    Some(detail.to_string())
}

pub(crate) fn outcome(name: &str, detail: Option<&str>) -> Result<Outcome, Error> {
    let detail: Value = match detail {
        None => Value::Null,
        Some(json) => serde_json::from_str(json).map_err(|_| corrupt("an outcome's detail"))?,
    };
    let text = |field: &str| detail[field].as_str().map(str::to_owned);
    let number = |field: &str| detail[field].as_u64();
    let duration = |field: &str| number(field).map(Duration::from_millis);
    let found = match name {
        "done" => Some(Outcome::Done),
        "retry" => text("reason").map(|reason| Outcome::Retry {
            reason,
            after: duration("after_ms"),
        }),
        "rejected" => text("reason").map(|reason| Outcome::Rejected { reason }),
        "trapped" => text("message").map(|message| Outcome::Trapped { message }),
        "timed-out" => {
            let limit = TimeLimit::ALL
                .into_iter()
                .find(|limit| detail["limit"] == limit.name());
            limit
                .zip(duration("max_ms"))
                .map(|(limit, max)| Outcome::TimedOut { limit, max })
        }
        "out-of-memory" => number("max").map(|max| Outcome::OutOfMemory { max }),
        "exceeded" => {
            let limit = Limit::ALL
                .into_iter()
                .find(|limit| detail["limit"] == limit.name());
            limit
                .zip(number("max"))
                .map(|(limit, max)| Outcome::Exceeded { limit, max })
        }
        "undecodable" => text("path")
            .zip(text("message"))
            .map(|(path, message)| Outcome::Undecodable { path, message }),
        "lost" => number("attempts")
            .and_then(|it| it.try_into().ok())
            .map(|attempts| Outcome::Lost { attempts }),
        _ => None,
    };

    found.ok_or_else(|| corrupt(format!("an outcome `{name}`")))
}

pub(crate) fn revision(text: &str) -> Result<Revision, Error> {
    parsed(text, "an attempt's revision")
}

/// Returns the log of a guest as JSON, or `None` if the guest wrote nothing.
pub(crate) fn log_to_json(log: &[LogLine]) -> Option<String> {
    let line = |line: &LogLine| json!([if line.is_error { "err" } else { "out" }, line.text]);
    (!log.is_empty()).then(|| Value::Array(log.iter().map(line).collect()).to_string())
}

/// Returns the log of a guest from JSON.
pub(crate) fn log_from_json(json: Option<&str>) -> Result<Vec<LogLine>, Error> {
    let lines: Vec<(String, String)> = match json {
        None => return Ok(Vec::new()),
        Some(json) => serde_json::from_str(json).map_err(|_| corrupt("an attempt's log"))?,
    };
    Ok(lines
        .into_iter()
        .map(|(stream, text)| LogLine {
            is_error: stream == "err",
            text,
        })
        .collect())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The length of an idempotency key in the index.
pub(crate) const DEDUPE_KEY_LEN: usize = 32;
/// The length of the part that stores of version 5 have as the whole key.
pub(crate) const DEDUPE_DIGEST_LEN: usize = 16;
/// The length of the part that is the beginning of the sender's key.
const DEDUPE_ORDER_LEN: usize = 12;

/// Returns the key for the index of idempotency keys, which has a fixed length.
///
/// Most senders make ids that are ordered by time. A key here begins with a digest of the source and
/// with the beginning of the sender's key, so that the next key of a source goes to the page of the
/// last one, and a commit writes few pages. The first half of a SHA-256 of both follows.
pub(crate) fn dedupe_key(source: &SourceRef, key: &str) -> [u8; DEDUPE_KEY_LEN] {
    // Neither name can contain a `/`, so different keys have different texts.
    let whole = Sha256::digest(format!("{source}/{key}"));
    let of_source = Sha256::digest(source.to_string());
    let beginning = &key.as_bytes()[..key.len().min(DEDUPE_ORDER_LEN)];

    let mut all = [0; DEDUPE_KEY_LEN];
    let (order, digest) = all.split_at_mut(DEDUPE_KEY_LEN - DEDUPE_DIGEST_LEN);
    let (by_source, by_key) = order.split_at_mut(order.len() - DEDUPE_ORDER_LEN);
    by_source.copy_from_slice(&of_source[..by_source.len()]);
    by_key[..beginning.len()].copy_from_slice(beginning);
    digest.copy_from_slice(&whole[..DEDUPE_DIGEST_LEN]);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dedupe_keys_keep_the_order_of_a_source() {
        let source = |name: &str| SourceRef {
            tenant: "acme".parse().expect("a name"),
            name: name.parse().expect("a name"),
        };
        let orders = source("orders");
        let key = |text| dedupe_key(&orders, text);

        assert!(key("evt_000001") < key("evt_000002"));
        assert_ne!(key("evt_0000000000001"), key("evt_0000000000002"));
        assert_ne!(key("a"), dedupe_key(&source("parcels"), "a"));
        assert_eq!(key("")[4..16], [0; 12]);
    }

    #[test]
    fn broken_header_blob_is_error() {
        let header = Header {
            name: "x-a".into(),
            value: Bytes::from_static(b"\xff\x00"),
        };
        let whole = headers_to_blob(&[header.clone(), header.clone()]);
        assert_eq!(
            headers_from_blob(whole.clone()).expect("what was written"),
            [header.clone(), header]
        );

        let half = whole.len() / 2;
        for cut in (1..whole.len()).filter(|cut| *cut != half) {
            assert!(
                headers_from_blob(whole[..cut].to_vec()).is_err(),
                "cut at {cut}"
            );
        }

        assert!(headers_from_blob(vec![0xff; 64]).is_err());
    }

    #[test]
    fn every_outcome_round_trips() {
        let text = || "with \"quotes\"\nand lines".to_owned();
        let timed_out = |limit| Outcome::TimedOut {
            limit,
            max: Duration::from_secs(10),
        };

        let exceeded = |limit| Outcome::Exceeded {
            limit,
            max: u64::MAX,
        };

        let others = [
            Outcome::Done,
            Outcome::Retry {
                reason: text(),
                after: None,
            },
            Outcome::Retry {
                reason: text(),
                after: Some(Duration::from_millis(1_500)),
            },
            Outcome::Rejected { reason: text() },
            Outcome::Trapped { message: text() },
            Outcome::OutOfMemory { max: u64::MAX },
            Outcome::Undecodable {
                path: "$.a[2]".into(),
                message: text(),
            },
            Outcome::Lost { attempts: u32::MAX },
        ];
        for one in others
            .into_iter()
            .chain(TimeLimit::ALL.map(timed_out))
            .chain(Limit::ALL.map(exceeded))
        {
            let detail = outcome_detail(&one);
            assert_eq!(
                outcome(one.name(), detail.as_deref()).expect("what was written"),
                one
            );
        }
    }

    #[test]
    fn foreign_values_are_refused() {
        assert!(state("leased", None).is_err());
        assert!(state("done", Some(1)).is_err());
        assert!(state("gone", None).is_err());
        assert!(outcome("retry", None).is_err());
        assert!(outcome("exceeded", Some(r#"{"limit":"patience_max","max":1}"#)).is_err());
        assert!(outcome("retry", Some("{")).is_err());
        assert!(outcome("fine", None).is_err());
        assert!(event_id(&[0; 15]).is_err());
        assert!(revision("beef").is_err());
    }
}
