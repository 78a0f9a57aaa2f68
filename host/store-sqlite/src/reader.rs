//! Read connections. Reads run on blocking threads and never wait for the writer.
//!
//! A read sees everything that was committed before the read began.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use hookyard_model::{Event, Payload, SourceRef, Timestamp};
use hookyard_store::{ClaimedJob, Error};
use rusqlite::{Connection, OpenFlags, Row};
use tokio::sync::Semaphore;

use crate::OpenError;
use crate::codec::{self, parsed, store};
use crate::host_lock::HostLock;
use crate::write::NewLease;

pub(crate) const EVENT_LOAD: &str = "
    SELECT id, tenant, source, provider, event_type, key, received_at, payload_at, headers, body,
      key_until,
           ordering_key
    FROM event WHERE seq = ?1";
/// A pool with a bounded number of read connections.
pub(crate) struct Readers {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
    /// The lock of the host, which must outlive every connection.
    lock: Option<Arc<HostLock>>,
}

impl Readers {
    /// Opens the first connection, so that a fault of the file shows now. Further connections are
    /// opened when they are needed.
    pub(crate) fn open(
        path: &Path,
        count: usize,
        lock: Option<Arc<HostLock>>,
    ) -> rusqlite::Result<Self> {
        let first = connect(path)?;
        Ok(Self {
            path: path.to_owned(),
            idle: Arc::new(Mutex::new(vec![first])),
            permits: Arc::new(Semaphore::new(count.max(1))),
            lock,
        })
    }

    /// Runs `read` on a blocking thread, in one transaction.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let (path, idle, lock) = (self.path.clone(), Arc::clone(&self.idle), self.lock.clone());
        let task = tokio::task::spawn_blocking(move || {
            // Declared first, so that the lock is dropped last.
            let _lock = lock;
            let kept = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = kept.map_or_else(|| connect(&path).map_err(store), Ok)?;
            let transaction = connection.unchecked_transaction().map_err(store)?;
            let result = read(&transaction);
            // The transaction ends before the connection returns to the pool. A connection that
            // cannot even do that is closed.
            transaction.finish().map_err(store)?;
            idle.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(connection);
            drop(permit);
            result
        });

        task.await.map_err(|error| Error::Store(Box::new(error)))?
    }

    /// Fails if the database is not a store of a version that this build knows.
    pub(crate) fn check_version(&self, path: &Path) -> Result<(), OpenError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.iter().try_for_each(
            |connection| match crate::open::check_version(connection, path)? {
                0 => Err(OpenError::Missing {
                    path: path.to_owned(),
                }),
                _ => Ok(()),
            },
        )
    }

    /// Returns the path of the database file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Closes the idle connections.
    pub(crate) fn close(&self) {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

pub(crate) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(crate::open::BUSY_TIMEOUT)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.set_prepared_statement_cache_capacity(32);
    crate::open::keep_plans(&connection)?;
    Ok(connection)
}

/// Loads the events of new leases. An event that cannot be read is left out, so that it does not
/// block the others; its lease then expires.
pub(crate) fn load(
    connection: &Connection,
    leased: Vec<NewLease>,
) -> Result<Vec<ClaimedJob>, Error> {
    let mut statement = connection.prepare_cached(EVENT_LOAD).map_err(store)?;
    let mut claimed: Vec<ClaimedJob> = Vec::with_capacity(leased.len());
    // Several jobs may have the same event.
    let mut loaded = std::collections::HashMap::<i64, Arc<Event>>::new();
    for NewLease {
        lease,
        seq,
        since,
        due,
        revision,
        spared,
    } in leased
    {
        let event = match loaded.get(&seq) {
            Some(event) => Arc::clone(event),
            None => match statement
                .query_row([seq], |row| Ok(event(row)))
                .map_err(store)?
            {
                Ok(event) => Arc::clone(loaded.entry(seq).or_insert_with(|| Arc::new(event))),
                Err(error) => {
                    tracing::error!(event = %lease.event, plugin = %lease.plugin, %error, "an event is unreadable");
                    continue;
                }
            },
        };
        claimed.push(ClaimedJob {
            lease,
            event,
            since,
            due,
            revision,
            spared,
        });
    }

    Ok(claimed)
}

pub(crate) fn event(row: &Row<'_>) -> Result<Event, Error> {
    let id: [u8; 16] = row.get(0).map_err(store)?;
    let payload_at: Option<String> = row.get(7).map_err(store)?;
    let body: Vec<u8> = row.get(9).map_err(store)?;
    let received_at = Timestamp::from_unix_millis(row.get(6).map_err(store)?);
    let key_until = Timestamp::from_unix_millis(row.get(10).map_err(store)?);

    Ok(Event {
        id: codec::event_id(&id)?,
        source: source(row, 1)?,
        provider: row.get(3).map_err(store)?,
        event_type: row.get(4).map_err(store)?,
        key: row.get(5).map_err(store)?,
        received_at,
        payload: Payload::from_text(payload_at),
        key_window: key_until.since(received_at),
        ordering_key: row.get(11).map_err(store)?,
        headers: codec::headers_from_blob(row.get(8).map_err(store)?)?,
        body: body.into(),
    })
}

/// Reads a source from two columns, which follow each other: the tenant and the name.
pub(crate) fn source(row: &Row<'_>, first: usize) -> Result<SourceRef, Error> {
    let text = |column| {
        row.get_ref(column)
            .and_then(|value| Ok(value.as_str()?))
            .map_err(store)
    };
    let tenant = parsed(text(first)?, "an event's tenant")?;

    Ok(SourceRef {
        tenant,
        name: parsed(text(first + 1)?, "an event's source")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_plans;

    #[test]
    fn statements_use_indexes() {
        query_plans::check(&[("claim: load", EVENT_LOAD, &["PRIMARY KEY (rowid=?)"])]);
    }
}
