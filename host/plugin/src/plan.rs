//! Translates between a sender's JSON and the types that a plugin declared.
//!
//! A plugin's own types are the schema. When the plugin is loaded, its types are read into a
//! `Shape` (plain data), checked, and compiled to a `Plan`, which turns JSON text into component
//! values. `hookyard-shape` has shapes, plans and all rules of decoding. This module connects them
//! to wasmtime: `read` makes shapes of component types, and `values` makes component values.
//! `encode` is the opposite direction, for events that a plugin sends.

mod encode;
mod read;
#[cfg(test)]
mod tests;
mod values;

pub(crate) use hookyard_shape::{
    Case, DecodeError, Field, Names, OTHER, Plan, Pointer, Shape, TypeError,
};

pub(crate) use encode::{EncodeError, Encoding};
pub(crate) use read::shape_of;
pub(crate) use values::ComponentValues;
