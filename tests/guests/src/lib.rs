//! The bindings of the untyped handler, made once for all guests that take raw bytes.
//!
//! Each guest is one file in `examples/`, built into one component:
//! `cargo build --release --examples --target wasm32-wasip2`. A guest has one behaviour and as little else as can be.

wit_bindgen::generate!({
    world: "untyped",
    path: "../../wit/hookyard",
    pub_export_macro: true,
    default_bindings_module: "hookyard_guests",
});

pub use exports::hookyard::plugin::handler::{Delivery, Failure, Guest, Header, Message};
pub use hookyard::plugin::types::Retry;
