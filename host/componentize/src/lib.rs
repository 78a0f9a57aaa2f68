//! Makes components of core modules.
//!
//! Most compilers make a core module. It becomes a component by the types that bindings generators
//! put into its custom sections `component-type…`, or that [`embed`] adds. A module that imports
//! WASI preview 1 also gets an adapter to WASI 0.2.
//!
//! The crate reads and writes no file. Its functions take time and memory that depend on the
//! module, and an odd module can make them panic, so modules of strangers belong into a process
//! with limits.

mod embed;
mod encode;
mod error;
mod producers;
mod shape;
#[cfg(test)]
mod support;

pub use embed::{StringEncoding, embed};
pub use encode::component;
pub use error::Error;
pub use producers::add_tool;
pub use shape::{has_component_types, is_core_module};
