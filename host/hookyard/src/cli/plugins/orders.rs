//! Orders about a plugin: a command writes them to the store, and the host that runs, or the next
//! one, follows them.
//!
//! A command waits until the running host has followed the order, for at most [`WAIT_MAX`], and
//! prints the result.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow};
use hookyard_admin::host::Wanted;
use hookyard_config::{self as config, Settings};
use hookyard_model::{Clock, PluginRef, Revision, Step, Timestamp};
use hookyard_release::Desired;
use hookyard_store::{Block, Order, Releases, Routing};
use hookyard_store_sqlite::SqliteStore;
use serde::Serialize;
use tokio::time::Instant;

use super::Target;
use super::standing::{self, Standing};
use crate::cli::Failure;
use crate::clock::SystemClock;
use crate::output;

/// How long a command waits for a running host. Compilation may take longer than that.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// The pause between two looks at the plugin's state.
const WAIT_INTERVAL: Duration = Duration::from_millis(50);

/// A plugin that an operator gives an order about.
struct Session {
    settings: Settings,
    desired: Desired,
    store: SqliteStore,
    plugin: PluginRef,
    /// The state of the plugin before the order.
    standing: Standing,
    now: Timestamp,
}

/// What came of an order.
struct Carried {
    plugin: PluginRef,
    result: OrderResult,
    /// What the host has done once the order is carried out, such as `pinned to 0a1b`.
    done: String,
}

/// The result of an order.
enum OrderResult {
    /// The host has followed the order. The active revision is this one.
    Done(Option<Revision>),
    /// The host could not follow the order, for this reason.
    Refused(String),
    /// The host has not followed the order yet.
    Waiting,
    /// No host is running.
    NoHost,
}

impl Session {
    async fn open(settings: Settings, plugin: PluginRef) -> anyhow::Result<Self> {
        let store = SqliteStore::open_beside(&settings.store.url)?;
        let standing = standing::one(&settings, &plugin).await?;
        let desired = Desired::from(&settings);

        Ok(Self {
            settings,
            desired,
            store,
            plugin,
            standing,
            now: SystemClock.now(),
        })
    }

    /// Stores an order for a revision.
    async fn order(&self, revision: Revision, is_pin: bool) -> anyhow::Result<()> {
        let archived = self.desired.archived(&self.plugin);
        if !self.standing.serves(revision) && !archived.contains(&revision) {
            return Err(anyhow!(
                "the component of {} is no longer kept in plugins.revisions; drop its file in \
                 again",
                revision.short()
            ));
        }

        let order = Order {
            plugin: self.plugin.clone(),
            revision,
            is_pin,
            ordered_at: self.now,
            ordered_by: None,
        };
        self.store
            .order(order, None)
            .await
            .context("the order cannot be stored")
    }

    /// Returns the revision that begins with these digits, unless it is blocked.
    fn named(&self, digits: &str) -> anyhow::Result<Revision> {
        let revision = self.standing.named(digits)?;
        if let Some(block) = self.standing.plugin.block_of(revision) {
            return Err(anyhow!(
                "{} is blocked: {}; `hookyard plugins clear {}` ends the block",
                revision.short(),
                block.reason,
                self.plugin
            ));
        }

        Ok(revision)
    }

    /// Returns the revision that a rollback without `--to` returns to. A running host would choose
    /// the same one.
    fn rollback_target(&self) -> anyhow::Result<Revision> {
        let archived = self.desired.archived(&self.plugin);
        let target = self
            .standing
            .plugin
            .rollback_target(|revision| archived.contains(&revision));

        target.ok_or_else(|| {
            anyhow!(
                "{plugin} has no earlier revision that may serve; `hookyard plugins show {plugin}` \
                 lists its revisions",
                plugin = self.plugin
            )
        })
    }

    /// Waits until the plugin's state is as wanted, or the host refuses the revision that was
    /// ordered.
    async fn wait(
        &self,
        ordered: Option<Revision>,
        is_done: impl Fn(&Standing) -> bool,
    ) -> anyhow::Result<OrderResult> {
        if !SqliteStore::has_host(&self.settings.store.url) {
            return Ok(OrderResult::NoHost);
        }

        let until = Instant::now() + WAIT_MAX;
        loop {
            let standing = standing::one(&self.settings, &self.plugin).await?;
            let refused = ordered
                .and_then(|ordered| standing.record_of(ordered))
                .filter(|record| record.step == Step::Refused && record.at >= self.now);
            if let Some(refused) = refused {
                let reason = refused.reason.clone().unwrap_or_default();
                return Ok(OrderResult::Refused(reason));
            }
            if is_done(&standing) {
                return Ok(OrderResult::Done(standing.plugin.active));
            }
            if Instant::now() >= until {
                return Ok(OrderResult::Waiting);
            }
            tokio::time::sleep(WAIT_INTERVAL).await;
        }
    }

    async fn wait_for(&self, revision: Revision) -> anyhow::Result<OrderResult> {
        self.wait(Some(revision), |standing| standing.serves(revision))
            .await
    }

    /// Waits until the file that was kept out is served, or refused for another reason.
    async fn wait_for_file(&self) -> anyhow::Result<OrderResult> {
        match self.standing.kept_out() {
            Some(file) => self.wait_for(file).await,
            None => self.wait(None, |_| true).await,
        }
    }
}

impl Carried {
    /// Returns the result in one line.
    ///
    /// # Errors
    ///
    /// Fails if the host could not follow the order.
    fn line(&self) -> anyhow::Result<String> {
        let Self { plugin, done, .. } = self;
        match &self.result {
            OrderResult::Done(Some(revision)) => {
                Ok(format!("{plugin} {done}: {} serves", revision.short()))
            }
            OrderResult::Done(None) => Ok(format!("{plugin} {done}")),
            OrderResult::Waiting => Ok(format!(
                "{plugin} will be {done}: the host is still working on it; check \
                 `hookyard plugins list`"
            )),
            OrderResult::NoHost => Ok(format!(
                "{plugin} {done}, from when a host starts: none is running"
            )),
            OrderResult::Refused(reason) => {
                Err(anyhow!("{plugin}: the host cannot do that: {reason}"))
            }
        }
    }
}

/// The result of an order as JSON.
#[derive(Serialize)]
struct Report<'p> {
    tenant: &'p str,
    plugin: &'p str,
    /// `done`, `waiting`, `refused`, or `no-host`.
    came: &'static str,
    revision: Option<String>,
    reason: Option<&'p str>,
}

impl<'p> Report<'p> {
    fn of(plugin: &'p PluginRef, result: &'p OrderResult) -> Self {
        let (came, revision, reason) = match result {
            OrderResult::Done(revision) => ("done", *revision, None),
            OrderResult::Refused(reason) => ("refused", None, Some(reason.as_str())),
            OrderResult::Waiting => ("waiting", None, None),
            OrderResult::NoHost => ("no-host", None, None),
        };

        Self {
            tenant: plugin.tenant.as_str(),
            plugin: plugin.name.as_str(),
            came,
            revision: revision.map(|revision| revision.to_string()),
            reason,
        }
    }
}

/// Carries out the order of a command, and prints the result.
pub(super) async fn run(path: &Path, target: Target, wanted: Wanted) -> Result<(), Failure> {
    let settings = config::read(path).result?;
    let carried = carry(settings, target.plugin, wanted).await?;
    if target.json {
        let report = Report::of(&carried.plugin, &carried.result);
        output::line(serde_json::to_string(&report).expect("texts make JSON"))?;
    }

    let line = carried.line()?;
    if !target.json {
        output::line(line)?;
    }
    Ok(())
}

/// Carries out an order. Returns the result in one line.
pub(crate) async fn carry_out(
    settings: Settings,
    plugin: PluginRef,
    wanted: Wanted,
) -> anyhow::Result<String> {
    carry(settings, plugin, wanted).await?.line()
}

async fn carry(settings: Settings, plugin: PluginRef, wanted: Wanted) -> anyhow::Result<Carried> {
    let session = Session::open(settings, plugin).await?;
    let (result, done) = match wanted {
        Wanted::Rollback(to) => rollback(&session, to.as_deref()).await?,
        Wanted::Pin(revision) => pin(&session, revision.as_deref()).await?,
        Wanted::Unpin => unpin(&session).await?,
        Wanted::Clear => clear(&session).await?,
    };
    Ok(Carried {
        plugin: session.plugin,
        result,
        done,
    })
}

/// Blocks the active revision, and returns to the previous good revision or to the named one.
async fn rollback(session: &Session, to: Option<&str>) -> anyhow::Result<(OrderResult, String)> {
    let plugin = &session.plugin;
    let Some(active) = session.standing.plugin.active else {
        return Err(anyhow!("{plugin} has no active revision to roll back"));
    };
    let revision = match to {
        Some(digits) => session.named(digits)?,
        None => session.rollback_target()?,
    };

    let short = revision.short();
    if revision == active {
        return Err(anyhow!("{plugin} runs {short} already"));
    }
    if let Some(pin) = session.standing.plugin.pin() {
        let pinned = pin.revision.short();
        return Err(anyhow!(
            "{plugin} is pinned to {pinned}; pin it to {short}, or unpin it first"
        ));
    }

    // The order comes before the block. A command that dies in between leaves an order that the
    // host can follow, and never a blocked revision without a successor.
    session.order(revision, false).await?;
    let block = Block {
        plugin: plugin.clone(),
        revision: active,
        reason: "rolled back by hand".to_owned(),
        since: session.now,
        blocked_by: None,
    };
    let blocked = session.store.block(block, None).await;
    blocked.context("the order cannot be stored")?;

    let result = session.wait_for(revision).await?;
    Ok((
        result,
        format!("rolled back from {} to {short}", active.short()),
    ))
}

/// Pins a plugin to the active revision or to the named one.
async fn pin(session: &Session, named: Option<&str>) -> anyhow::Result<(OrderResult, String)> {
    let revision = match (named, session.standing.plugin.active) {
        (Some(digits), _) => session.named(digits)?,
        (None, Some(active)) => active,
        (None, None) => {
            let plugin = &session.plugin;
            return Err(anyhow!(
                "{plugin} has no active revision; name the one to pin"
            ));
        }
    };

    session.order(revision, true).await?;
    let result = session.wait_for(revision).await?;
    Ok((result, format!("pinned to {}", revision.short())))
}

/// Ends a pin.
async fn unpin(session: &Session) -> anyhow::Result<(OrderResult, String)> {
    let (plugin, standing) = (&session.plugin, &session.standing);
    if standing.plugin.pin().is_none() {
        return Err(anyhow!("{plugin} is not pinned"));
    }
    let withdrawn = session.store.withdraw_order(plugin, None).await;
    withdrawn.context("the order cannot be stored")?;

    // A blocked file does not come into service without the pin either.
    let file = standing.kept_out();
    if let Some(file) = file.filter(|file| standing.plugin.block_of(*file).is_some()) {
        let result = session.wait(None, |_| true).await?;
        let done = format!(
            "unpinned, but its file ({}) stays blocked until `hookyard plugins clear {plugin}`",
            file.short()
        );
        return Ok((result, done));
    }
    let result = session.wait_for_file().await?;
    Ok((result, "unpinned".to_owned()))
}

/// Ends a plugin's quarantine and its blocks.
async fn clear(session: &Session) -> anyhow::Result<(OrderResult, String)> {
    let (plugin, standing) = (&session.plugin, &session.standing);
    if standing.quarantine.is_none() && standing.plugin.blocks.is_empty() {
        return Err(anyhow!(
            "{plugin} has neither a quarantine nor a block; `hookyard plugins list` shows which \
             plugins have"
        ));
    }

    let problem = || format!("{plugin} cannot be cleared");
    let unblocked = session.store.unblock(plugin, None).await;
    unblocked.with_context(problem)?;
    let lifted = session.store.lift(plugin).await;
    lifted.with_context(problem)?;

    let result = session.wait_for_file().await?;
    let done = if standing.quarantine.is_some() {
        "cleared, and its held events go on"
    } else {
        "cleared"
    };
    Ok((result, done.to_owned()))
}
