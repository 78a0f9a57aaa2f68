//! Opening a database: checks that it is whole and belongs to this program, and migrates its
//! schema.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

use crate::{OpenError, Options, host_lock};

/// The migrations. Each brings the database from the version of its index to the next version.
/// Migrations are only ever added.
pub(crate) const SCHEMAS: &[&str] = &[
    include_str!("schema.sql"),
    include_str!("schema_2.sql"),
    include_str!("schema_3.sql"),
    include_str!("schema_4.sql"),
    include_str!("schema_5.sql"),
    include_str!("schema_6.sql"),
    include_str!("schema_7.sql"),
    include_str!("schema_8.sql"),
    include_str!("schema_9.sql"),
    include_str!("schema_10.sql"),
    include_str!("schema_11.sql"),
];

/// The id "HKYD", which marks a database of this program, whatever its version.
pub(crate) const APPLICATION_ID: i64 = 0x484b_5944;

/// The maximum time to wait for another program that has the file open.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The maximum size of the write-ahead log after a checkpoint, in bytes.
const WAL_BYTES_KEPT: i64 = 64 << 20;
/// The number of pages of 4 KiB after which the write-ahead log is moved into the database.
const WAL_PAGES: i64 = 4096;
/// The size of the page cache. The unit is KiB because the number is negative, by a convention of
/// SQLite. A larger cache costs more than it saves: when a page of an index in random order is
/// split, SQLite walks over the whole cache at the commit, and the pages that are not in this cache
/// are in that of the system.
const WRITER_CACHE: i64 = -(16 << 10);

/// Opens the writer's connection to the database at `path`, which is created if it is missing.
pub(crate) fn connect(path: &Path, options: &Options) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection =
        Connection::open_with_flags(path, flags).map_err(|error| explain(path, error))?;
    let version = check_version(&connection, path)?;
    check_pages(&connection, path, options)?;
    configure(&connection)
        .and_then(|()| migrate(&mut connection, version))
        .map_err(|error| explain(path, error))?;

    Ok(connection)
}

/// Opens the connection of a second writer to the database at `path`, which a host may have open.
pub(crate) fn connect_beside(path: &Path) -> Result<Connection, OpenError> {
    let missing = || OpenError::Missing {
        path: path.to_owned(),
    };
    let database = std::fs::metadata(path).map_err(|_| missing())?;
    host_lock::refuse_links(path, &database)?;

    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(|error| explain(path, error))?;
    if check_version(&connection, path)? == 0 {
        return Err(missing());
    }

    configure(&connection).map_err(|error| explain(path, error))?;

    Ok(connection)
}

/// Creates the folder of `path`. Fails if any user may replace files in the folder.
pub(crate) fn make_folder(path: &Path) -> Result<(), OpenError> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => {
            hookyard_private::folder(folder).map_err(|source| OpenError::Folder {
                path: path.to_owned(),
                source,
            })
        }
        _ => Ok(()),
    }
}

/// Returns the version of the schema, or 0 for a new database. Writes nothing, so that a file of
/// another program stays unchanged.
pub(crate) fn check_version(connection: &Connection, path: &Path) -> Result<i64, OpenError> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let read = || {
        connection.busy_timeout(BUSY_TIMEOUT)?;
        let objects = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| {
            row.get::<_, i64>(0)
        })?;
        Ok((objects, number("application_id")?, number("user_version")?))
    };
    let known = SCHEMAS.len() as i64;

    match read().map_err(|error| explain(path, error))? {
        (0, _, _) => Ok(0),
        (_, APPLICATION_ID, found) if found > known => Err(OpenError::Newer {
            path: path.to_owned(),
            found,
            known,
        }),
        (_, APPLICATION_ID, found) => Ok(found),
        _ => Err(OpenError::Foreign {
            path: path.to_owned(),
        }),
    }
}

fn check_pages(connection: &Connection, path: &Path, options: &Options) -> Result<(), OpenError> {
    let size = std::fs::metadata(path).map_or(0, |file| file.len());
    if size > options.check_bytes_max {
        return Ok(());
    }

    let found = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match found.map_err(|error| explain(path, error))?.as_str() {
        "ok" => Ok(()),
        fault => Err(damaged(path, fault)),
    }
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    // Must be set before anything is written to a new database. Free pages can then be returned,
    // see `retention`.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| {
        let mode: String = row.get(0)?;
        // On a file system without shared memory SQLite would silently keep another mode.
        if mode == "wal" {
            Ok(())
        } else {
            Err(rusqlite::Error::InvalidQuery)
        }
    })?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    // Only has an effect on macOS, where a plain fsync leaves the drive's own cache unwritten.
    connection.pragma_update(None, "fullfsync", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", WRITER_CACHE)?;
    connection.pragma_update_and_check(None, "wal_autocheckpoint", WAL_PAGES, |_| Ok(()))?;
    connection.pragma_update_and_check(None, "journal_size_limit", WAL_BYTES_KEPT, |_| Ok(()))?;
    connection.set_prepared_statement_cache_capacity(128);
    keep_plans(connection)
}

/// Keeps SQLite from planning a statement again whenever a value such as a limit changes.
pub(crate) fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map(drop)
}

fn migrate(connection: &mut Connection, from: i64) -> rusqlite::Result<()> {
    for (version, schema) in (1_i64..)
        .zip(SCHEMAS)
        .filter(|(version, _)| *version > from)
    {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(schema)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }

    Ok(())
}

/// Returns the meaning of an error of SQLite while the store is opened.
pub(crate) fn explain(path: &Path, error: rusqlite::Error) -> OpenError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotADatabase {
            path: path.to_owned(),
        },
        Some(ErrorCode::DatabaseCorrupt) => damaged(path, &error.to_string()),
        _ => OpenError::Sqlite {
            path: path.to_owned(),
            source: error,
        },
    }
}

fn damaged(path: &Path, detail: &str) -> OpenError {
    // SQLite's check answers in several lines. The last line names the fault.
    let detail = detail.lines().last().unwrap_or_default().to_owned();
    OpenError::Damaged {
        path: path.to_owned(),
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn migration_keeps_orders_blocks_and_lost_deliveries() {
        let mut connection = Connection::open_in_memory().expect("a database");
        for schema in &SCHEMAS[..4] {
            connection.execute_batch(schema).expect("an older schema");
        }
        let revision = "ab".repeat(32);
        connection
            .execute_batch(&format!(
                "INSERT INTO wish VALUES ('acme', 'books', '{revision}', 1, 7);
                 INSERT INTO ban (tenant, plugin, revision, reason, since)
                     VALUES ('acme', 'books', '{revision}', 'by hand', 7);
                 INSERT INTO release_step (tenant, plugin, revision, step, at)
                     VALUES ('acme', 'books', '{revision}', 'quarantined', 7);
                 INSERT INTO message (id, tenant, plugin, event, destination, created_at, state, attempts, since)
                     VALUES (x'01', 'acme', 'books', x'02', 'shop', 7, 'dead', 3, 7);
                 INSERT INTO delivery (message, replays, number, started_at, duration_us, result, detail)
                     VALUES (1, 0, 3, 7, 0, 'lost', '{{\"attempts\":3}}');"
            ))
            .expect("rows of an older host");

        migrate(&mut connection, 4).expect("a migration");

        let text = |sql: &str| -> String {
            connection
                .query_row(sql, [], |row| row.get(0))
                .unwrap_or_else(|error| panic!("{sql}: {error}"))
        };
        assert_eq!(text("SELECT revision FROM plugin_order"), revision);
        assert_eq!(text("SELECT reason FROM plugin_block"), "by hand");
        assert_eq!(text("SELECT step FROM release_step"), "blocked");
        assert_eq!(text("SELECT detail FROM delivery"), r#"{"deliveries":3}"#);
        assert_eq!(text("SELECT CAST(deliveries AS TEXT) FROM message"), "3");
    }
}
