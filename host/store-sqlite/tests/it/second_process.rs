//! Other processes write to a store while its host has it open, and the file grows no larger than
//! its contents.

use std::time::Duration;

use hookyard_model::{Event, Outcome, Revision, WorkState};
use hookyard_store::{
    Error, EventSelection, Events, Jobs, Quarantine, Replay, Retention, RetentionLimits, Routing,
};
use hookyard_store_sqlite::{BackupError, OpenError, SqliteStore};

use crate::support::{
    Folder, at, claim, event, events, open, route_orders_to_ship, settlement, ship,
};

/// A timeout that is only reached if a change goes unnoticed.
const NEVER: Duration = Duration::from_secs(20);

fn beside(folder: &Folder) -> SqliteStore {
    SqliteStore::open_beside(&folder.path()).expect("a store beside its host")
}

async fn settle_all(store: &SqliteStore, outcome: Outcome, next: WorkState) {
    loop {
        let claimed = claim(store, 100, 1).await;
        if claimed.is_empty() {
            return;
        }
        for job in claimed {
            store
                .settle(settlement(job.lease, outcome.clone(), next))
                .await
                .expect("a settlement");
        }
    }
}

async fn drain(store: &SqliteStore) {
    loop {
        tokio::select! {
            biased;
            () = store.changed() => {}
            () = std::future::ready(()) => return,
        }
    }
}

fn replay_all() -> Replay {
    Replay {
        selection: EventSelection::default(),
        revision: None,
        rate: None,
        now: at(10),
        dry_run: false,
    }
}

#[tokio::test]
async fn host_notices_replay_of_other_process() {
    let folder = Folder::new();
    let host = folder.open();
    route_orders_to_ship(&host).await;
    host.append(event(1)).await.expect("an append");
    settle_all(
        &host,
        Outcome::Rejected {
            reason: "no".into(),
        },
        WorkState::Dead,
    )
    .await;
    drain(&host).await;

    let other = beside(&folder);
    let replayed = other.replay(replay_all()).await.expect("a replay");
    assert_eq!(replayed.replayed, 1);

    tokio::time::timeout(NEVER, host.changed())
        .await
        .expect("the host notices the change");
    assert_eq!(claim(&host, 9, 20).await.len(), 1);
}

#[tokio::test]
async fn host_follows_quarantine_of_other_process() {
    let folder = Folder::new();
    let host = folder.open();
    route_orders_to_ship(&host).await;
    host.append(event(1)).await.expect("an append");

    let other = beside(&folder);
    let reason = "it failed too often".to_owned();
    let quarantine = Quarantine {
        plugin: ship(),
        revision: Revision::from_sha256([1; 32]),
        reason,
        since: at(0),
    };

    other.quarantine(quarantine).await.expect("a quarantine");
    host.append(event(2)).await.expect("an append");

    let states: Vec<_> = events(&host)
        .await
        .into_iter()
        .map(|event| event.jobs[0].state)
        .collect();
    assert_eq!(
        states,
        [WorkState::Held; 2],
        "what the host remembered of quarantines is out of date"
    );

    other.lift(&ship()).await.expect("a lift");
    host.append(event(3)).await.expect("an append");
    assert_eq!(claim(&host, 9, 20).await.len(), 3);
}

#[tokio::test]
async fn interrupted_quarantine_is_lifted_whole() {
    let folder = Folder::new();
    let host = folder.open();
    route_orders_to_ship(&host).await;

    for number in 0..3 {
        host.append(event(number)).await.expect("an append");
    }

    let first = claim(&host, 1, 1).await.remove(0);
    let failed = Outcome::Trapped {
        message: "unreachable".into(),
    };
    let waiting = WorkState::Waiting { until: at(5) };
    host.settle(settlement(first.lease, failed, waiting))
        .await
        .expect("a settlement");

    // The state after a crash between the quarantine and the holding of its jobs.
    let other = rusqlite::Connection::open(folder.path()).expect("a second connection");
    let row = "INSERT INTO quarantine VALUES ('acme', 'ship', ?1, 'it failed', 0)";
    other
        .execute(row, [Revision::from_sha256([1; 32]).to_string()])
        .expect("a row");
    assert_eq!(claim(&host, 9, 100).await.len(), 0);
    assert_eq!(
        host.next_due(&[ship()]).await.expect("a time"),
        None,
        "nobody is woken in vain"
    );

    host.lift(&ship()).await.expect("a lift");
    assert_eq!(claim(&host, 9, 100).await.len(), 3);
}

#[tokio::test]
async fn opening_beside_host_takes_no_lock() {
    let folder = Folder::new();
    let missing = SqliteStore::open_beside(&folder.path());
    assert!(matches!(missing, Err(OpenError::Missing { .. })));
    assert!(!folder.path().exists(), "it makes no file");

    let host = folder.open();
    route_orders_to_ship(&host).await;
    host.append(event(1)).await.expect("an append");

    let job = claim(&host, 1, 1).await.remove(0);
    let other = beside(&folder);
    let replayed = other.replay(replay_all()).await.expect("a replay");
    assert_eq!(
        (replayed.replayed, replayed.leased),
        (0, 1),
        "it is being attempted still"
    );

    host.settle(settlement(job.lease, Outcome::Done, WorkState::Done))
        .await
        .expect("a settlement");
    drop(host);
    assert_eq!(
        other
            .replay(replay_all())
            .await
            .expect("a replay without a host")
            .replayed,
        1
    );

    let host = open(&folder.path());
    assert_eq!(claim(&host, 9, 20).await.len(), 1);
}

#[tokio::test]
async fn read_only_store_replays_nothing() {
    let folder = Folder::new();
    drop(folder.open());
    let reader = SqliteStore::open_read_only(&folder.path()).expect("a reader");
    assert!(matches!(reader.replay(replay_all()).await, Ok(counted) if counted.replayed == 0));
    assert!(matches!(
        reader.prune(&Retention::default(), at(0), 1).await,
        Err(Error::Store(_))
    ));
    assert!(matches!(reader.lift(&ship()).await, Err(Error::Store(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn backup_is_consistent_and_usable() {
    let (folder, elsewhere) = (Folder::new(), Folder::new());
    let host = std::sync::Arc::new(folder.open());
    route_orders_to_ship(&host).await;
    for number in 0..300 {
        host.append(event(number)).await.expect("an append");
    }
    let appending = tokio::spawn({
        let host = std::sync::Arc::clone(&host);
        async move {
            for number in 300..600 {
                host.append(event(number)).await.expect("an append");
            }
        }
    });
    let reader = SqliteStore::open_read_only(&folder.path()).expect("a reader");
    let bytes = tokio::task::block_in_place(|| reader.backup(&elsewhere.path())).expect("a backup");
    appending.await.expect("appends go on");
    assert_eq!(
        std::fs::metadata(elsewhere.path()).expect("the copy").len(),
        bytes
    );
    let names: Vec<_> = std::fs::read_dir(elsewhere.path().parent().expect("a folder"))
        .expect("its files")
        .collect();
    assert_eq!(names.len(), 1, "the copy is one file: {names:?}");
    let (all, restored) = (events(&host).await, elsewhere.open());
    let copied = events(&restored).await;
    assert!(copied.len() >= 300, "{}", copied.len());
    assert_eq!(
        copied[..],
        all[..copied.len()],
        "a part of the history without a gap"
    );
    assert_eq!(claim(&restored, 1, 10).await.len(), 1);
    restored.append(event(1_000)).await.expect("an append");
}

#[tokio::test]
async fn backup_overwrites_nothing() {
    let folder = Folder::new();
    let store = folder.open();
    let taken = folder.path().with_file_name("taken");
    std::fs::write(&taken, "precious").expect("a file");
    assert!(matches!(
        store.backup(&taken),
        Err(BackupError::Exists { .. })
    ));
    assert_eq!(std::fs::read(&taken).expect("the file"), b"precious");

    let nowhere = folder.path().with_file_name("nowhere").join("copy.db");
    assert!(matches!(
        store.backup(&nowhere),
        Err(BackupError::File { .. })
    ));

    // An interrupted backup left this file.
    let partial = folder.path().with_file_name("copy.db.partial");
    std::fs::write(&partial, b"half".repeat(5_000)).expect("a file");
    store
        .backup(&folder.path().with_file_name("copy.db"))
        .expect("a backup");
    assert!(!partial.exists());
}

#[tokio::test]
async fn damaged_store_gives_no_backup() {
    let folder = Folder::new();
    let store = folder.open();
    for number in 0..200 {
        store.append(event(number)).await.expect("an append");
    }

    drop(store);

    let mut bytes = std::fs::read(folder.path()).expect("the file");
    // These pages have events, which are not read when the store is opened.
    let end = bytes.len();
    bytes[end - 4096 * 20..end - 4096 * 10].fill(0xa5);
    std::fs::write(folder.path(), bytes).expect("the file");

    let copy = folder.path().with_file_name("copy.db");
    let refused = beside(&folder).backup(&copy);
    assert!(
        matches!(refused, Err(BackupError::Damaged { .. })),
        "{refused:?}"
    );
    assert!(!copy.exists());
}

#[tokio::test]
async fn pruning_shrinks_file() {
    let folder = Folder::new();
    let store = folder.open();
    route_orders_to_ship(&store).await;

    for number in 0..400 {
        let large = Event {
            body: vec![number as u8; 20_000].into(),
            ..event(number)
        };
        store.append(large).await.expect("an append");
    }

    settle_all(&store, Outcome::Done, WorkState::Done).await;
    drop(store);

    let size = || std::fs::metadata(folder.path()).expect("the file").len();
    let full = size();
    assert!(full > 400 * 20_000, "{full}");

    let store = folder.open();
    let limits = Retention {
        fallback: RetentionLimits {
            age_max: Some(Duration::from_secs(1)),
            bytes_max: None,
            ..RetentionLimits::default()
        },
        ..Retention::default()
    };
    let mut steps = 0;
    while store
        .prune(&limits, at(100), 50)
        .await
        .expect("a step")
        .more
    {
        steps += 1;
        assert!(steps < 100, "pruning comes to an end");
    }
    drop(store);
    assert!(size() < full / 4, "{} of {full} bytes are left", size());
}
