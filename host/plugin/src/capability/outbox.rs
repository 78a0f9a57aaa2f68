//! `hookyard:plugin/outbox`: messages that are sent once the attempt is done.

use hookyard_model::Message;
use wasmtime::component::{HasSelf, Linker};

use super::destination;
use crate::call::state::State;
use crate::effects::Refusal;

mod bindings {
    //! The interface as our WIT declares it.
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

/// Adds the interface to a linker.
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
        let _call = self.calls.begin("outbox.send");
        let Some(destination) = destination::find(self, &destination, None) else {
            return Ok(Err(outbox::Error::NoSuchDestination));
        };

        let id = self.effects.new_message_id();
        let added = self.effects.add_message(Message {
            id,
            destination,
            event_type: None,
            body: body.into(),
            ordering_key,
        });
        match added {
            Ok(()) => Ok(Ok(id.to_string())),
            Err(Refusal::Guest(reason)) => Ok(Err(outbox::Error::TooMuch(reason))),
            Err(Refusal::End(error)) => Err(error),
        }
    }
}
