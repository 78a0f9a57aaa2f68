//! Server-sent events (the HTML standard, section 9.2): hints on what changes.
//!
//! A hint names a thing that changed, and the client reads the thing. A stream ends after a minute
//! with `bye`, and the client connects again, so that a token is checked again and a forgotten page
//! does not keep its connection.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use hookyard_store::{Heard, Hint, Listener};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http_body::Frame;
use serde_json::{Value, json};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::Instant;

use super::fault::Fault;
use crate::Shared;
use crate::access::{Grant, Viewer};

/// The maximum number of streams.
const STREAMS_MAX: usize = 64;
/// How long a stream lasts.
const STREAM_TIME: Duration = Duration::from_secs(60);
/// The time between two flushes.
const FLUSH_INTERVAL: Duration = Duration::from_millis(250);
/// The time after which a comment says that the stream lives.
const COMMENT_INTERVAL: Duration = Duration::from_secs(15);
/// The maximum number of hints of a flush.
const HINTS_MAX: usize = 50;

/// The number of open streams.
static STREAMS: AtomicUsize = AtomicUsize::new(0);

/// One of the streams. Dropping it makes room.
struct Place;

impl Place {
    fn take() -> Option<Self> {
        let taken = STREAMS.fetch_add(1, Ordering::Relaxed);
        let place = Self;
        (taken < STREAMS_MAX).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        STREAMS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Streams hints on the things that the token may see.
pub(super) async fn live(
    State(shared): State<Shared>,
    Extension(viewer): Extension<Viewer>,
) -> Result<Response, Fault> {
    let place = Place::take().ok_or_else(Fault::too_many_streams)?;
    let listener = shared.store.listen();
    let (sender, receiver) = channel(1);
    tokio::spawn(async move {
        write(listener, viewer.grant, sender).await;
        drop(place);
    });

    let mut answer = Response::new(Body::new(Stream(receiver)));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-transform"),
    );
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(answer)
}

/// The body of a stream.
struct Stream(Receiver<Bytes>);

impl http_body::Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.0.poll_recv(context);
        next.map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// Writes hints until the client is gone, the store is closed, or the time is up.
async fn write(mut listener: Listener, grant: Arc<Grant>, sender: Sender<Bytes>) {
    let end = Instant::now() + STREAM_TIME;
    if sender
        .send(Bytes::from_static(b"retry: 1000\n: hello\n\n"))
        .await
        .is_err()
    {
        return;
    }

    loop {
        let heard = tokio::select! {
            heard = listener.next() => heard,
            () = tokio::time::sleep(COMMENT_INTERVAL) => {
                if sender.send(Bytes::from_static(b": alive\n\n")).await.is_err() {
                    return;
                }
                continue;
            }
            () = tokio::time::sleep_until(end) => {
                let bye = Bytes::from_static(b"event: bye\ndata: {\"why\":\"connect again\"}\n\n");
                let _ = sender.send(bye).await;
                return;
            }
            () = sender.closed() => return,
        };
        let Some(heard) = heard else {
            return;
        };
        let flush = flush(heard, &mut listener, &grant).await;
        if !flush.is_empty() && sender.send(Bytes::from(flush)).await.is_err() {
            return;
        }
    }
}

/// Gathers what is heard until the next flush, and returns it as text.
async fn flush(first: Heard, listener: &mut Listener, grant: &Grant) -> String {
    let until = Instant::now() + FLUSH_INTERVAL;
    let (mut hints, mut skipped) = (Vec::new(), 0);
    let mut heard = Some(first);
    while let Some(one) = heard {
        match one {
            Heard::Skipped(count) => skipped += count,
            Heard::Hint(hint) if !is_visible(&hint, grant) || hints.contains(&hint) => {}
            Heard::Hint(_) if hints.len() == HINTS_MAX => skipped += 1,
            Heard::Hint(hint) => hints.push(hint),
        }
        heard = tokio::time::timeout_at(until, listener.next())
            .await
            .ok()
            .flatten();
    }

    let mut text: String = hints.iter().map(event).collect();
    if skipped > 0 {
        text.push_str(&format!("event: lag\ndata: {{\"skipped\":{skipped}}}\n\n"));
    }
    text
}

fn is_visible(hint: &Hint, grant: &Grant) -> bool {
    match hint {
        Hint::Figures | Hint::Everything => true,
        _ => grant.tenants.contain(hint.tenant()),
    }
}

/// Returns a hint as a server-sent event. The data is JSON, which has no line breaks.
fn event(hint: &Hint) -> String {
    let (name, mut data): (_, Value) = match hint {
        Hint::Event { id, source } => (
            "event",
            json!({ "id": id.to_string(), "source": source.name.as_str() }),
        ),
        Hint::Job { event, plugin } => (
            "job",
            json!({ "id": event.to_string(), "plugin": plugin.name.as_str() }),
        ),
        Hint::Message { id, destination } => (
            "message",
            json!({ "id": id.to_string(), "destination": destination.name.as_str() }),
        ),
        Hint::Release(plugin) => ("release", json!({ "plugin": plugin.name.as_str() })),
        Hint::Destination(it) => ("destination", json!({ "destination": it.name.as_str() })),
        Hint::Refusals(source) => ("refusal", json!({ "source": source.name.as_str() })),
        Hint::Figures => ("figures", json!({})),
        Hint::Audit(_) => ("audit", json!({})),
        Hint::Everything => ("reset", json!({})),
    };
    if let Some(tenant) = hint.tenant() {
        data["tenant"] = tenant.as_str().into();
    }
    format!("event: {name}\ndata: {data}\n\n")
}

#[cfg(test)]
mod tests {
    use hookyard_model::{PluginRef, TenantName};
    use hookyard_store::{Feed, Tenants};

    use super::*;

    fn release(tenant: &str) -> Hint {
        Hint::Release(PluginRef {
            tenant: tenant.parse().expect("a name"),
            name: "books".parse().expect("a name"),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn hints_of_other_tenants_are_left_out() {
        let feed = Feed::default();
        let mut listener = feed.listen();
        for hint in [
            release("umbrella"),
            release("acme"),
            release("acme"),
            Hint::Everything,
        ] {
            feed.tell(hint);
        }
        let acme: TenantName = "acme".parse().expect("a name");
        let grant = Grant {
            tenants: Tenants::from(acme),
            ..Grant::administrator("acme")
        };

        let first = listener.next().await.expect("a hint");
        let text = flush(first, &mut listener, &grant).await;
        assert_eq!(
            text,
            "event: release\ndata: {\"plugin\":\"books\",\"tenant\":\"acme\"}\n\n\
             event: reset\ndata: {}\n\n"
        );
    }
}
