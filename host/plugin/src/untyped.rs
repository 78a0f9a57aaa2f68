//! The untyped handler: any event as the bytes that came in.
//!
//! Reflection would hand a body over one `Val` for each byte, forty times its size. So the signature of
//! `hookyard:plugin@0.1.0` has Rust types of its own here, through which wasmtime copies the bytes as they are. A plugin
//! with just that signature, which is what every toolchain makes of our WIT, is called that way. One with another
//! delivery record, older, newer or trimmed by hand, is called by reflection: it works, within the bound on values.
//! When our WIT grows, the grown record is to get its own Rust type beside this one.

use hookyard_store::ClaimedJob;
use wasmtime::component::{ComponentType, Lift, Lower, Val};

use crate::delivery::{Delivery, received_at};
use crate::plan::{Field, Refused, Shape, Undecodable};

/// How a plugin's untyped handler is called.
#[derive(Debug)]
pub(crate) enum Untyped {
    /// With the types below.
    Direct,
    /// With values.
    Reflected {
        delivery: Delivery,
        message: Message,
    },
}

/// How to fill a message record by reflection.
#[derive(Debug)]
pub(crate) struct Message(Vec<(String, Part)>);

#[derive(Debug, Clone, Copy)]
enum Part {
    Headers,
    Body,
    Unknown,
}

impl Untyped {
    /// Checks the parameters of a plugin's untyped handler.
    pub(crate) fn new(delivery: &Shape, message: &Shape) -> Result<Self, Refused> {
        if *delivery == direct_delivery() && *message == direct_message() {
            return Ok(Self::Direct);
        }
        Ok(Self::Reflected {
            delivery: Delivery::new(delivery)?,
            message: Message::new(message)?,
        })
    }
}

impl Message {
    fn new(shape: &Shape) -> Result<Self, Refused> {
        let Shape::Record(fields) = shape else {
            return Err(Refused {
                at: "message".into(),
                reason: "it is no record".into(),
            });
        };
        let part = |field: &Field| {
            let known = match field.name.as_str() {
                "headers" => Some((Part::Headers, headers_shape())),
                "body" => Some((Part::Body, bytes_shape())),
                _ => None,
            };
            match (known, &field.shape) {
                (Some((part, expected)), shape) if *shape == expected => {
                    Ok((field.name.clone(), part))
                }
                (None, Shape::Option(_)) => Ok((field.name.clone(), Part::Unknown)),
                (known, _) => Err(Refused {
                    at: format!("message.{}", field.name),
                    reason: match known {
                        Some((_, expected)) => format!("this host gives it as {expected}"),
                        None => "this host knows no such part; make it an option".into(),
                    },
                }),
            }
        };
        fields.iter().map(part).collect::<Result<_, _>>().map(Self)
    }

    /// The record, unless it takes more values than allowed.
    pub(crate) fn value(
        &self,
        job: &ClaimedJob,
        content: &[u8],
        values_max: usize,
    ) -> Result<Val, Undecodable> {
        let headers = &job.event.headers;
        let bytes = content.len()
            + headers
                .iter()
                .map(|header| header.value.len() + 4)
                .sum::<usize>();
        if bytes > values_max {
            return Err(Undecodable {
                path: "$".into(),
                message: format!(
                    "{bytes} bytes are more than a plugin with its own form of `delivery` can be handed; build it with \
                     the hookyard:plugin package as it is"
                ),
            });
        }
        let header = |header: &hookyard_model::Header| {
            Val::Record(vec![
                ("name".into(), Val::String(header.name.clone())),
                ("value".into(), bytes_value(&header.value)),
            ])
        };
        let part = |part: Part| match part {
            Part::Headers => Val::List(headers.iter().map(header).collect()),
            Part::Body => bytes_value(content),
            Part::Unknown => Val::Option(None),
        };
        Ok(Val::Record(
            self.0
                .iter()
                .map(|(name, kind)| (name.clone(), part(*kind)))
                .collect(),
        ))
    }
}

fn bytes_value(bytes: &[u8]) -> Val {
    Val::List(bytes.iter().copied().map(Val::U8).collect())
}

fn bytes_shape() -> Shape {
    Shape::List(Box::new(Shape::U8))
}

fn record(fields: impl IntoIterator<Item = (&'static str, Shape)>) -> Shape {
    let field = |(name, shape): (&str, Shape)| Field {
        name: name.to_owned(),
        shape,
    };
    Shape::Record(fields.into_iter().map(field).collect())
}

fn headers_shape() -> Shape {
    Shape::List(Box::new(record([
        ("name", Shape::String),
        ("value", bytes_shape()),
    ])))
}

fn direct_message() -> Shape {
    record([("headers", headers_shape()), ("body", bytes_shape())])
}

fn direct_delivery() -> Shape {
    record([
        ("event-id", Shape::String),
        ("tenant", Shape::String),
        ("source", Shape::String),
        ("provider", Shape::String),
        ("event-type", Shape::Option(Box::new(Shape::String))),
        ("key", Shape::String),
        ("attempt", Shape::U32),
        ("received-at", Shape::U64),
    ])
}

/// `hookyard:plugin/types@0.1.0.delivery`.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct DirectDelivery<'a> {
    #[component(name = "event-id")]
    event_id: String,
    tenant: &'a str,
    source: &'a str,
    provider: &'a str,
    #[component(name = "event-type")]
    event_type: Option<&'a str>,
    key: &'a str,
    attempt: u32,
    #[component(name = "received-at")]
    received_at: u64,
}

/// `hookyard:plugin/handler@0.1.0.message`.
#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct DirectMessage<'a> {
    headers: Vec<DirectHeader<'a>>,
    body: &'a [u8],
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct DirectHeader<'a> {
    name: &'a str,
    value: &'a [u8],
}

/// `hookyard:plugin/types@0.1.0.failure`.
#[derive(ComponentType, Lift)]
#[component(variant)]
pub(crate) enum DirectFailure {
    #[component(name = "retry")]
    Retry(DirectRetry),
    #[component(name = "reject")]
    Reject(String),
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct DirectRetry {
    pub(crate) reason: String,
    pub(crate) after: Option<u64>,
}

/// The arguments of a direct call.
pub(crate) fn direct<'a>(
    job: &'a ClaimedJob,
    content: &'a [u8],
) -> (DirectDelivery<'a>, DirectMessage<'a>) {
    let event = &*job.event;
    let header = |header: &'a hookyard_model::Header| DirectHeader {
        name: &header.name,
        value: &header.value,
    };
    (
        DirectDelivery {
            event_id: event.id.to_string(),
            tenant: event.source.tenant.as_str(),
            source: event.source.name.as_str(),
            provider: &event.provider,
            event_type: event.event_type.as_deref(),
            key: &event.key,
            attempt: job.lease.attempt,
            received_at: received_at(job),
        },
        DirectMessage {
            headers: event.headers.iter().map(header).collect(),
            body: content,
        },
    )
}
