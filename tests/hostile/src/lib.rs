//! Hostile guests: one tiny component for each way to harm a host, and what is to become of it.
//!
//! The engine's tests run them one by one, the tests of the real binary drop all of them at once, and the programs that
//! measure isolation and leaks take them for neighbours. `running` has those that are loaded and then misbehave,
//! `refused` those that must not be loaded at all, `unstartable`
//! those that fail before anything of them is called.

mod bomb;
mod frame;
mod refused;
mod running;

pub use bomb::compile_bomb;
pub use refused::{Refused, refused, truncated, unstartable};
pub use running::{Running, running, running_named};

use frame::FRAME;

/// A guest that does what it's asked and harms nobody.
pub fn good() -> Vec<u8> {
    FRAME.build()
}
