//! What time and chance are to a guest in a rehearsal: fixed by the event, so that two runs of the same code on the same
//! event come to the same, and what differs between two revisions is their code.
//!
//! The wall clock stands still at the moment when the event came in, random bytes follow from the event's id.
//! Ids of messages are the caller's to give. The clock of timers runs on: a guest that waits does wait.

use std::sync::Arc;

use hookyard_model::{Clock, Effects, Event, LogLine, Outcome, Timestamp};
use hookyard_store::ClaimedJob;
use sha2::{Digest as _, Sha256};
use wasmtime_wasi::{Deterministic, WasiCtxBuilder};

use crate::call::Ended;
use crate::{HostFault, Loaded, Parts};

/// Random bytes before they come again.
const RANDOM_BYTES: u32 = 4096;

/// One event's stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    now: Timestamp,
    seed: [u8; 32],
}

impl Stage {
    /// Of an event.
    pub fn of(event: &Event) -> Self {
        Self {
            now: event.received_at,
            seed: Sha256::digest(event.id.as_uuid().as_bytes()).into(),
        }
    }

    /// Fixes a guest's chance; its time is `Clock`'s.
    pub(crate) fn set(&self, builder: &mut WasiCtxBuilder) {
        let (half, _) = self.seed.as_chunks::<16>();
        builder
            .secure_random(self.random(0))
            .insecure_random(self.random(1))
            .insecure_random_seed(u128::from_be_bytes(half[0]));
    }

    fn random(&self, kind: u8) -> Deterministic {
        let part = |number: u32| {
            let hash = Sha256::new()
                .chain_update(self.seed)
                .chain_update([kind])
                .chain_update(number.to_be_bytes());
            <[u8; 32]>::from(hash.finalize())
        };
        Deterministic::new((0..RANDOM_BYTES / 32).flat_map(part).collect())
    }
}

/// What a rehearsed attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rehearsed {
    /// Its outcome.
    pub outcome: Outcome,
    /// What the guest wrote.
    pub log: Vec<LogLine>,
    /// What it would have changed; nothing unless the outcome is `Done`.
    pub effects: Effects,
}

impl Clock for Stage {
    fn now(&self) -> Timestamp {
        self.now
    }
}

impl Loaded {
    /// Attempts a job as in service, with these parts around it, and commits nothing: what it came to, and the effects
    /// that it would have had.
    pub async fn rehearse(
        self: &Arc<Self>,
        job: ClaimedJob,
        parts: Parts,
    ) -> Result<Rehearsed, HostFault> {
        let loaded = Arc::clone(self);
        let call = async move { loaded.attempt(&job, &parts).await };
        let Ended {
            outcome,
            log,
            effects,
            ..
        } = self.engine.background.run(Box::pin(call)).await?;
        Ok(Rehearsed {
            outcome,
            log,
            effects,
        })
    }
}
