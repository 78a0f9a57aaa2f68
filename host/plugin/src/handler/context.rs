//! The context of a handler: what the host knows about the event and about this attempt.
//!
//! In WIT, the context is the record `delivery`. The host fills the fields that the plugin declared
//! when it was built. A plugin that was built before a field was added does not get that field. A
//! plugin that was built for a newer host gets `none` for fields that this host does not know.

use hookyard_store::ClaimedJob;
use wasmtime::component::Val;

use crate::plan::{Field, Shape, TypeError};

/// How to fill the record that a plugin declared, field by field.
#[derive(Debug)]
pub(crate) struct Context(Vec<(String, FieldSource)>);

/// Where the value of a field comes from.
#[derive(Debug, Clone, Copy)]
enum FieldSource {
    Fact {
        fact: Fact,
        /// Whether the plugin declared the field as an option.
        is_option: bool,
    },
    /// The host does not know the field, and the plugin declared it as an option.
    Unknown,
}

/// Something that the host knows about each attempt.
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

impl Context {
    /// Compiles how to fill the record that a plugin declared.
    ///
    /// # Errors
    ///
    /// Fails if the plugin declared a field that the host cannot fill.
    pub(crate) fn new(shape: &Shape) -> Result<Self, TypeError> {
        let Shape::Record(fields) = shape else {
            return Err(TypeError {
                at: "delivery".into(),
                reason: "it is not a record".into(),
            });
        };

        let mut sources = Vec::new();
        for field in fields {
            let source = FieldSource::new(field).map_err(|reason| TypeError {
                at: format!("delivery.{}", field.name),
                reason,
            })?;
            sources.push((field.name.clone(), source));
        }
        Ok(Self(sources))
    }

    /// Returns the record for one attempt.
    pub(crate) fn value(&self, job: &ClaimedJob) -> Val {
        let fields = self
            .0
            .iter()
            .map(|(name, source)| (name.clone(), source.value(job)));
        Val::Record(fields.collect())
    }
}

impl FieldSource {
    fn new(field: &Field) -> Result<Self, String> {
        let (inner, is_option) = match &field.shape {
            Shape::Option(inner) => (&**inner, true),
            shape => (shape, false),
        };

        match Fact::from_name(&field.name) {
            None if is_option => Ok(Self::Unknown),
            None => Err("this host does not know this field; make it an option".into()),
            Some(fact) if *inner != fact.shape() => {
                Err(format!("this host provides it as {}", fact.shape()))
            }
            Some(Fact::EventType) if !is_option => {
                Err("it is not known for every event; make it an option".into())
            }
            Some(fact) => Ok(Self::Fact { fact, is_option }),
        }
    }

    fn value(self, job: &ClaimedJob) -> Val {
        match self {
            Self::Unknown => Val::Option(None),
            Self::Fact { fact, is_option } => {
                let value = fact.value(job);
                if is_option {
                    Val::Option(value.map(Box::new))
                } else {
                    value.expect("a fact that may be missing is declared as an option")
                }
            }
        }
    }
}

impl Fact {
    /// Returns the fact for a field of this name.
    fn from_name(name: &str) -> Option<Self> {
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

    /// Returns the type of the fact, without an option around it.
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

    /// Returns the value of the fact. Only the event type may be missing.
    fn value(self, job: &ClaimedJob) -> Option<Val> {
        let event = &*job.event;
        Some(match self {
            Self::EventId => Val::String(event.id.to_string()),
            Self::Tenant => Val::String(event.source.tenant.to_string()),
            Self::Source => Val::String(event.source.name.to_string()),
            Self::Provider => Val::String(event.provider.clone()),
            Self::EventType => Val::String(event.event_type.clone()?),
            Self::Key => Val::String(event.key.clone()),
            Self::Attempt => Val::U32(job.lease.attempt),
            Self::ReceivedAt => Val::U64(received_at(job)),
        })
    }
}

/// Returns the time at which the event was received, in milliseconds since 1970. Earlier times
/// count as 0.
pub(super) fn received_at(job: &ClaimedJob) -> u64 {
    u64::try_from(job.event.received_at.unix_millis()).unwrap_or(0)
}
