//! The stage of a rehearsed attempt: the clock, the random numbers and the settings that a guest
//! sees.
//!
//! Time and random numbers follow from the event, so that two runs of the same code on the same
//! event have the same outcome. A difference between two revisions is then a difference in their code.
//!
//! The wall clock stays at the time when the event was received, and random bytes follow from the
//! event's id. The caller chooses the ids of messages. The clock of timers is the real one: a guest
//! that waits does wait.

use std::collections::BTreeMap;
use std::sync::Arc;

use hookyard_model::{Clock, Event, Timestamp};
use sha2::{Digest as _, Sha256};
use wasmtime_wasi::{Deterministic, WasiCtxBuilder};

/// The number of random bytes after which the sequence repeats.
const RANDOM_BYTES: u32 = 4096;

/// The stage for one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    now: Timestamp,
    seed: [u8; 32],
    config: Option<Arc<BTreeMap<String, String>>>,
}

impl Stage {
    /// Creates the stage for an event.
    pub fn of(event: &Event) -> Self {
        Self {
            now: event.received_at,
            seed: Sha256::digest(event.id.as_uuid().as_bytes()).into(),
            config: None,
        }
    }

    /// Sets the time that the clock shows, in place of the time when the event was received.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        Self { now, ..self }
    }

    /// Sets the settings that `wasi:config` returns, in place of the plugin's own settings.
    #[must_use]
    pub fn with_config(self, config: Arc<BTreeMap<String, String>>) -> Self {
        Self {
            config: Some(config),
            ..self
        }
    }

    /// Returns the settings, if the stage has its own.
    pub(super) fn config(&self) -> Option<&Arc<BTreeMap<String, String>>> {
        self.config.as_ref()
    }

    /// Fixes the random numbers of a guest. Its time is fixed by [`Clock::now`].
    pub(super) fn fix_randomness(&self, builder: &mut WasiCtxBuilder) {
        let (halves, _) = self.seed.as_chunks::<16>();
        builder
            .secure_random(self.random(0))
            .insecure_random(self.random(1))
            .insecure_random_seed(u128::from_be_bytes(halves[0]));
    }

    /// Returns the sequence of one of the two generators, as numbered by `generator`.
    fn random(&self, generator: u8) -> Deterministic {
        let block = |number: u32| -> [u8; 32] {
            Sha256::new()
                .chain_update(self.seed)
                .chain_update([generator])
                .chain_update(number.to_be_bytes())
                .finalize()
                .into()
        };

        Deterministic::new((0..RANDOM_BYTES / 32).flat_map(block).collect())
    }
}

impl Clock for Stage {
    fn now(&self) -> Timestamp {
        self.now
    }
}
