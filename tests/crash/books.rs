//! Reads the store directly from its file, without the host, and checks the events, effects and
//! messages.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hookyard_model::{EventId, Key, MessageId, PluginRef, WorkState};
use hookyard_store::{
    EventPage, EventSelection, EventSummary, Events, JobSummary, MessagePage, MessageSelection,
    Outbox, Values,
};
use hookyard_store_sqlite::SqliteStore;
use hookyard_testkit::PATIENCE;

use crate::Ledger;
use crate::mailbox::Mailbox;
use crate::senders::Party;

const PAGE: usize = 500;
const PAUSE: Duration = Duration::from_millis(10);

/// The result of the checks so far. Finished events are read once.
pub(crate) struct Books {
    path: PathBuf,
    plugin: PluginRef,
    /// The last event before the first unfinished event.
    after: Option<EventId>,
    /// The last message before the first unsent message.
    after_message: Option<MessageId>,
    stored: BTreeMap<String, EventId>,
    /// The messages of each event.
    messages: BTreeMap<EventId, Vec<MessageId>>,
    /// The events whose effects are not checked yet.
    unaudited: Vec<(String, EventId)>,
    /// Missing and doubled effects, as text.
    lost: Vec<String>,
    doubled: Vec<String>,
    attempts: u64,
}

impl Books {
    pub(crate) fn new(path: &Path, plugin: &str) -> Self {
        let (tenant, name) = plugin.split_once('/').expect("tenant/plugin");
        let plugin = PluginRef {
            tenant: tenant.parse().expect("a name"),
            name: name.parse().expect("a name"),
        };
        Self {
            path: path.to_owned(),
            plugin,
            after: None,
            after_message: None,
            stored: BTreeMap::new(),
            messages: BTreeMap::new(),
            unaudited: Vec::new(),
            lost: Vec::new(),
            doubled: Vec::new(),
            attempts: 0,
        }
    }

    /// Forgets everything, so that the next reading begins with the first event.
    pub(crate) fn reopen(&mut self) {
        let plugin = self.plugin.to_string();
        *self = Self::new(&self.path, &plugin);
    }

    /// Waits until every stored event is handled and every message is sent, and returns the sums.
    pub(crate) async fn read(
        &mut self,
        ledger: &mut Ledger,
        party: &Party,
        mailbox: &mut Mailbox,
    ) -> Result<()> {
        let inbox = SqliteStore::open_read_only(&self.path).context("the inbox cannot be read")?;
        self.all_handled(&inbox).await?;
        self.all_sent(&inbox).await?;
        let received = mailbox.read()?;
        self.audit(&inbox, received).await?;
        let counted = self.counted(&inbox, "all", "handled").await?;
        let sent = party.sent();
        let missing = sent
            .acknowledged
            .iter()
            .filter(|key| !self.stored.contains_key(*key));
        let mut lost = self.lost.clone();
        lost.extend(
            missing.map(|key| format!("the event {key} was acknowledged and is not stored")),
        );
        if let Some(key) = self.stored.keys().find(|key| !sent.keys.contains(*key)) {
            bail!("an event is stored that nobody sent, with key {key}");
        }
        *ledger = Ledger {
            sent: sent.keys.len() as u64,
            acknowledged: sent.acknowledged.len() as u64,
            stored: self.stored.len() as u64,
            handled: self.stored.len() as u64,
            counted,
            messages: self
                .messages
                .values()
                .map(|messages| messages.len() as u64)
                .sum(),
            received: received.len() as u64,
            lost: lost.len() as u64,
            doubled: self.doubled.len() as u64,
            requests: sent.requests,
            attempts: self.attempts,
            deliveries: received.values().map(|(_, times)| times).sum(),
            deaths: std::mem::take(&mut ledger.deaths),
        };
        match lost.first().or(self.doubled.first()) {
            Some(first) => bail!(
                "{} lost, {} doubled, such as: {first}",
                lost.len(),
                self.doubled.len()
            ),
            None => Ok(()),
        }
    }

    /// Waits until every message is sent.
    async fn all_sent(&mut self, inbox: &SqliteStore) -> Result<()> {
        let began = Instant::now();
        loop {
            let page = MessagePage {
                after: self.after_message,
                ..MessagePage::first(MessageSelection::default(), PAGE)
            };
            let messages = inbox.messages(page).await?;
            let sent = messages
                .iter()
                .take_while(|message| message.state == WorkState::Done)
                .count();
            for message in &messages[..sent] {
                self.after_message = Some(message.id);
                self.messages
                    .entry(message.event)
                    .or_default()
                    .push(message.id);
            }
            match messages.get(sent) {
                None if sent < PAGE => return Ok(()),
                None => {}
                Some(open) if began.elapsed() > PATIENCE => {
                    bail!(
                        "waited {} s for a message to be sent: {open:?}",
                        PATIENCE.as_secs()
                    )
                }
                Some(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// Checks the effects of the events that were handled since the last call.
    async fn audit(
        &mut self,
        inbox: &SqliteStore,
        received: &BTreeMap<MessageId, (String, u64)>,
    ) -> Result<()> {
        for (key, id) in std::mem::take(&mut self.unaudited) {
            let counted = self.counted(inbox, "each", &key).await?;
            let messages = self.messages.get(&id).map_or([].as_slice(), Vec::as_slice);
            let arrived = messages
                .iter()
                .filter(|id| received.get(id).is_some_and(|(event, _)| *event == key))
                .count();
            for (what, times) in [
                ("counted", counted),
                ("sent", messages.len() as u64),
                ("received", arrived as u64),
            ] {
                let list = match times {
                    0 => &mut self.lost,
                    1 => continue,
                    _ => &mut self.doubled,
                };
                list.push(format!(
                    "the event {key} is done and was {what} {times} times"
                ));
            }
        }
        Ok(())
    }

    async fn counted(&self, inbox: &SqliteStore, bucket: &str, key: &str) -> Result<u64> {
        let key = Key {
            bucket: bucket.into(),
            key: key.into(),
        };
        let Some(found) = inbox.value(&self.plugin, &key).await? else {
            return Ok(0);
        };
        let text = std::str::from_utf8(&found.value).context("a counter is a number")?;
        text.parse().context("a counter is a number")
    }

    async fn all_handled(&mut self, inbox: &SqliteStore) -> Result<()> {
        let began = Instant::now();
        loop {
            let page = EventPage {
                after: self.after,
                ..EventPage::first(EventSelection::default(), PAGE)
            };
            let events = inbox.events(page).await?;
            let is_last = events.len() < PAGE;
            let Some(open) = self.take(events) else {
                if is_last {
                    return Ok(());
                }
                continue;
            };
            if began.elapsed() > PATIENCE {
                bail!(
                    "waited {} s for an event to be handled: {open:?}",
                    PATIENCE.as_secs()
                );
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Records the events up to the first unhandled event, and returns that event.
    fn take(&mut self, events: Vec<EventSummary>) -> Option<EventSummary> {
        for event in events {
            let job = event.jobs.iter().find(|job| job.plugin == self.plugin.name);
            let Some(JobSummary {
                state: WorkState::Done,
                attempts,
                ..
            }) = job
            else {
                return Some(event);
            };
            self.attempts += u64::from(*attempts);
            self.after = Some(event.id);
            if self.stored.insert(event.key.clone(), event.id).is_some() {
                self.doubled
                    .push(format!("the event {} is stored twice", event.key));
            }
            self.unaudited.push((event.key, event.id));
        }
        None
    }
}
