//! The contract of the store, checked on the SQLite store.

use std::sync::{Arc, Mutex};

use hookyard_store::Store;
use hookyard_store_sqlite::{Options, SqliteStore};
use hookyard_store_testing::conformance;

use crate::support::Folder;

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_store_passes_conformance() {
    // The folders must outlive the stores in them.
    let folders = Mutex::new(Vec::new());

    conformance::run(async |clock| {
        let folder = Folder::new();
        let options = Options {
            clock,
            ..Options::default()
        };
        let store = SqliteStore::open(&folder.path(), options).expect("a store");
        folders.lock().expect("no case panics here").push(folder);
        Arc::new(store) as Arc<dyn Store>
    })
    .await;
}
