//! The crash test: the real host under load, killed again and again, and a ledger of what became of every event.
//!
//! Senders behave as real ones do: what isn't acknowledged is sent again. So does the receiver of what the host sends,
//! which is busy, slow or gone now and then. The host dies by `kill -9` at random moments, while it starts, and between
//! every two steps of the road of an event (`hookyard_crash::Point`). After each death a host is started that nobody
//! kills, and the books have to balance: every acknowledged event is stored, once; every stored event is handled; every
//! effect has happened exactly once; every message has been received, under one id and with one body.

mod books;
mod death;
mod ledger;
mod mailbox;
mod round;
mod senders;

pub use death::{Death, Plan};
pub use ledger::Ledger;

use anyhow::{Context, Result};

/// Kills a host as often as the plan says, telling `progress` of each death, and hands out the balanced ledger.
///
/// The first event that is lost or doubled is an error, which names it.
pub async fn run(plan: Plan, mut progress: impl FnMut(u32, &Death, &Ledger)) -> Result<Ledger> {
    let mut yard = round::Yard::new().await?;
    for (number, death) in (1..).zip(plan.deaths()) {
        let at = || {
            format!(
                "kill {number} ({death}); run again with --seed {}",
                plan.seed
            )
        };
        yard.die(&death).await.with_context(at)?;
        yard.balance().await.with_context(at)?;
        progress(number, &death, yard.ledger());
    }
    yard.close()
        .await
        .with_context(|| format!("after the last kill; run again with --seed {}", plan.seed))
}
