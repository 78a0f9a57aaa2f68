//! Lists of keys: committed keys with the attempt's own writes applied.

use std::collections::BTreeSet;
use std::sync::Arc;

use hookyard_model::Key;
use hookyard_store_testing::MemoryStore;
use proptest::prelude::*;

use super::{buffer, buffer_with, key, refused, store_with, value};
use crate::Limits;
use crate::effects::Buffer;
use crate::effects::values::PAGE_KEYS;

async fn all_keys(effects: &mut Buffer) -> Vec<String> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = effects.keys("b", after.as_deref()).await.expect("a page");
        assert!(page.keys.len() <= PAGE_KEYS);
        all.extend(page.keys);
        match page.end {
            Some(end) => after = Some(end),
            None => return all,
        }
    }
}

#[test]
fn numbers_stand_for_page_ends() {
    let mut effects = buffer(&Arc::new(MemoryStore::default()));
    assert_eq!(effects.number_page_end("a".into()).expect("a number"), 1);
    assert_eq!(effects.number_page_end("b".into()).expect("a number"), 2);

    assert_eq!(effects.page_end(1).expect("the first end"), "a");
    assert_eq!(effects.page_end(2).expect("the second end"), "b");
    for unknown in [0, 3, u64::MAX] {
        assert_eq!(
            refused(effects.page_end(unknown)),
            format!("{unknown} is not a cursor that this run was given")
        );
    }
}

fn name(number: &u32) -> String {
    format!("{number:04}")
}

/// Lists the keys of an attempt that adds and removes keys of a store.
async fn listed(
    committed: &BTreeSet<u32>,
    added: &BTreeSet<u32>,
    removed: &BTreeSet<u32>,
) -> Vec<String> {
    let names: Vec<_> = committed.iter().map(name).collect();
    let values: Vec<_> = names.iter().map(|name| (name.as_str(), "v")).collect();
    let store = store_with(&values).await;
    let limits = Limits {
        kv_writes_max: 10_000,
        ..Limits::default()
    };
    let mut effects = buffer_with(&store, &limits);

    for number in added {
        effects
            .put(key(&name(number)), value("v"))
            .expect("a write");
    }
    for number in removed {
        effects.put(key(&name(number)), None).expect("a deletion");
    }
    let elsewhere = Key {
        bucket: "other".into(),
        key: "elsewhere".into(),
    };
    effects.put(elsewhere, value("v")).expect("a write");
    all_keys(&mut effects).await
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn list_has_committed_keys_with_own_writes(
        committed in proptest::collection::btree_set(0..2_000u32, 0..700),
        added in proptest::collection::btree_set(0..2_000u32, 0..600),
        removed in proptest::collection::btree_set(0..2_000u32, 0..600),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let listed = runtime.block_on(listed(&committed, &added, &removed));

        let expected: Vec<_> = committed
            .union(&added)
            .filter(|number| !removed.contains(number))
            .map(name)
            .collect();
        prop_assert_eq!(listed, expected);
    }
}
