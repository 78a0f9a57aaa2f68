//! Test doubles for the store, and the tests that every store must pass.
//!
//! [`MemoryStore`] is the simplest store, [`FaultyStore`] wraps a store and fails on demand, and
//! [`conformance`] holds the tests that each backend runs. Only tests link this crate.

pub mod memory;
pub mod faulty;
pub mod conformance;

pub use faulty::FaultyStore;
pub use memory::MemoryStore;
