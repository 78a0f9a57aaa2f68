//! The contract of every inbox, on this one.

use std::sync::{Arc, Mutex};

use hookyard_store::Store;
use hookyard_store_testing::conformance;

use crate::fixtures::Folder;

#[tokio::test(flavor = "multi_thread")]
async fn keeps_the_contract() {
    let folders = Mutex::new(Vec::new());
    conformance::run(async || {
        let folder = Folder::new();
        let inbox = folder.open();
        folders.lock().expect("no case panics here").push(folder);
        Arc::new(inbox) as Arc<dyn Store>
    })
    .await;
    let folder = Folder::new();
    conformance::recording::run(async || Arc::new(folder.open())).await;
}
