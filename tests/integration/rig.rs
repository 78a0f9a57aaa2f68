//! A host with the four sources and some plugins, a client, and a steady load.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use hookyard_testkit::events::{Event, is_attempt, is_guest};
use hookyard_testkit::guests::Guest;
use hookyard_testkit::host::{Finished, Host, run_with};
use hookyard_testkit::http::{Answer, Client, Webhook};
use hookyard_testkit::load::Load;
pub(crate) use hookyard_testkit::load::fresh_payment;
use hookyard_testkit::log::Line;
use hookyard_testkit::senders::{Senders, path_of};
use hookyard_testkit::site::{Config, Site};
use http::Method;

pub(crate) struct Rig {
    pub(crate) senders: Arc<Senders>,
    pub(crate) client: Client,
    pub(crate) host: Host,
    // Last, so that the folder outlives the host.
    pub(crate) site: Site,
}

/// The configuration of most tests: files settle fast, and retries come soon.
pub(crate) fn quick() -> Config {
    Config::new()
        .plugins("settle = \"50ms\"")
        .plugins("removal = \"200ms\"")
        .section(
            "retry",
            "attempts_max = 3\ndelay_first = \"50ms\"\ndelay_max = \"200ms\"",
        )
}

/// Like `quick`, with the destination `audit`, which does not exist, granted to all plugins of
/// acme.
pub(crate) fn quick_with_audit() -> Config {
    let audit = "url = \"https://127.0.0.1:9/\"\naddresses = [\"127.0.0.1\"]\nsecrets = [{ file = \"partner.secret\" }]";
    quick()
        .section("tenants.acme.destinations.audit", audit)
        .section("tenants.acme.grants", "destinations = [\"audit\"]")
}

/// Runs a command with a site's configuration.
pub(crate) async fn hookyard(site: &Site, arguments: &[&str]) -> Result<Finished> {
    let config = site.config().to_string_lossy().into_owned();
    run_with(
        &[arguments, &["--config", &config]].concat(),
        site.environment(),
    )
    .await
}

/// Returns the output of a command that must succeed.
pub(crate) async fn stdout_of(site: &Site, arguments: &[&str]) -> Result<String> {
    let done = hookyard(site, arguments).await?;
    assert_eq!(done.code, Some(0), "{arguments:?}: {}", done.stderr);
    Ok(done.stdout)
}

impl Rig {
    /// Starts a host with these plugins (`tenant/name`) in its folder, and waits until they are
    /// active.
    pub(crate) async fn start(config: Config, plugins: &[(&str, &Guest)]) -> Result<Self> {
        Self::prepared(config, plugins, |_| Ok(())).await
    }

    /// Starts a host with additional files in its folder.
    pub(crate) async fn prepared(
        config: Config,
        plugins: &[(&str, &Guest)],
        prepare: impl FnOnce(&mut Site) -> Result<()>,
    ) -> Result<Self> {
        let mut site = Site::temporary()?;
        prepare(&mut site)?;
        let senders = Senders::new().await?;
        let config = senders.introduce(&mut site, config)?;
        site.configure(&config)?;
        for (plugin, guest) in plugins {
            site.install(plugin, guest)?;
        }
        let host = Host::start(&site).await?;
        for (plugin, guest) in plugins {
            host.wait_for_revision(plugin, &guest.revision()).await?;
        }
        Ok(Self {
            senders: Arc::new(senders),
            client: Client::http1(),
            host,
            site,
        })
    }

    /// Sends a webhook to a provider's source.
    pub(crate) async fn post(&self, provider: &str, webhook: &Webhook) -> Result<Answer> {
        self.client
            .post(self.host.address(), &path_of(provider), webhook)
            .await
    }

    /// Signs a payload like the provider and sends it. The host must accept it.
    pub(crate) async fn deliver(&self, provider: &str, body: &str) -> Result<Webhook> {
        let webhook = self.senders.sign(provider, body)?;
        let answer = self.post(provider, &webhook).await?;
        assert!(
            answer.is_accepted(),
            "{provider} was answered {} {}",
            answer.status,
            answer.text()
        );
        Ok(webhook)
    }

    /// Sends another event and waits until each of acme's `plugins` has handled it.
    pub(crate) async fn handles_one_more(&self, plugins: &[&str]) -> Result<()> {
        let (id, body) = fresh_payment();
        self.deliver("topper", &body).await?;
        let is_done = |event: &Event| {
            event.key == id && plugins.iter().all(|plugin| event.is_done_by(plugin))
        };
        let done = |events: &[Event]| events.iter().any(is_done);
        self.host
            .wait_for_events(
                &format!("the event to be handled by {}", plugins.join(", ")),
                done,
            )
            .await
            .map(drop)
    }

    /// Returns the metrics of the host.
    pub(crate) async fn metrics(&self) -> Result<String> {
        let line = self
            .host
            .wait_for_log("the admin listener", |line| {
                line.target() == "hookyard::admin"
            })
            .await?;
        let address = line.text_of("address").parse()?;
        Ok(self
            .client
            .send(Method::GET, address, "/metrics", &Webhook::json(""))
            .await?
            .text()
            .to_owned())
    }

    /// Returns a value of `/proc/<pid>/status` in bytes, by its name.
    #[cfg(target_os = "linux")]
    pub(crate) fn used(&self, name: &str) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.host.pid()))?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .context("no such line")?;
        let kib: u64 = line
            .split_whitespace()
            .next()
            .context("no number")?
            .parse()?;
        Ok(kib << 10)
    }

    /// Waits until there are this many events and every plugin has handled each of them.
    pub(crate) async fn all_done(&self, count: usize) -> Result<Vec<Event>> {
        let done = |events: &[Event]| {
            events.len() == count
                && events.iter().all(|event| {
                    !event.plugins.is_empty() && event.plugins.iter().all(|job| job.state == "done")
                })
        };
        self.host
            .wait_for_events(&format!("{count} events, all handled"), done)
            .await
    }

    /// Starts several clients that each send a Topper event every `pause`.
    pub(crate) fn load(&self, clients: usize, pause: Duration) -> Load {
        Load::start(&self.senders, self.host.address(), clients, pause)
    }

    /// Returns the guests' log lines about an event, after all of its attempts so far have been
    /// logged.
    pub(crate) async fn guest_lines(&self, event: &Event) -> Result<Vec<Line>> {
        for job in &event.plugins {
            let attempts = job.attempts.to_string();
            let is_reported = |line: &Line| {
                is_attempt(line)
                    && line.text_of("event") == event.id
                    && line.text_of("plugin") == job.plugin
                    && line.text_of("attempt") == attempts
            };
            self.host
                .wait_for_log(
                    &format!("attempt {attempts} of {}", job.plugin),
                    is_reported,
                )
                .await?;
        }
        let lines = self.host.lines().await?.into_iter();
        Ok(lines
            .filter(|line| is_guest(line) && line.text_of("event") == event.id)
            .collect())
    }

    /// Starts a new process with the same site, keys and stand-in.
    pub(crate) async fn restarted(site: Site, senders: Arc<Senders>) -> Result<Self> {
        let host = Host::start(&site).await?;
        Ok(Self {
            senders,
            client: Client::http1(),
            host,
            site,
        })
    }
}
