//! `hookyard send`: sends events of a provider to any receiver, signed as the provider signs them.

mod body;
mod sample;
mod sender;
mod summary;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hookyard_egress::{Addresses, Config, Door, Limits, OverLong, Policy};
use hookyard_model::{Header, Timestamp, chain};
use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, HeaderValue, Request};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use uuid::Uuid;

pub use body::{Change, changed};
pub use sample::{Sample, choose};
pub use sender::{Credentials, Sender, SignedRequest, kind};
pub use summary::{Answer, Summary};

/// The maximum number of events of one command.
pub const COUNT_MAX: u64 = 1_000_000;
/// The maximum rate, in events per second.
pub const RATE_MAX: f64 = 10_000.0;
/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The maximum size of an answer that is read, in bytes.
const ANSWER_MAX: usize = 64 << 10;

/// What to send, and where to.
pub struct Sending {
    /// The URL of the receiver.
    pub url: String,
    /// The type of the event, if the sender knows it.
    pub event_type: Option<String>,
    /// The headers of the body, besides those of the signature.
    pub headers: Vec<Header>,
    /// The body. Each event has an id of its own in it.
    pub body: Vec<u8>,
    /// The number of events.
    pub count: u64,
    /// The number of events per second. `None` for as many as possible.
    pub rate: Option<f64>,
    /// The number of requests at the same time.
    pub concurrency: usize,
    /// Whether to repeat one event instead of sending different ones.
    pub is_repeat: bool,
}

/// Returns a client that may connect to every address, also without TLS: the author names the
/// receiver.
///
/// # Errors
///
/// Returns the reason if TLS cannot be set up.
pub fn client() -> Result<Client, String> {
    let everything = ["0.0.0.0/0", "::/0"].into_iter();
    let granted = everything.filter_map(|range| range.parse().ok()).collect();

    Ok(Client {
        door: Door::new(Config::default()).map_err(|error| chain(&error))?,
        policy: Policy {
            addresses: Addresses { granted },
            allow_http: true,
            ..Policy::default()
        },
    })
}

/// Sends requests to receivers of the author's choice.
#[derive(Clone)]
pub struct Client {
    door: Door,
    policy: Policy,
}

impl Client {
    /// Posts a signed request, and returns the answer with its latency.
    ///
    /// # Errors
    ///
    /// Returns the reason if there is no answer.
    pub async fn post(&self, url: &str, signed: SignedRequest) -> Result<Answer, String> {
        let SignedRequest {
            headers,
            body,
            path_end,
        } = signed;
        let url = match path_end {
            Some(end) => format!("{}/{end}", url.trim_end_matches('/')),
            None => url.to_owned(),
        };
        let request = request(&url, headers, body)?;
        let limits = Limits {
            timeout: TIMEOUT,
            body_max: ANSWER_MAX,
            over_long: OverLong::Cut,
        };

        let began = Instant::now();
        let answer = self.door.send(&self.policy, request, &limits).await;
        let answer = answer.map_err(|error| chain(&error))?;
        Ok(Answer {
            status: answer.status(),
            latency: began.elapsed(),
            body: answer.into_body().bytes,
        })
    }
}

fn request(url: &str, headers: Vec<Header>, body: Vec<u8>) -> Result<Request<Bytes>, String> {
    let mut request = Request::post(url)
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, "hookyard-send")
        .body(Bytes::from(body))
        .map_err(|error| format!("{url}: {error}"))?;

    for Header { name, value } in headers {
        let name = HeaderName::try_from(name.as_str()).map_err(|error| error.to_string())?;
        let value = HeaderValue::from_bytes(&value).map_err(|error| error.to_string())?;
        request.headers_mut().insert(name, value);
    }
    Ok(request)
}

/// Sends the events. `progress` is called after each answer.
///
/// # Errors
///
/// Returns the reason if an event cannot be signed. A request without an answer is not an error; the
/// summary counts it.
pub async fn run(
    client: &Client,
    sender: &Arc<Sender>,
    sending: Sending,
    progress: &dyn Fn(&Result<Answer, String>),
) -> Result<Summary, String> {
    let began = Instant::now();
    let slots = Arc::new(Semaphore::new(sending.concurrency.max(1)));
    let first_id = Uuid::now_v7().to_string();
    let mut pace = sending.rate.map(|rate| {
        let mut pace = interval(Duration::from_secs_f64(1.0 / rate));
        pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
        pace
    });

    let mut summary = Summary::default();
    let mut tasks = JoinSet::new();
    let sending = Arc::new(sending);
    for number in 0..sending.count {
        if let Some(pace) = &mut pace {
            pace.tick().await;
        }
        let slot = Arc::clone(&slots).acquire_owned().await;
        let id = if sending.is_repeat || number == 0 {
            first_id.clone()
        } else {
            Uuid::now_v7().to_string()
        };
        let mut signed = sender.sign(&id, sending.event_type.as_deref(), &sending.body, now())?;
        signed.headers.extend(sending.headers.iter().cloned());

        let (client, sending) = (client.clone(), Arc::clone(&sending));
        tasks.spawn(async move {
            let answer = client.post(&sending.url, signed).await;
            drop(slot);
            answer
        });
        while let Some(ended) = tasks.try_join_next() {
            add(&mut summary, ended, progress);
        }
    }

    while let Some(ended) = tasks.join_next().await {
        add(&mut summary, ended, progress);
    }
    summary.took = began.elapsed();
    Ok(summary)
}

fn add(
    summary: &mut Summary,
    ended: Result<Result<Answer, String>, tokio::task::JoinError>,
    progress: &dyn Fn(&Result<Answer, String>),
) {
    let answer = ended.unwrap_or_else(|error| Err(error.to_string()));
    progress(&answer);
    summary.add(answer);
}

/// Returns the current time.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp::from_unix_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
