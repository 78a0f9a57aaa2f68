//! The contract as tests: every backend passes every case.
//!
//! A case is given an empty store of its own and panics where the contract is broken. Cases pass the time in, and wait
//! for nothing but `changed`, so that they're as fast as the backend.

mod appending;
mod claiming;
mod discarding;
mod effects;
mod failing;
pub(crate) mod support;
mod listing;
mod ordering;
mod outbox;
mod releasing;
mod quarantining;
mod recording;
mod replaying;
mod retaining;
mod retrying;
mod routing;
mod selecting;
mod settling;
mod waking;

use std::pin::Pin;
use std::sync::Arc;

use hookyard_store::Store;

/// A case under way.
pub type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One test of the contract.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// What holds if it passes.
    pub name: &'static str,
    /// Panics if it doesn't hold. Wants an empty store.
    pub run: fn(Arc<dyn Store>) -> Running,
}

macro_rules! table {
    ($($case:ident),* $(,)?) => {
        &[$($crate::conformance::Case { name: stringify!($case), run: |store| Box::pin($case(store)) }),*]
    };
}
use table;

/// Every case, in reading order.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    let groups: &[&'static [Case]] = &[
        appending::CASES,
        routing::CASES,
        claiming::CASES,
        ordering::CASES,
        settling::CASES,
        effects::CASES,
        recording::CASES,
        waking::CASES,
        listing::CASES,
        selecting::CASES,
        replaying::CASES,
        discarding::CASES,
        quarantining::CASES,
        retrying::CASES,
        retaining::CASES,
        releasing::CASES,
        failing::CASES,
    ];
    groups.iter().chain(outbox::GROUPS).copied().flatten()
}

/// Runs every case, each on a store that `make` makes for it, and panics with the names of those that failed.
pub async fn run(make: impl AsyncFn() -> Arc<dyn Store>) {
    let mut failed = Vec::new();
    for case in cases() {
        let store = make().await;
        // In a task of its own, so that a case that fails doesn't keep the others from being told.
        match tokio::spawn((case.run)(store)).await {
            Ok(()) => println!("ok      {}", case.name),
            Err(_) => failed.push(case.name),
        }
    }

    assert!(failed.is_empty(), "the contract is broken: {failed:?}");
}
