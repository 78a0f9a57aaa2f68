//! Guests for tests, written in WebAssembly text: a harmless one, and hostile guests for each way
//! to harm a host.
//!
//! [`Guest`] is the frame that all of them share; the tests of `hookyard-plugin` build their own
//! guests with it. The hostile guests are in three lists. [`running`] has guests that load and then
//! misbehave. [`refused`] has files that must not be loaded. [`unstartable`] has guests that fail
//! before any of their functions is called.
//!
//! The tests of the engine run the hostile guests one by one, and the tests of the real binary drop
//! all of them at once. The programs that measure isolation and leaks use them as neighbours.

mod bomb;
mod guest;
mod module;
mod refused;
mod running;

pub use bomb::compile_bomb;
pub use guest::{Guest, HARMLESS, REALLOC, realloc_function};
pub use module::{MODULE_SAYS, deep_types, good_module, repeated_types, typed_module};
pub use refused::{RefusedFile, refused, truncated, unstartable};
pub use running::{HostileGuest, running, running_named};

/// Returns a guest that accepts every event and harms nobody.
pub fn good() -> Vec<u8> {
    HARMLESS.build()
}
