//! A receiver like those in production: sometimes it is busy or slow, or it closes the connection
//! after it has stored a message, so that the host cannot know. Its records outlive every host.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fastrand::Rng;
use hookyard_model::MessageId;
use hookyard_testkit::receiver::{Received, Receiver, Reply};
use hookyard_testkit::site::{Config, Site};
use http::StatusCode;

/// The destination of the plugin's messages.
const NAME: &str = "audit";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const SECRET_FILE: &str = "audit.secret";

/// Everything that was received.
pub(crate) struct Mailbox {
    receiver: Receiver,
    /// The webhooks that were read.
    read: usize,
    /// For each id, the event of the message and the number of deliveries.
    received: BTreeMap<MessageId, (String, u64)>,
    /// For each event, the id of its message.
    ids: BTreeMap<String, MessageId>,
}

impl Mailbox {
    pub(crate) async fn new(seed: u64) -> Result<Self> {
        let dice = Mutex::new(Rng::with_seed(seed));
        let receiver = Receiver::start_with(move || {
            reply(&mut dice.lock().unwrap_or_else(PoisonError::into_inner))
        });
        Ok(Self {
            receiver: receiver.await?,
            read: 0,
            received: BTreeMap::new(),
            ids: BTreeMap::new(),
        })
    }

    /// Returns the configuration of the destination. Crashes of the host are not the receiver's
    /// fault, so the circuit breaker never pauses for long.
    pub(crate) fn introduce(&self, site: &Site, config: Config) -> Result<Config> {
        site.write(SECRET_FILE, SECRET)?;
        let lines = format!(
            "url = \"{}/audit\"\nallow_http = true\naddresses = [\"127.0.0.1\"]\nsecrets = [{{ file = \"{SECRET_FILE}\" }}]\n\
             concurrency = 16\nretry = {{ attempts_max = 1000, delay_first = \"5ms\", delay_max = \"20ms\" }}\n\
             breaker = {{ failures = 5, pause = \"20ms\", pause_max = \"40ms\" }}",
            self.receiver.url()
        );
        Ok(config.section(&format!("tenants.acme.destinations.{NAME}"), &lines))
    }

    /// Returns the received messages: each id with its event.
    pub(crate) fn read(&mut self) -> Result<&BTreeMap<MessageId, (String, u64)>> {
        for webhook in self.receiver.received_after(self.read) {
            self.read += 1;
            webhook
                .verify(SECRET)
                .context("a message has an invalid signature")?;
            let (id, event) = taken(&webhook)?;
            let (first, times) = self
                .received
                .entry(id)
                .or_insert_with(|| (event.clone(), 0));
            ensure!(
                *first == event,
                "message {id} arrived with two bodies: of event {first}, and of {event}"
            );
            *times += 1;
            let before = *self.ids.entry(event).or_insert(id);
            ensure!(
                before == id,
                "the message of event {first} arrived with two ids: {before}, and {id}"
            );
        }
        Ok(&self.received)
    }
}

/// Refuses one message in eight, although it may have stored the message.
fn reply(dice: &mut Rng) -> Reply {
    match dice.u32(0..64) {
        0..=2 => Reply::Status(StatusCode::SERVICE_UNAVAILABLE),
        3..=5 => Reply::HangUp,
        6 | 7 => Reply::Late(
            Duration::from_millis(dice.u64(1..=100)),
            StatusCode::INTERNAL_SERVER_ERROR,
        ),
        8..=10 => Reply::Late(Duration::from_millis(dice.u64(1..=100)), StatusCode::OK),
        _ => Reply::Status(StatusCode::NO_CONTENT),
    }
}

fn taken(webhook: &Received) -> Result<(MessageId, String)> {
    let id = webhook.header("webhook-id");
    let id = id
        .parse()
        .with_context(|| format!("a message has the id {id}, which the plugin did not make"))?;
    let event = webhook.json()?["key"]
        .as_str()
        .context("a message names no event")?
        .to_owned();
    Ok((id, event))
}
