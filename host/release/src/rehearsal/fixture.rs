//! A fixture: an event, its surroundings, and the expected results of the attempt.
//!
//! ```json
//! { "event": { "provider": "topper", "body": { … } },
//!   "values": { "<bucket>": { "<key>": "before" } },
//!   "config": { "<name>": "<setting>" },
//!   "http": [ { "method": "GET", "url": "https://api.example/v1/x", "status": 200, "body": { … } } ],
//!   "expect": { "outcome": "done", "values": { … }, "messages": [ … ], "response": { … }, "log": [ … ] } }
//! ```
//!
//! A body is written as JSON (`body`, which keeps every byte), as `body_text`, or as `body_base64`.

mod content;
mod read;

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use hookyard_model::{EventId, Header, Key, SourceName, Timestamp, excerpt};
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use serde_json::Value;

pub(super) use read::read;

/// The text of a valid fixture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixtureText {
    /// The name of the fixture, shortened.
    pub name: String,
    source: Location,
    text: String,
}

/// The position of a fixture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) file: String,
    /// The JSON path of the fixture in the file.
    pub(super) root: String,
}

impl FixtureText {
    /// Checks a text. The fixture has the name `name` unless the text contains one.
    pub(super) fn read(source: Location, name: &str, text: &str) -> Result<Self, Vec<String>> {
        let Fixture { name, .. } = read(&source.file, &source.root, name, text)?;
        Ok(Self {
            name: excerpt(&name),
            source,
            text: text.to_owned(),
        })
    }

    /// Parses the text.
    pub(super) fn fixture(&self) -> Result<Fixture, String> {
        let Self { name, source, text } = self;
        read(&source.file, &source.root, name, text).map_err(|faults| faults.join("; "))
    }

    /// Returns the file of the fixture, or `None` if the fixture is embedded in a component.
    pub fn file(&self) -> Option<&Path> {
        (self.source.root == "$").then(|| Path::new(&self.source.file))
    }

    /// Returns the fixture as it was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the event as a sender would send it. Returns `None` for a fixture with faults.
    pub fn event(&self) -> Option<SentEvent> {
        let event = self.fixture().ok()?.event;
        let provider = match event.origin {
            Origin::Provider(name) => Some(name),
            Origin::Source(_) => None,
        };
        Some(SentEvent {
            provider,
            event_type: event.event_type,
            headers: event.headers,
            body: event.body,
        })
    }

    /// Returns what the plugin must be granted so that this fixture can run. A fixture with faults
    /// needs nothing.
    pub fn needs(&self) -> FixtureNeeds {
        let Ok(fixture) = self.fixture() else {
            return FixtureNeeds::default();
        };

        let source = match fixture.event.origin {
            Origin::Source(name) => Some(name),
            Origin::Provider(_) => None,
        };
        let messages = fixture.expect.messages.unwrap_or_default().into_iter();
        FixtureNeeds {
            urls: fixture.http.into_iter().map(|stub| stub.url).collect(),
            destinations: messages
                .filter_map(|message| Some((message.destination?, message.event_type)))
                .collect(),
            source,
        }
    }
}

/// The event of a fixture, as a sender would send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentEvent {
    /// The name of the provider. `None` if the fixture names a source.
    pub provider: Option<String>,
    /// The type of the event, if the fixture sets it.
    pub event_type: Option<String>,
    /// The headers.
    pub headers: Vec<Header>,
    /// The body.
    pub body: Bytes,
}

/// What a plugin must be granted so that a fixture can run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FixtureNeeds {
    /// The URLs of the requests that the fixture answers.
    pub urls: Vec<Uri>,
    /// The destinations of the expected messages, each with the type of the message.
    pub destinations: Vec<(String, Option<String>)>,
    /// The source that the event is of, if the fixture names one.
    pub source: Option<SourceName>,
}

/// A parsed fixture.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fixture {
    /// The name of the fixture's file.
    pub(crate) name: String,
    pub(super) event: FixtureEvent,
    /// The whole content of the plugin's key-value store before the attempt.
    pub(super) values: BTreeMap<Key, Bytes>,
    /// The settings that the plugin reads. `None` for the settings of the plugin's settings file.
    pub(super) config: Option<BTreeMap<String, String>>,
    pub(super) http: Vec<Stub>,
    pub(super) expect: Expectation,
}

/// The event of a fixture.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FixtureEvent {
    pub(super) origin: Origin,
    /// The event type. `None` applies the rules of the provider.
    pub(super) event_type: Option<String>,
    pub(super) key: Option<String>,
    pub(super) headers: Vec<Header>,
    pub(super) body: Bytes,
    pub(super) received_at: Option<Timestamp>,
    pub(super) id: Option<EventId>,
    /// The number of the attempt.
    pub(super) attempt: u32,
    /// The time that the plugin's clock shows. `None` for the time at which the event arrived.
    pub(super) now: Option<Timestamp>,
}

/// The source of the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    Source(SourceName),
    /// Any source of this provider.
    Provider(String),
}

/// The response to a request.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stub {
    pub(super) method: Method,
    pub(super) url: Uri,
    pub(super) status: StatusCode,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Bytes,
}

/// The expected results. Absent results are not compared.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Expectation {
    pub(super) outcome: String,
    /// A part of the outcome's reason.
    pub(super) reason: Option<String>,
    /// All written values; `None` means deleted.
    pub(super) values: Option<BTreeMap<Key, Option<Content>>>,
    /// All messages, in order.
    pub(super) messages: Option<Vec<ExpectedMessage>>,
    /// The response; `Some(None)` if there must be none.
    pub(super) response: Option<Option<ExpectedResponse>>,
    /// Texts that must each be part of a log line.
    pub(super) log: Vec<String>,
}

/// An expected message.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct ExpectedMessage {
    pub(super) destination: Option<String>,
    pub(super) event_type: Option<String>,
    pub(super) body: Option<Content>,
}

/// An expected response. Headers that are not expected are not compared.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct ExpectedResponse {
    pub(super) status: Option<u16>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<Content>,
}

/// Expected bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    Exactly(Bytes),
    /// JSON in which objects have at least these members.
    Json(Value),
}
