//! The counts of refused requests.

use std::collections::BTreeSet;

use async_trait::async_trait;
use hookyard_model::{SourceRef, Timestamp};
use hookyard_store::{
    Error, Hint, REFUSAL_DAYS_MAX, REFUSALS_MAX, REFUSALS_OF_SOURCE_MAX, RefusalCount,
    RefusalCounts, RefusalSample, RefusalSelection, RefusalSummary, Resolution, Tenants,
};
use rusqlite::{Connection, Row, params};

use crate::codec::{self, corrupt, parsed, store};
use crate::reader::source;
use crate::write::{Database, days};
use crate::writer::{Durability, Terms};
use crate::{SqliteStore, values_of};

const ADD: &str = "
    INSERT INTO refusal (tenant, source, minute, reason, peer, count, first_at, last_at,
      header_names, content_type, body_bytes, clock_offset_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
    ON CONFLICT (tenant, source, minute, reason, peer) DO UPDATE SET
      count = count + excluded.count, first_at = min(first_at, excluded.first_at),
      last_at = max(last_at, excluded.last_at), header_names = excluded.header_names,
      content_type = excluded.content_type, body_bytes = excluded.body_bytes,
      clock_offset_ms = excluded.clock_offset_ms";
/// Removes the oldest rows of a source.
const TRIM_SOURCE: &str = "
    DELETE FROM refusal WHERE tenant = ?1 AND source = ?2 AND (minute, reason, peer) IN (
        SELECT minute, reason, peer FROM refusal WHERE tenant = ?1 AND source = ?2
        ORDER BY minute DESC, reason DESC, peer DESC LIMIT -1 OFFSET ?3)";
/// Removes the oldest minutes of all sources.
const TRIM: &str = "
    DELETE FROM refusal WHERE minute <=
        (SELECT minute FROM refusal ORDER BY minute DESC LIMIT 1 OFFSET ?1)";
const FORGET: &str = "DELETE FROM refusal WHERE minute < ?1";
const LIST: &str = "
    SELECT tenant, source, reason, peer, count, first_at, last_at, header_names, content_type,
      body_bytes, clock_offset_ms
    FROM refusal
    WHERE (?1 IS NULL OR tenant IN (SELECT value FROM json_each(?1)))
      AND (?2 IS NULL OR source = ?2) AND minute >= ?3";

#[async_trait]
impl RefusalCounts for SqliteStore {
    async fn add_refusals(&self, counts: Vec<RefusalCount>) -> Result<(), Error> {
        self.writer()?
            .call(Terms::batch(Durability::Unsynced), move |database| {
                database.add_refusals(&counts)
            })
            .await
    }

    async fn refusals(
        &self,
        selection: RefusalSelection,
        tenants: &Tenants,
    ) -> Result<Vec<RefusalSummary>, Error> {
        let tenants = tenants.filtered(selection.tenant.as_ref());
        let counts = self
            .readers
            .read(move |connection| counts(connection, &selection, &tenants))
            .await?;

        Ok(RefusalSummary::of_all(counts))
    }
}

impl Database {
    fn add_refusals(&mut self, counts: &[RefusalCount]) -> Result<(), Error> {
        let mut sources = BTreeSet::new();
        for count in counts {
            self.add_refusal(count)?;
            sources.insert(&count.source);
        }

        for of in sources {
            let (tenant, name) = (of.tenant.as_str(), of.name.as_str());
            self.execute(
                TRIM_SOURCE,
                params![tenant, name, REFUSALS_OF_SOURCE_MAX as i64],
            )?;
            self.hint(|| Hint::Refusals(of.clone()));
        }
        self.execute(TRIM, params![REFUSALS_MAX as i64])?;
        let oldest = self.now().before(days(REFUSAL_DAYS_MAX));
        self.execute(FORGET, params![oldest.unix_millis()])
            .map(drop)
    }

    fn add_refusal(&self, count: &RefusalCount) -> Result<(), Error> {
        let RefusalCount {
            source: SourceRef { tenant, name },
            reason,
            peer,
            count,
            first,
            last,
            sample,
        } = count;
        let header_names = serde_json::to_string(&sample.header_names).expect("texts make JSON");
        let values = params![
            tenant.as_str(),
            name.as_str(),
            Resolution::Minute.begin(*last).unix_millis(),
            reason,
            peer.to_string(),
            i64::try_from(*count).unwrap_or(i64::MAX),
            first.unix_millis(),
            last.unix_millis(),
            header_names,
            sample.content_type,
            sample
                .body_bytes
                .map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
            sample.clock_offset_ms,
        ];

        self.execute(ADD, values).map(drop)
    }
}

fn counts(
    connection: &Connection,
    selection: &RefusalSelection,
    tenants: &Tenants,
) -> Result<Vec<RefusalCount>, Error> {
    let since = selection.since.map(|since| Resolution::Minute.begin(since));
    let values = params![
        values_of(tenants),
        selection.source.as_ref().map(|source| source.as_str()),
        since.map_or(i64::MIN, Timestamp::unix_millis),
    ];
    let mut statement = connection.prepare_cached(LIST).map_err(store)?;

    codec::read_all(&mut statement, values, count)
}

fn count(row: &Row<'_>) -> Result<RefusalCount, Error> {
    let text = |column: usize| row.get::<_, String>(column).map_err(store);
    let number = |column: usize| row.get::<_, i64>(column).map_err(store);
    let time = |column: usize| number(column).map(Timestamp::from_unix_millis);
    let header_names = serde_json::from_str(&text(7)?)
        .map_err(|_| corrupt("the header names of a refused request"))?;
    let body_bytes: Option<i64> = row.get(9).map_err(store)?;

    Ok(RefusalCount {
        source: source(row, 0)?,
        reason: text(2)?,
        peer: parsed(&text(3)?, "the peer of a refused request")?,
        count: number(4)?.unsigned_abs(),
        first: time(5)?,
        last: time(6)?,
        sample: RefusalSample {
            header_names,
            content_type: row.get(8).map_err(store)?,
            body_bytes: body_bytes.map(i64::unsigned_abs),
            clock_offset_ms: row.get(10).map_err(store)?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_plans;

    #[test]
    fn statements_use_indexes() {
        query_plans::check(&[
            ("refusals: add", ADD, &[]),
            (
                "refusals: forget",
                FORGET,
                &["INDEX refusal_age (minute<?)"],
            ),
        ]);
        let plan = |statement| query_plans::of(statement).concat();
        assert!(plan(TRIM).contains("refusal_age"));
        assert!(plan(TRIM_SOURCE).contains("PRIMARY KEY (tenant=? AND source=?"));
    }
}
