//! The world `verifier` as our WIT declares it.

wasmtime::component::bindgen!({
    path: "../../wit/verifier",
    world: "verifier",
    imports: { default: trappable },
    exports: { default: async },
    with: {
        "hookyard:verifier/types.request": super::request::RequestHandle,
        "hookyard:verifier/types.key": hookyard_schemes::component::KeyHandle,
    },
});

pub(super) use hookyard::verifier::{crypto, types};
