//! The last refused requests of each source.

use async_trait::async_trait;
use hookyard_model::{RefusedId, RefusedRequest, SourceRef, Timestamp};
use hookyard_store::{
    Error, ListOrder, PruneSummary, RefusedBounds, RefusedLimits, RefusedPage, RefusedRequests,
    RefusedSelection, RefusedSize, RefusedSummary, surplus,
};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use uuid::Uuid;

use crate::SqliteStore;
use crate::codec::{self, corrupt, store};
use crate::reader::source;
use crate::selection::{Filter, hex};
use crate::write::Database;
use crate::writer::{Durability, Terms};

const PUT: &str = "
    INSERT INTO refused_request (id, tenant, source, provider, received_at, peer, status, reason,
      detail, bytes, redacted, method, path, query, headers, body)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const SIZES: &str = "
    SELECT id, reason, received_at, bytes FROM refused_request
    WHERE tenant = ?1 AND source = ?2 ORDER BY id";
/// Selects the next source that has refused requests, after a given source.
const NEXT_SOURCE: &str = "
    SELECT tenant, source FROM refused_request WHERE (tenant, source) > (?1, ?2)
    ORDER BY tenant, source LIMIT 1";
const DELETE: &str = "DELETE FROM refused_request WHERE id = ?1";
const SUMMARY: &str =
    "id, tenant, source, provider, received_at, peer, status, reason, detail, bytes";
const LOAD: &str = "
    SELECT id, tenant, source, provider, received_at, peer, status, reason, detail, bytes, redacted,
      method, path, query, headers, body
    FROM refused_request WHERE id = ?1";

#[async_trait]
impl RefusedRequests for SqliteStore {
    async fn keep_refused(
        &self,
        request: RefusedRequest,
        bounds: RefusedBounds,
    ) -> Result<(), Error> {
        self.writer()?
            .call(Terms::batch(Durability::Unsynced), move |database| {
                database.keep_refused(&request, &bounds)
            })
            .await
    }

    async fn refused(&self, page: RefusedPage) -> Result<Vec<RefusedSummary>, Error> {
        self.readers
            .read(move |connection| list(connection, &page))
            .await
    }

    async fn refused_request(&self, id: RefusedId) -> Result<Option<RefusedRequest>, Error> {
        self.readers
            .read(move |connection| load(connection, id))
            .await
    }

    async fn prune_refused(
        &self,
        limits: &RefusedLimits,
        now: Timestamp,
        limit: usize,
    ) -> Result<PruneSummary, Error> {
        let limits = limits.clone();
        let gone = self
            .readers
            .read(move |connection| exceeding(connection, &limits, now, limit))
            .await?;
        if gone.is_empty() {
            return Ok(PruneSummary::default());
        }

        let summary = PruneSummary {
            count: gone.len() as u64,
            bytes: gone.iter().map(|request| request.bytes).sum(),
            more: gone.len() >= limit,
        };
        self.writer()?
            .call(Terms::batch(Durability::Unsynced), move |database| {
                delete(&database.connection, &gone)
            })
            .await?;
        Ok(summary)
    }
}

impl Database {
    fn keep_refused(
        &mut self,
        request: &RefusedRequest,
        bounds: &RefusedBounds,
    ) -> Result<(), Error> {
        put(&self.connection, request)?;
        let kept = sizes(&self.connection, &request.source)?;
        let gone = surplus(kept, Some(bounds), request.received_at);
        delete(&self.connection, &gone)
    }
}

fn put(connection: &Connection, request: &RefusedRequest) -> Result<(), Error> {
    let redacted = serde_json::to_string(&request.redacted).expect("texts make JSON");
    let values = params![
        request.id.as_uuid().into_bytes(),
        request.source.tenant.as_str(),
        request.source.name.as_str(),
        request.provider,
        request.received_at.unix_millis(),
        request.peer,
        request.status,
        request.reason,
        request.detail,
        request.bytes().cast_signed(),
        redacted,
        request.method,
        request.path,
        request.query,
        codec::headers_to_blob(&request.headers),
        &request.body[..],
    ];
    connection
        .prepare_cached(PUT)
        .and_then(|mut statement| statement.execute(values))
        .map_err(store)?;
    Ok(())
}

fn delete(connection: &Connection, gone: &[RefusedSize]) -> Result<(), Error> {
    let mut statement = connection.prepare_cached(DELETE).map_err(store)?;
    for request in gone {
        statement
            .execute([request.id.as_uuid().into_bytes()])
            .map_err(store)?;
    }
    Ok(())
}

/// Returns what decides which requests of a source stay, the oldest first.
fn sizes(connection: &Connection, of: &SourceRef) -> Result<Vec<RefusedSize>, Error> {
    let mut statement = connection.prepare_cached(SIZES).map_err(store)?;
    let values = [of.tenant.as_str(), of.name.as_str()];
    codec::read_all(&mut statement, values, |row| {
        Ok(RefusedSize {
            id: id(row)?,
            reason: row.get(1).map_err(store)?,
            received_at: time(row, 2)?,
            bytes: row.get::<_, i64>(3).map_err(store)?.cast_unsigned(),
        })
    })
}

/// Returns up to `limit` requests that the limits do not keep.
fn exceeding(
    connection: &Connection,
    limits: &RefusedLimits,
    now: Timestamp,
    limit: usize,
) -> Result<Vec<RefusedSize>, Error> {
    let mut all = Vec::new();
    let mut last = None;
    while let Some(source) = next_source(connection, last.as_ref())? {
        let kept = sizes(connection, &source)?;
        all.extend(surplus(kept, limits.by_source.get(&source), now));
        if all.len() >= limit {
            all.truncate(limit);
            break;
        }
        last = Some(source);
    }
    Ok(all)
}

fn next_source(
    connection: &Connection,
    after: Option<&SourceRef>,
) -> Result<Option<SourceRef>, Error> {
    let (tenant, name) = after.map_or(("", ""), |after| {
        (after.tenant.as_str(), after.name.as_str())
    });
    let mut statement = connection.prepare_cached(NEXT_SOURCE).map_err(store)?;
    let found = statement.query_row([tenant, name], |row| Ok(source(row, 0)));
    found.optional().map_err(store)?.transpose()
}

fn list(connection: &Connection, page: &RefusedPage) -> Result<Vec<RefusedSummary>, Error> {
    let (statement, values) = list_statement(page);
    let mut statement = connection.prepare(&statement).map_err(store)?;
    codec::read_all(&mut statement, params_from_iter(values), summary)
}

/// Returns the statement for a page of the list, and its values.
fn list_statement(page: &RefusedPage) -> (String, Vec<Value>) {
    let Filter { text, mut values } = filter(page);
    let direction = match page.order {
        ListOrder::OldestFirst => "",
        ListOrder::NewestFirst => " DESC",
    };
    values.push(i64::try_from(page.limit).unwrap_or(i64::MAX).into());
    let statement = format!(
        "SELECT {SUMMARY} FROM refused_request WHERE true{text} ORDER BY id{direction} LIMIT ?"
    );
    (statement, values)
}

fn filter(page: &RefusedPage) -> Filter {
    let RefusedSelection {
        ids,
        id_range,
        tenant,
        source,
        reason,
        since,
        until,
    } = &page.selection;
    let blob = |uuid: Uuid| uuid.into_bytes().to_vec();
    let mut filter = Filter::default();

    if let Some(after) = page.after {
        let condition = match page.order {
            ListOrder::OldestFirst => "id > ?",
            ListOrder::NewestFirst => "id < ?",
        };
        filter.and(condition, blob(after.as_uuid()));
    }
    if !ids.is_empty() {
        let ids = hex(ids.iter().map(|id| id.as_uuid()));
        filter.and("id IN (SELECT unhex(value) FROM json_each(?))", ids);
    }
    if let Some(range) = id_range {
        filter.and("id >= ?", blob(range.start().as_uuid()));
        filter.and("id <= ?", blob(range.end().as_uuid()));
    }
    // The signs keep the planner from using the other index and sorting.
    if let Some(tenant) = tenant {
        filter.and("+tenant = ?", tenant.to_string());
    }
    if let Some(source) = source {
        filter.and("+source = ?", source.to_string());
    }
    if let Some(reason) = reason {
        filter.and("reason = ?", reason.clone());
    }
    if let Some(since) = since {
        filter.and("received_at >= ?", since.unix_millis());
    }
    if let Some(until) = until {
        filter.and("received_at < ?", until.unix_millis());
    }
    filter
}

fn load(connection: &Connection, id: RefusedId) -> Result<Option<RefusedRequest>, Error> {
    let mut statement = connection.prepare_cached(LOAD).map_err(store)?;
    let found = statement.query_row([id.as_uuid().into_bytes()], |row| Ok(request(row)));
    found.optional().map_err(store)?.transpose()
}

fn request(row: &Row<'_>) -> Result<RefusedRequest, Error> {
    let RefusedSummary {
        id,
        source,
        provider,
        received_at,
        peer,
        status,
        reason,
        detail,
        bytes: _,
    } = summary(row)?;
    let redacted: String = row.get(10).map_err(store)?;
    let redacted = serde_json::from_str(&redacted);
    let body: Vec<u8> = row.get(15).map_err(store)?;

    Ok(RefusedRequest {
        id,
        source,
        provider,
        received_at,
        peer,
        status,
        reason,
        detail,
        redacted: redacted.map_err(|_| corrupt("the replaced parts of a refused request"))?,
        method: row.get(11).map_err(store)?,
        path: row.get(12).map_err(store)?,
        query: row.get(13).map_err(store)?,
        headers: codec::headers_from_blob(row.get(14).map_err(store)?)?,
        body: body.into(),
    })
}

fn summary(row: &Row<'_>) -> Result<RefusedSummary, Error> {
    Ok(RefusedSummary {
        id: id(row)?,
        source: source(row, 1)?,
        provider: row.get(3).map_err(store)?,
        received_at: time(row, 4)?,
        peer: row.get(5).map_err(store)?,
        status: row.get(6).map_err(store)?,
        reason: row.get(7).map_err(store)?,
        detail: row.get(8).map_err(store)?,
        bytes: row.get::<_, i64>(9).map_err(store)?.cast_unsigned(),
    })
}

/// Reads the id, which is the first column.
fn id(row: &Row<'_>) -> Result<RefusedId, Error> {
    let id: [u8; 16] = row.get(0).map_err(store)?;
    Ok(RefusedId::from_uuid(Uuid::from_bytes(id)))
}

fn time(row: &Row<'_>, column: usize) -> Result<Timestamp, Error> {
    row.get(column)
        .map(Timestamp::from_unix_millis)
        .map_err(store)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_plans;

    #[test]
    fn statements_use_indexes() {
        let by_id = "autoindex_refused_request_1 (id=?)";
        let sizes = "COVERING INDEX refused_size (tenant=? AND source=?)";
        query_plans::check(&[
            ("refused: sizes", SIZES, &[sizes]),
            (
                "refused: next source",
                NEXT_SOURCE,
                &["COVERING INDEX refused_size ((tenant,source)>(?,?))"],
            ),
            ("refused: delete", DELETE, &[by_id]),
            ("refused: load", LOAD, &[by_id]),
        ]);
    }

    #[test]
    fn lists_follow_the_ids() {
        let selection = RefusedSelection {
            tenant: Some("acme".parse().expect("a name")),
            source: Some("orders".parse().expect("a name")),
            ..RefusedSelection::default()
        };
        let (statement, _) = list_statement(&RefusedPage::last(selection, 10));
        let steps = query_plans::of(&statement);
        let expected = "SCAN refused_request USING INDEX sqlite_autoindex_refused_request_1";
        assert_eq!(steps, [expected], "no step sorts");
    }
}
