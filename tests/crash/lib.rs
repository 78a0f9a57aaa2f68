//! The crash test: kills the real host under load, again and again, and keeps a ledger of every
//! event.
//!
//! Senders behave like those in production and repeat unacknowledged requests. The receiver of the
//! host's messages is sometimes busy, slow or gone. The host ends by `kill -9` at random moments
//! and during its start, and between every two steps of an event (`hookyard_crash::Point`). After
//! each crash, the test starts a host that is not killed, and checks that every acknowledged event
//! is stored once, every stored event is handled, every effect happened exactly once, and every
//! message was received with one id and one body.

mod books;
mod death;
mod ledger;
mod mailbox;
mod round;
mod senders;

pub use death::{Death, Plan};
pub use ledger::Ledger;

use anyhow::{Context, Result};

/// Kills a host as often as the plan requires, reports each kill to `progress`, and returns the
/// ledger.
///
/// # Errors
///
/// Fails at the first event that is lost or doubled, and names the event.
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
