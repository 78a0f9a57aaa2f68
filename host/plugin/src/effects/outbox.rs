//! `hookyard:plugin/outbox`: messages to be sent once the attempt is done.

use wasmtime::component::{HasSelf, Linker};

use super::buffer::Denied;
use crate::call::State;

mod bindings {
    //! The interface as our WIT has it.
    wasmtime::component::bindgen!({
        path: "../../wit/hookyard",
        inline: "
            package hookyard:host;

            world capabilities {
                import hookyard:plugin/outbox@0.1.0;
            }
        ",
        world: "hookyard:host/capabilities",
        imports: { default: async | trappable },
    });
}

use bindings::hookyard::plugin::outbox;

/// Offers it.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    outbox::add_to_linker::<_, HasSelf<State>>(linker, State::entered)
}

impl outbox::Host for State {
    async fn send(
        &mut self,
        destination: String,
        body: Vec<u8>,
        ordering_key: Option<String>,
    ) -> wasmtime::Result<Result<String, outbox::Error>> {
        if !self
            .terms
            .grants
            .destinations
            .keys()
            .any(|granted| granted.as_str() == destination)
        {
            self.output
                .note(&format!("it isn't granted the destination {destination}"));
            return Ok(Err(outbox::Error::NoSuchDestination));
        }
        match self.effects.send(destination, body.into(), ordering_key) {
            Ok(Some(id)) => Ok(Ok(id.to_string())),
            Ok(None) | Err(Denied::NoSuchStore) => Ok(Err(outbox::Error::NoSuchDestination)),
            Err(Denied::Guest(reason)) => Ok(Err(outbox::Error::TooMuch(reason))),
            Err(Denied::End(error)) => Err(error),
        }
    }
}
