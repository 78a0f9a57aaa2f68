//! A world without a host, for tests outside WebAssembly.
//!
//! ```ignore
//! let mut world = World::new();
//! let offer: AcceptedByUser = fixture("fixtures/good.json");
//! assert_eq!(world.run(handle, Event::OfferAcceptedByUser(offer)), Ok(()));
//! assert_eq!(world.sent::<OfferAcceptedPayload>().len(), 1);
//! ```

mod decode;

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::SystemTime;

use crate::http::{Request, Response};
use crate::{Delivery, HostError, Outcome};

pub use decode::{Decode, Json, fixture, fixture_at};

type Result<T, E = String> = std::result::Result<T, E>;

/// What the functions of the SDK work on in a test.
#[derive(Debug, Clone, Default)]
struct State {
    values: BTreeMap<(String, String), Vec<u8>>,
    settings: BTreeMap<String, String>,
    sent: Vec<Sent>,
    response: Option<Responded>,
    log: Vec<String>,
    answers: Vec<(String, Response)>,
    requests: Vec<String>,
}

/// A message that a handler sent.
#[derive(Debug, Clone)]
pub struct Sent {
    /// The destination; `None` if the handler did not name one.
    pub destination: Option<String>,
    /// The function of the typed interface, or `send`.
    pub function: &'static str,
    payload: Rc<dyn Any>,
}

/// A response that a handler gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Responded {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

fn with<T>(f: impl FnOnce(&mut State) -> T) -> T {
    STATE.with_borrow_mut(f)
}

/// A world of one test. Each thread has one world; a new one is empty.
#[derive(Debug)]
pub struct World {
    /// The delivery of the next runs.
    pub delivery: Delivery,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// Makes a world without values, settings and messages.
    pub fn new() -> Self {
        STATE.take();
        let text = |text: &str| text.to_owned();
        let delivery = Delivery {
            event_id: text("00000000-0000-7000-8000-000000000001"),
            tenant: text("test"),
            source: text("test"),
            provider: text("test"),
            event_type: None,
            key: text("key-1"),
            attempt: 1,
            received_at: SystemTime::UNIX_EPOCH,
        };
        Self { delivery }
    }

    /// Runs a handler. As on a host, a run that fails writes, sends and responds nothing.
    pub fn run<E>(&mut self, handle: impl FnOnce(E, Delivery) -> Outcome, event: E) -> Outcome {
        with(|state| state.response = None);
        let before = STATE.with_borrow(State::clone);
        let outcome = crate::run(event, self.delivery.clone(), handle);
        if outcome.is_err() {
            with(|state| {
                (state.values, state.sent) = (before.values, before.sent);
                state.response = None;
            });
        }
        outcome
    }

    /// Sets a value of `[config]`.
    pub fn set_setting(&mut self, name: &str, value: &str) {
        with(|state| state.settings.insert(name.to_owned(), value.to_owned()));
    }

    /// Sets a value of the key-value store.
    pub fn set_value(&mut self, bucket: &str, key: &str, value: &str) {
        with(|state| {
            state
                .values
                .insert((bucket.to_owned(), key.to_owned()), value.into())
        });
    }

    /// Sets the answer to all requests for a URL. Other requests are refused.
    pub fn set_answer(&mut self, url: &str, status: u16, body: &str) {
        let answer = Response {
            status,
            headers: Vec::new(),
            body: body.into(),
        };
        with(|state| state.answers.push((url.to_owned(), answer)));
    }

    /// Returns a value of the key-value store as text.
    pub fn value(&self, bucket: &str, key: &str) -> Option<String> {
        let bytes = get(bucket, key).ok().flatten()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Returns the lines of the log, such as `info: offer 1`.
    pub fn log(&self) -> Vec<String> {
        with(|state| state.log.clone())
    }

    /// Returns the requests that were sent, such as `GET https://api.example.com/`.
    pub fn requests(&self) -> Vec<String> {
        with(|state| state.requests.clone())
    }

    /// Returns all messages.
    pub fn messages(&self) -> Vec<Sent> {
        with(|state| state.sent.clone())
    }

    /// Returns the response of the last run.
    pub fn response(&self) -> Option<Responded> {
        with(|state| state.response.clone())
    }

    /// Returns the payloads of one type that were sent. Untyped messages are `Vec<u8>`.
    pub fn sent<T: Clone + 'static>(&self) -> Vec<T> {
        let messages = self.messages().into_iter();
        messages
            .filter_map(|message| message.payload.downcast_ref::<T>().cloned())
            .collect()
    }
}

/// Records a message. The generated functions of typed interfaces call this.
#[doc(hidden)]
pub fn record<T: Clone + 'static>(
    function: &'static str,
    destination: Option<&str>,
    payload: &T,
) -> Result<String, HostError> {
    let (destination, payload) = (destination.map(str::to_owned), Rc::new(payload.clone()));
    Ok(with(|state| {
        state.sent.push(Sent {
            destination,
            function,
            payload,
        });
        format!("message-{}", state.sent.len())
    }))
}

pub(crate) fn setting(name: &str) -> Result<Option<String>> {
    Ok(with(|state| state.settings.get(name).cloned()))
}

pub(crate) fn settings() -> Result<Vec<(String, String)>> {
    Ok(with(|state| state.settings.clone().into_iter().collect()))
}

fn entry(bucket: &str, key: &str) -> (String, String) {
    (bucket.to_owned(), key.to_owned())
}

pub(crate) fn get(bucket: &str, key: &str) -> Result<Option<Vec<u8>>> {
    Ok(with(|state| state.values.get(&entry(bucket, key)).cloned()))
}

pub(crate) fn set(bucket: &str, key: &str, bytes: &[u8]) -> Result<()> {
    with(|state| state.values.insert(entry(bucket, key), bytes.to_vec()));
    Ok(())
}

pub(crate) fn delete(bucket: &str, key: &str) -> Result<()> {
    with(|state| state.values.remove(&entry(bucket, key)));
    Ok(())
}

pub(crate) fn exists(bucket: &str, key: &str) -> Result<bool> {
    Ok(get(bucket, key)?.is_some())
}

pub(crate) fn increment(bucket: &str, key: &str, by: i64) -> Result<i64> {
    let text = get(bucket, key)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let old = text.map_or(Ok(0_i64), |text| {
        text.parse().map_err(|_| "it is not a number".to_owned())
    });
    let sum = old?.checked_add(by).ok_or("the sum is out of range")?;
    set(bucket, key, sum.to_string().as_bytes())?;
    Ok(sum)
}

pub(crate) fn keys(bucket: &str) -> Result<Vec<String>> {
    let of_bucket = |(name, key): &(String, String)| (name == bucket).then(|| key.clone());
    Ok(with(|state| {
        state.values.keys().filter_map(of_bucket).collect()
    }))
}

pub(crate) fn log(level: log::Level, message: &str) {
    let level = level.as_str().to_ascii_lowercase();
    with(|state| state.log.push(format!("{level}: {message}")));
}

pub(crate) fn send(destination: &str, body: &[u8], _key: Option<&str>) -> Result<String> {
    record("send", Some(destination), &body.to_vec()).map_err(|error| error.to_string())
}

pub(crate) fn respond(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Result<()> {
    let header = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let response = Responded {
        status,
        headers: headers.iter().map(header).collect(),
        body: body.to_vec(),
    };
    with(|state| match state.response {
        Some(_) => Err("this attempt has responded already".to_owned()),
        None => {
            state.response = Some(response);
            Ok(())
        }
    })
}

pub(crate) fn request(request: &Request) -> Result<Response> {
    with(|state| {
        state
            .requests
            .push(format!("{} {}", request.method, request.url));
        let answer = state
            .answers
            .iter()
            .rev()
            .find(|(url, _)| *url == request.url);
        answer
            .map(|(_, answer)| answer.clone())
            .ok_or_else(|| "HttpRequestDenied".to_owned())
    })
}
