//! The host that serves the plugin under development.

use std::collections::{BTreeSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use bytes::Bytes;
use hookyard_config::providers;
use hookyard_develop::dev::configuration::{Configuration, OPEN};
use hookyard_develop::dev::queue::QueuedEvent;
use hookyard_develop::dev::source::Source;
use hookyard_develop::receiver::Receiver;
use hookyard_develop::send::{self, Client};
use hookyard_develop::workbench::{self, TENANT, Workbench};
use hookyard_model::{Clock as _, PluginRef, Revision, Step};
use hookyard_plugin::LoadedPlugin;
use hookyard_store::{Releases as _, RevisionRecord};
use hookyard_store_sqlite::SqliteStore;
use http::StatusCode;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::Next;
use super::changes::LOOK;
use super::folder::HostFolder;
use super::observer::{Observed, ObservedRunner};
use super::workspace::Release;
use crate::cli::Failure;
use crate::cli::shared::UNREADABLE;
use crate::cli::shared::author;
use crate::clock::SystemClock;
use crate::engine;
use crate::serve::{self, Background};

/// The maximum number of attempts that wait for the screen.
const OBSERVED_MAX: usize = 256;
/// The number of events whose names are remembered.
const NAMES_MAX: usize = 1000;
/// How long a plugin may take to become active.
const ACTIVE_MAX: Duration = Duration::from_secs(180);

/// What the host needs besides the plugin.
pub(super) struct Setup {
    /// The author's own configuration, which may name a folder of providers.
    pub(super) config_path: PathBuf,
    pub(super) workbench: Arc<Workbench>,
    pub(super) listen: SocketAddr,
}

/// The running host.
pub(super) struct Serving {
    setup: Setup,
    host: Background,
    sources: Vec<Source>,
    receiver: Receiver,
    client: Client,
    store: SqliteStore,
    attempts: mpsc::Receiver<Box<Observed>>,
    /// The keys of the last events, with the names of their fixtures or samples.
    names: VecDeque<(String, String)>,
    // Dropped last, because the other parts use the folder.
    folder: HostFolder,
}

impl Serving {
    /// Starts the host with a source for each provider.
    pub(super) async fn start(
        setup: Setup,
        folder: HostFolder,
        providers: &BTreeSet<String>,
        release: &Release,
    ) -> Result<Self, Failure> {
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let respond = Arc::new(|_: &http::Method, _: &str| (StatusCode::OK, Bytes::new()));
        let receiver = Receiver::start(loopback, respond);
        let receiver = receiver.await.map_err(|reason| anyhow!(reason))?;

        let mut sources = Vec::new();
        for name in providers {
            let provider = author::provider(&setup.workbench.providers, name)?;
            let source = Source::new(provider, folder.path()).await;
            sources.push(source.map_err(|reason| anyhow!(reason))?);
        }
        let text = configuration(&setup, &folder, &sources, (&receiver, &release.plugin))?;
        folder.configure(&text)?;

        let (seen, attempts) = mpsc::channel(OBSERVED_MAX);
        let wrap = Box::new(|inner| Arc::new(ObservedRunner { inner, seen }) as Arc<_>);
        let host = serve::start_in_background(&folder.configuration(), wrap).await?;
        let store = SqliteStore::open_read_only(&folder.path().join("hookyard.db"));
        Ok(Self {
            setup,
            host,
            sources,
            receiver,
            client: send::client().map_err(|reason| anyhow!(reason))?,
            store: store.map_err(anyhow::Error::from)?,
            attempts,
            names: VecDeque::new(),
            folder,
        })
    }

    /// Drops a release into the plugin folder, and waits until it is active. Returns the reason if
    /// the host refuses it.
    pub(super) async fn release(
        &self,
        name: &str,
        release: &Release,
    ) -> Result<Result<(), String>, Failure> {
        let plugin = &release.plugin;
        let text = configuration(
            &self.setup,
            &self.folder,
            &self.sources,
            (&self.receiver, plugin),
        )?;
        if self.folder.configure(&text)? {
            self.host.reload();
        }

        self.folder
            .install(name, &release.code, &release.settings)?;
        let plugin = workbench::plugin(name).map_err(|reason| anyhow!(reason))?;
        self.wait(&plugin, release.report.revision).await
    }

    /// Waits until a revision is active. Returns the reason if the host refuses the revision.
    async fn wait(
        &self,
        plugin: &PluginRef,
        revision: Revision,
    ) -> Result<Result<(), String>, Failure> {
        let began = Instant::now();
        while began.elapsed() < ACTIVE_MAX {
            let records = self
                .store
                .revisions(Some(plugin))
                .await
                .context(UNREADABLE)?;
            let record = records.iter().find(|record| record.revision == revision);
            match record {
                Some(RevisionRecord {
                    step: Step::Active, ..
                }) => return Ok(Ok(())),
                Some(RevisionRecord {
                    step: Step::Refused,
                    reason,
                    ..
                }) => return Ok(Err(reason.clone().unwrap_or_default())),
                _ => tokio::select! {
                    () = tokio::time::sleep(LOOK) => {}
                    () = self.host.stopped() => return Ok(Err("stopped".to_owned())),
                },
            }
        }
        Ok(Err(format!("not active after {ACTIVE_MAX:?}")))
    }

    /// Waits for the next attempt or the end of the host.
    pub(super) async fn next(&mut self) -> Next {
        tokio::select! {
            () = self.host.stopped() => Next::Stopped,
            observed = self.attempts.recv() => observed.map_or(Next::Stopped, Next::Attempt),
        }
    }

    /// Sends an event, signed with the secret of its source.
    pub(super) async fn send(&mut self, event: &QueuedEvent) -> Result<(), String> {
        let is_of = |source: &&Source| {
            let name = event.provider.as_ref();
            name.is_none_or(|name| *name == source.provider.name)
        };
        let source = self.sources.iter().find(is_of);
        let source = source.ok_or("no source receives the events of its provider")?;

        let (id, now) = (Uuid::now_v7().to_string(), SystemClock.now());
        let event_type = event.event_type.as_deref();
        let mut signed = source.sender.sign(&id, event_type, &event.body, now)?;
        let known: BTreeSet<_> = signed.headers.iter().map(|it| it.name.clone()).collect();
        let more = event
            .headers
            .iter()
            .filter(|header| !known.contains(&header.name));
        signed.headers.extend(more.cloned());

        self.names.push_back((id, event.name.clone()));
        if self.names.len() > NAMES_MAX {
            self.names.pop_front();
        }
        let url = format!(
            "http://{}/{TENANT}/{}",
            self.host.address, source.provider.name
        );
        let answer = self.client.post(&url, signed).await?;
        if answer.status.is_success() {
            return Ok(());
        }
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        Err(format!("{} {body}", answer.status))
    }

    /// Returns the name of the event with this key, if it was sent from here.
    pub(super) fn name(&self, key: &str) -> Option<&str> {
        let mut names = self.names.iter();
        let (_, name) = names.find(|(known, _)| known == key)?;
        Some(name)
    }

    /// Returns the URL that accepts unsigned events.
    pub(super) fn url(&self) -> String {
        let provider = self.sources.first().map(|source| &source.provider.name);
        let provider = provider.map(String::as_str).unwrap_or_default();
        format!("http://{}/{TENANT}/{provider}{OPEN}", self.host.address)
    }

    /// Stops the host.
    pub(super) async fn stop(self) -> Result<(), Failure> {
        Ok(self.host.stop().await?)
    }
}

/// Returns the configuration of the host for a plugin.
fn configuration(
    setup: &Setup,
    folder: &HostFolder,
    sources: &[Source],
    (receiver, plugin): (&Receiver, &LoadedPlugin),
) -> Result<String, Failure> {
    let own = providers::source::own_folder(&setup.config_path)
        .with_context(|| format!("cannot read {}", setup.config_path.display()))?;
    let own = own.map(std::path::absolute).transpose();
    let own = own.context("cannot find the folder of providers")?;

    let cache = engine::author_cache();
    let configuration = Configuration {
        listen: setup.listen,
        cache: cache.as_deref(),
        providers_folder: own.as_deref(),
        sources,
        destinations: &plugin.grants().destinations,
        receiver: receiver.address,
    };
    let text = configuration.text(&setup.workbench.providers, folder.path());
    Ok(text.map_err(|reason| anyhow!(reason))?)
}
