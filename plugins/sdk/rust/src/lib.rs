//! Handlers of webhooks for Hookyard.
//!
//! A handler is a function. It receives an event in the provider's types and the facts of the
//! delivery, and returns [`Outcome`]:
//!
//! ```ignore
//! #[hookyard::handler]
//! fn handle(event: Event, delivery: Delivery) -> Outcome {
//!     let Event::OfferAcceptedByUser(it) = event else { return Ok(()) };
//!     let number = Bucket::new("customers").increment(&it.payload.offer_id, 1)?;
//!     log::info!("attempt {}, number {number}", delivery.attempt);
//!     Ok(())
//! }
//! ```
//!
//! `Ok` is done, and commits all effects. [`reject!`] gives the event up, and [`retry!`] asks for
//! another attempt. `?` on any error asks for another attempt, with the text of the error. A panic
//! is a fault of the plugin.
//!
//! Outside WebAssembly, all functions work on a [`testing::World`].

mod bucket;
mod failure;
#[cfg(target_arch = "wasm32")]
mod host;
pub mod http;
mod logger;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

use std::cell::Cell;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use serde::Serialize;

pub use bucket::Bucket;
pub use failure::{Failure, HostError, Outcome};
pub use hookyard_macros::handler;
pub use log;
#[doc(hidden)]
pub use wit_bindgen;

#[cfg(not(target_arch = "wasm32"))]
use testing as host;

/// The bindings of the SDK, for everything that it has no function for.
#[doc(hidden)]
#[allow(missing_docs, clippy::all)]
pub mod raw {
    wit_bindgen::generate!({ path: "wit", world: "sdk", generate_all, generate_unused_types: true });
}

/// The facts that the host knows about an event and about this attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The host's id of the event, which is the same on every attempt.
    pub event_id: String,
    /// The tenant that received the event.
    pub tenant: String,
    /// The source that received the event.
    pub source: String,
    /// The provider of the event.
    pub provider: String,
    /// The sender's name for the type of the event.
    pub event_type: Option<String>,
    /// The text that identifies the event: the sender repeats it when it sends the event again.
    pub key: String,
    /// The number of this attempt; the first is 1.
    pub attempt: u32,
    /// The time at which the host received the event.
    pub received_at: SystemTime,
}

impl From<raw::hookyard::plugin::types::Delivery> for Delivery {
    fn from(raw: raw::hookyard::plugin::types::Delivery) -> Self {
        Self {
            event_id: raw.event_id,
            tenant: raw.tenant,
            source: raw.source,
            provider: raw.provider,
            event_type: raw.event_type,
            key: raw.key,
            attempt: raw.attempt,
            received_at: SystemTime::UNIX_EPOCH + Duration::from_millis(raw.received_at),
        }
    }
}

/// Returns a value of the plugin's `[config]`, if there is one.
pub fn setting(name: &str) -> Result<Option<String>, HostError> {
    host::setting(name).map_err(|why| HostError::new(format!("setting {name:?}: {why}")))
}

/// Returns all values of the plugin's `[config]`.
pub fn settings() -> Result<Vec<(String, String)>, HostError> {
    host::settings().map_err(|why| HostError::new(format!("settings: {why}")))
}

/// Returns a value of the plugin's `[config]` as a number, a bool or another type.
pub fn setting_as<T: FromStr>(name: &str) -> Result<Option<T>, HostError> {
    let Some(text) = setting(name)? else {
        return Ok(None);
    };
    let kind = std::any::type_name::<T>();
    let wrong = |_| {
        HostError::new(format!(
            "setting {name:?} is {text:?}, which is not a {kind}"
        ))
    };
    text.parse().map(Some).map_err(wrong)
}

/// Sends a body to a destination, and returns the id of the message. Messages with the same
/// ordering key arrive in order.
pub fn send(
    destination: &str,
    body: impl AsRef<[u8]>,
    ordering_key: Option<&str>,
) -> Result<String, HostError> {
    host::send(destination, body.as_ref(), ordering_key)
        .map_err(|why| HostError::new(format!("outbox: {why}")))
}

/// Like [`send`], for a value that becomes JSON.
pub fn send_json(
    destination: &str,
    body: &impl Serialize,
    ordering_key: Option<&str>,
) -> Result<String, HostError> {
    send(
        destination,
        HostError::json(body, "the message")?,
        ordering_key,
    )
}

/// Answers the request that brought the event, if its source has `ack = "responder"`. The answer is
/// sent if the handler returns `Ok`, and in time.
pub fn respond(
    status: u16,
    headers: &[(&str, &str)],
    body: impl AsRef<[u8]>,
) -> Result<(), HostError> {
    host::respond(status, headers, body.as_ref())
        .map_err(|why| HostError::new(format!("responder: {why}")))
}

/// Like [`respond`], for a value that becomes JSON, with its content type.
pub fn respond_json(status: u16, body: &impl Serialize) -> Result<(), HostError> {
    let body = HostError::json(body, "the response")?;
    respond(status, &[("content-type", "application/json")], body)
}

/// Formats an amount in minor units: `minor_units(499800, 2)` is `4998.00`.
pub fn minor_units(amount: i64, digits: u32) -> String {
    let one = 10_u64.pow(digits);
    let (sign, amount) = (if amount < 0 { "-" } else { "" }, amount.unsigned_abs());
    if digits == 0 {
        return format!("{sign}{amount}");
    }
    format!(
        "{sign}{}.{:0width$}",
        amount / one,
        amount % one,
        width = digits as usize
    )
}

/// Adds amounts up. Returns `None` if the sum is out of range.
pub fn sum(amounts: impl IntoIterator<Item = i64>) -> Option<i64> {
    amounts.into_iter().try_fold(0, i64::checked_add)
}

thread_local! {
    /// The event of this attempt, and the number of its next request.
    static ATTEMPT: Cell<(String, u32)> = const { Cell::new((String::new(), 0)) };
}

/// Returns a key that is the same when this request is repeated by another attempt.
fn idempotency_key() -> String {
    let (event, number) = ATTEMPT.take();
    let key = format!("{event}-{number}");
    ATTEMPT.set((event, number + 1));
    key
}

/// Runs a handler. The generated code calls this.
#[doc(hidden)]
pub fn run<E>(
    event: E,
    delivery: impl Into<Delivery>,
    handle: impl FnOnce(E, Delivery) -> Outcome,
) -> Outcome {
    logger::install();
    let delivery = delivery.into();
    ATTEMPT.set((delivery.event_id.clone(), 1));
    handle(event, delivery)
}
