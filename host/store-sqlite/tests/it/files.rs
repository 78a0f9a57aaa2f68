//! The files of a store: who may read them, who may open them, and what happens when they
//! disappear.

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use hookyard_store::{AppendResult, Error, Events};
use hookyard_store_sqlite::{OpenError, Options, SqliteStore};

use crate::support::{Folder, event, events};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").mode() & 0o777
}

fn refusal(path: &Path) -> OpenError {
    SqliteStore::open(path, Options::default())
        .err()
        .expect("a refusal")
}

#[tokio::test]
async fn inbox_files_are_their_owners_alone() {
    let folder = Folder::new();
    let store = folder.open();
    store.append(event(1)).await.expect("an append");

    let copy = folder.path().with_file_name("copy.db");
    store.backup(&copy).expect("a backup");

    for suffix in ["", "-wal", "-shm", ".lock"] {
        let mut path = folder.path().into_os_string();
        path.push(suffix);
        assert_eq!(mode(Path::new(&path)), 0o600, "{suffix}");
    }

    assert_eq!(mode(&copy), 0o600);
}

#[test]
fn backup_follows_no_symlink() {
    let folder = Folder::new();
    let store = folder.open();
    let (copy, victim) = (
        folder.path().with_file_name("copy.db"),
        folder.path().with_file_name("victim"),
    );
    symlink(&victim, folder.path().with_file_name("copy.db.partial")).expect("a symlink");
    store.backup(&copy).expect("a backup");
    assert!(!victim.exists() && fs::symlink_metadata(&copy).expect("the copy").is_file());

    let dangling = folder.path().with_file_name("dangling.db");
    symlink(&victim, &dangling).expect("a symlink");
    assert!(store.backup(&dangling).is_err() && !victim.exists());
}

#[test]
fn second_host_is_refused_by_any_path() {
    let folder = Folder::new();
    let _host = folder.open();
    let soft = folder.path().with_file_name("soft.db");
    symlink(folder.path(), &soft).expect("a symlink");
    assert!(matches!(refusal(&soft), OpenError::InUse { .. }));

    fs::remove_file(folder.path().with_file_name("hookyard.db.lock")).expect("a lock file");
    assert!(matches!(refusal(&folder.path()), OpenError::InUse { .. }));

    let hard = folder.path().with_file_name("hard.db");
    fs::hard_link(folder.path(), &hard).expect("a hard link");
    assert!(matches!(refusal(&hard), OpenError::Linked { links: 2, .. }));
}

#[tokio::test]
async fn missing_files_stop_acknowledgements() {
    let folder = Folder::new();
    let store = folder.open();
    for (number, suffix) in [(1, ""), (3, "-wal"), (5, "-shm")] {
        store.append(event(number)).await.expect("an append");
        let mut path = folder.path().into_os_string();
        path.push(suffix);
        let away = folder.path().with_file_name("away");
        fs::rename(&path, &away).expect("a move");
        assert!(
            matches!(
                store.append(event(number + 1)).await,
                Err(Error::Unknown(_))
            ),
            "it may be in the file that is away: {suffix:?}"
        );
        assert!(
            matches!(store.append(event(number + 1)).await, Err(Error::Store(_))),
            "without {suffix:?}"
        );
        fs::rename(&away, &path).expect("a move back");
        assert_eq!(
            store
                .append(event(number + 1))
                .await
                .expect("service returns"),
            AppendResult::New
        );
    }

    assert_eq!(events(&store).await.len(), 6);
}

#[tokio::test]
async fn empty_database_is_noticed() {
    let folder = Folder::new();
    let store = folder.open();
    store.append(event(1)).await.expect("an append");
    fs::File::options()
        .write(true)
        .open(folder.path())
        .expect("the file")
        .set_len(0)
        .expect("an empty file");

    let answer = store.append(event(2)).await;
    assert!(matches!(answer, Err(Error::Unknown(_))), "{answer:?}");
    assert!(matches!(store.append(event(2)).await, Err(Error::Store(_))));
}
