//! A file that cannot be opened is refused with a one-line reason.

use std::path::Path;
use std::time::Duration;

use hookyard_model::{Outcome, PluginRef, Timestamp, WorkState};
use hookyard_store::{AppendResult, Events, JobRequest, Jobs, Outbox, OutboxUsage, Settlement};
use hookyard_store_sqlite::{OpenError, Options, SqliteStore};

use crate::support::{Folder, claim, event, events, messages, open, settlement};

/// Returns the error of opening `path`, and checks that its text is one line that names the file.
fn refusal(path: &Path) -> OpenError {
    let Err(error) = SqliteStore::open(path, Options::default()) else {
        panic!("{} was opened", path.display())
    };
    let text = error.to_string();
    assert!(
        text.contains(&*path.to_string_lossy()) && !text.contains('\n'),
        "{text}"
    );

    error
}

fn other_database(path: &Path, statements: &str) {
    let other = rusqlite::Connection::open(path).expect("a database");
    other.execute_batch(statements).expect("its tables");
}

#[tokio::test]
async fn folders_are_made() {
    let folder = Folder::new();
    let path = folder
        .path()
        .with_file_name("deep")
        .join("er")
        .join("store.db");
    open(&path).append(event(1)).await.expect("an append");
    assert!(path.exists());
}

#[test]
fn second_host_is_refused_until_first_ends() {
    let folder = Folder::new();
    let first = folder.open();
    let error = refusal(&folder.path());
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    assert!(
        error.to_string().contains("another hookyard host"),
        "{error}"
    );

    drop(first);
    folder.open();
}

#[test]
fn other_file_is_left_unchanged() {
    let folder = Folder::new();
    let text = b"This is a letter, and a long one at that. ".repeat(100);
    std::fs::write(folder.path(), &text).expect("a file");

    assert!(matches!(
        refusal(&folder.path()),
        OpenError::NotADatabase { .. }
    ));
    assert!(matches!(
        SqliteStore::open_read_only(&folder.path()),
        Err(OpenError::NotADatabase { .. })
    ));
    assert_eq!(std::fs::read(folder.path()).expect("the file"), text);
}

#[test]
fn foreign_database_is_left_unchanged() {
    let folder = Folder::new();
    other_database(&folder.path(), "CREATE TABLE contact (name TEXT)");

    let before = std::fs::read(folder.path()).expect("the file");
    assert!(matches!(refusal(&folder.path()), OpenError::Foreign { .. }));
    assert!(matches!(
        SqliteStore::open_read_only(&folder.path()),
        Err(OpenError::Foreign { .. })
    ));
    assert_eq!(std::fs::read(folder.path()).expect("the file"), before);
}

#[test]
fn newer_schema_is_refused() {
    let folder = Folder::new();
    drop(folder.open());
    other_database(&folder.path(), "PRAGMA user_version = 99");
    let error = refusal(&folder.path());
    assert!(
        matches!(error, OpenError::Newer { found: 99, .. }),
        "{error}"
    );
}

/// Creates a store of an earlier version: with the first schema and one event.
fn earlier_inbox(path: &Path) {
    let id = "x'01990000000070018000000000000001'";
    let rows = format!(
        "PRAGMA auto_vacuum = INCREMENTAL; {}
         INSERT INTO event (id, tenant, source, provider, key, key_until, received_at, headers, body)
         VALUES ({id}, 'acme', 'orders', 'topi', 'key-1', 0, 0, x'', x'7b7d');
         INSERT INTO job (event, plugin, tenant, state) VALUES (1, 'ship', 'acme', 'pending');
         INSERT INTO route (tenant, source, plugin) VALUES ('acme', 'orders', 'ship');
         INSERT INTO message (seq, id, tenant, plugin, event, destination, created_at, state, since)
         VALUES (1, {id}, 'acme', 'ship', {id}, 'shop', 0, 'pending', 0);
         INSERT INTO message_body (message, body) VALUES (1, x'7b7d');
         PRAGMA application_id = 1212897604; PRAGMA user_version = 1;",
        include_str!("../../src/schema.sql")
    );

    other_database(path, &rows);
}

#[tokio::test]
async fn earlier_schema_is_migrated() {
    let folder = Folder::new();
    earlier_inbox(&folder.path());

    let store = folder.open();
    let ship = PluginRef {
        tenant: "acme".parse().expect("a name"),
        name: "ship".parse().expect("a name"),
    };
    let lease = Duration::from_secs(60);
    let job = store
        .claim(
            &[JobRequest {
                plugin: ship.clone(),
                limit: 9,
            }],
            lease,
        )
        .await
        .expect("a claim")
        .remove(0);
    let lost = settlement(
        job.lease,
        Outcome::Trapped {
            message: String::new(),
        },
        WorkState::Dead,
    );
    let revision = lost.attempt.revision;
    store
        .settle(Settlement {
            failed_on_probation: true,
            ..lost
        })
        .await
        .expect("a settlement");
    assert_eq!(
        store.retry_failed(&ship, revision).await.expect("a retry"),
        1
    );

    let unsent = OutboxUsage {
        messages: 1,
        bytes: 2,
    };
    assert_eq!(
        store.unsent().await.expect("a count"),
        [(ship, unsent)],
        "counted when it was taken up"
    );
    assert_eq!(messages(&store).await[0].body_bytes, 2);

    drop(store);
    assert_eq!(events(&folder.open()).await.len(), 1);
}

#[tokio::test]
async fn damaged_page_is_found() {
    let folder = Folder::new();
    let store = folder.open();
    for number in 0..200 {
        store.append(event(number)).await.expect("an append");
    }

    drop(store);

    let mut bytes = std::fs::read(folder.path()).expect("the file");
    assert!(bytes.len() > 30 * 4096, "{} bytes", bytes.len());

    bytes[4096 * 5..4096 * 30].fill(0xa5);
    std::fs::write(folder.path(), bytes).expect("the file");

    let error = refusal(&folder.path());
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
}

#[tokio::test]
async fn truncated_file_is_found() {
    let folder = Folder::new();
    let store = folder.open();
    for number in 0..200 {
        store.append(event(number)).await.expect("an append");
    }

    drop(store);

    let file = std::fs::File::options()
        .write(true)
        .open(folder.path())
        .expect("the file");
    file.set_len(4096 * 20).expect("a shorter file");

    let error = refusal(&folder.path());
    assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
}

#[test]
fn folder_or_missing_file_is_refused() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path()).expect("a folder");
    assert!(matches!(refusal(&folder.path()), OpenError::File { .. }));
    let file = folder.path().with_file_name("file");
    std::fs::write(&file, "").expect("a file");
    let error = SqliteStore::open(&file.join("store.db"), Options::default());
    assert!(matches!(error, Err(OpenError::Folder { .. })));
    let missing = folder.path().with_file_name("missing.db");
    assert!(matches!(
        SqliteStore::open_read_only(&missing),
        Err(OpenError::Missing { .. })
    ));
    assert!(!missing.exists(), "reading makes no file");
    std::fs::write(&missing, "").expect("an empty file");
    assert!(matches!(
        SqliteStore::open_read_only(&missing),
        Err(OpenError::Missing { .. })
    ));
}

/// Creates a store of the version before jobs were handed over, with a job in each state.
fn store_of_version_5(path: &Path) {
    let schemas = [
        include_str!("../../src/schema.sql"),
        include_str!("../../src/schema_2.sql"),
        include_str!("../../src/schema_3.sql"),
        include_str!("../../src/schema_4.sql"),
        include_str!("../../src/schema_5.sql"),
    ];
    let mut rows = format!("PRAGMA auto_vacuum = INCREMENTAL; {}", schemas.concat());
    let states = [
        ("pending", "NULL", 0),
        ("leased", "7", 1),
        ("waiting", "7", 2),
        ("done", "NULL", 1),
        ("dead", "NULL", 3),
        ("held", "NULL", 0),
        ("discarded", "NULL", 0),
    ];
    for (number, (state, due_at, attempts)) in states.into_iter().enumerate() {
        rows.push_str(&format!(
            "INSERT INTO event (id, tenant, source, provider, key, key_until, received_at, headers, body)
             VALUES (x'0199000000007001800000000000000{number}', 'acme', 'orders', 'topi',
                     'key-{number}', 1000, 0, x'', x'7b7d');
             INSERT INTO job (event, plugin, tenant, state, due_at, attempts)
             VALUES (last_insert_rowid(), 'ship', 'acme', '{state}', {due_at}, {attempts});"
        ));
    }
    let revision = "07".repeat(32);
    rows.push_str(&format!(
        "INSERT INTO attempt (event, plugin, replays, number, revision, started_at, duration_us, outcome)
         VALUES (4, 'ship', 0, 1, '{revision}', 7, 7, 'done');
         INSERT INTO route (tenant, source, plugin) VALUES ('acme', 'orders', 'ship');
         PRAGMA application_id = 1212897604; PRAGMA user_version = 5;"
    ));

    other_database(path, &rows);
}

#[tokio::test]
async fn jobs_in_all_states_are_migrated() {
    let folder = Folder::new();
    store_of_version_5(&folder.path());

    let store = folder.open();
    let waiting = WorkState::Waiting {
        until: Timestamp::from_unix_millis(7),
    };
    let expected = [
        (WorkState::Pending, 0, None),
        (WorkState::Pending, 1, None),
        (waiting, 2, None),
        (WorkState::Done, 1, Some("done".to_owned())),
        (WorkState::Dead, 3, None),
        (WorkState::Held, 0, None),
        (WorkState::Discarded, 0, None),
    ];
    let mut listed = events(&store).await;
    listed.sort_by(|one, other| one.key.cmp(&other.key));
    let found = listed.iter().map(|event| {
        let job = &event.jobs[0];
        (job.state, job.attempts, job.last_outcome.clone())
    });
    assert_eq!(found.collect::<Vec<_>>(), expected);

    let claimed = claim(&store, 9, 1).await;
    let attempts: Vec<_> = claimed.iter().map(|job| job.lease.attempt).collect();
    assert_eq!(attempts, [1, 2, 3]);
    assert_eq!(claimed[0].event.key_window, Duration::from_secs(1));
    for job in claimed {
        store
            .settle(settlement(job.lease, Outcome::Done, WorkState::Done))
            .await
            .expect("a settlement");
    }

    store.append(event(20)).await.expect("an append");
    let database = rusqlite::Connection::open(folder.path()).expect("a database");
    let stored: i64 = database
        .query_row("SELECT events FROM stored", [], |row| row.get(0))
        .expect("the totals");
    assert_eq!(stored, 8, "new events are counted once");
}

#[tokio::test]
async fn key_of_version_5_is_still_known() {
    let folder = Folder::new();
    store_of_version_5(&folder.path());
    // The first half of the SHA-256 of `acme/orders/20`, as version 5 stored it.
    let digest = "13a4aed4a15f159d5d6b754cdd5e3531";
    let (first, until) = ("ab".repeat(16), i64::MAX);
    rusqlite::Connection::open(folder.path())
        .expect("a database")
        .execute_batch(&format!(
            "INSERT INTO dedupe (key, event, until) VALUES (x'{digest}', x'{first}', {until})"
        ))
        .expect("a key");

    let store = folder.open();
    let appended = store.append(event(20)).await.expect("an append");

    let first = uuid::Uuid::from_u128(u128::from_be_bytes([0xab; 16]));
    assert_eq!(
        appended,
        AppendResult::Repeat(hookyard_model::EventId::from_uuid(first))
    );
    assert_eq!(
        store.append(event(21)).await.expect("an append"),
        AppendResult::New
    );
}
