//! Releases in a file, and orders that another process gives to a running host.

use std::time::Duration;

use hookyard_model::{Revision, Step};
use hookyard_store::{Block, Order, ReleaseStep, Releases};
use hookyard_store_sqlite::SqliteStore;

use crate::support::{Folder, at, ship};

/// A timeout that is only reached if a change goes unnoticed.
const NEVER: Duration = Duration::from_secs(20);

fn revision() -> Revision {
    Revision::from_sha256([7; 32])
}

#[tokio::test]
async fn releases_outlive_their_host() {
    let folder = Folder::new();
    let step = ReleaseStep {
        revision: Some(revision()),
        step: Step::Active,
        at: at(1),
        reason: None,
        report: None,
    };

    let block = Block {
        plugin: ship(),
        revision: revision(),
        reason: "bad".into(),
        since: at(2),
        blocked_by: None,
    };
    let host = folder.open();
    host.record(&ship(), std::slice::from_ref(&step))
        .await
        .expect("a record");
    host.block(block.clone(), None).await.expect("a block");
    drop(host);

    let read = SqliteStore::open_read_only(&folder.path()).expect("a store to read");
    assert_eq!(read.steps(&ship()).await.expect("the steps"), [step]);
    assert_eq!(
        read.revisions(None).await.expect("the revisions")[0].served_at,
        Some(at(1))
    );
    assert_eq!(read.blocks().await.expect("the blocks"), [block]);
}

#[tokio::test]
async fn host_notices_order_of_other_process() {
    let folder = Folder::new();
    let host = folder.open();
    assert!(SqliteStore::has_host(&folder.path()));
    let other = SqliteStore::open_beside(&folder.path()).expect("a store beside its host");
    other
        .order(
            Order {
                plugin: ship(),
                revision: revision(),
                is_pin: true,
                ordered_at: at(1),
                ordered_by: None,
            },
            None,
        )
        .await
        .expect("a order");
    tokio::time::timeout(NEVER, host.releases_changed())
        .await
        .expect("the host notices the change");
    assert_eq!(host.orders().await.expect("the orders").len(), 1);
    drop(host);
    assert!(
        !SqliteStore::has_host(&folder.path()),
        "a process that only writes next to a host is not a host"
    );
}
