//! Cases that the vectors do not cover: other results than accept and refuse, invalid settings, and
//! sizes and shapes that no sender has. The keys are generated in the tests, and sign with code
//! that the verifiers do not use.

pub(crate) mod hostile;
pub(crate) mod support;
mod signers;

mod credential;
mod describe;
mod public_key;
mod recipe;
mod token;
mod json;
mod jws;
mod certificate;
mod http_signatures;
mod jwt;
mod robust;
mod sns;
mod standard_webhooks;
