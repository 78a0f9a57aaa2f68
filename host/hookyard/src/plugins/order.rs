//! Orders about a plugin: written to the store, followed by the host that runs, or by the next one.
//!
//! A command waits until the host has done as it was told, for no longer than `WAIT_MAX`, and says what came of it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow};
use hookyard_model::{Clock, PluginRef, Revision, Step, Timestamp};
use hookyard_store::{Block, Order, Releases, Routing};
use hookyard_store_sqlite::SqliteStore;
use serde::Serialize;
use tokio::time::Instant;

use super::standing::{self, Standing};
use crate::cli::Failure;
use crate::clock::SystemClock;
use crate::output;
use hookyard_config::{self as config, Settings};
use hookyard_release::Desired;

/// How long a running host is waited for. What it is to compile may take it longer.
const WAIT_MAX: Duration = Duration::from_secs(10);
const ASK_EVERY: Duration = Duration::from_millis(50);

/// A plugin, the store that an order about it is written to, and how it stands before.
struct Desk {
    settings: Settings,
    desired: Desired,
    inbox: SqliteStore,
    plugin: PluginRef,
    standing: Standing,
    now: Timestamp,
}

/// What came of an order.
enum Came {
    /// The plugin runs this.
    Done(Option<Revision>),
    /// The host couldn't do it.
    Refused(String),
    /// The host was not done by the time that it was waited for.
    Waiting,
    /// There's none.
    NoHost,
}

impl Desk {
    async fn open(path: &Path, plugin: PluginRef) -> Result<Self, Failure> {
        let settings = config::read(path).result?;
        let inbox = SqliteStore::open_beside(&settings.store.url).map_err(anyhow::Error::from)?;
        let standing = standing::one(&settings, &plugin).await?;
        let desired = Desired::from(&settings);
        Ok(Self {
            settings,
            desired,
            inbox,
            plugin,
            standing,
            now: SystemClock.now(),
        })
    }

    async fn order(&self, revision: Revision, is_pin: bool) -> anyhow::Result<()> {
        if !serves(revision)(&self.standing) && !self.desired.keeps(&self.plugin, revision) {
            let short = revision.short();
            return Err(anyhow!(
                "the component of {short} is no longer kept in plugins.revisions; drop its file in again"
            ));
        }
        let order = Order {
            plugin: self.plugin.clone(),
            revision,
            is_pin,
            ordered_at: self.now,
        };
        self.inbox
            .order(order)
            .await
            .context("the order can't be stored")
    }

    /// A revision that may be asked for.
    fn named(&self, digits: &str) -> anyhow::Result<Revision> {
        let revision = self.standing.named(digits)?;
        match self.standing.block_of(revision) {
            None => Ok(revision),
            Some(block) => {
                let (short, plugin) = (revision.short(), &self.plugin);
                Err(anyhow!(
                    "{short} is refused: {}; `hookyard plugins release {plugin}` ends that",
                    block.reason
                ))
            }
        }
    }

    /// Waits until the plugin stands as `is_done` says, or the host refuses what was asked for.
    async fn wait(
        &self,
        wanted: Option<Revision>,
        is_done: impl Fn(&Standing) -> bool,
    ) -> anyhow::Result<Came> {
        if !SqliteStore::has_host(&self.settings.store.url) {
            return Ok(Came::NoHost);
        }
        let until = Instant::now() + WAIT_MAX;
        loop {
            let standing = standing::one(&self.settings, &self.plugin).await?;
            let refused = wanted
                .and_then(|wanted| standing.of(wanted))
                .filter(|known| known.step == Step::Refused && known.at >= self.now);
            if let Some(refused) = refused {
                return Ok(Came::Refused(refused.reason.clone().unwrap_or_default()));
            }
            if is_done(&standing) {
                return Ok(Came::Done(standing.active().map(|active| active.revision)));
            }
            if Instant::now() >= until {
                return Ok(Came::Waiting);
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
    }

    /// Waits until the file that was kept out is served, or refused for another reason.
    async fn wait_for_file(&self) -> anyhow::Result<Came> {
        match self.standing.kept_out() {
            Some(file) => self.wait(Some(file), serves(file)).await,
            None => self.wait(None, |_| true).await,
        }
    }

    /// Tells what came of an order: that it is `done`.
    fn tell(&self, came: Came, done: &str, json: bool) -> Result<(), Failure> {
        if json {
            output::line(
                serde_json::to_string(&Answer::of(&self.plugin, &came)).expect("texts make JSON"),
            )?;
        }
        let plugin = &self.plugin;
        let told = match came {
            Came::Done(Some(revision)) => format!("{plugin} {done}: {} serves", revision.short()),
            Came::Done(None) => format!("{plugin} {done}"),
            Came::Waiting => {
                format!(
                    "{plugin} will be {done}: the host is at it; `hookyard plugins list` says how it stands"
                )
            }
            Came::NoHost => format!("{plugin} {done}, from when a host starts: none is running"),
            Came::Refused(reason) => {
                return Err(anyhow!("{plugin}: the host can't do that: {reason}").into());
            }
        };
        if !json {
            output::line(told)?;
        }
        Ok(())
    }
}

#[derive(Serialize)]
struct Answer<'p> {
    tenant: &'p str,
    plugin: &'p str,
    /// Whether a running host has done it: `done`, `waiting`, `refused`, or `no-host`.
    came: &'static str,
    revision: Option<String>,
    reason: Option<&'p str>,
}

impl<'p> Answer<'p> {
    fn of(plugin: &'p PluginRef, came: &'p Came) -> Self {
        let (name, revision, reason) = match came {
            Came::Done(revision) => ("done", revision.map(|revision| revision.to_string()), None),
            Came::Refused(reason) => ("refused", None, Some(reason.as_str())),
            Came::Waiting => ("waiting", None, None),
            Came::NoHost => ("no-host", None, None),
        };
        Self {
            tenant: plugin.tenant.as_str(),
            plugin: plugin.name.as_str(),
            came: name,
            revision,
            reason,
        }
    }
}

fn serves(revision: Revision) -> impl Fn(&Standing) -> bool {
    move |standing| {
        standing
            .active()
            .is_some_and(|active| active.revision == revision)
    }
}

/// Takes back what serves, in favour of what served before or of what is named.
pub(crate) async fn rollback(
    path: &Path,
    plugin: PluginRef,
    to: Option<&str>,
    json: bool,
) -> Result<(), Failure> {
    let desk = Desk::open(path, plugin).await?;
    let plugin = &desk.plugin;
    let active = desk.standing.active().map(|active| active.revision);
    let active = active
        .ok_or_else(|| anyhow!("{plugin} has no revision in service, hence none to take back"))?;
    let target = match to {
        Some(digits) => desk.named(digits)?,
        None => {
            let back = desk.standing.fallback().map(|known| known.revision);
            back.ok_or_else(|| {
                anyhow!("{plugin} has no earlier revision that may serve; `hookyard plugins show {plugin}` tells why")
            })?
        }
    };
    if target == active {
        return Err(anyhow!("{plugin} runs {} already", target.short()).into());
    }
    if let Some(pin) = desk.standing.pin() {
        let pinned = pin.revision.short();
        return Err(anyhow!(
            "{plugin} is pinned to {pinned}; pin it to {}, or unpin it first",
            target.short()
        )
        .into());
    }
    // What is wanted first: whoever dies in between leaves a order that can be fulfilled, and nothing without a successor.
    desk.order(target, false).await?;
    let reason = "taken back by hand".to_owned();
    let block = Block {
        plugin: plugin.clone(),
        revision: active,
        reason,
        since: desk.now,
    };
    desk.inbox
        .block(block)
        .await
        .context("the order can't be stored")?;
    let came = desk.wait(Some(target), serves(target)).await?;
    desk.tell(
        came,
        &format!("rolled back from {} to {}", active.short(), target.short()),
        json,
    )
}

/// Has a plugin stay with what serves, or with what is named.
pub(crate) async fn pin(
    path: &Path,
    plugin: PluginRef,
    named: Option<&str>,
    json: bool,
) -> Result<(), Failure> {
    let desk = Desk::open(path, plugin).await?;
    let plugin = &desk.plugin;
    let target = match (named, desk.standing.active()) {
        (Some(digits), _) => desk.named(digits)?,
        (None, Some(active)) => active.revision,
        (None, None) => {
            return Err(anyhow!("{plugin} has no revision in service; name the one to pin").into());
        }
    };
    desk.order(target, true).await?;
    let came = desk.wait(Some(target), serves(target)).await?;
    desk.tell(came, &format!("pinned to {}", target.short()), json)
}

/// Ends a pin.
pub(crate) async fn unpin(path: &Path, plugin: PluginRef, json: bool) -> Result<(), Failure> {
    let desk = Desk::open(path, plugin).await?;
    let plugin = &desk.plugin;
    if desk.standing.pin().is_none() {
        return Err(anyhow!("{plugin} is not pinned").into());
    }
    desk.inbox
        .withdraw_order(plugin)
        .await
        .context("the order can't be stored")?;
    let refused = desk
        .standing
        .kept_out()
        .filter(|file| desk.standing.block_of(*file).is_some());
    let Some(file) = refused else {
        let came = desk.wait_for_file().await?;
        return desk.tell(came, "unpinned", json);
    };
    // Waiting for it would be in vain.
    let came = desk.wait(None, |_| true).await?;
    let file = file.short();
    let done = format!(
        "unpinned, but its file ({file}) stays refused until `hookyard plugins release {plugin}`"
    );
    desk.tell(came, &done, json)
}

/// Ends a plugin's quarantine and lifts its blocks, as the operator who has seen to their cause.
pub(crate) async fn release(path: &Path, plugin: PluginRef, json: bool) -> Result<(), Failure> {
    let desk = Desk::open(path, plugin).await?;
    let plugin = &desk.plugin;
    if desk.standing.quarantine.is_none() && desk.standing.blocks.is_empty() {
        return Err(
            anyhow!("{plugin} is not quarantined; `hookyard plugins list` says which are").into(),
        );
    }
    desk.inbox
        .unblock(plugin)
        .await
        .with_context(|| format!("{plugin} can't be released"))?;
    desk.inbox
        .lift(plugin)
        .await
        .with_context(|| format!("{plugin} can't be released"))?;
    let came = desk.wait_for_file().await?;
    let done = match desk.standing.quarantine {
        Some(_) => "released, and its held events go on",
        None => "released",
    };
    desk.tell(came, done, json)
}
