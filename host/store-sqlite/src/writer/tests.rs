//! What the writer does with groups of calls, and when something fails in the middle of one.

use std::sync::mpsc::{Receiver, channel};

use tokio::sync::oneshot;

use super::*;
use crate::codec::store as store_error;

fn in_memory(options: &Options) -> (Arc<Writer>, Arc<Wakes>) {
    let connection = Connection::open_in_memory().expect("a database in memory");
    connection
        .execute_batch("CREATE TABLE mark (name TEXT PRIMARY KEY)")
        .expect("a table");
    connection
        .pragma_update(None, "foreign_keys", true)
        .expect("the pragma of a store");

    let wakes = Arc::new(Wakes::default());
    let writer =
        Writer::start(connection, options, Arc::clone(&wakes), None, ()).expect("a thread");
    (Arc::new(writer), wakes)
}

/// Keeps the writer busy until the receiver's other end is dropped, so that what is called
/// meanwhile makes one group.
async fn hold(writer: &Arc<Writer>) -> std::sync::mpsc::Sender<()> {
    let (release, held) = channel();
    let (begun, has_begun) = oneshot::channel();
    let (held, mut begun): (Receiver<()>, _) = (held, Some(begun));
    spawn(writer, move |_| {
        let _ = begun.take().map(|begun| begun.send(()));
        let _ = held.recv();
        Ok(())
    })
    .await;
    has_begun.await.expect("the writer begins");

    release
}

type Answer<T> = tokio::task::JoinHandle<Result<T, Error>>;

/// Calls without waiting for the answer; once this returns the call is queued.
async fn spawn<T: Send + 'static>(
    writer: &Arc<Writer>,
    work: impl FnMut(&mut Database) -> Result<T, Error> + Send + 'static,
) -> Answer<T> {
    let writer = Arc::clone(writer);
    let answer =
        tokio::spawn(async move { writer.call(Terms::batch(Durability::Synced), work).await });
    tokio::task::yield_now().await;
    answer
}

fn mark(name: &'static str) -> impl FnMut(&mut Database) -> Result<(), Error> + Send + 'static {
    move |store| {
        let done = store
            .connection
            .execute("INSERT INTO mark (name) VALUES (?1)", [name]);
        done.map(drop).map_err(store_error)
    }
}

async fn marks(writer: &Arc<Writer>) -> Vec<String> {
    let read = |store: &mut Database| {
        let mut statement = store
            .connection
            .prepare("SELECT name FROM mark ORDER BY name")
            .map_err(store_error)?;
        let rows = statement
            .query_map([], |row| row.get(0))
            .map_err(store_error)?;
        rows.collect::<Result<_, _>>().map_err(store_error)
    };

    writer
        .call(Terms::batch(Durability::Synced), read)
        .await
        .expect("a read")
}

async fn answered<T>(answer: Answer<T>) -> Result<T, Error> {
    answer.await.expect("the task ends well")
}

#[tokio::test]
async fn queued_calls_share_one_commit() {
    let (writer, _) = in_memory(&Options {
        group_max: 8,
        group_weight_max: u64::MAX,
        ..Options::default()
    });
    let release = hold(&writer).await;
    let mut answers = Vec::new();
    for name in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"] {
        answers.push(spawn(&writer, mark(name)).await);
    }

    drop(release);

    for answer in answers {
        answered(answer).await.expect("a commit");
    }

    let stats = writer.stats();
    assert_eq!(
        (stats.calls, stats.commits),
        (11, 3),
        "the one that held, eight, two"
    );
    assert_eq!(marks(&writer).await.len(), 10);
}

#[tokio::test]
async fn failing_call_undoes_itself_alone() {
    let (writer, _) = in_memory(&Options {
        group_weight_max: u64::MAX,
        ..Options::default()
    });
    let release = hold(&writer).await;
    let before = spawn(&writer, mark("before")).await;
    let failing = spawn(&writer, |store| {
        mark("undone")(store)?;
        mark("before")(store)
    })
    .await;
    let after = spawn(&writer, mark("after")).await;
    drop(release);
    assert!(answered(before).await.is_ok());
    assert!(matches!(answered(failing).await, Err(Error::Store(_))));
    assert!(answered(after).await.is_ok());
    assert_eq!(marks(&writer).await, ["after", "before"]);
    assert_eq!(writer.stats().commits, 3);
}

#[tokio::test]
async fn lost_transaction_fails_whole_group() {
    let (writer, wakes) = in_memory(&Options {
        group_weight_max: u64::MAX,
        ..Options::default()
    });
    let release = hold(&writer).await;
    let before = spawn(&writer, mark("before")).await;
    // As SQLite does by itself on some errors of the disk.
    let losing = spawn(&writer, |store| {
        store.has_due_jobs = true;
        store
            .connection
            .execute_batch("ROLLBACK")
            .map_err(store_error)
    })
    .await;
    let after = spawn(&writer, mark("after")).await;
    drop(release);
    for answer in [before, losing, after] {
        assert!(matches!(answered(answer).await, Err(Error::Store(_))));
    }
    assert_eq!(marks(&writer).await, [""; 0]);
    writer
        .call(Terms::batch(Durability::Synced), mark("later"))
        .await
        .expect("the writer goes on");
    assert_eq!(marks(&writer).await, ["later"]);
    let woken = tokio::time::timeout(std::time::Duration::ZERO, wakes.jobs.notified()).await;
    assert!(woken.is_err(), "nothing was committed, so there is no news");
}

#[tokio::test]
async fn failed_commit_is_rolled_back() {
    let (writer, _) = in_memory(&Options::default());
    let run =
        |store: &mut Database, sql: &str| store.connection.execute_batch(sql).map_err(store_error);
    let prepare =
        "CREATE TABLE echo (name TEXT REFERENCES mark (name) DEFERRABLE INITIALLY DEFERRED)";
    writer
        .call(Terms::batch(Durability::Synced), move |store| {
            run(store, prepare)
        })
        .await
        .expect("a table");
    let release = hold(&writer).await;
    let before = spawn(&writer, mark("before")).await;
    // What it refers to is looked for at the commit.
    let failing = spawn(&writer, move |store| {
        run(store, "INSERT INTO echo VALUES ('nothing')")
    })
    .await;
    drop(release);
    for answer in [before, failing] {
        assert!(matches!(answered(answer).await, Err(Error::Store(_))));
    }
    writer
        .call(Terms::batch(Durability::Synced), mark("later"))
        .await
        .expect("the writer goes on");
    assert_eq!(marks(&writer).await, ["later"]);
}

#[test]
fn failed_disk_starts_new_log() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.db");
    let connection = Connection::open(&path).expect("a database");
    connection
        .busy_timeout(std::time::Duration::ZERO)
        .expect("no patience");
    connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))
        .expect("a log of changes");
    connection
        .execute_batch("CREATE TABLE mark (name TEXT PRIMARY KEY)")
        .expect("a table");
    let log_bytes = || {
        std::fs::metadata(path.with_extension("db-wal"))
            .expect("the log")
            .len()
    };
    assert!(log_bytes() > 0);
    let mut work = Loop {
        database: Database::new(connection),
        clock: Options::default().clock,
        durability: None,
        is_log_suspect: true,
        data_version: None,
        alarm: None,
        wakes: Arc::default(),
        counters: Arc::default(),
    };
    let reader = Connection::open(&path).expect("a second connection");
    reader
        .execute_batch("BEGIN; SELECT * FROM mark")
        .expect("a read");
    assert!(
        work.commit(&mut []).is_err(),
        "somebody still reads from it"
    );
    reader.execute_batch("COMMIT").expect("the end of the read");
    work.commit(&mut []).expect("a commit");
    assert_eq!((log_bytes(), work.is_log_suspect), (0, false));
}

#[tokio::test]
async fn full_disk_fails_only_current_group() {
    let (writer, _) = in_memory(&Options::default());
    let limit = |pages: u32| {
        move |store: &mut Database| {
            let set =
                store
                    .connection
                    .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()));
            set.map_err(store_error)
        }
    };

    let grow = |store: &mut Database| {
        let sql = "CREATE TABLE IF NOT EXISTS ballast (bytes BLOB); INSERT INTO ballast VALUES (zeroblob(1000000))";
        store.connection.execute_batch(sql).map_err(store_error)
    };

    writer
        .call(Terms::batch(Durability::Synced), limit(50))
        .await
        .expect("a limit");
    assert!(matches!(
        writer.call(Terms::batch(Durability::Synced), grow).await,
        Err(Error::Store(_))
    ));

    writer
        .call(Terms::batch(Durability::Synced), mark("small"))
        .await
        .expect("what fits is stored");
    writer
        .call(Terms::batch(Durability::Synced), limit(5000))
        .await
        .expect("space returns");
    writer
        .call(Terms::batch(Durability::Synced), grow)
        .await
        .expect("and so does service");
    assert_eq!(marks(&writer).await, ["small"]);
}

#[tokio::test]
async fn full_queue_is_busy_and_recovers() {
    let options = Options {
        queue_max: 3,
        queue_bytes_max: 100,
        group_max: 1,
        ..Options::default()
    };
    let (writer, _) = in_memory(&options);
    let release = hold(&writer).await;
    let offer = |bytes| {
        let writer = Arc::clone(&writer);
        tokio::spawn(async move { writer.append_or_busy(0, bytes, |_| Ok(())).await })
    };
    let taken = [offer(60), offer(40)];
    tokio::task::yield_now().await;
    assert!(
        matches!(answered(offer(1)).await, Err(Error::Busy)),
        "its bytes are too many"
    );

    let last = offer(0);
    tokio::task::yield_now().await;
    assert!(
        matches!(answered(offer(0)).await, Err(Error::Busy)),
        "it's a call too many"
    );

    drop(release);

    for answer in taken.into_iter().chain([last]) {
        answered(answer).await.expect("what was taken is done");
    }

    answered(offer(1000))
        .await
        .expect("one that is over the bound has its turn when it's alone");
}

#[tokio::test]
async fn cancelled_caller_blocks_nobody() {
    let (writer, _) = in_memory(&Options::default());
    let release = hold(&writer).await;
    let gone = spawn(&writer, mark("gone")).await;
    gone.abort();

    let stays = spawn(&writer, mark("stays")).await;
    drop(release);
    answered(stays).await.expect("a commit");
    assert_eq!(
        marks(&writer).await,
        ["gone", "stays"],
        "what was queued is done all the same"
    );
}

#[tokio::test]
async fn caller_that_does_not_wait_delays_nobody() {
    let (writer, _) = in_memory(&Options {
        group_max: 8,
        ..Options::default()
    });
    let release = hold(&writer).await;
    let terms = || Terms::batch(Durability::Synced);
    let mut first = Box::pin(writer.call(terms(), mark("a")));
    assert!(poll_once(&mut first).is_none(), "the first call is queued");
    let second = spawn(&writer, mark("b")).await;
    drop(release);

    assert!(answered(second).await.is_ok());
    assert!(first.await.is_ok());
    assert_eq!(writer.stats().commits, 2, "one group has both calls");
}

/// Polls a future once.
fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::Pin::new(future).poll(&mut context) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

#[tokio::test]
async fn leases_alone_cost_no_sync() {
    let (writer, _) = in_memory(&Options::default());
    writer
        .call(Terms::batch(Durability::Unsynced), |_| Ok(()))
        .await
        .expect("a commit");
    assert_eq!(
        writer.stats(),
        Stats {
            calls: 1,
            commits: 1,
            syncs: 0
        }
    );

    let level = |store: &mut Database| {
        store
            .connection
            .pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0))
            .map_err(store_error)
    };
    assert_eq!(
        writer
            .call(Terms::batch(Durability::Unsynced), level)
            .await
            .expect("a level"),
        1
    );
    assert_eq!(
        writer
            .call(Terms::batch(Durability::Synced), level)
            .await
            .expect("a level"),
        2
    );
    assert_eq!(
        writer.stats(),
        Stats {
            calls: 3,
            commits: 3,
            syncs: 1
        }
    );
}
