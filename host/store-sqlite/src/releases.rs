//! The history of releases, and the orders and blocks of operators.

use async_trait::async_trait;
use hookyard_model::{PluginRef, Revision, Step, Timestamp};
use hookyard_store::{
    AuditEntry, Block, Error, Hint, Order, ReleaseStep, Releases, RevisionRecord,
};
use hookyard_store::{BLOCKS_MAX, REVISIONS_MAX, STEPS_MAX};
use rusqlite::{Connection, Params, Row, params};

use crate::SqliteStore;
use crate::codec::{self, parsed, store};
use crate::write::Database;
use crate::writer::{Durability, Terms};

#[async_trait]
impl Releases for SqliteStore {
    async fn record(&self, plugin: &PluginRef, steps: &[ReleaseStep]) -> Result<(), Error> {
        let (plugin, steps) = (plugin.clone(), steps.to_vec());
        self.writer()?
            .call(Terms::batch(Durability::Synced), move |database| {
                record(&database.connection, &plugin, &steps)?;
                database.hint(|| Hint::Release(plugin.clone()));
                Ok(())
            })
            .await
    }

    async fn revisions(&self, plugin: Option<&PluginRef>) -> Result<Vec<RevisionRecord>, Error> {
        let plugin = plugin.cloned();
        self.readers
            .read(move |connection| revisions(connection, plugin.as_ref()))
            .await
    }

    async fn steps(&self, plugin: &PluginRef) -> Result<Vec<ReleaseStep>, Error> {
        let plugin = plugin.clone();
        self.readers
            .read(move |connection| all(connection, sql::STEPS, names(&plugin), stepped))
            .await
    }

    async fn order(&self, order: Order, audit: Option<AuditEntry>) -> Result<(), Error> {
        let plugin = order.plugin.clone();
        let put = move |connection: &Connection| {
            let (revision, since) = (order.revision.to_string(), order.ordered_at.unix_millis());
            let [tenant, plugin] = names(&order.plugin);
            let is_pin = order.is_pin;
            let values = params![tenant, plugin, revision, is_pin, since, order.ordered_by];
            execute(connection, sql::ORDER_PUT, values)?;
            Ok(true)
        };

        self.change(&plugin, audit, put).await.map(drop)
    }

    async fn withdraw_order(
        &self,
        plugin: &PluginRef,
        audit: Option<AuditEntry>,
    ) -> Result<bool, Error> {
        let of = plugin.clone();
        self.change(plugin, audit, move |connection| {
            Ok(execute(connection, sql::ORDER_DELETE, names(&of))? > 0)
        })
        .await
    }

    async fn orders(&self) -> Result<Vec<Order>, Error> {
        self.readers
            .read(|connection| all(connection, sql::ORDERS, [], order))
            .await
    }

    async fn block(&self, block: Block, audit: Option<AuditEntry>) -> Result<(), Error> {
        let plugin = block.plugin.clone();
        self.change(&plugin, audit, move |connection| {
            put_block(connection, &block)?;
            Ok(true)
        })
        .await
        .map(drop)
    }

    async fn unblock(&self, plugin: &PluginRef, audit: Option<AuditEntry>) -> Result<bool, Error> {
        let of = plugin.clone();
        self.change(plugin, audit, move |connection| {
            Ok(execute(connection, sql::BLOCKS_DELETE, names(&of))? > 0)
        })
        .await
    }

    async fn blocks(&self) -> Result<Vec<Block>, Error> {
        self.readers
            .read(|connection| all(connection, sql::BLOCKS, [], block))
            .await
    }

    async fn releases_changed(&self) {
        self.wakes.releases.notified().await;
    }
}

impl SqliteStore {
    /// Changes the orders or blocks of a plugin, together with the audit entry, and wakes the task
    /// that waits for them. A host in another process notices the write by its ticker. Returns
    /// whether anything has changed.
    async fn change(
        &self,
        plugin: &PluginRef,
        audit: Option<AuditEntry>,
        mut change: impl FnMut(&Connection) -> Result<bool, Error> + Send + 'static,
    ) -> Result<bool, Error> {
        let plugin = plugin.clone();
        let work = move |database: &mut Database| {
            let has_changed = change(&database.connection)?;
            if has_changed {
                database.note(audit.as_ref())?;
                database.hint(|| Hint::Release(plugin.clone()));
            }
            Ok(has_changed)
        };

        let terms = Terms::batch(Durability::Synced);
        let has_changed = self.writer()?.call(terms, work).await?;
        self.wakes.releases.notify_one();
        Ok(has_changed)
    }
}

fn put_block(connection: &Connection, block: &Block) -> Result<(), Error> {
    let Block {
        plugin,
        revision,
        reason,
        since,
        blocked_by,
    } = block;
    let (revision, since) = (revision.to_string(), since.unix_millis());
    let [tenant, plugin] = names(plugin);
    let values = params![tenant, plugin, revision];
    execute(connection, sql::BLOCK_DELETE, values)?;
    let values = params![tenant, plugin, revision, reason, since, blocked_by];
    execute(connection, sql::BLOCK_PUT, values)?;

    let values = params![tenant, plugin, BLOCKS_MAX as i64];
    execute(connection, sql::BLOCKS_TRIM, values).map(drop)
}

fn record(connection: &Connection, plugin: &PluginRef, steps: &[ReleaseStep]) -> Result<(), Error> {
    let [tenant, name] = names(plugin);
    for ReleaseStep {
        revision,
        step,
        at,
        reason,
        report,
    } in steps
    {
        let (revision, at) = (
            revision.map(|revision| revision.to_string()),
            at.unix_millis(),
        );
        execute(
            connection,
            sql::STEP_PUT,
            params![tenant, name, revision, step.name(), at, reason, report],
        )?;
        let seq = connection.last_insert_rowid();
        if revision.is_some() {
            let served_at = (*step == Step::Active).then_some(at);
            let values = params![
                tenant,
                name,
                revision,
                seq,
                step.name(),
                at,
                reason,
                served_at
            ];
            execute(connection, sql::REVISION_PUT, values)?;
        }
    }
    execute(
        connection,
        sql::STEPS_TRIM,
        params![tenant, name, STEPS_MAX as i64],
    )?;

    execute(
        connection,
        sql::REVISIONS_TRIM,
        params![tenant, name, REVISIONS_MAX as i64],
    )
    .map(drop)
}

fn revisions(
    connection: &Connection,
    plugin: Option<&PluginRef>,
) -> Result<Vec<RevisionRecord>, Error> {
    match plugin {
        Some(plugin) => all(connection, sql::REVISIONS_OF, names(plugin), revision),
        None => all(connection, sql::REVISIONS, [], revision),
    }
}

fn names(plugin: &PluginRef) -> [&str; 2] {
    [plugin.tenant.as_str(), plugin.name.as_str()]
}

fn execute(connection: &Connection, statement: &str, values: impl Params) -> Result<usize, Error> {
    connection
        .prepare_cached(statement)
        .and_then(|mut statement| statement.execute(values))
        .map_err(store)
}

fn all<T>(
    connection: &Connection,
    statement: &str,
    values: impl Params,
    read: impl Fn(&Row<'_>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let mut statement = connection.prepare_cached(statement).map_err(store)?;
    codec::read_all(&mut statement, values, read)
}

fn text(row: &Row<'_>, column: usize) -> Result<String, Error> {
    row.get(column).map_err(store)
}

fn time(row: &Row<'_>, column: usize) -> Result<Timestamp, Error> {
    row.get(column)
        .map(Timestamp::from_unix_millis)
        .map_err(store)
}

/// Reads the first three columns: `tenant`, `plugin` and `revision`.
fn whose(row: &Row<'_>) -> Result<(PluginRef, Revision), Error> {
    let tenant = parsed(&text(row, 0)?, "a release's tenant")?;
    let plugin = parsed(&text(row, 1)?, "a release's plugin")?;

    Ok((
        PluginRef {
            tenant,
            name: plugin,
        },
        codec::revision(&text(row, 2)?)?,
    ))
}

fn step(row: &Row<'_>, column: usize) -> Result<Step, Error> {
    parsed(&text(row, column)?, "a release's step")
}

fn stepped(row: &Row<'_>) -> Result<ReleaseStep, Error> {
    let revision: Option<String> = row.get(0).map_err(store)?;
    Ok(ReleaseStep {
        revision: revision.as_deref().map(codec::revision).transpose()?,
        step: step(row, 1)?,
        at: time(row, 2)?,
        reason: row.get(3).map_err(store)?,
        report: row.get(4).map_err(store)?,
    })
}

fn revision(row: &Row<'_>) -> Result<RevisionRecord, Error> {
    let (plugin, revision) = whose(row)?;
    let served_at: Option<i64> = row.get(6).map_err(store)?;

    Ok(RevisionRecord {
        plugin,
        revision,
        step: step(row, 3)?,
        at: time(row, 4)?,
        reason: row.get(5).map_err(store)?,
        served_at: served_at.map(Timestamp::from_unix_millis),
    })
}

fn order(row: &Row<'_>) -> Result<Order, Error> {
    let (plugin, revision) = whose(row)?;
    Ok(Order {
        plugin,
        revision,
        is_pin: row.get(3).map_err(store)?,
        ordered_at: time(row, 4)?,
        ordered_by: row.get(5).map_err(store)?,
    })
}

fn block(row: &Row<'_>) -> Result<Block, Error> {
    let (plugin, revision) = whose(row)?;
    Ok(Block {
        plugin,
        revision,
        reason: text(row, 3)?,
        since: time(row, 4)?,
        blocked_by: row.get(5).map_err(store)?,
    })
}

mod sql {
    pub(super) const STEP_PUT: &str = "
        INSERT INTO release_step (tenant, plugin, revision, step, at, reason, report)
          VALUES (?, ?, ?, ?, ?, ?, ?)";
    pub(super) const STEPS: &str = "
        SELECT revision, step, at, reason, report FROM release_step
          WHERE tenant = ? AND plugin = ? ORDER BY seq";
    pub(super) const STEPS_TRIM: &str = "
        DELETE FROM release_step WHERE seq IN (
            SELECT seq FROM release_step WHERE tenant = ?1 AND plugin = ?2
              ORDER BY seq DESC LIMIT -1 OFFSET ?3)";
    pub(super) const REVISION_PUT: &str = "
        INSERT INTO revision (tenant, plugin, revision, seq, step, at, reason, served_at)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (tenant, plugin, revision) DO UPDATE SET
            seq = excluded.seq, step = excluded.step, at = excluded.at, reason = excluded.reason,
            served_at = coalesce(excluded.served_at, served_at)";
    // The active revision always stays, and counts as one of the revisions.
    pub(super) const REVISIONS_TRIM: &str = "
        DELETE FROM revision WHERE tenant = ?1 AND plugin = ?2 AND step <> 'active'
          AND revision IN (
            SELECT revision FROM revision WHERE tenant = ?1 AND plugin = ?2
            ORDER BY step = 'active' DESC, seq DESC LIMIT -1 OFFSET ?3)";
    pub(super) const REVISIONS: &str = "
        SELECT tenant, plugin, revision, step, at, reason, served_at FROM revision
          ORDER BY tenant, plugin, seq DESC";
    pub(super) const REVISIONS_OF: &str = "
        SELECT tenant, plugin, revision, step, at, reason, served_at FROM revision
        WHERE tenant = ? AND plugin = ? ORDER BY seq DESC";
    pub(super) const ORDER_PUT: &str = "
        INSERT OR REPLACE INTO plugin_order (tenant, plugin, revision, is_pin, since, ordered_by)
          VALUES (?, ?, ?, ?, ?, ?)";
    pub(super) const ORDER_DELETE: &str =
        "DELETE FROM plugin_order WHERE tenant = ? AND plugin = ?";
    pub(super) const ORDERS: &str = "
        SELECT tenant, plugin, revision, is_pin, since, ordered_by FROM plugin_order
          ORDER BY tenant, plugin";
    pub(super) const BLOCK_PUT: &str = "
        INSERT INTO plugin_block (tenant, plugin, revision, reason, since, blocked_by)
          VALUES (?, ?, ?, ?, ?, ?)";
    pub(super) const BLOCK_DELETE: &str =
        "DELETE FROM plugin_block WHERE tenant = ? AND plugin = ? AND revision = ?";
    pub(super) const BLOCKS_DELETE: &str =
        "DELETE FROM plugin_block WHERE tenant = ? AND plugin = ?";
    pub(super) const BLOCKS_TRIM: &str = "
        DELETE FROM plugin_block WHERE seq IN (
            SELECT seq FROM plugin_block WHERE tenant = ?1 AND plugin = ?2
              ORDER BY seq DESC LIMIT -1 OFFSET ?3)";
    pub(super) const BLOCKS: &str = "
        SELECT tenant, plugin, revision, reason, since, blocked_by FROM plugin_block
          ORDER BY tenant, plugin, seq";
}
