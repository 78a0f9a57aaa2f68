//! Removes events, and returns their pages to the file system.

use hookyard_model::Timestamp;
use hookyard_store::{Error, PruneSummary};
use rusqlite::params;

use super::Database;
use crate::codec::store;

const KEYS_FORGET: &str = "
    DELETE FROM dedupe WHERE key IN
        (SELECT key FROM dedupe WHERE until <= ?1 ORDER BY until LIMIT ?2)";
const EVENT_DELETE: &str = "
    DELETE FROM event WHERE seq = ?1
      AND NOT EXISTS (SELECT 1 FROM job WHERE job.event = ?1
        AND job.state NOT IN ('done', 'dead', 'discarded'))";
const UNROUTED_EVENT_DELETE: &str = "
    DELETE FROM event WHERE seq = ?1 AND EXISTS (SELECT 1 FROM unrouted WHERE unrouted.event = ?1)";
const PAGES_FREE: &str = "PRAGMA freelist_count";

/// An event that the limits no longer keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expired {
    pub(crate) seq: i64,
    pub(crate) bytes: u64,
    pub(crate) received_at: i64,
    /// Whether the event is removed because it is unrouted and too old.
    pub(crate) is_unrouted: bool,
}

/// The maximum number of keys that one step frees.
const KEYS_MAX: u32 = 1000;
/// The maximum number of pages that one step returns. Each page has 4 KiB and must be moved first.
const PAGES_MAX: u32 = 1024;
/// The number of free pages that stay in the file for later writes.
const PAGES_KEPT: u32 = 256;

impl Database {
    /// Removes the events that are still as the reader found them. An event may have been replayed
    /// or routed since.
    pub(crate) fn prune(&mut self, expired: &[Expired]) -> Result<PruneSummary, Error> {
        let mut pruned = PruneSummary::default();
        for event in expired {
            let delete = if event.is_unrouted {
                UNROUTED_EVENT_DELETE
            } else {
                EVENT_DELETE
            };
            if self.execute(delete, params![event.seq])? > 0 {
                pruned.count += 1;
                pruned.bytes += event.bytes;
            }
        }

        Ok(pruned)
    }

    /// Frees a bounded number of expired keys. Returns whether there may be more.
    pub(crate) fn forget_keys(&mut self, until: Timestamp) -> Result<bool, Error> {
        Ok(self.execute(KEYS_FORGET, params![until.unix_millis(), KEYS_MAX])? == KEYS_MAX as usize)
    }

    /// Returns a bounded number of free pages to the file system. Returns whether there are more.
    pub(crate) fn shrink(&mut self) -> Result<bool, Error> {
        let free: u32 = self
            .connection
            .query_row(PAGES_FREE, [], |row| row.get(0))
            .map_err(store)?;
        let surplus = free.saturating_sub(PAGES_KEPT);
        if surplus > 0 {
            let pages = surplus.min(PAGES_MAX);
            let mut statement = self
                .connection
                .prepare(&format!("PRAGMA incremental_vacuum({pages})"))
                .map_err(store)?;
            // Each step of the statement returns one page.
            crate::codec::read_all(&mut statement, [], |_| Ok(()))?;
        }

        Ok(surplus > PAGES_MAX)
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::query_plans;

    #[test]
    fn statements_use_indexes() {
        query_plans::check(&[
            (
                "prune: take out unrouted",
                UNROUTED_EVENT_DELETE,
                &["event USING INTEGER PRIMARY KEY (rowid=?)"],
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
    fn replayed_event_is_not_pruned() {
        let connection = Connection::open_in_memory().expect("a database in memory");
        connection
            .execute_batch(&crate::open::SCHEMAS.concat())
            .expect("the schema");

        let rows = "
            INSERT INTO event (seq, id, tenant, source, provider, key, key_until, received_at,
              headers, body)
            VALUES (1, x'01', 'acme', 'orders', 'topi', '1', 0, 0, x'', x''),
                   (2, x'02', 'acme', 'orders', 'topi', '2', 0, 0, x'', x''),
                   (3, x'03', 'acme', 'orders', 'topi', '3', 0, 0, x'', x'');
            INSERT INTO job (event, plugin, tenant, state)
            VALUES (1, 'ship', 'acme', 'done'), (2, 'audit', 'acme', 'done'), (2, 'ship', 'acme',
              'pending'),
                   (3, 'ship', 'acme', 'done')";
        connection.execute_batch(rows).expect("events and jobs");

        let mut store = Database::new(connection);
        // The third event was unrouted when the reader found it.
        let found = [1, 2, 3].map(|seq| Expired {
            seq,
            bytes: 7,
            received_at: 0,
            is_unrouted: seq == 3,
        });
        assert_eq!(
            store.prune(&found).expect("a step"),
            PruneSummary {
                count: 1,
                bytes: 7,
                more: false
            }
        );

        let left = store
            .connection
            .query_row("SELECT group_concat(seq) FROM event", [], |row| {
                row.get::<_, String>(0)
            });
        assert_eq!(left.expect("two events"), "2,3");
    }
}
