//! The untyped handler: all events as the bytes that were received.
//!
//! Reflection would pass a body as one `Val` for each byte, forty times the size of the body. So
//! the signature of `hookyard:plugin@0.1.0` has Rust types of its own here, through which wasmtime
//! copies the bytes as they are. The host calls a plugin this way if the plugin has exactly this
//! signature, which every toolchain generates from the host's WIT.
//!
//! A plugin with another record of the context is called by reflection: its record may be older,
//! newer or trimmed by hand. This works as long as the event fits the limit on values. When our WIT
//! grows, the new record must get its own Rust type next to this type.

use hookyard_model::Header;
use hookyard_store::ClaimedJob;
use wasmtime::component::{ComponentType, Lift, Lower, Val};

use super::context::{Context, received_at};
use crate::plan::{DecodeError, Field, Shape, TypeError};

/// The size of the values of a header in addition to its bytes, in values.
const HEADER_VALUES: usize = 4;

/// How a plugin's untyped handler is called.
#[derive(Debug)]
pub(crate) enum Untyped {
    /// With the Rust types below.
    Direct,
    /// With values that are made by reflection.
    Reflected { context: Context, message: Message },
}

/// How to fill the message record that a plugin declared, field by field.
#[derive(Debug)]
pub(crate) struct Message(Vec<(String, MessagePart)>);

#[derive(Debug, Clone, Copy)]
enum MessagePart {
    Headers,
    Body,
    /// The host does not know the field, and the plugin declared it as an option.
    Unknown,
}

impl Untyped {
    /// Chooses how to call a handler with parameters of these types.
    ///
    /// # Errors
    ///
    /// Fails if the plugin declared a field that the host cannot fill.
    pub(crate) fn new(context: &Shape, message: &Shape) -> Result<Self, TypeError> {
        if *context == direct_delivery_shape() && *message == direct_message_shape() {
            return Ok(Self::Direct);
        }
        Ok(Self::Reflected {
            context: Context::new(context)?,
            message: Message::new(message)?,
        })
    }
}

impl Message {
    fn new(shape: &Shape) -> Result<Self, TypeError> {
        let Shape::Record(fields) = shape else {
            return Err(TypeError {
                at: "message".into(),
                reason: "it is not a record".into(),
            });
        };

        let mut parts = Vec::new();
        for field in fields {
            let part = MessagePart::new(field).map_err(|reason| TypeError {
                at: format!("message.{}", field.name),
                reason,
            })?;
            parts.push((field.name.clone(), part));
        }
        Ok(Self(parts))
    }

    /// Returns the message record for an event.
    ///
    /// # Errors
    ///
    /// Fails if the record would have more values than `values_max`.
    pub(crate) fn value(
        &self,
        job: &ClaimedJob,
        content: &[u8],
        values_max: usize,
    ) -> Result<Val, DecodeError> {
        let headers = &job.event.headers;
        let header_values: usize = headers
            .iter()
            .map(|header| header.value.len() + HEADER_VALUES)
            .sum();
        let values = content.len() + header_values;
        if values > values_max {
            return Err(DecodeError {
                path: "$".into(),
                message: format!(
                    "{values} bytes are more than a plugin with its own form of `delivery` can take; \
                     build it with the hookyard:plugin package as it is"
                ),
            });
        }

        let field = |part: MessagePart| match part {
            MessagePart::Headers => Val::List(headers.iter().map(header_value).collect()),
            MessagePart::Body => bytes_value(content),
            MessagePart::Unknown => Val::Option(None),
        };
        let fields = self
            .0
            .iter()
            .map(|(name, part)| (name.clone(), field(*part)));
        Ok(Val::Record(fields.collect()))
    }
}

impl MessagePart {
    fn new(field: &Field) -> Result<Self, String> {
        let (part, expected) = match field.name.as_str() {
            "headers" => (Self::Headers, headers_shape()),
            "body" => (Self::Body, bytes_shape()),
            _ if matches!(field.shape, Shape::Option(_)) => return Ok(Self::Unknown),
            _ => return Err("this host does not know this field; make it an option".into()),
        };

        if field.shape != expected {
            return Err(format!("this host provides it as {expected}"));
        }
        Ok(part)
    }
}

fn header_value(header: &Header) -> Val {
    Val::Record(vec![
        ("name".into(), Val::String(header.name.clone())),
        ("value".into(), bytes_value(&header.value)),
    ])
}

fn bytes_value(bytes: &[u8]) -> Val {
    Val::List(bytes.iter().copied().map(Val::U8).collect())
}

fn bytes_shape() -> Shape {
    Shape::List(Box::new(Shape::U8))
}

fn record_shape(fields: impl IntoIterator<Item = (&'static str, Shape)>) -> Shape {
    let fields = fields.into_iter().map(|(name, shape)| Field {
        name: name.to_owned(),
        shape,
    });
    Shape::Record(fields.collect())
}

fn headers_shape() -> Shape {
    Shape::List(Box::new(record_shape([
        ("name", Shape::String),
        ("value", bytes_shape()),
    ])))
}

fn direct_message_shape() -> Shape {
    record_shape([("headers", headers_shape()), ("body", bytes_shape())])
}

fn direct_delivery_shape() -> Shape {
    record_shape([
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

/// The record `hookyard:plugin/types@0.1.0.delivery`, which holds the context.
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

/// The record `hookyard:plugin/handler@0.1.0.message`.
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

/// The variant `hookyard:plugin/types@0.1.0.failure`.
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

/// Returns the arguments of a direct call.
pub(crate) fn direct_arguments<'a>(
    job: &'a ClaimedJob,
    content: &'a [u8],
) -> (DirectDelivery<'a>, DirectMessage<'a>) {
    let event = &*job.event;
    let delivery = DirectDelivery {
        event_id: event.id.to_string(),
        tenant: event.source.tenant.as_str(),
        source: event.source.name.as_str(),
        provider: &event.provider,
        event_type: event.event_type.as_deref(),
        key: &event.key,
        attempt: job.lease.attempt,
        received_at: received_at(job),
    };

    let headers = event.headers.iter().map(|header| DirectHeader {
        name: &header.name,
        value: &header.value,
    });
    let message = DirectMessage {
        headers: headers.collect(),
        body: content,
    };
    (delivery, message)
}
