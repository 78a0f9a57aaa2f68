//! The audit log.

use async_trait::async_trait;
use hookyard_model::Timestamp;
use hookyard_store::{
    AUDIT_DAYS_MAX, AUDIT_ENTRIES_MAX, Audit, AuditEntry, AuditId, AuditPage, Author, Error, Hint,
    ListOrder, Tenants,
};
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use crate::codec::{self, corrupt, parsed, store};
use crate::listing::{Places, range};
use crate::write::{Database, days};
use crate::writer::{Durability, Terms};
use crate::{SqliteStore, values_of};

/// Changes nothing if the entry is stored.
const INSERT: &str = "
    INSERT INTO audit (id, at, tenant, author, role, from_where, action, target, detail, result)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (id) DO NOTHING";
const TRIM: &str = "DELETE FROM audit WHERE seq <= (SELECT max(seq) FROM audit) - ?1";
/// Removes the oldest entries as long as they are too old. Entries are nearly in the order of their
/// times, so that no index is needed.
const FORGET: &str = "
    DELETE FROM audit WHERE at < ?1
      AND seq <= (SELECT min(seq) FROM audit) + 1000";
const PLACES: Places = Places {
    not_after: "SELECT seq FROM audit WHERE id <= ?1 ORDER BY id DESC LIMIT 1",
    not_before: "SELECT seq FROM audit WHERE id >= ?1 ORDER BY id LIMIT 1",
};

#[async_trait]
impl Audit for SqliteStore {
    async fn add_audit(&self, entry: AuditEntry) -> Result<(), Error> {
        self.writer()?
            .call(Terms::batch(Durability::Synced), move |database| {
                database.add_audit(&entry)
            })
            .await
    }

    async fn audit(&self, page: AuditPage, tenants: &Tenants) -> Result<Vec<AuditEntry>, Error> {
        let tenants = tenants.clone();
        self.readers
            .read(move |connection| entries(connection, &page, &tenants))
            .await
    }
}

impl Database {
    /// Adds the audit entry of a change, if there is one.
    pub(crate) fn note(&mut self, entry: Option<&AuditEntry>) -> Result<(), Error> {
        entry.map_or(Ok(()), |entry| self.add_audit(entry))
    }

    fn add_audit(&mut self, entry: &AuditEntry) -> Result<(), Error> {
        let AuditEntry {
            id,
            at,
            author: Author { name, role, from },
            tenant,
            action,
            target,
            detail,
            result,
        } = entry;
        let tenant_name = tenant.as_ref().map(|tenant| tenant.as_str());
        let values = params![
            id.as_uuid().into_bytes(),
            at.unix_millis(),
            tenant_name,
            name,
            role,
            from,
            action,
            target,
            detail,
            result
        ];
        self.execute(INSERT, values)?;
        self.execute(TRIM, params![AUDIT_ENTRIES_MAX as i64])?;
        let oldest = at.before(days(AUDIT_DAYS_MAX)).unix_millis();
        self.execute(FORGET, params![oldest])?;
        self.hint(|| Hint::Audit(tenant.clone()));

        Ok(())
    }
}

/// Returns the statement for a range of the log.
fn statement(order: ListOrder) -> &'static str {
    match order {
        ListOrder::OldestFirst => LIST_OLDEST_FIRST,
        ListOrder::NewestFirst => LIST_NEWEST_FIRST,
    }
}

macro_rules! list {
    ($direction:literal) => {
        concat!(
            "
    SELECT id, at, tenant, author, role, from_where, action, target, detail, result FROM audit
    WHERE seq > ?1 AND seq < ?2
      AND (?3 IS NULL OR tenant IN (SELECT value FROM json_each(?3)))
      AND (?4 IS NULL OR author = ?4) AND (?5 IS NULL OR action = ?5)
      AND (?6 IS NULL OR target = ?6)
      AND (?7 IS NULL OR at >= ?7) AND (?8 IS NULL OR at < ?8)
    ORDER BY seq ",
            $direction,
            " LIMIT ?9"
        )
    };
}
const LIST_OLDEST_FIRST: &str = list!("ASC");
const LIST_NEWEST_FIRST: &str = list!("DESC");

fn entries(
    connection: &Connection,
    page: &AuditPage,
    tenants: &Tenants,
) -> Result<Vec<AuditEntry>, Error> {
    let after = page.after.map(AuditId::as_uuid);
    let range = range(connection, page.order, after, page.limit, &PLACES)?;
    let selection = &page.selection;
    let tenants = tenants.filtered(selection.tenant.as_ref());
    let mut statement = connection
        .prepare_cached(statement(page.order))
        .map_err(store)?;
    let values = params![
        range.after,
        range.before,
        values_of(&tenants),
        selection.author,
        selection.action,
        selection.target,
        selection.since.map(Timestamp::unix_millis),
        selection.until.map(Timestamp::unix_millis),
        range.limit,
    ];

    codec::read_all(&mut statement, values, entry)
}

fn entry(row: &Row<'_>) -> Result<AuditEntry, Error> {
    let text = |column: usize| row.get::<_, String>(column).map_err(store);
    let id: [u8; 16] = row.get(0).map_err(store)?;
    let tenant: Option<String> = row.get(2).map_err(store)?;
    let tenant = tenant
        .map(|tenant| parsed(&tenant, "an audit entry's tenant"))
        .transpose()?;

    Ok(AuditEntry {
        id: AuditId::from_uuid(Uuid::from_slice(&id).map_err(|_| corrupt("an audit entry's id"))?),
        at: Timestamp::from_unix_millis(row.get(1).map_err(store)?),
        author: Author {
            name: text(3)?,
            role: text(4)?,
            from: text(5)?,
        },
        tenant,
        action: text(6)?,
        target: text(7)?,
        detail: row.get(8).map_err(store)?,
        result: text(9)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_plans;

    #[test]
    fn statements_use_indexes() {
        let by_place = "audit USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)";
        query_plans::check(&[("audit: add", INSERT, &[])]);
        for list in [LIST_OLDEST_FIRST, LIST_NEWEST_FIRST] {
            let steps = query_plans::of(list);
            assert!(steps.concat().contains(by_place), "{steps:?}");
            assert!(!steps.concat().contains("TEMP B-TREE"), "{steps:?}");
        }
        for statement in [TRIM, FORGET] {
            let steps = query_plans::of(statement).concat();
            assert!(steps.contains("audit USING INTEGER PRIMARY KEY"), "{steps}");
        }
    }
}
