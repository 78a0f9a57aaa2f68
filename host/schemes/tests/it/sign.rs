//! Signatures of the host pass its own verifiers, and fail them when one bit differs. Keys sign
//! only during their time.
//!
//! The integration tests show that other libraries also verify the host's signatures.

mod keys;
mod support;

mod known;
mod refused;
mod rotation;
mod roundtrip;
