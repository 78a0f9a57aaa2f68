//! Test doubles for the store, and the tests that every store must pass.
//!
//! [`MemoryStore`] is the simplest store. [`FaultyStore`] wraps a store and fails on demand.
//! [`TestClock`] is the clock of either. [`conformance`] has the tests that each backend runs. Only tests link this crate; `.ci/run`
//! checks that the product does not.

mod clock;
pub mod memory;
pub mod faulty;
pub mod conformance;

pub use clock::TestClock;
pub use faulty::FaultyStore;
pub use memory::MemoryStore;
