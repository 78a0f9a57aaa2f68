//! Translates between a sender's JSON and the types that a plugin declared.
//!
//! A plugin's own types are the schema. When the plugin is loaded, its types are read into a
//! `Shape` (plain data), checked, and compiled to a `Plan`. For each event, the plan turns JSON
//! text into component values in one pass, without a tree in between. The plan makes only the
//! fields that the plugin declared, so a sender can add fields without breaking a plugin.
//!
//! `decode` has the rules for each type, `names` the rules for names, and `number` the rules for
//! numbers. `encode` is the opposite direction, for events that a plugin sends.

mod compile;
mod decode;
mod encode;
mod names;
mod number;
mod path;
mod pointer;
mod shape;
#[cfg(test)]
mod tests;

pub(crate) use compile::{Plan, TypeError};
pub(crate) use decode::DecodeError;
pub(crate) use encode::{EncodeError, Encoding};
pub(crate) use names::Names;
pub(crate) use pointer::Pointer;
pub(crate) use shape::{Case, Field, Shape};
