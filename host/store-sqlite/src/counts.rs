//! Counts of jobs and messages by state, up to a maximum.
//!
//! Each count walks the partial index of its state, so that its cost follows the current work and
//! not the history.

use async_trait::async_trait;
use hookyard_store::{Count, Counts, Error, JobCounts, MessageCounts, StoredTotals, Tenants};
use rusqlite::Connection;
use rusqlite::types::Value;

use crate::codec::{self, parsed, store};
use crate::{SqliteStore, values_of};

const TOTALS: &str = "
    SELECT tenant, events, bytes FROM stored
    WHERE events > 0 AND (?1 IS NULL OR tenant IN (SELECT value FROM json_each(?1)))
    ORDER BY tenant";

/// The part of an index that a count walks: a table with its index, and the condition of the index.
struct Part {
    table: &'static str,
    condition: &'static str,
}

const PENDING: Part = Part {
    table: "job INDEXED BY job_pending",
    condition: "state = 'pending'",
};
const HELD: Part = Part {
    table: "job INDEXED BY job_held",
    condition: "state = 'held'",
};
const DEAD: Part = Part {
    table: "job INDEXED BY job_dead_of",
    condition: "state = 'dead'",
};
const TIMED: Part = Part {
    table: "job INDEXED BY job_due",
    condition: "due_at IS NOT NULL",
};
const UNROUTED: Part = Part {
    table: "unrouted",
    condition: "TRUE",
};
const PENDING_MESSAGES: Part = Part {
    table: "message INDEXED BY message_pending",
    condition: "state = 'pending'",
};
const DEAD_MESSAGES: Part = Part {
    table: "message INDEXED BY message_dead_of",
    condition: "state = 'dead'",
};
const TIMED_MESSAGES: Part = Part {
    table: "message INDEXED BY message_due",
    condition: "due_at IS NOT NULL",
};

#[async_trait]
impl Counts for SqliteStore {
    async fn job_counts(&self, tenants: &Tenants, max: u64) -> Result<JobCounts, Error> {
        let tenants = tenants.clone();
        let read = move |connection: &Connection| {
            let counting = Counting {
                connection,
                tenants: &tenants,
                max,
            };
            let (leased, waiting) = counting.timed(&TIMED)?;

            Ok(JobCounts {
                pending: counting.count(&PENDING)?,
                leased,
                waiting,
                held: counting.count(&HELD)?,
                dead: counting.count(&DEAD)?,
                unrouted: counting.count(&UNROUTED)?,
            })
        };

        self.readers.read(read).await
    }

    async fn message_counts(&self, tenants: &Tenants, max: u64) -> Result<MessageCounts, Error> {
        let tenants = tenants.clone();
        let read = move |connection: &Connection| {
            let counting = Counting {
                connection,
                tenants: &tenants,
                max,
            };
            let (leased, waiting) = counting.timed(&TIMED_MESSAGES)?;

            Ok(MessageCounts {
                pending: counting.count(&PENDING_MESSAGES)?,
                leased,
                waiting,
                dead: counting.count(&DEAD_MESSAGES)?,
            })
        };

        self.readers.read(read).await
    }

    async fn totals(&self, tenants: &Tenants) -> Result<Vec<StoredTotals>, Error> {
        let tenants = values_of(tenants);
        let read = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(TOTALS).map_err(store)?;
            codec::read_all(&mut statement, [tenants], |row| {
                let tenant: String = row.get(0).map_err(store)?;
                let number = |column: usize| row.get::<_, i64>(column).map_err(store);
                Ok(StoredTotals {
                    tenant: parsed(&tenant, "a tenant's name")?,
                    events: number(1)?.unsigned_abs(),
                    bytes: number(2)?.unsigned_abs(),
                })
            })
        };

        self.readers.read(read).await
    }
}

/// A count for some tenants, up to a maximum.
struct Counting<'c> {
    connection: &'c Connection,
    tenants: &'c Tenants,
    max: u64,
}

impl Counting<'_> {
    /// Counts the rows of a part.
    fn count(&self, part: &Part) -> Result<Count, Error> {
        let limit = self.max.saturating_add(1);
        let found = self.states(part, "''", limit)?;

        Ok(Count::capped(
            found.iter().map(|(_, count)| count).sum(),
            self.max,
        ))
    }

    /// Counts the leased and the waiting rows of a part. Both are in one index, which does not have
    /// the state, so that a walk that is cut off leaves both open.
    fn timed(&self, part: &Part) -> Result<(Count, Count), Error> {
        let limit = self.max.saturating_mul(2).saturating_add(1);
        let found = self.states(part, "state", limit)?;
        let is_cut = found.iter().map(|(_, count)| count).sum::<u64>() >= limit;
        let count = |name: &str| {
            let of_state = found.iter().filter(|(state, _)| state == name);
            let count = Count::capped(of_state.map(|(_, count)| count).sum(), self.max);
            Count {
                has_more: count.has_more || is_cut,
                ..count
            }
        };

        Ok((count("leased"), count("waiting")))
    }

    /// Counts up to `limit` rows of a part by `column`.
    fn states(&self, part: &Part, column: &str, limit: u64) -> Result<Vec<(String, u64)>, Error> {
        let mut found = Vec::new();
        let tenants: Vec<Option<Value>> = match self.tenants {
            Tenants::All => vec![None],
            Tenants::Only(tenants) => tenants
                .iter()
                .map(|tenant| Some(Value::from(tenant.to_string())))
                .collect(),
        };

        for tenant in tenants {
            let left = limit - found.iter().map(|(_, count)| count).sum::<u64>();
            let limit = Value::from(i64::try_from(left).unwrap_or(i64::MAX));
            let statement = statement(part, column, tenant.is_some());
            let mut statement = self.connection.prepare_cached(&statement).map_err(store)?;
            let values = rusqlite::params_from_iter(tenant.into_iter().chain([limit]));
            let counted = codec::read_all(&mut statement, values, |row| {
                let count: i64 = row.get(1).map_err(store)?;
                Ok((row.get(0).map_err(store)?, count.unsigned_abs()))
            })?;
            found.extend(counted);
        }

        Ok(found)
    }
}

/// Returns the statement that counts a part by `column`, of one tenant or of all.
fn statement(part: &Part, column: &str, is_of_tenant: bool) -> String {
    let Part { table, condition } = part;
    let of_tenant = if is_of_tenant { " AND tenant = ?" } else { "" };

    format!(
        "SELECT counted, count(*) FROM
           (SELECT {column} AS counted FROM {table} WHERE {condition}{of_tenant} LIMIT ?) GROUP BY counted"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_plans;

    #[test]
    fn counts_walk_partial_indexes() {
        let cases = [
            (&PENDING, "''", "COVERING INDEX job_pending (tenant=?)"),
            (&HELD, "''", "COVERING INDEX job_held (tenant=?)"),
            (&DEAD, "''", "COVERING INDEX job_dead_of (tenant=?)"),
            (&TIMED, "state", "INDEX job_due (tenant=?"),
            (&UNROUTED, "''", "(tenant=?)"),
            (
                &PENDING_MESSAGES,
                "''",
                "COVERING INDEX message_pending (tenant=?)",
            ),
            (
                &DEAD_MESSAGES,
                "''",
                "COVERING INDEX message_dead_of (tenant=?)",
            ),
            (&TIMED_MESSAGES, "state", "INDEX message_due (tenant=?"),
        ];

        for (part, column, expected) in cases {
            let steps = query_plans::of(&statement(part, column, true)).concat();
            assert!(steps.contains(expected), "{expected}: {steps}");
        }
    }
}
