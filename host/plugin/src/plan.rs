//! The decode plan: how the JSON that a sender wrote becomes the values that a plugin declared.
//!
//! A plugin's own types are the schema. At load they are read into a `Shape` (plain data), checked and compiled into a
//! `Plan`; for each event the plan turns JSON text into component values in one pass, with no tree in between. It makes
//! just the fields that the plugin declared, so a sender may add fields without breaking anybody.
//!
//! The rules, type by type, are in `decode`; how names match is in `names`; what numbers may be is in `number`.

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
