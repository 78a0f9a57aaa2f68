//! Which events a search looks at, and which of them it keeps.

use hookyard_model::{EventId, SourceRef, TenantName, Timestamp};
use hookyard_store::{
    Budget, Error, EventPage, EventSelection, EventSummary, Found, Place, Tenants,
};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::walk::{LISTED_MAX, STREAMS_MAX, Source, Walk, distinct};
use super::{Numbers, run};
use crate::codec::{self, store};
use crate::listing;
use crate::selection::{self, Range, hex};
use crate::values_of;

const EVERY: Source = Source {
    number: "event.seq",
    from: "event WHERE TRUE",
};
const OF_TYPE: Source = Source {
    number: "event.seq",
    from: "event WHERE tenant = ? AND source = ? AND event_type = ?",
};
const WITHOUT_TYPE: Source = Source {
    number: "event.seq",
    from: "event WHERE tenant = ? AND source = ? AND event_type IS NULL",
};
const PENDING: Source = Source {
    number: "job.event",
    from: "job WHERE state = 'pending' AND tenant = ? AND plugin = ? AND blocked = ?",
};
const HELD: Source = Source {
    number: "job.event",
    from: "job WHERE state = 'held' AND tenant = ? AND plugin = ?",
};
const DEAD: Source = Source {
    number: "job.event",
    from: "job INDEXED BY job_dead_of WHERE state = 'dead' AND tenant = ? AND plugin = ?",
};
const UNROUTED: Source = Source {
    number: "unrouted.event",
    from: "unrouted INDEXED BY unrouted_event WHERE TRUE",
};
const DISCARDED: Source = Source {
    number: "discard.event",
    from: "discard WHERE TRUE",
};
/// Selects the events of the leased and waiting jobs of a plugin, which no index has in order.
const TIMED: &str = "
    SELECT event FROM
      (SELECT event, state FROM job INDEXED BY job_due
       WHERE due_at IS NOT NULL AND tenant = ?1 AND plugin = ?2 LIMIT ?4)
    WHERE state = ?3";

const NEXT_SOURCE: &str =
    "SELECT source FROM event WHERE tenant = ? AND source > ? ORDER BY source LIMIT 1";
const NEXT_TYPE: &str = "
    SELECT event_type FROM event WHERE tenant = ? AND source = ? AND event_type > ?
    ORDER BY event_type LIMIT 1";
const NEXT_PENDING: &str = "
    SELECT plugin FROM job INDEXED BY job_pending WHERE state = 'pending' AND tenant = ?
      AND plugin > ? ORDER BY plugin LIMIT 1";
const NEXT_HELD: &str = "
    SELECT plugin FROM job INDEXED BY job_held WHERE state = 'held' AND tenant = ?
      AND plugin > ? ORDER BY plugin LIMIT 1";
const NEXT_DEAD: &str = "
    SELECT plugin FROM job INDEXED BY job_dead_of WHERE state = 'dead' AND tenant = ?
      AND plugin > ? ORDER BY plugin LIMIT 1";
const NEXT_TIMED: &str = "
    SELECT plugin FROM job INDEXED BY job_due WHERE due_at IS NOT NULL AND tenant = ?
      AND plugin > ? ORDER BY plugin LIMIT 1";

const BY_IDS: &str = "SELECT seq FROM event WHERE id IN (SELECT unhex(value) FROM json_each(?1))";
const BY_ID_RANGE: &str = "SELECT seq FROM event WHERE id >= ?1 AND id <= ?2 LIMIT ?3";
const PLACE: &str = "SELECT id, received_at FROM event WHERE seq = ?1";
/// Selects the event that owns a key, with its number.
const OWNER: &str = "
    SELECT event.seq, event.id FROM dedupe CROSS JOIN event ON event.id = dedupe.event
    WHERE dedupe.key = ?1";

/// Reads a page of the list of events, within the budget.
pub(crate) fn search(
    connection: &Connection,
    page: &EventPage,
    tenants: &Tenants,
    budget: Budget,
) -> Result<Found<EventSummary, EventId>, Error> {
    let Numbers { found, next } = numbers(connection, page, tenants, budget)?;
    let items = found
        .into_iter()
        .map(|seq| listing::summary_of(connection, seq));
    let next = next.map(|seq| place(connection, seq)).transpose()?;

    Ok(Found {
        items: items.collect::<Result<_, _>>()?,
        next,
    })
}

/// Returns the numbers of the events of a page.
pub(super) fn numbers(
    connection: &Connection,
    page: &EventPage,
    tenants: &Tenants,
    budget: Budget,
) -> Result<Numbers, Error> {
    let EventPage {
        selection, limit, ..
    } = page;
    let range = listing::event_range(connection, page)?;
    let tenants = tenants.filtered(selection.tenant.as_ref());
    let mut walk = walk(connection, selection, &tenants, &range)?;

    let (statement, values) = selection::matching(selection);
    let among = values_of(&tenants).map_or(Value::Null, Value::from);
    run(connection, &mut walk, *limit, budget, |numbers| {
        let numbers = serde_json::to_string(numbers).expect("numbers make JSON");
        let values = [vec![numbers.into(), among.clone()], values.clone()].concat();
        let mut statement = connection.prepare_cached(&statement).map_err(store)?;
        codec::read_all(&mut statement, params_from_iter(values), |row| {
            row.get(0).map_err(store)
        })
    })
}

fn place(connection: &Connection, seq: i64) -> Result<Place<EventId>, Error> {
    let mut statement = connection.prepare_cached(PLACE).map_err(store)?;
    let (id, at): ([u8; 16], i64) = statement
        .query_row([seq], |row| Ok((row.get(0)?, row.get(1)?)))
        .map_err(store)?;

    Ok(Place {
        id: codec::event_id(&id)?,
        at: Timestamp::from_unix_millis(at),
    })
}

/// Returns the events that own a key in these sources, the newest first.
pub(super) fn keyed(
    connection: &Connection,
    sources: &[SourceRef],
    key: &str,
) -> Result<Vec<EventId>, Error> {
    let mut statement = connection.prepare_cached(OWNER).map_err(store)?;
    let mut found: Vec<(i64, [u8; 16])> = Vec::new();
    for source in sources {
        let key = codec::dedupe_key(source, key);
        let digest = &key[key.len() - codec::DEDUPE_DIGEST_LEN..];
        for key in [&key[..], digest] {
            let owner = statement.query_row([key], |row| Ok((row.get(0)?, row.get(1)?)));
            found.extend(owner.optional().map_err(store)?);
        }
    }

    found.sort_unstable_by(|one, other| other.cmp(one));
    found.iter().map(|(_, id)| codec::event_id(id)).collect()
}

/// Returns the walk over the events that may match.
fn walk(
    connection: &Connection,
    selection: &EventSelection,
    tenants: &Tenants,
    range: &Range,
) -> Result<Walk, Error> {
    let walking = Walking {
        connection,
        selection,
        range,
        tenants: tenants_of(connection, tenants)?,
    };
    let walk = match walking.by_ids()? {
        Some(walk) => Some(walk),
        None => match walking.by_states()? {
            Some(walk) => Some(walk),
            None if selects_runs(selection, tenants) => walking.by_runs()?,
            None => None,
        },
    };

    Ok(walk.unwrap_or_else(|| {
        let mut walk = Walk::new(range);
        walk.add(EVERY, Vec::new());
        walk
    }))
}

/// Returns whether the index by tenant, source and type leaves events out.
fn selects_runs(selection: &EventSelection, tenants: &Tenants) -> bool {
    *tenants != Tenants::All || selection.source.is_some() || selection.event_type.is_some()
}

/// Returns the tenants that have events and are among these.
pub(super) fn tenants_of(
    connection: &Connection,
    tenants: &Tenants,
) -> Result<Vec<TenantName>, Error> {
    const ALL: &str = "SELECT tenant FROM stored ORDER BY tenant";

    match tenants {
        Tenants::Only(tenants) => Ok(tenants.iter().cloned().collect()),
        Tenants::All => {
            let mut statement = connection.prepare_cached(ALL).map_err(store)?;
            codec::read_all(&mut statement, [], |row| {
                let tenant: String = row.get(0).map_err(store)?;
                codec::parsed(&tenant, "a tenant's name")
            })
        }
    }
}

/// The choice of a walk. Each way returns `None` if the selection does not allow it.
struct Walking<'a> {
    connection: &'a Connection,
    selection: &'a EventSelection,
    range: &'a Range,
    tenants: Vec<TenantName>,
}

impl Walking<'_> {
    fn by_ids(&self) -> Result<Option<Walk>, Error> {
        let EventSelection { ids, id_range, .. } = self.selection;
        let found = if !ids.is_empty() {
            let ids = hex(ids.iter().map(|id| id.as_uuid()));
            self.list(BY_IDS, params![ids])?
        } else if let Some(range) = id_range {
            let [first, last] = [range.start(), range.end()].map(|id| id.as_uuid().into_bytes());
            self.list(BY_ID_RANGE, params![first, last, LISTED_MAX as i64 + 1])?
        } else {
            return Ok(None);
        };
        if found.len() > LISTED_MAX && ids.is_empty() {
            return Ok(None);
        }

        let mut walk = Walk::new(self.range);
        walk.add_list(found);
        Ok(Some(walk))
    }

    /// Walks over the jobs in the selected states. Done jobs are in no index, because they are most
    /// of the jobs.
    fn by_states(&self) -> Result<Option<Walk>, Error> {
        if self.selection.states.is_empty() {
            return Ok(None);
        }

        let mut walk = Walk::new(self.range);
        for state in &self.selection.states {
            let is_walked = match state.as_str() {
                "pending" => self.add_pending(&mut walk)?,
                "held" => self.add_jobs(&mut walk, NEXT_HELD, HELD)?,
                "dead" => self.add_jobs(&mut walk, NEXT_DEAD, DEAD)?,
                "leased" | "waiting" => self.add_timed(&mut walk, state)?,
                "unrouted" => self.add_all(&mut walk, UNROUTED),
                "discarded" => self.add_all(&mut walk, DISCARDED),
                _ => false,
            };
            if !is_walked || walk.is_too_wide() {
                return Ok(None);
            }
        }
        Ok(Some(walk))
    }

    fn add_all(&self, walk: &mut Walk, source: Source) -> bool {
        walk.add(source, Vec::new());
        true
    }

    /// Adds the jobs of each plugin in a state.
    fn add_jobs(&self, walk: &mut Walk, next: &str, source: Source) -> Result<bool, Error> {
        for tenant in &self.tenants {
            for plugin in self.plugins(next, tenant)? {
                walk.add(source, vec![tenant.to_string().into(), plugin.into()]);
            }
            if walk.is_too_wide() {
                return Ok(false);
            }
        }

        Ok(true)
    }

    fn add_pending(&self, walk: &mut Walk) -> Result<bool, Error> {
        for tenant in &self.tenants {
            for plugin in self.plugins(NEXT_PENDING, tenant)? {
                for blocked in [0, 1] {
                    let values = [
                        tenant.to_string().into(),
                        plugin.clone().into(),
                        blocked.into(),
                    ];
                    walk.add(PENDING, values.to_vec());
                }
            }
            if walk.is_too_wide() {
                return Ok(false);
            }
        }

        Ok(true)
    }

    /// Adds the leased or the waiting jobs, unless there are too many of them.
    fn add_timed(&self, walk: &mut Walk, state: &str) -> Result<bool, Error> {
        let mut found = Vec::new();
        for tenant in &self.tenants {
            for plugin in self.plugins(NEXT_TIMED, tenant)? {
                let limit = LISTED_MAX as i64 + 1;
                let values = params![tenant.as_str(), plugin, state, limit];
                found.extend(self.list(TIMED, values)?);
                if found.len() > LISTED_MAX {
                    return Ok(false);
                }
            }
        }

        walk.add_list(found);
        Ok(true)
    }

    /// Returns the plugins of a tenant that have jobs in a partial index, or the selected plugin.
    fn plugins(&self, next: &str, tenant: &TenantName) -> Result<Vec<String>, Error> {
        match &self.selection.plugin {
            Some(plugin) => Ok(vec![plugin.to_string()]),
            None => distinct(self.connection, next, &[tenant.as_str()], STREAMS_MAX),
        }
    }

    /// Walks over the events by tenant, source and type.
    fn by_runs(&self) -> Result<Option<Walk>, Error> {
        let mut walk = Walk::new(self.range);
        for tenant in &self.tenants {
            for source in self.sources(tenant)? {
                self.add_runs(&mut walk, tenant, &source)?;
                if walk.is_too_wide() {
                    return Ok(None);
                }
            }
        }

        Ok(Some(walk))
    }

    fn add_runs(&self, walk: &mut Walk, tenant: &TenantName, source: &str) -> Result<(), Error> {
        let of_source = [tenant.as_str(), source];
        let values = |more: &[&str]| {
            let all = of_source.iter().chain(more);
            all.map(|text| Value::from((*text).to_owned())).collect()
        };
        if let Some(event_type) = &self.selection.event_type {
            walk.add(OF_TYPE, values(&[event_type]));
            return Ok(());
        }

        for event_type in distinct(self.connection, NEXT_TYPE, &of_source, STREAMS_MAX + 1)? {
            walk.add(OF_TYPE, values(&[&event_type]));
        }
        // An empty type is not found as the one after an empty text.
        walk.add(OF_TYPE, values(&[""]));
        walk.add(WITHOUT_TYPE, values(&[]));
        Ok(())
    }

    fn sources(&self, tenant: &TenantName) -> Result<Vec<String>, Error> {
        match &self.selection.source {
            Some(source) => Ok(vec![source.to_string()]),
            None => distinct(
                self.connection,
                NEXT_SOURCE,
                &[tenant.as_str()],
                STREAMS_MAX,
            ),
        }
    }

    fn list(&self, statement: &str, values: impl rusqlite::Params) -> Result<Vec<i64>, Error> {
        let mut statement = self.connection.prepare_cached(statement).map_err(store)?;
        codec::read_all(&mut statement, values, |row| row.get(0).map_err(store))
    }
}

#[cfg(test)]
mod tests {
    use hookyard_store::ListOrder;

    use super::*;
    use crate::query_plans;

    #[test]
    fn walks_follow_indexes_in_order() {
        for (source, index) in [
            (
                EVERY,
                "event USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
            ),
            (
                OF_TYPE,
                "INDEX event_run (tenant=? AND source=? AND event_type=? AND rowid>?",
            ),
            (
                WITHOUT_TYPE,
                "INDEX event_run (tenant=? AND source=? AND event_type=? AND rowid>?",
            ),
            (
                PENDING,
                "job_pending (tenant=? AND plugin=? AND blocked=? AND event>? AND event<?)",
            ),
            (
                HELD,
                "job_held (tenant=? AND plugin=? AND event>? AND event<?)",
            ),
            (
                DEAD,
                "job_dead_of (tenant=? AND plugin=? AND event>? AND event<?)",
            ),
            (UNROUTED, "unrouted_event (event>? AND event<?)"),
            (DISCARDED, "discard USING PRIMARY KEY (event>? AND event<?)"),
        ] {
            for order in [ListOrder::OldestFirst, ListOrder::NewestFirst] {
                let statement = source.statement(order);
                let steps = query_plans::of(&statement).concat();
                assert!(steps.contains(index), "{statement}: {steps}");
                assert!(!steps.contains("TEMP B-TREE"), "{statement}: {steps}");
            }
        }
    }

    #[test]
    fn statements_use_indexes() {
        query_plans::check(&[
            (
                "search: a source",
                NEXT_SOURCE,
                &["event_run (tenant=? AND source>?)"],
            ),
            (
                "search: a type",
                NEXT_TYPE,
                &["COVERING INDEX event_run (tenant=? AND source=? AND event_type>?)"],
            ),
            (
                "search: pending",
                NEXT_PENDING,
                &["job_pending (tenant=? AND plugin>?)"],
            ),
            (
                "search: held",
                NEXT_HELD,
                &["job_held (tenant=? AND plugin>?)"],
            ),
            (
                "search: dead",
                NEXT_DEAD,
                &["job_dead_of (tenant=? AND plugin>?)"],
            ),
            (
                "search: timed",
                NEXT_TIMED,
                &["job_due (tenant=? AND plugin>?)"],
            ),
            ("search: place", PLACE, &["PRIMARY KEY (rowid=?)"]),
            (
                "search: ids from to",
                BY_ID_RANGE,
                &["sqlite_autoindex_event_1 (id>? AND id<?)"],
            ),
            (
                "search: an owner",
                OWNER,
                &[
                    "dedupe USING PRIMARY KEY (key=?)",
                    "sqlite_autoindex_event_1 (id=?)",
                ],
            ),
        ]);
        let by_ids = query_plans::of(BY_IDS).concat();
        assert!(
            by_ids.contains("sqlite_autoindex_event_1 (id=?)"),
            "{by_ids}"
        );
        let timed = query_plans::of(TIMED).concat();
        assert!(timed.contains("job_due (tenant=? AND plugin=?)"), "{timed}");
    }
}
