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
pub(crate) mod turns;

use std::fmt;
use std::sync::Arc;

use hookyard_model::{Revision, TenantName};
use hookyard_schemes::component::{Accepted, Input, RequestVerifier, Running};

use self::bindings::VerifierPre;
use self::state::State;
use self::turns::TenantTurns;
use crate::engine::Engine;

/// A verifier that is ready to run for the sources of any tenant.
pub struct LoadedVerifier {
    engine: Arc<Engine>,
    revision: Revision,
    instances: VerifierPre<State>,
}

/// A verifier for the sources of one tenant.
struct TenantVerifier {
    verifier: Arc<LoadedVerifier>,
    turns: TenantTurns,
}

impl LoadedVerifier {
    /// Returns the SHA-256 of the verifier's file.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Returns the verifier for the sources of a tenant. All verifiers of the tenant share the
    /// tenant's turns.
    pub fn of_tenant(self: &Arc<Self>, tenant: &TenantName) -> Arc<dyn RequestVerifier> {
        Arc::new(TenantVerifier {
            verifier: Arc::clone(self),
            turns: self.engine.verifications.of(tenant),
        })
    }
}

impl RequestVerifier for TenantVerifier {
    fn verify(self: Arc<Self>, input: Input) -> Running<Accepted> {
        Box::pin(async move { call::verify(&self.verifier, &self.turns, input).await })
    }
}

impl fmt::Debug for TenantVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.verifier.fmt(f)
    }
}

impl fmt::Debug for LoadedVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadedVerifier")
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}
