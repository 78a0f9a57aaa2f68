//! Loads and runs verifiers: components that decide whether a request comes from its sender.
//!
//! A verifier runs while a sender waits, before anybody has proved anything. So each request has a
//! fresh instance with small limits, and only a few instances run at once. A verifier imports the
//! crypto of `wit/verifier` and an empty WASI, and nothing else. Keys stay in the host.

mod bindings;
mod call;
mod crypto;
mod keys;
pub(crate) mod load;
mod request;
mod state;

use std::fmt;
use std::sync::Arc;

use hookyard_model::Revision;
use hookyard_schemes::component::{Accepted, Input, RequestVerifier, Running};
use tokio::sync::Semaphore;

use self::bindings::VerifierPre;
use self::state::State;
use crate::engine::Engine;

/// The maximum number of requests that all verifiers handle at the same time. Further requests
/// wait.
pub(crate) const VERIFICATIONS_MAX: usize = 8;

/// A verifier that is ready to run.
pub struct LoadedVerifier {
    engine: Arc<Engine>,
    revision: Revision,
    instances: VerifierPre<State>,
    running: Arc<Semaphore>,
}

impl LoadedVerifier {
    /// Returns the SHA-256 of the verifier's file.
    pub fn revision(&self) -> Revision {
        self.revision
    }
}

impl RequestVerifier for LoadedVerifier {
    fn verify(self: Arc<Self>, input: Input) -> Running<Accepted> {
        Box::pin(async move { call::verify(&self, input).await })
    }
}

impl fmt::Debug for LoadedVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadedVerifier")
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}
