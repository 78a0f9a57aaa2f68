//! `hookyard:plugin/responder`: the answer to the request that brought the event.

use hookyard_model::{Header, Response};
use wasmtime::component::{HasSelf, Linker};

use crate::call::state::State;
use crate::effects::ResponseRefusal;

mod bindings {
    //! The interface as our WIT declares it.
    wasmtime::component::bindgen!({
        path: "../../wit/hookyard",
        inline: "
            package hookyard:host;

            world capabilities {
                import hookyard:plugin/responder@0.1.0;
            }
        ",
        world: "hookyard:host/capabilities",
        imports: { default: trappable },
    });
}

use bindings::hookyard::plugin::responder;

/// Adds the interface to a linker.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    responder::add_to_linker::<_, HasSelf<State>>(linker, State::entered)
}

impl responder::Host for State {
    fn respond(
        &mut self,
        response: responder::Response,
    ) -> wasmtime::Result<Result<(), responder::Error>> {
        let _call = self.calls.begin("responder.respond");
        let headers = response.headers.into_iter().map(|header| Header {
            name: header.name,
            value: header.value.into(),
        });
        let given = self.effects.respond(Response {
            status: response.status,
            headers: headers.collect(),
            body: response.body.into(),
        });

        let refusal = match given {
            Ok(()) => return Ok(Ok(())),
            Err(refusal) => refusal,
        };
        Ok(Err(match refusal {
            ResponseRefusal::NotAsked => responder::Error::NotAsked,
            ResponseRefusal::Already => responder::Error::Already,
            ResponseRefusal::TooMuch(reason) => responder::Error::TooMuch(reason),
            ResponseRefusal::Invalid(reason) => responder::Error::Invalid(reason),
            ResponseRefusal::End(error) => return Err(error),
        }))
    }
}
