//! The contract of the store as tests: every backend must pass every case.
//!
//! A case gets an empty store and panics if the store breaks the contract. The store counts time by
//! a clock that the case sets, and the case waits for nothing except changes, so the cases are as
//! fast as the backend.

mod appending;
mod auditing;
mod claiming;
mod counting;
mod discarding;
mod effects;
mod ending;
mod failing;
mod handing_over;
pub(crate) mod support;
mod listing;
mod ordering;
mod outbox;
mod releasing;
mod quarantining;
mod recording;
mod refusing;
mod replaying;
mod responding;
mod retaining;
mod retrying;
mod routing;
mod searching;
mod selecting;
mod settling;
mod waking;

use std::pin::Pin;
use std::sync::Arc;

use hookyard_store::Store;

use crate::TestClock;
use support::{TestStore, at};

/// A running case.
pub type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A test of the contract.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// The name of the case, which states what is true if it passes.
    pub name: &'static str,
    body: fn(TestStore) -> Running,
}

impl Case {
    /// Runs the case on an empty store that counts time by this clock. Panics if the store breaks
    /// the contract.
    pub fn run(&self, store: Arc<dyn Store>, clock: Arc<TestClock>) -> Running {
        (self.body)(TestStore { store, clock })
    }
}

macro_rules! table {
    ($($case:ident),* $(,)?) => {
        &[$($crate::conformance::Case { name: stringify!($case), body: |store| Box::pin($case(store)) }),*]
    };
}
use table;

/// Returns every case, in reading order.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    let groups: &[&'static [Case]] = &[
        appending::CASES,
        routing::CASES,
        claiming::CASES,
        handing_over::CASES,
        ordering::CASES,
        settling::CASES,
        ending::CASES,
        effects::CASES,
        recording::CASES,
        responding::CASES,
        waking::CASES,
        listing::CASES,
        selecting::CASES,
        searching::CASES,
        counting::CASES,
        auditing::CASES,
        replaying::CASES,
        discarding::CASES,
        quarantining::CASES,
        retrying::CASES,
        retaining::CASES,
        releasing::CASES,
        refusing::CASES,
        failing::CASES,
    ];
    groups.iter().chain(outbox::GROUPS).copied().flatten()
}

/// Runs every case, each on a new store from `make`, and panics with the names of the cases that
/// failed. The store counts time by the clock that `make` gets.
pub async fn run(make: impl AsyncFn(Arc<TestClock>) -> Arc<dyn Store>) {
    let mut failed = Vec::new();
    for case in cases() {
        let clock = Arc::new(TestClock::new(at(0)));
        let store = make(Arc::clone(&clock)).await;
        // In a separate task, so that a case that panics does not stop the others.
        match tokio::spawn(case.run(store, clock)).await {
            Ok(()) => println!("ok      {}", case.name),
            Err(_) => failed.push(case.name),
        }
    }

    assert!(failed.is_empty(), "the contract is broken: {failed:?}");
}
