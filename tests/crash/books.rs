//! The books: what stands in the inbox, read past the host, from the file itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use hookyard_inbox::{EventSummary, Inbox, JobSummary, Page, Selection};
use hookyard_inbox_sqlite::SqliteInbox;
use hookyard_model::{EventId, JobState, PluginRef};
use hookyard_testkit::PATIENCE;

use crate::Ledger;
use crate::senders::Party;

const PAGE: usize = 500;
const PAUSE: Duration = Duration::from_millis(10);

/// What has been found so far. Events that are over are read once.
pub(crate) struct Books {
    path: PathBuf,
    plugin: PluginRef,
    /// The last event of those that are over without a gap.
    after: Option<EventId>,
    stored: BTreeMap<String, EventId>,
    doubled: Vec<String>,
    attempts: u64,
}

impl Books {
    pub(crate) fn new(path: &Path, plugin: &str) -> Self {
        let (tenant, name) = plugin.split_once('/').expect("tenant/plugin");
        let plugin = PluginRef { tenant: tenant.parse().expect("a name"), plugin: name.parse().expect("a name") };
        Self { path: path.to_owned(), plugin, after: None, stored: BTreeMap::new(), doubled: Vec::new(), attempts: 0 }
    }

    /// Forgets all, so that the next reading begins with the first event.
    pub(crate) fn reopen(&mut self) {
        let plugin = self.plugin.to_string();
        *self = Self::new(&self.path, &plugin);
    }

    /// Waits until every stored event is handled, and adds up.
    pub(crate) async fn read(&mut self, ledger: &mut Ledger, party: &Party) -> Result<()> {
        let inbox = SqliteInbox::open_read_only(&self.path).context("the inbox can't be read")?;
        self.all_handled(&inbox).await?;
        let sent = party.sent();
        let missing: Vec<_> = sent.acknowledged.iter().filter(|key| !self.stored.contains_key(*key)).collect();
        let strangers: BTreeSet<_> = self.stored.keys().filter(|key| !sent.keys.contains(*key)).collect();
        if let Some(key) = missing.first() {
            bail!("{} acknowledged events are not stored, such as the one with key {key}", missing.len());
        }
        if let Some(key) = self.doubled.first() {
            bail!("{} events are stored twice, such as the one with key {key}", self.doubled.len());
        }
        if let Some(key) = strangers.first() {
            bail!("an event is stored that nobody sent, with key {key}");
        }
        ledger.sent = sent.keys.len() as u64;
        ledger.acknowledged = sent.acknowledged.len() as u64;
        ledger.requests = sent.requests;
        ledger.stored = self.stored.len() as u64;
        ledger.handled = self.stored.len() as u64;
        ledger.attempts = self.attempts;
        Ok(())
    }

    async fn all_handled(&mut self, inbox: &SqliteInbox) -> Result<()> {
        let began = Instant::now();
        loop {
            let page = Page { selection: Selection::default(), after: self.after, limit: PAGE };
            let events = inbox.events(page).await?;
            let is_last = events.len() < PAGE;
            let Some(open) = self.take(events) else {
                if is_last {
                    return Ok(());
                }
                continue;
            };
            if began.elapsed() > PATIENCE {
                bail!("waited {} s for an event to be handled: {open:?}", PATIENCE.as_secs());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Takes down the events up to the first that isn't handled, and hands that one out.
    fn take(&mut self, events: Vec<EventSummary>) -> Option<EventSummary> {
        for event in events {
            let job = event.jobs.iter().find(|job| job.plugin == self.plugin.plugin);
            let Some(JobSummary { state: JobState::Done, attempts, .. }) = job else { return Some(event) };
            self.attempts += u64::from(*attempts);
            self.after = Some(event.id);
            if self.stored.insert(event.key.clone(), event.id).is_some() {
                self.doubled.push(event.key);
            }
        }
        None
    }
}
