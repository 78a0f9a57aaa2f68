//! Plugins with random outcomes. Each counts events in its store, and some revisions fail at nearly
//! every event.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hookyard_dispatch::{ActivePlugin, AttemptResult, Measures, ReleaseGuard, RunError, Runner};
use hookyard_model::{
    Attempt, Effects, Key, Message, MessageId, Outcome, PluginRef, ReadVersion, Revision,
    TimeLimit, Versioned, Write,
};
use hookyard_store::{ClaimedJob, KvUsage, OutboxQuota, Values};
use tokio::sync::Notify;
use tokio::time::sleep;
use uuid::Uuid;

use crate::dice::Dice;
use crate::world::World;

/// The first number of a bad revision, which traps at most events.
const BAD: u8 = 100;

/// All plugins of all tenants.
pub(crate) struct Plugins {
    world: Arc<World>,
    loaded: Mutex<BTreeMap<PluginRef, Plugin>>,
    changed: Notify,
}

#[derive(Clone, Copy)]
struct Plugin {
    revision: Revision,
    concurrency: usize,
    quota: KvUsage,
    outbox: OutboxQuota,
    running: usize,
    /// The revision before, while the active one is on probation.
    before: Option<Revision>,
    /// Whether the active revision must be rolled back.
    has_failed: bool,
    /// The revision that was rolled back last.
    rolled_back: Option<Revision>,
}

impl Plugins {
    pub(crate) fn new(world: Arc<World>, names: &[PluginRef]) -> Self {
        let dice = &world.dice;
        let plugin = |name: &PluginRef| {
            let keys = if dice.percent(20) {
                1 + dice.below(4)
            } else {
                1_000
            };
            let quota = KvUsage {
                keys,
                bytes: 1 << 20,
            };
            let concurrency = 1 + dice.below(3) as usize;
            let (revision, before, rolled_back) = (good(dice), None, None);
            (
                name.clone(),
                Plugin {
                    revision,
                    concurrency,
                    quota,
                    outbox: OutboxQuota::default(),
                    running: 0,
                    before,
                    has_failed: false,
                    rolled_back,
                },
            )
        };

        let loaded = Mutex::new(names.iter().map(plugin).collect());
        Self {
            world,
            loaded,
            changed: Notify::new(),
        }
    }

    /// Replaces the active revision, and puts the new one on probation if `is_on_probation`.
    pub(crate) fn swap(&self, plugin: &PluginRef, is_bad: bool, is_on_probation: bool) {
        let dice = &self.world.dice;
        let revision = if is_bad {
            revision(BAD + dice.below(100) as u8)
        } else {
            good(dice)
        };

        if let Some(loaded) = self
            .loaded()
            .get_mut(plugin)
            .filter(|loaded| loaded.revision != revision)
        {
            loaded.before = is_on_probation.then_some(loaded.revision);
            loaded.has_failed = false;
            loaded.revision = revision;
            loaded.rolled_back.take_if(|back| *back == revision);
        }
        self.changed.notify_one();
    }

    /// Rolls the active revision back if it is on probation. Returns it.
    pub(crate) fn roll_back(&self, plugin: &PluginRef) -> Option<Revision> {
        let mut loaded = self.loaded();
        let loaded = loaded.get_mut(plugin)?;
        let before = loaded.before.take()?;

        loaded.rolled_back = Some(loaded.revision);
        loaded.has_failed = false;
        loaded.revision = before;
        self.changed.notify_one();
        loaded.rolled_back
    }

    /// Returns the plugins whose active revision must be rolled back.
    pub(crate) fn failed(&self) -> Vec<PluginRef> {
        self.loaded()
            .iter()
            .filter(|(_, loaded)| loaded.has_failed)
            .map(|(plugin, _)| plugin.clone())
            .collect()
    }

    /// Returns the revisions that have been rolled back.
    pub(crate) fn rolled_back(&self) -> Vec<(PluginRef, Revision)> {
        self.loaded()
            .iter()
            .filter_map(|(plugin, loaded)| Some((plugin.clone(), loaded.rolled_back?)))
            .collect()
    }

    /// Returns the quota of each plugin's store.
    pub(crate) fn quotas(&self) -> BTreeMap<PluginRef, KvUsage> {
        self.loaded()
            .iter()
            .map(|(name, plugin)| (name.clone(), plugin.quota))
            .collect()
    }

    fn loaded(&self) -> MutexGuard<'_, BTreeMap<PluginRef, Plugin>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts an attempt; `None` if the plugin has its maximum of attempts under way.
    fn enter(&self, name: &PluginRef) -> Option<Plugin> {
        let mut loaded = self.loaded();
        let plugin = loaded
            .get_mut(name)
            .expect("only what is active is claimed");
        plugin.running += 1;
        (plugin.running <= plugin.concurrency).then_some(*plugin)
    }

    /// Returns the effects of a job: its two counts rise by one, and a message is sent.
    async fn effects(&self, job: &ClaimedJob) -> Effects {
        let mut effects = Effects::default();
        for key in ["total".to_owned(), job.lease.event.to_string()] {
            let key = Key {
                bucket: "counts".into(),
                key,
            };
            let found = self
                .world
                .inner
                .value(&job.lease.plugin, &key)
                .await
                .expect("the store in memory");
            let count = found.as_ref().map_or(0, count) + 1;
            effects.reads.push(ReadVersion {
                key: key.clone(),
                version: found.map(|found| found.version),
            });
            effects.writes.push(Write {
                key,
                value: Some(Bytes::from(count.to_string())),
            });
        }

        effects.messages.push(Message {
            id: MessageId::from_uuid(Uuid::from_u64_pair(self.world.next_number(), 0)),
            destination: "partner".parse().expect("a name"),
            event_type: None,
            body: job.event.body.clone(),
            ordering_key: None,
        });

        effects
    }
}

/// Returns the number in a value that one of these plugins wrote.
pub(crate) fn count(value: &Versioned) -> u64 {
    std::str::from_utf8(&value.value)
        .ok()
        .and_then(|text| text.parse().ok())
        .expect("plugins write numbers")
}

fn good(dice: &Dice) -> Revision {
    revision(dice.below(BAD.into()) as u8)
}

fn revision(number: u8) -> Revision {
    Revision::from_sha256([number; 32])
}

fn is_bad(revision: Revision) -> bool {
    (BAD..=u8::MAX).any(|number| self::revision(number) == revision)
}

/// Ends an attempt, also when it is cut off.
struct Running<'p>(&'p Plugins, PluginRef);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(plugin) = self.0.loaded().get_mut(&self.1) {
            plugin.running -= 1;
        }
    }
}

#[async_trait]
impl Runner for Plugins {
    fn active(&self) -> Vec<ActivePlugin> {
        let active = |(plugin, loaded): (&PluginRef, &Plugin)| ActivePlugin {
            plugin: plugin.clone(),
            revision: loaded.revision,
            concurrency: loaded.concurrency,
        };
        self.loaded().iter().map(active).collect()
    }

    async fn changed(&self) {
        self.changed.notified().await;
    }

    async fn run(&self, job: &ClaimedJob) -> Result<AttemptResult, RunError> {
        self.world.begin(job).await;

        let dice = &self.world.dice;
        if dice.percent(2) {
            return Err(RunError::NotLoaded);
        }
        if dice.percent(2) {
            return Err(RunError::HostFault("no memory".into()));
        }

        let name = job.lease.plugin.clone();
        let Some(plugin) = self.enter(&name) else {
            return self
                .world
                .break_off(format!("{name} runs more at once than it may"))
                .await;
        };
        let _running = Running(self, name);

        let revision = job.revision.unwrap_or(plugin.revision);
        let effects = self.effects(job).await;
        let duration = if dice.percent(10) {
            dice.millis(150_000)
        } else {
            dice.millis(400)
        };
        sleep(duration).await;
        let outcome = outcome(dice, revision);
        let measures = Measures::default();

        Ok(AttemptResult {
            revision,
            duration,
            outcome,
            log: Vec::new(),
            effects,
            quota: plugin.quota,
            outbox: plugin.outbox,
            measures,
            host_calls: Vec::new(),
        })
    }
}

impl ReleaseGuard for Plugins {
    fn record(&self, job: &ClaimedJob, attempt: &Attempt) -> bool {
        let loaded = self.loaded();
        let loaded = &loaded[&job.lease.plugin];
        if loaded.revision == attempt.revision {
            return loaded.before.is_some();
        }
        loaded.rolled_back == Some(attempt.revision)
    }

    fn is_rolled_back(&self, plugin: &PluginRef, revision: Revision) -> bool {
        self.loaded()[plugin].rolled_back == Some(revision)
    }

    fn roll_back(&self, plugin: &PluginRef, revision: Revision, _: &str) -> bool {
        let mut loaded = self.loaded();
        let loaded = loaded.get_mut(plugin);
        let Some(loaded) = loaded.filter(|loaded| loaded.revision == revision) else {
            return false;
        };
        loaded.has_failed |= loaded.before.is_some();
        loaded.before.is_some()
    }
}

fn outcome(dice: &Dice, revision: Revision) -> Outcome {
    if is_bad(revision) && dice.percent(90) {
        return Outcome::Trapped {
            message: "unreachable".into(),
        };
    }

    match dice.below(20) {
        0 => Outcome::Rejected {
            reason: "never".into(),
        },
        1 => Outcome::Trapped {
            message: "unreachable".into(),
        },
        2 => Outcome::TimedOut {
            limit: TimeLimit::Cpu,
            max: Duration::from_secs(1),
        },
        3 => Outcome::Undecodable {
            path: "$.a".into(),
            message: "a number".into(),
        },
        4 => Outcome::Retry {
            reason: "later".into(),
            after: Some(dice.millis(90_000)),
        },
        5 => Outcome::Retry {
            reason: "later".into(),
            after: None,
        },
        _ => Outcome::Done,
    }
}
