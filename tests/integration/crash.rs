//! The crash test in its short form; `cargo crash-test` is the long form.

use std::time::Duration;

use anyhow::Result;
use crash_test::{Ledger, Plan};

#[tokio::test(flavor = "multi_thread")]
async fn crashes_lose_and_double_nothing() -> Result<()> {
    let plan = Plan {
        kills: Plan::ROUND,
        seed: 4,
        passes_max: 20,
        load_max: Duration::from_millis(200),
    };
    let ledger = crash_test::run(plan, |_, _, _| {}).await?;
    println!("{ledger}");
    assert!(ledger.is_balanced(), "{ledger}");
    assert_eq!(ledger.deaths.values().sum::<u32>(), Plan::ROUND);
    let Ledger {
        sent,
        requests,
        attempts,
        deliveries,
        ..
    } = ledger;
    assert!(sent > 200, "the load was only {sent} events");
    assert!(
        requests > sent && attempts > sent,
        "no death cut anything off: {requests} requests, {attempts} attempts"
    );
    assert!(
        deliveries > sent,
        "nothing was sent again: {deliveries} deliveries"
    );
    Ok(())
}
