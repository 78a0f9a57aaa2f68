//! The store of the durable floor: one table, and one transaction for all that has queued.

use std::path::Path;

use anyhow::{Context, Result};
use bytes::Bytes;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

/// The maximum number of rows in a transaction, and of rows that wait for one.
const GROUP: usize = 512;

const TABLE: &str = "CREATE TABLE event (id TEXT PRIMARY KEY, body BLOB NOT NULL, \
     answer BLOB NOT NULL) WITHOUT ROWID";
const INSERT: &str = "INSERT INTO event VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";

struct Row {
    id: String,
    body: Bytes,
    answer: Vec<u8>,
    committed: oneshot::Sender<()>,
}

/// The queue of the thread that writes.
pub(super) struct Inserts(mpsc::Sender<Row>);

impl Inserts {
    /// Stores a row. Returns whether it is durable.
    pub(super) async fn insert(&self, id: &str, body: &Bytes, answer: &[u8]) -> bool {
        let (committed, wait) = oneshot::channel();
        let row = Row {
            id: id.to_owned(),
            body: body.clone(),
            answer: answer.to_owned(),
            committed,
        };
        self.0.send(row).await.is_ok() && wait.await.is_ok()
    }
}

/// Creates the database and starts the thread that writes.
pub(super) fn start(path: &Path) -> Result<Inserts> {
    let connection = Connection::open(path).context("no database")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.execute_batch(TABLE)?;

    let (inserts, queue) = mpsc::channel(GROUP);
    std::thread::spawn(move || write(connection, queue));
    Ok(Inserts(inserts))
}

fn write(mut connection: Connection, mut queue: mpsc::Receiver<Row>) {
    let mut rows = Vec::with_capacity(GROUP);
    while queue.blocking_recv_many(&mut rows, GROUP) > 0 {
        let result = commit(&mut connection, &rows);
        for row in rows.drain(..) {
            if result.is_ok() {
                // A closed connection does not wait for its answer.
                let _gone = row.committed.send(());
            }
        }
    }
}

fn commit(connection: &mut Connection, rows: &[Row]) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    let mut insert = transaction.prepare_cached(INSERT)?;
    for row in rows {
        insert.execute((&row.id, &row.body[..], &row.answer))?;
    }
    drop(insert);
    transaction.commit()
}
