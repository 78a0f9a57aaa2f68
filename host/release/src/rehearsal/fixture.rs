//! A fixture: an event, its surroundings, and the expected results of the attempt.
//!
//! ```json
//! { "event": { "provider": "topper", "body": { … } },
//!   "values": { "<bucket>": { "<key>": "before" } },
//!   "http": [ { "method": "GET", "url": "https://api.example/v1/x", "status": 200, "body": { … } } ],
//!   "expect": { "outcome": "done", "values": { … }, "messages": [ … ], "log": [ … ] } }
//! ```
//!
//! A body is written as JSON (`body`, which keeps every byte), as `body_text`, or as `body_base64`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use hookyard_model::{Header, Key, SourceName, Timestamp};
use hookyard_schemes::JsonPointer;
use http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use serde_json::Value;

use super::walk::{Node, Object, Sink};
use hookyard_config::document::unknown;
use hookyard_model::excerpt;

/// The outcomes that a fixture can expect.
const OUTCOMES: [&str; 8] = [
    "done",
    "retry",
    "rejected",
    "trapped",
    "timed-out",
    "out-of-memory",
    "exceeded",
    "undecodable",
];

/// The text of a valid fixture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The name of the fixture, shortened.
    pub name: String,
    source: Source,
    text: String,
}

/// The place of a fixture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) file: String,
    /// The JSON path of the fixture in the file.
    pub(super) root: String,
}

impl Written {
    /// Checks a text. The fixture has the name `name` unless the text contains one.
    pub(super) fn read(source: Source, name: &str, text: &str) -> Result<Self, Vec<String>> {
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
}

/// A parsed fixture.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fixture {
    /// The name of the fixture's file.
    pub(crate) name: String,
    pub(super) event: Given,
    /// The whole content of the plugin's key-value store before the attempt.
    pub(super) values: BTreeMap<Key, Bytes>,
    pub(super) http: Vec<Stub>,
    pub(super) expect: Expect,
}

/// The event of a fixture.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Given {
    pub(super) origin: Origin,
    /// The event type. `None` applies the rules of the provider.
    pub(super) event_type: Option<String>,
    pub(super) key: Option<String>,
    pub(super) headers: Vec<Header>,
    pub(super) body: Bytes,
    pub(super) received_at: Option<Timestamp>,
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
pub(super) struct Expect {
    pub(super) outcome: String,
    /// A part of the outcome's reason.
    pub(super) reason: Option<String>,
    /// All written values; `None` means deleted.
    pub(super) values: Option<BTreeMap<Key, Option<Content>>>,
    /// All messages, in order.
    pub(super) messages: Option<Vec<Sent>>,
    /// Texts that must each be part of a log line.
    pub(super) log: Vec<String>,
}

/// An expected message.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Sent {
    pub(super) destination: Option<String>,
    pub(super) event_type: Option<String>,
    pub(super) body: Option<Content>,
}

/// Expected bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    Exactly(Bytes),
    /// JSON in which objects have at least these members.
    Json(Value),
}

/// Reads a fixture from its text. The fixture has the name `name` unless the text contains one.
/// Faults name `file` and paths below `root`.
pub(super) fn read(file: &str, root: &str, name: &str, text: &str) -> Result<Fixture, Vec<String>> {
    let sink = Sink::new(file);
    let value: Value = match serde_json::from_str(text) {
        Ok(value) => value,
        Err(error) => return Err(vec![format!("{file}: {root}: it is not JSON: {error}")]),
    };
    let node = Node::new(&value, root, &sink);
    let fixture = node.object(|object| fixture(object, name, text));
    sink.into_result(fixture)
}

fn fixture(object: &Object<'_, '_>, name: &str, text: &str) -> Option<Fixture> {
    let name = object
        .entry("name")
        .and_then(|node| node.text())
        .unwrap_or(name)
        .to_owned();
    let given = match object.entry("event") {
        Some(node) => node.object(|event| given(event, text)),
        None => {
            object.fault("`event` is missing: add the event that the plugin receives");
            None
        }
    };
    let values = object
        .entry("values")
        .map(|node| values(&node, before))
        .unwrap_or_default();
    let stubs = object
        .entry("http")
        .map(|node| node.items())
        .unwrap_or_default();
    let stubs = stubs.iter().enumerate();
    let http = stubs
        .map(|(n, node)| node.object(|object| stub(object, n, text)))
        .collect::<Vec<_>>();
    let expect = match object.entry("expect") {
        Some(node) => node.object(expect),
        None => Some(Expect {
            outcome: "done".into(),
            reason: None,
            values: None,
            messages: None,
            log: Vec::new(),
        }),
    };
    Some(Fixture {
        name,
        event: given?,
        values,
        http: http.into_iter().flatten().collect(),
        expect: expect?,
    })
}

fn given(event: &Object<'_, '_>, text: &str) -> Option<Given> {
    let source = event
        .entry("source")
        .map(|node| node.read(SourceName::new).map(Origin::Source));
    let provider = event
        .entry("provider")
        .map(|node| node.text().map(|name| Origin::Provider(name.to_owned())));
    let origin = match (source, provider) {
        (Some(one), None) | (None, Some(one)) => one,
        _ => {
            event.fault("set the sender of the event: either `source` or `provider`");
            None
        }
    };
    let entry_text = |key| {
        event
            .entry(key)
            .and_then(|node| node.text())
            .map(str::to_owned)
    };
    let (event_type, key) = (entry_text("type"), entry_text("key"));
    let headers = event
        .entry("headers")
        .map(|node| node.members())
        .unwrap_or_default();
    let header = |(name, node): &(&str, Node<'_>)| {
        let value = Bytes::copy_from_slice(node.text()?.as_bytes());
        Some(Header {
            name: name.to_lowercase(),
            value,
        })
    };
    let headers = headers.iter().filter_map(header).collect();
    let received_at = event.entry("received_at").and_then(|node| {
        node.read(|text| {
            Timestamp::parse_rfc3339(text).ok_or("must be a time, such as 2026-06-02T11:30:00Z")
        })
    });
    let body = body(event, "/event/body", text);
    if body.is_none() {
        event.fault("set the body of the event: `body`, `body_text` or `body_base64`");
    }
    Some(Given {
        origin: origin?,
        event_type,
        key,
        headers,
        body: body?,
        received_at,
    })
}

/// Returns the bytes of a body. A JSON body is the part of `text` at this pointer.
fn body(object: &Object<'_, '_>, pointer: &str, text: &str) -> Option<Bytes> {
    let (json, plain, packed) = (
        object.entry("body"),
        object.entry("body_text"),
        object.entry("body_base64"),
    );
    if [&json, &plain, &packed]
        .iter()
        .filter(|entry| entry.is_some())
        .count()
        > 1
    {
        object.fault("set only one of `body`, `body_text` and `body_base64`");
    }
    if let Some(node) = json {
        let pointer = JsonPointer::parse(pointer).expect("a valid pointer");
        let found = pointer
            .find(text.as_bytes())
            .map_err(|error| node.fault(error))
            .ok()??;
        return Some(Bytes::copy_from_slice(found.get().as_bytes()));
    }
    if let Some(node) = plain {
        return Some(Bytes::copy_from_slice(node.text()?.as_bytes()));
    }
    packed?
        .read(|text| {
            BASE64
                .decode(text)
                .map_err(|error| format!("is not base64: {error}"))
        })
        .map(Bytes::from)
}

/// Reads the values of a key-value store by bucket and key.
fn values<T>(node: &Node<'_>, read: impl Fn(&Node<'_>) -> Option<T>) -> BTreeMap<Key, T> {
    let mut all = BTreeMap::new();
    for (bucket, node) in node.members() {
        for (key, node) in node.members() {
            let key = Key {
                bucket: bucket.to_owned(),
                key: key.to_owned(),
            };
            all.extend(read(&node).map(|value| (key, value)));
        }
    }
    all
}

/// Reads a present value: a string as its bytes, anything else as JSON.
fn before(node: &Node<'_>) -> Option<Bytes> {
    match packed(node.value) {
        Some(_) => unpacked(node),
        None => Some(match node.value {
            Value::String(text) => Bytes::copy_from_slice(text.as_bytes()),
            json => Bytes::from(json.to_string()),
        }),
    }
}

/// Reads an expected value; null means deleted.
fn after(node: &Node<'_>) -> Option<Option<Content>> {
    match (packed(node.value), node.value) {
        (Some(_), _) => Some(Some(Content::Exactly(unpacked(node)?))),
        (None, Value::Null) => Some(None),
        (None, Value::String(text)) => Some(Some(Content::Exactly(Bytes::copy_from_slice(
            text.as_bytes(),
        )))),
        (None, json) => Some(Some(Content::Json(json.clone()))),
    }
}

/// Returns the text in `{"$base64": "…"}`.
fn packed(value: &Value) -> Option<&Value> {
    let members = value.as_object().filter(|members| members.len() == 1)?;
    members.get("$base64")
}

fn unpacked(node: &Node<'_>) -> Option<Bytes> {
    node.object(|object| {
        let decode = |text| {
            BASE64
                .decode(text)
                .map_err(|error| format!("is not base64: {error}"))
        };
        object.entry("$base64")?.read(decode).map(Bytes::from)
    })
}

fn stub(object: &Object<'_, '_>, number: usize, text: &str) -> Option<Stub> {
    let method = object
        .entry("method")
        .map(|node| node.read(|text| text.parse::<Method>()));
    let url = match object.entry("url") {
        Some(node) => node.read(absolute),
        None => {
            object.fault("`url` is missing: add the URL of the request to answer");
            None
        }
    };
    let status = object.entry("status").map(|node| {
        let status = node
            .value
            .as_u64()
            .and_then(|status| StatusCode::from_u16(u16::try_from(status).ok()?).ok());
        if status.is_none() {
            node.fault("must be a status such as 200");
        }
        status
    });
    let headers = object
        .entry("headers")
        .map(|node| node.members())
        .unwrap_or_default();
    let header = |(name, node): &(&str, Node<'_>)| {
        let name = name
            .parse::<HeaderName>()
            .map_err(|error| node.fault(error))
            .ok()?;
        Some((name, node.read(HeaderValue::from_str)?))
    };
    let headers = headers.iter().filter_map(header).collect();
    let body = body(object, &format!("/http/{number}/body"), text).unwrap_or_default();
    let (method, status) = (
        method.unwrap_or(Some(Method::GET)),
        status.unwrap_or(Some(StatusCode::OK)),
    );
    Some(Stub {
        method: method?,
        url: url?,
        status: status?,
        headers,
        body,
    })
}

fn absolute(text: &str) -> Result<Uri, String> {
    let url = text.parse::<Uri>().map_err(|error| error.to_string())?;
    if url.scheme().is_none() || url.authority().is_none() {
        return Err("must be a whole URL, such as https://api.example/v1/x".to_owned());
    }

    Ok(url)
}

fn expect(object: &Object<'_, '_>) -> Option<Expect> {
    let outcome = object.entry("outcome").map(|node| {
        node.read(|name| {
            if OUTCOMES.contains(&name) {
                Ok(name.to_owned())
            } else {
                Err(unknown("outcome", name, OUTCOMES))
            }
        })
    });
    let reason = object
        .entry("reason")
        .and_then(|node| node.text())
        .map(str::to_owned);
    let values = object.entry("values").map(|node| values(&node, after));
    let messages = object.entry("messages").map(|node| {
        let items = node.items();
        items.iter().filter_map(|node| node.object(sent)).collect()
    });
    let log = object
        .entry("log")
        .map(|node| node.items())
        .unwrap_or_default();
    let log = log
        .iter()
        .filter_map(|node| node.text())
        .map(str::to_owned)
        .collect();
    Some(Expect {
        outcome: outcome.unwrap_or_else(|| Some("done".to_owned()))?,
        reason,
        values,
        messages,
        log,
    })
}

fn sent(object: &Object<'_, '_>) -> Option<Sent> {
    let text = |key| {
        object
            .entry(key)
            .and_then(|node| node.text())
            .map(str::to_owned)
    };
    let (destination, event_type) = (text("destination"), text("type"));
    let json = object
        .entry("body")
        .map(|node| Content::Json(node.value.clone()));
    let plain = object.entry("body_text").and_then(|node| node.text());
    let plain = plain.map(|text| Content::Exactly(Bytes::copy_from_slice(text.as_bytes())));
    let decode = |text| {
        BASE64
            .decode(text)
            .map_err(|error| format!("is not base64: {error}"))
    };
    let packed = object
        .entry("body_base64")
        .and_then(|node| node.read(decode));
    let body = json
        .or(plain)
        .or(packed.map(|bytes| Content::Exactly(bytes.into())));
    Some(Sent {
        destination,
        event_type,
        body,
    })
}
