//! Test doubles for the store, and the tests that every store must pass.
//!
//! [`MemoryStore`] is the simplest store. [`FaultyStore`] wraps a store and fails on demand.
//! [`conformance`] has the tests that each backend runs. Only tests link this crate; `.ci/run`
//! checks that the product does not.

pub mod memory;
pub mod faulty;
pub mod conformance;

pub use faulty::FaultyStore;
pub use memory::MemoryStore;
