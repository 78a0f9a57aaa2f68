//! A function that sends an event: its parameters, its result, and the effect of a call.
//!
//! Parameters are recognized by their names, so that a provider's interface may get more of them
//! later. A parameter that the plugin was built without counts as not given. A parameter that this
//! host does not know must be an option, and its value must be `none`.

use hookyard_model::{DestinationName, Message, MessageId, Payload, Timestamp};
use hookyard_schemes::JsonPointer;
use hookyard_schemes::{Envelope, EnvelopeValues};
use serde_json::value::RawValue;
use wasmtime::component::Val;
use wasmtime::component::types::ComponentFunc;

use crate::Contract;
use crate::call::state::State;
use crate::capability::destination;
use crate::effects::Refusal;
use crate::plan::{Case, EncodeError, Encoding, Pointer, Shape, shape_of};

/// A function of an imported interface.
pub(super) struct Function {
    name: String,
    event_type: String,
    parameters: Vec<Parameter>,
    envelope: Envelope,
    /// The pointer to the ordering key in the payload.
    ordering: Option<JsonPointer>,
    provider: String,
}

/// The meaning of a parameter.
enum Parameter {
    Payload(Encoding),
    Destination,
    /// A parameter that this host does not know, by its name.
    Unknown(String),
}

/// Why an event is not sent.
enum SendError {
    /// The call returns this error to the guest.
    Returned(Val),
    /// The attempt ends.
    End(wasmtime::Error),
}

impl Function {
    /// Reads a function of an import.
    ///
    /// # Errors
    ///
    /// Returns the reason as text if the host cannot provide the function.
    pub(super) fn read(
        name: &str,
        ty: &ComponentFunc,
        contract: &Contract,
    ) -> Result<Self, String> {
        let outgoing = &contract.outgoing;
        let event_type = event_type(name, contract)?;
        if ty.async_() {
            return Err(format!(
                "`{name}` is async, which this host does not offer; build it without"
            ));
        }
        check_result(name, ty)?;

        let mut parameters = Vec::new();
        for (parameter, ty) in ty.params() {
            let shape = shape_of(&ty, parameter)
                .map_err(|error| not_encodable(name, &error.at, &error.reason))?;
            parameters.push(Parameter::read(name, parameter, &shape, contract)?);
        }

        let function = Self {
            name: name.to_owned(),
            event_type,
            parameters,
            envelope: outgoing.envelope.clone(),
            ordering: outgoing.order.clone(),
            provider: contract.provider.clone(),
        };
        function.check_payload()?;
        Ok(function)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Checks that there is one payload, and that it always has the fields that the envelope and
    /// the order need.
    fn check_payload(&self) -> Result<(), String> {
        let payloads: Vec<_> = self
            .parameters
            .iter()
            .filter_map(|parameter| match parameter {
                Parameter::Payload(encoding) => Some(encoding),
                _ => None,
            })
            .collect();
        let [payload] = payloads[..] else {
            return Err(format!("`{}` has no parameter `payload`", self.name));
        };

        let is_present = |pointer: &JsonPointer| {
            Pointer::parse(pointer.as_str())
                .is_some_and(|pointer| payload.always_has(pointer.tokens()))
        };
        let needed = self.envelope.pointers().into_iter().chain(&self.ordering);
        for pointer in needed {
            if !is_present(pointer) {
                return Err(format!(
                    "the payload of `{}` may lack {pointer}, which the provider's events need; give it a field of that \
                     name that is not an option",
                    self.name
                ));
            }
        }
        Ok(())
    }

    /// Adds an event to the attempt's effects, and returns the result for the guest.
    pub(super) fn call(&self, state: &mut State, parameters: &[Val]) -> wasmtime::Result<Val> {
        match self.send(state, parameters) {
            Ok(id) => {
                let id = Val::String(id.to_string());
                Ok(Val::Result(Ok(Some(Box::new(id)))))
            }
            Err(SendError::Returned(error)) => Ok(Val::Result(Err(Some(Box::new(error))))),
            Err(SendError::End(error)) => Err(error),
        }
    }

    fn send(&self, state: &mut State, parameters: &[Val]) -> Result<MessageId, SendError> {
        let _call = state.calls.begin("events.send");
        let bytes_max = state.terms.limits.transfer_max;
        let mut destination = None;
        let mut payload = None;

        for (parameter, value) in self.parameters.iter().zip(parameters) {
            match parameter {
                Parameter::Payload(encoding) => {
                    payload = Some(encode(encoding, value, bytes_max)?);
                }
                Parameter::Destination => destination = optional_text(value),
                Parameter::Unknown(_) if *value == Val::Option(None) => {}
                Parameter::Unknown(name) => {
                    return Err(SendError::other(format!(
                        "this host does not know the parameter `{name}`"
                    )));
                }
            }
        }

        let payload = payload.expect("a function without a payload is never loaded");
        let destination = self.destination(destination, state)?;
        let id = state.effects.new_message_id();
        let body = self.body(id, state.clock.now(), &payload, bytes_max)?;
        let ordering_key = self.ordering_key(&payload)?;
        state.effects.add_message(Message {
            id,
            destination,
            event_type: Some(self.event_type.clone()),
            body: body.into(),
            ordering_key,
        })?;
        Ok(id)
    }

    /// Returns the destination of this name, or the only granted destination if the guest gives no
    /// name.
    fn destination(&self, name: Option<&str>, state: &State) -> Result<DestinationName, SendError> {
        let provider = Some(self.provider.as_str());
        if let Some(name) = name {
            return destination::find(state, name, provider)
                .ok_or_else(SendError::no_such_destination);
        }

        let granted: Vec<_> = destination::granted(&state.terms.grants, provider).collect();
        if let [only] = granted[..] {
            return Ok(only.clone());
        }
        let names: Vec<_> = granted.into_iter().map(DestinationName::as_str).collect();
        Err(SendError::other(format!(
            "say which destination: {}",
            names.join(", ")
        )))
    }

    fn body(
        &self,
        id: MessageId,
        now: Timestamp,
        payload: &RawValue,
        bytes_max: usize,
    ) -> Result<String, SendError> {
        let filling = EnvelopeValues {
            id: &id.to_string(),
            event_type: &self.event_type,
            time: &now.to_string(),
            payload,
        };
        let body = self
            .envelope
            .fill(&filling)
            .map_err(|error| SendError::other(error.to_string()))?;

        if body.len() > bytes_max {
            return Err(SendError::too_large(bytes_max));
        }
        Ok(body)
    }

    fn ordering_key(&self, payload: &RawValue) -> Result<Option<String>, SendError> {
        let Some(pointer) = &self.ordering else {
            return Ok(None);
        };
        hookyard_schemes::ordering_key(pointer, &Payload::Body, payload.get().as_bytes())
            .map_err(|refusal| SendError::other(refusal.to_string()))
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
                .map_err(|error| not_encodable(function, &error.at, &error.reason)),
            ("destination", shape) if *shape == Shape::Option(Box::new(Shape::String)) => {
                Ok(Self::Destination)
            }
            ("destination", _) => Err(format!(
                "the `destination` of `{function}` is not an option<string>"
            )),
            (name, Shape::Option(_)) => Ok(Self::Unknown(name.to_owned())),
            (name, _) => Err(format!(
                "this host does not know the parameter `{name}` of `{function}`; make it an option"
            )),
        }
    }
}

/// Returns the event type that a function of this name sends.
fn event_type(function: &str, contract: &Contract) -> Result<String, String> {
    let types = &contract.outgoing.types;
    if let Some(event_type) = types.get(function) {
        return Ok(event_type.clone());
    }

    let known: Vec<_> = types.keys().map(String::as_str).collect();
    let known = if known.is_empty() {
        "none".to_owned()
    } else {
        known.join(", ")
    };
    Err(format!(
        "`{function}` is not an event that {} accepts (accepted events: {known})",
        contract.provider
    ))
}

fn not_encodable(function: &str, at: &str, reason: &str) -> String {
    format!("{at} of `{function}` cannot be written as JSON: {reason}")
}

/// Checks that a function returns `result<string, error>`, with the `error` of
/// `hookyard:plugin/outbox`.
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
    let expected = Shape::Result {
        ok: Some(Box::new(Shape::String)),
        err: Some(Box::new(error)),
    };

    let results: Vec<_> = ty.results().map(|ty| shape_of(&ty, "result")).collect();
    match results.as_slice() {
        [Ok(shape)] if *shape == expected => Ok(()),
        _ => Err(format!(
            "`{name}` returns another type than result<string, error>, with the error of hookyard:plugin/outbox"
        )),
    }
}

/// Returns the text in an `option<string>`.
fn optional_text(value: &Val) -> Option<&str> {
    let Val::Option(Some(value)) = value else {
        return None;
    };
    match &**value {
        Val::String(text) => Some(text),
        _ => None,
    }
}

fn encode(encoding: &Encoding, value: &Val, bytes_max: usize) -> Result<Box<RawValue>, SendError> {
    encoding
        .encode(value, bytes_max)
        .map_err(|error| match error {
            EncodeError::TooLarge => SendError::too_large(bytes_max),
            EncodeError::At { path, message } => SendError::other(format!("{path}: {message}")),
        })
}

impl SendError {
    fn no_such_destination() -> Self {
        Self::Returned(Val::Variant("no-such-destination".to_owned(), None))
    }

    fn too_large(bytes_max: usize) -> Self {
        Self::with_text("too-much", format!("a message may have {bytes_max} bytes"))
    }

    fn other(text: String) -> Self {
        Self::with_text("other", text)
    }

    fn with_text(case: &str, text: String) -> Self {
        let payload = Box::new(Val::String(text));
        Self::Returned(Val::Variant(case.to_owned(), Some(payload)))
    }
}

impl From<Refusal> for SendError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Guest(text) => Self::with_text("too-much", text),
            Refusal::End(error) => Self::End(error),
        }
    }
}
