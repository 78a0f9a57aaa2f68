//! The bindings of the untyped handler, which all guests with raw bytes share.
//!
//! Each file in `examples/` is a guest, and cargo builds it into a component: `cargo build
//! --release --examples --target wasm32-wasip2`. A guest has a single behavior and little other
//! code.

wit_bindgen::generate!({
    world: "untyped",
    path: "../../wit/hookyard",
    pub_export_macro: true,
    default_bindings_module: "hookyard_guests",
});

pub use exports::hookyard::plugin::handler::{Delivery, Failure, Guest, Header, Message};
pub use hookyard::plugin::types::Retry;

/// The bindings of all effects, with the first draft of `wasi:keyvalue`.
pub mod effects {
    wit_bindgen::generate!({
        world: "hookyard:guests/effects",
        inline: "
            package hookyard:guests;

            world effects {
                import wasi:keyvalue/store@0.2.0-draft;
                import wasi:keyvalue/atomics@0.2.0-draft;
                import wasi:keyvalue/batch@0.2.0-draft;
                import hookyard:plugin/outbox@0.1.0;
            }
        ",
        path: ["../../wit/wasi/keyvalue-0.2.0-draft", "../../wit/hookyard"],
        generate_all,
    });

    pub use hookyard::plugin::outbox;
    pub use wasi::keyvalue::{atomics, batch, store};
}

/// The bindings of the second draft of `wasi:keyvalue`.
pub mod effects2 {
    wit_bindgen::generate!({
        world: "imports",
        path: "../../wit/wasi/keyvalue-0.2.0-draft2",
        generate_all,
    });

    pub use wasi::keyvalue::{atomics, batch, store};
}

/// Returns a rejection with the text of an error.
pub fn rejected(error: impl std::fmt::Debug) -> Failure {
    Failure::Reject(format!("{error:?}"))
}

/// The bindings of the response to the request that brought an event.
pub mod answer {
    wit_bindgen::generate!({
        world: "hookyard:guests/answer",
        inline: "
            package hookyard:guests;

            world answer {
                import hookyard:plugin/responder@0.1.0;
            }
        ",
        path: "../../wit/hookyard",
        generate_all,
    });

    pub use hookyard::plugin::responder::{Error, Header, Response, respond};

    /// Returns a response without headers.
    pub fn response(status: u16, body: &str) -> Response {
        Response {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
    }
}
