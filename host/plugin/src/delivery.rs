//! What the host tells a handler of an event and of this attempt at it.
//!
//! The record is filled with the fields that the plugin declared when it was built: one built before a field was
//! added doesn't get it, one built for a newer host gets `none` for what this host doesn't know.

use hookyard_store::ClaimedJob;
use wasmtime::component::Val;

use crate::plan::{Field, Refused, Shape};

/// How to fill a plugin's delivery record.
#[derive(Debug)]
pub(crate) struct Delivery(Vec<(String, Fill)>);

#[derive(Debug, Clone, Copy)]
enum Fill {
    /// A fact, in an option or not.
    Known { fact: Fact, is_option: bool },
    /// A field that this host doesn't know, declared as an option.
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fact {
    EventId,
    Tenant,
    Source,
    Provider,
    EventType,
    Key,
    Attempt,
    ReceivedAt,
}

impl Delivery {
    /// Checks that a plugin's delivery record can be filled.
    pub(crate) fn new(shape: &Shape) -> Result<Self, Refused> {
        let Shape::Record(fields) = shape else {
            return Err(Refused {
                at: "delivery".into(),
                reason: "it is no record".into(),
            });
        };
        fields
            .iter()
            .map(|field| Ok((field.name.clone(), Fill::new(field)?)))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The record for one attempt.
    pub(crate) fn value(&self, job: &ClaimedJob) -> Val {
        Val::Record(
            self.0
                .iter()
                .map(|(name, fill)| (name.clone(), fill.value(job)))
                .collect(),
        )
    }
}

impl Fill {
    fn new(field: &Field) -> Result<Self, Refused> {
        let refused = |reason: String| Refused {
            at: format!("delivery.{}", field.name),
            reason,
        };
        let (inner, is_option) = match &field.shape {
            Shape::Option(inner) => (&**inner, true),
            shape => (shape, false),
        };
        match Fact::named(&field.name) {
            None if is_option => Ok(Self::Unknown),
            None => Err(refused(
                "this host knows no such fact; make it an option".into(),
            )),
            Some(fact) if *inner != fact.shape() => {
                Err(refused(format!("this host gives it as {}", fact.shape())))
            }
            Some(Fact::EventType) if !is_option => {
                Err(refused("it isn't always known; make it an option".into()))
            }
            Some(fact) => Ok(Self::Known { fact, is_option }),
        }
    }

    fn value(self, job: &ClaimedJob) -> Val {
        let optional = |value: Option<Val>| Val::Option(value.map(Box::new));
        match self {
            Self::Unknown => optional(None),
            Self::Known {
                fact: Fact::EventType,
                ..
            } => optional(job.event.event_type.clone().map(Val::String)),
            Self::Known {
                fact,
                is_option: true,
            } => optional(Some(fact.value(job))),
            Self::Known {
                fact,
                is_option: false,
            } => fact.value(job),
        }
    }
}

impl Fact {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "event-id" => Self::EventId,
            "tenant" => Self::Tenant,
            "source" => Self::Source,
            "provider" => Self::Provider,
            "event-type" => Self::EventType,
            "key" => Self::Key,
            "attempt" => Self::Attempt,
            "received-at" => Self::ReceivedAt,
            _ => return None,
        })
    }

    /// Its type, less the option that it may be in.
    const fn shape(self) -> Shape {
        match self {
            Self::EventId
            | Self::Tenant
            | Self::Source
            | Self::Provider
            | Self::EventType
            | Self::Key => Shape::String,
            Self::Attempt => Shape::U32,
            Self::ReceivedAt => Shape::U64,
        }
    }

    fn value(self, job: &ClaimedJob) -> Val {
        let event = &*job.event;
        match self {
            Self::EventId => Val::String(event.id.to_string()),
            Self::Tenant => Val::String(event.source.tenant.to_string()),
            Self::Source => Val::String(event.source.name.to_string()),
            Self::Provider => Val::String(event.provider.clone()),
            Self::EventType => Val::String(event.event_type.clone().unwrap_or_default()),
            Self::Key => Val::String(event.key.clone()),
            Self::Attempt => Val::U32(job.lease.attempt),
            Self::ReceivedAt => Val::U64(received_at(job)),
        }
    }
}

/// Milliseconds since 1970, zero for times before.
pub(crate) fn received_at(job: &ClaimedJob) -> u64 {
    u64::try_from(job.event.received_at.unix_millis()).unwrap_or(0)
}
