//! The types of events as plain data, and the decoding of JSON by them.
//!
//! A [`Shape`] is a type. A [`Plan`] is compiled from a shape, and decodes JSON text in one pass,
//! without a tree in between. The plan makes only the fields that the type declares, so a sender
//! can add fields without breaking a plugin. What a plan makes is up to its [`Output`]: the host
//! makes component values, and the import of providers makes plain [`Value`]s. So both follow the
//! same rules and have the same error messages.
//!
//! `decode` has the rules for each type, `names` the rules for names, and `number` the rules for
//! numbers. The crate is pure and knows nothing of WebAssembly.

mod compile;
mod decode;
mod names;
mod number;
mod output;
mod path;
mod pointer;
mod shape;
mod value;

#[cfg(any(test, feature = "testing"))]
pub mod arbitrary;
#[cfg(test)]
mod tests;
#[cfg(feature = "wit")]
pub mod wit;

pub use compile::{Cases, OTHER, Plan, TypeError};
pub use decode::{DecodeError, reader};
pub use names::{Clash, Names, fold};
pub use number::{Integer, Number};
pub use output::Output;
pub use path::{Path, Step};
pub use pointer::Pointer;
pub use shape::{Case, DEPTH_MAX, Extent, Field, PARTS_MAX, Shape};
pub use value::Value;
