//! One function that sends an event: what it is given and returns, and what becomes of a call.
//!
//! Parameters are told by their names, so that more of them may be added to a provider's interface later: one that a
//! plugin was built without is as if nothing was said, and one that this host doesn't know has to be an option, and to
//! be `none`.

use std::sync::Arc;

use hookyard_model::{DestinationName, Message, MessageId, Payload, Timestamp};
use hookyard_schemes::JsonPointer;
use hookyard_schemes::provider::outgoing::{Envelope, Filling};
use serde_json::value::RawValue;
use wasmtime::component::Val;
use wasmtime::component::types::ComponentFunc;

use crate::Contract;
use crate::call::State;
use crate::effects::Denied;
use crate::output::Output;
use crate::plan::{Case, Encoding, Pointer, Shape, Unencodable};

/// A function of an imported interface.
pub(super) struct Function {
    name: String,
    event_type: String,
    /// What each of its parameters is, in their order.
    parameters: Vec<Parameter>,
    envelope: Envelope,
    order: Option<JsonPointer>,
    destinations: Arc<[DestinationName]>,
    provider: String,
}

/// What a parameter says.
enum Parameter {
    Payload(Encoding),
    Destination,
    /// Nothing that this host knows.
    Unknown(String),
}

/// Why a plugin's event isn't taken.
enum Untaken {
    /// The guest is answered with this error.
    Answer(Val),
    /// The attempt ends.
    End(wasmtime::Error),
}

impl Function {
    /// Reads a function of this name; the error says what is wrong with it.
    pub(super) fn read(
        name: &str,
        ty: &ComponentFunc,
        contract: &Contract,
        destinations: Arc<[DestinationName]>,
    ) -> Result<Self, String> {
        let outgoing = &contract.outgoing;
        let event_type = outgoing.types.get(name).ok_or_else(|| {
            let known: Vec<_> = outgoing.types.keys().map(String::as_str).collect();
            let known = if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            };
            format!(
                "`{name}` sends no event that {} is sent (those there are: {known})",
                contract.provider
            )
        })?;
        if ty.async_() {
            return Err(format!(
                "`{name}` is async, which this host does not offer; build it without"
            ));
        }
        check_result(name, ty)?;
        let parameters: Vec<_> = ty
            .params()
            .map(|(parameter, ty)| {
                let shape = Shape::of(&ty, parameter)
                    .map_err(|refused| unwritable(name, &refused.at, &refused.reason))?;
                Parameter::read(name, parameter, &shape, contract)
            })
            .collect::<Result<_, _>>()?;
        let function = Self {
            name: name.to_owned(),
            event_type: event_type.clone(),
            parameters,
            envelope: outgoing.envelope.clone(),
            order: outgoing.order.clone(),
            destinations,
            provider: contract.provider.clone(),
        };
        function.check_payload()?;
        Ok(function)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// There is one payload, and it has all that the envelope needs.
    fn check_payload(&self) -> Result<(), String> {
        let payloads = self
            .parameters
            .iter()
            .filter_map(|parameter| match parameter {
                Parameter::Payload(encoding) => Some(encoding),
                _ => None,
            });
        let [payload] = payloads.collect::<Vec<_>>()[..] else {
            return Err(format!("`{}` has no parameter `payload`", self.name));
        };
        let needed = self.envelope.pointers().into_iter().chain(&self.order);
        let stands = |pointer: &JsonPointer| {
            Pointer::parse(pointer.as_str()).is_some_and(|place| payload.always_has(place.tokens()))
        };
        match needed.into_iter().find(|pointer| !stands(pointer)) {
            None => Ok(()),
            Some(pointer) => Err(format!(
                "the payload of `{}` may lack {pointer}, by which the provider's events are told apart; give it a field \
                 of that name that is no option",
                self.name
            )),
        }
    }

    /// Takes an event; what the guest is answered.
    pub(super) fn call(
        &self,
        state: &mut State,
        parameters: &[Val],
        now: Timestamp,
    ) -> wasmtime::Result<Val> {
        match self.take(state, parameters, now) {
            Ok(id) => Ok(Val::Result(Ok(Some(Box::new(Val::String(id.to_string())))))),
            Err(Untaken::Answer(error)) => Ok(Val::Result(Err(Some(Box::new(error))))),
            Err(Untaken::End(error)) => Err(error),
        }
    }

    fn take(
        &self,
        state: &mut State,
        parameters: &[Val],
        now: Timestamp,
    ) -> Result<MessageId, Untaken> {
        let bytes_max = state.terms.limits.transfer_max;
        let (mut destination, mut payload) = (None, None);
        for (parameter, value) in self.parameters.iter().zip(parameters) {
            match parameter {
                Parameter::Payload(encoding) => {
                    payload = Some(encoded(encoding, value, bytes_max)?)
                }
                Parameter::Destination => destination = text(value),
                Parameter::Unknown(_) if *value == Val::Option(None) => {}
                Parameter::Unknown(name) => {
                    return Err(Untaken::other(format!("this host knows no `{name}`")));
                }
            }
        }
        let payload = payload.expect("a function without a payload isn't loaded");
        let destination = self.destination(destination, &state.output)?;
        let id = state.effects.message_id();
        let body = self.body(id, now, &payload, bytes_max)?;
        let ordering_key = self.ordering_key(&payload)?;
        let event_type = Some(self.event_type.clone());
        state.effects.post(Message {
            id,
            destination,
            event_type,
            body: body.into(),
            ordering_key,
        })?;
        Ok(id)
    }

    /// The destination of this name, or else the only one. The answer to a wrong name has no room for a reason, so the log
    /// has it.
    fn destination(
        &self,
        named: Option<&str>,
        output: &Output,
    ) -> Result<DestinationName, Untaken> {
        match (named, &*self.destinations) {
            (Some(named), all) => all
                .iter()
                .find(|name| name.as_str() == named)
                .cloned()
                .ok_or_else(|| {
                    output.note(&format!(
                        "it isn't granted a destination {named} of the provider {}",
                        self.provider
                    ));
                    Untaken::no_such_destination()
                }),
            (None, [only]) => Ok(only.clone()),
            (None, all) => {
                let names: Vec<_> = all.iter().map(DestinationName::as_str).collect();
                Err(Untaken::other(format!(
                    "say which destination: {}",
                    names.join(", ")
                )))
            }
        }
    }

    fn body(
        &self,
        id: MessageId,
        now: Timestamp,
        payload: &RawValue,
        bytes_max: usize,
    ) -> Result<String, Untaken> {
        let (id, time) = (id.to_string(), now.to_string());
        let filling = Filling {
            id: &id,
            event_type: &self.event_type,
            time: &time,
            payload,
        };
        let body = self
            .envelope
            .fill(&filling)
            .map_err(|unfilled| Untaken::other(unfilled.to_string()))?;
        if body.len() > bytes_max {
            Err(Untaken::too_large(bytes_max))
        } else {
            Ok(body)
        }
    }

    fn ordering_key(&self, payload: &RawValue) -> Result<Option<String>, Untaken> {
        let Some(pointer) = &self.order else {
            return Ok(None);
        };
        let key = hookyard_schemes::ordering_key(pointer, &Payload::Body, payload.get().as_bytes());
        key.map_err(|refusal| Untaken::other(refusal.to_string()))
    }
}

impl Parameter {
    fn read(
        function: &str,
        name: &str,
        shape: &Shape,
        contract: &Contract,
    ) -> Result<Self, String> {
        match (name, shape) {
            ("payload", shape) => Encoding::new(shape, &contract.outgoing.spelling, name)
                .map(Self::Payload)
                .map_err(|refused| unwritable(function, &refused.at, &refused.reason)),
            ("destination", shape) if *shape == Shape::Option(Box::new(Shape::String)) => {
                Ok(Self::Destination)
            }
            ("destination", _) => Err(format!(
                "the `destination` of `{function}` is no option<string>"
            )),
            (name, Shape::Option(_)) => Ok(Self::Unknown(name.to_owned())),
            (name, _) => Err(format!(
                "this host knows no `{name}` of `{function}`; make it an option"
            )),
        }
    }
}

fn unwritable(function: &str, at: &str, reason: &str) -> String {
    format!("{at} of `{function}` can't be written as JSON: {reason}")
}

/// What every such function returns: `result<string, error>`, the error as `hookyard:plugin/outbox` has it.
fn check_result(name: &str, ty: &ComponentFunc) -> Result<(), String> {
    let case = |name: &str, payload| Case {
        name: name.to_owned(),
        payload,
    };
    let error = Shape::Variant(vec![
        case("no-such-destination", None),
        case("too-much", Some(Shape::String)),
        case("other", Some(Shape::String)),
    ]);
    let wanted = Shape::Result {
        ok: Some(Box::new(Shape::String)),
        err: Some(Box::new(error)),
    };
    let results: Vec<_> = ty.results().map(|ty| Shape::of(&ty, "result")).collect();
    match results.as_slice() {
        [Ok(shape)] if *shape == wanted => Ok(()),
        _ => Err(format!(
            "`{name}` returns another type than result<string, error>, with the error of hookyard:plugin/outbox"
        )),
    }
}

fn text(value: &Val) -> Option<&str> {
    match value {
        Val::Option(Some(value)) => match &**value {
            Val::String(text) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

fn encoded(encoding: &Encoding, value: &Val, bytes_max: usize) -> Result<Box<RawValue>, Untaken> {
    encoding
        .encode(value, bytes_max)
        .map_err(|unencodable| match unencodable {
            Unencodable::TooLarge => Untaken::too_large(bytes_max),
            Unencodable::At { path, message } => Untaken::other(format!("{path}: {message}")),
        })
}

impl Untaken {
    fn no_such_destination() -> Self {
        Self::Answer(Val::Variant("no-such-destination".to_owned(), None))
    }

    fn too_much(text: String) -> Self {
        Self::Answer(Val::Variant(
            "too-much".to_owned(),
            Some(Box::new(Val::String(text))),
        ))
    }

    fn too_large(bytes_max: usize) -> Self {
        Self::too_much(format!("a message may have {bytes_max} bytes"))
    }

    fn other(text: String) -> Self {
        Self::Answer(Val::Variant(
            "other".to_owned(),
            Some(Box::new(Val::String(text))),
        ))
    }
}

impl From<Denied> for Untaken {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Guest(text) => Self::too_much(text),
            Denied::NoSuchStore => Self::no_such_destination(),
            Denied::End(error) => Self::End(error),
        }
    }
}
