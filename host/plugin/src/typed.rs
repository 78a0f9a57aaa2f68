//! A typed handler: which case of its `event` variant a stored event is, and the value for it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use hookyard_model::{Event, Outcome, Payload};
use wasmtime::component::Val;

use crate::Contract;
use crate::plan::{Case, Names, Plan, Pointer, Refused, Shape, Undecodable};

/// The event variant of one typed handler, as the plugin declared it.
#[derive(Debug)]
pub(crate) struct Events {
    cases: Vec<(String, Option<Plan>)>,
    /// From the sender's type to the place of its case, for the cases that the plugin has.
    by_type: BTreeMap<String, usize>,
    /// The place of `other`, which takes every event that no case is for.
    other: Option<usize>,
    content: Pointer,
}

impl Events {
    /// Compiles a plugin's event variant under a provider's contract.
    pub(crate) fn new(shape: &Shape, contract: &Contract) -> Result<Self, Refused> {
        let refused = |reason: &str| Refused {
            at: "event".into(),
            reason: reason.to_owned(),
        };
        let Shape::Variant(declared) = shape else {
            return Err(refused("it is no variant"));
        };
        let names = Names::new(declared.iter().map(|case| case.name.as_str())).map_err(|_| {
            refused("two of its cases have the same name but for case, `-` and `_`")
        })?;
        let place =
            |(event_type, case): (&String, &String)| Some((event_type.clone(), names.find(case)?));
        let plan = |Case { name, payload }: &Case| {
            let plan = payload
                .as_ref()
                .map(|payload| Plan::new(payload, &format!("event.{name}")))
                .transpose()?;
            Ok((name.clone(), plan))
        };
        Ok(Self {
            cases: declared.iter().map(plan).collect::<Result<_, Refused>>()?,
            by_type: contract.cases.iter().filter_map(place).collect(),
            other: declared.iter().position(|case| case.name == "other"),
            content: Pointer::parse(&contract.content).ok_or_else(|| {
                refused("the provider's `content` is no JSON pointer; mend its provider.toml")
            })?,
        })
    }

    /// Whether there is a case for events of this type.
    pub(crate) fn takes(&self, event_type: Option<&str>) -> bool {
        self.place(event_type).is_some()
    }

    fn place(&self, event_type: Option<&str>) -> Option<usize> {
        event_type
            .and_then(|event_type| self.by_type.get(event_type).copied())
            .or(self.other)
    }

    /// The value for an event, of at most `values_max` parts.
    ///
    /// A case of its own is given the event's content, as the contract says where that is; `other` is given the whole
    /// event: with a string as payload its text as written, with another one what it decodes to.
    pub(crate) fn value(&self, event: &Event, values_max: usize) -> Result<Val, Undecodable> {
        let undecodable = |message: String| Undecodable {
            path: "$".into(),
            message,
        };
        let event_type = event.event_type.as_deref();
        let place = self
            .place(event_type)
            .ok_or_else(|| undecodable(no_case(event_type)))?;
        let (name, plan) = &self.cases[place];
        let is_other = self.other == Some(place);
        let payload = match plan {
            None => None,
            Some(Plan::String) if is_other => Some(Val::String(event_text(event)?.into_owned())),
            Some(plan) => {
                let whole = Pointer::default();
                let content = if is_other { &whole } else { &self.content };
                Some(plan.decode(content, &event_text(event)?, values_max)?)
            }
        };
        Ok(Val::Variant(name.clone(), payload.map(Box::new)))
    }
}

/// The event as the sender wrote it, out of its envelope where it came in one.
pub(crate) fn event_text(event: &Event) -> Result<Cow<'_, str>, Undecodable> {
    let body = std::str::from_utf8(&event.body).map_err(|_| Undecodable {
        path: "$".into(),
        message: "the body is not UTF-8".into(),
    })?;
    match &event.payload {
        Payload::Body => Ok(Cow::Borrowed(body)),
        Payload::TextAt(pointer) => {
            let pointer = Pointer::parse(pointer).ok_or_else(|| Undecodable {
                path: "$".into(),
                message: "the stored place of the event in its envelope is no JSON pointer".into(),
            })?;
            pointer.text(body).map(Cow::Owned)
        }
    }
}

/// What an operator reads when a plugin was given an event that it has no handler for.
pub(crate) fn no_case(event_type: Option<&str>) -> String {
    let what = event_type.map_or_else(
        || "an event without a known type".to_owned(),
        |name| format!("`{name}`"),
    );
    format!(
        "the plugin takes no {what}; add a case for it or `other(string)` to its event variant, export \
         hookyard:plugin/handler, or give it other sources"
    )
}

impl From<Undecodable> for Outcome {
    fn from(Undecodable { path, message }: Undecodable) -> Self {
        Self::Undecodable { path, message }
    }
}
